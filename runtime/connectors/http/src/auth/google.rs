//! Tokens for a service account of Google Cloud: a signed statement of who asks (RFC 7523, 2.1) is exchanged for one
//! (<https://developers.google.com/identity/protocols/oauth2/service-account#httprest>).

use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::RequestBuilder;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::json;
use url::Url;
use wasm_sink_core::secret::Secret;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::tokens::TokenServer;
use crate::error::{Trouble, misconfigured};
use crate::secrets::Secrets;
use crate::settings::GoogleSettings;

/// RFC 7523, 2.1.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long a statement counts; Google takes an hour at most.
const LIFETIME: Duration = Duration::from_secs(3_600);

/// An account and its key.
pub(crate) struct ServiceAccount {
    email: String,
    key: RsaKeyPair,
    key_id: Option<String>,
    token_uri: Url,
    scopes: String,
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccount")
            .field("email", &self.email)
            .finish_non_exhaustive()
    }
}

/// What of the file is read.
#[derive(Deserialize)]
struct File {
    #[serde(rename = "type")]
    kind: String,
    client_email: String,
    private_key: String,
    private_key_id: Option<String>,
    token_uri: String,
}

impl ServiceAccount {
    /// Reads the file that the Cloud console gives for a key; a relative path counts from `directory`.
    ///
    /// # Errors
    /// It is not there, or is another one. Nothing of what stands in it is shown.
    pub(super) fn read(settings: &GoogleSettings, directory: &Path) -> Result<Self> {
        let path = directory.join(&settings.credentials);
        let wrong = |what: &str| {
            let message = format!("`credentials`: {} {what}", path.display());
            Error::new(Kind::Invalid, Blame::Configuration, message)
        };
        let text = std::fs::read(&path);
        let text = text.map_err(|error| wrong("cannot be read").with_source(error))?;
        let what = "is no key of a service account: in the Cloud console, make one of type JSON";
        let file: File = serde_json::from_slice(&text).map_err(|_| wrong(what))?;
        if file.kind != "service_account" {
            return Err(wrong(what));
        }
        let token_uri = Url::parse(&file.token_uri).ok();
        let token_uri = token_uri.filter(|url| matches!(url.scheme(), "http" | "https"));
        let token_uri = token_uri.ok_or_else(|| wrong("has a token_uri that is no address"))?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(file.private_key.as_bytes()).ok();
        let key = key.and_then(|key| RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).ok());
        Ok(Self {
            email: file.client_email,
            key: key.ok_or_else(|| wrong("has a private_key that is no RSA key in PKCS #8"))?,
            key_id: file.private_key_id,
            token_uri,
            scopes: settings.scopes.join(" "),
        })
    }

    /// The statement (RFC 7519 in the compact form of RFC 7515, 7.1).
    ///
    /// # Errors
    /// The key does not sign.
    fn assertion(&self, now: SystemTime) -> Result<String> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(id) = &self.key_id {
            header["kid"] = json!(id);
        }
        let claims = json!({
            "iss": self.email,
            "scope": self.scopes,
            "aud": self.token_uri.as_str(),
            "iat": now.as_secs(),
            "exp": (now + LIFETIME).as_secs(),
        });
        let part = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let input = format!("{}.{}", part(&header), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(rs256(&self.key, input.as_bytes())?);
        Ok(format!("{input}.{signature}"))
    }
}

/// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, 3.3).
fn rs256(key: &RsaKeyPair, input: &[u8]) -> Result<Vec<u8>> {
    let mut signature = vec![0; key.public_modulus_len()];
    let signed = key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        input,
        &mut signature,
    );
    signed.map_err(|_| misconfigured("the key of the service account does not sign".to_owned()))?;
    Ok(signature)
}

impl TokenServer for ServiceAccount {
    fn url(&self) -> &Url {
        &self.token_uri
    }

    fn ask(&self, request: RequestBuilder) -> Result<(RequestBuilder, Secrets), Trouble> {
        let assertion = self.assertion(SystemTime::now()).map_err(Trouble::Fatal)?;
        let request = request.form(&[("grant_type", GRANT), ("assertion", &assertion)]);
        Ok((request, Secrets::new([&Secret::new(assertion)])))
    }

    fn help(&self) -> &'static str {
        "look at the service account, its key and `scopes`; and at this machine's clock"
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use serde_json::Value;

    use super::*;

    /// RFC 7515, appendix A.2: n, e, d, p, q, dp, dq, qi of the key.
    const KEY: [&str; 8] = [
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        "AQAB",
        "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ",
        "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",
        "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc",
        "BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0",
        "h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU",
        "IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U",
    ];
    /// What is signed there, and with what result.
    const INPUT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

    /// ASN.1 DER: a tag, the length, the content.
    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag];
        match content.len() {
            short @ 0..=127 => bytes.push(short as u8),
            middling @ 128..=255 => bytes.extend([0x81, middling as u8]),
            long => bytes.extend([0x82, (long >> 8) as u8, long as u8]),
        }
        bytes.extend_from_slice(content);
        bytes
    }

    fn integer(bytes: &[u8]) -> Vec<u8> {
        let is_high = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
        let mut content = if is_high { vec![0] } else { Vec::new() };
        content.extend_from_slice(bytes);
        der(0x02, &content)
    }

    /// The key as PKCS #8 (RFC 5208, 5) around PKCS #1 (RFC 8017, A.1.2), in PEM.
    fn pem() -> String {
        let numbers = KEY.map(|text| integer(&URL_SAFE_NO_PAD.decode(text).unwrap()));
        let key = der(
            0x30,
            &[vec![integer(&[0])], numbers.to_vec()].concat().concat(),
        );
        let rsa = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
        let algorithm = der(0x30, &[der(0x06, &rsa), der(0x05, &[])].concat());
        let whole = [integer(&[0]), algorithm, der(0x04, &key)].concat();
        let text = STANDARD.encode(der(0x30, &whole));
        let lines: Vec<_> = text
            .as_bytes()
            .chunks(64)
            .map(String::from_utf8_lossy)
            .collect();
        let lines = lines.join("\n");
        format!("-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n")
    }

    fn file(change: impl FnOnce(&mut Value)) -> Result<ServiceAccount> {
        let mut file = json!({
            "type": "service_account",
            "project_id": "p",
            "client_email": "sink@p.iam.gserviceaccount.com",
            "private_key": pem(),
            "private_key_id": "k1",
            "token_uri": "https://oauth2.example/token",
        });
        change(&mut file);
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("key.json"), file.to_string()).unwrap();
        let settings = GoogleSettings {
            credentials: "key.json".into(),
            scopes: vec!["a".to_owned(), "b".to_owned()],
        };
        ServiceAccount::read(&settings, directory.path())
    }

    #[test]
    fn the_signature_is_that_of_the_standard() {
        let account = file(|_| ()).unwrap();
        let signature = rs256(&account.key, INPUT.as_bytes()).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(signature), SIGNATURE);
    }

    #[test]
    fn a_statement_says_who_asks_for_what() {
        let account = file(|_| ()).unwrap();
        let at = UNIX_EPOCH + Duration::from_secs(1_000);
        let assertion = account.assertion(at).unwrap();
        let parts: Vec<_> = assertion.split('.').collect();
        let part = |n: usize| -> Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[n]).unwrap()).unwrap()
        };
        assert_eq!(parts.len(), 3);
        assert_eq!(
            part(0),
            json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" })
        );
        assert_eq!(
            part(1),
            json!({
                "iss": "sink@p.iam.gserviceaccount.com",
                "scope": "a b",
                "aud": "https://oauth2.example/token",
                "iat": 1_000,
                "exp": 4_600,
            })
        );
        let http = reqwest::Client::new();
        let (request, _) = account.ask(http.post(account.url().clone())).unwrap();
        let request = request.build().unwrap();
        let body = request.body().unwrap().as_bytes().unwrap();
        let grant =
            b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=ey";
        assert!(body.starts_with(grant));
    }

    #[test]
    fn other_files_are_refused() {
        type Change = fn(&mut Value);
        for (change, why) in [
            (
                (|file| file["type"] = json!("authorized_user")) as Change,
                "no key of a service",
            ),
            (|file| *file = json!([]), "no key of a service"),
            (|file| file["private_key"] = json!("hunter2"), "no RSA key"),
            (
                |file| file["token_uri"] = json!("file:///etc/passwd"),
                "no address",
            ),
        ] {
            let error = file(change).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
            assert!(!error.to_string().contains("hunter2"));
        }
        let settings = GoogleSettings {
            credentials: "nowhere.json".into(),
            scopes: Vec::new(),
        };
        let error = ServiceAccount::read(&settings, Path::new("/")).unwrap_err();
        assert!(error.to_string().contains("/nowhere.json"), "{error}");
    }
}
