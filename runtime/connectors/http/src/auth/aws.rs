//! Signatures of Amazon Web Services, version 4
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

use std::time::SystemTime;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, Tag, sign};
use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName};
use url::{Position, Url};
use wasm_sink_core::Result;

use super::{Unsigned, sensitive};
use crate::identity::{digest, hexadecimal};
use crate::settings::AwsSettings;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The service whose paths are encoded once, and which has the body's hash as a header.
const S3: &str = "s3";
/// `UriEncode` leaves letters, digits and these as they are.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Signs requests with a key.
#[derive(Debug)]
pub(crate) struct Signer {
    keys: AwsSettings,
}

/// Headers, names in lower case, in the order of their names; the signature is among them.
#[derive(Debug)]
pub(super) struct Signed(Vec<(&'static str, String)>);

impl Signed {
    /// Adds them.
    ///
    /// # Errors
    /// A session token with characters that no header has.
    pub(super) fn put(self, headers: &mut HeaderMap) -> Result<()> {
        for (name, value) in self.0 {
            let name = match name {
                "authorization" => AUTHORIZATION,
                name => HeaderName::from_static(name),
            };
            headers.insert(name, sensitive(&value)?);
        }
        Ok(())
    }
}

impl Signer {
    pub(super) fn new(keys: AwsSettings) -> Self {
        Self { keys }
    }

    /// What signs a request that is sent at this time.
    pub(super) fn sign(&self, request: &Unsigned<'_>, at: SystemTime) -> Signed {
        let time = DateTime::<Utc>::from(at)
            .format("%Y%m%dT%H%M%SZ")
            .to_string();
        let hash = digest(request.body);
        let mut headers = vec![("x-amz-date", time.clone())];
        if let Some(token) = &self.keys.session_token {
            headers.push(("x-amz-security-token", token.expose().to_owned()));
        }
        if self.keys.service == S3 {
            headers.push(("x-amz-content-sha256", hash.clone()));
        }
        let mut signed = headers.clone();
        signed.push(("host", host(request.url)));
        let authorization = self.authorization(request, signed, &hash, &time);
        headers.push(("authorization", authorization));
        Signed(headers)
    }

    /// The header `authorization`. `headers` are those that the signature covers.
    fn authorization(
        &self,
        request: &Unsigned<'_>,
        mut headers: Vec<(&'static str, String)>,
        hash: &str,
        time: &str,
    ) -> String {
        headers.sort_unstable();
        let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let canonical = self.canonical_request(request, &headers, &names, hash);
        let AwsSettings {
            region, service, ..
        } = &self.keys;
        let date = time.split('T').next().unwrap_or_default();
        let scope = format!("{date}/{region}/{service}/aws4_request");
        let to_sign = format!(
            "{ALGORITHM}\n{time}\n{scope}\n{}",
            digest(canonical.as_bytes())
        );
        let signature = sign(&self.key(date), to_sign.as_bytes());
        format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            self.keys.access_key_id,
            hexadecimal(signature.as_ref())
        )
    }

    /// "Create a canonical request".
    fn canonical_request(
        &self,
        request: &Unsigned<'_>,
        headers: &[(&'static str, String)],
        names: &str,
        hash: &str,
    ) -> String {
        let lines = headers.iter();
        let lines = lines.map(|(name, value)| format!("{name}:{}\n", trimmed(value)));
        [
            request.method.as_str(),
            &canonical_path(request.url.path(), self.keys.service == S3),
            &canonical_query(request.url.query().unwrap_or_default()),
            &lines.collect::<String>(),
            names,
            hash,
        ]
        .join("\n")
    }

    /// "Derive a signing key".
    fn key(&self, date: &str) -> Key {
        let secret = format!("AWS4{}", self.keys.secret_access_key.expose());
        let mut key = Key::new(HMAC_SHA256, secret.as_bytes());
        for part in [date, &self.keys.region, &self.keys.service, "aws4_request"] {
            let tag: Tag = sign(&key, part.as_bytes());
            key = Key::new(HMAC_SHA256, tag.as_ref());
        }
        key
    }
}

/// As it stands in the header `host`: without a port that goes without saying.
fn host(url: &Url) -> String {
    url[Position::BeforeHost..Position::AfterPort].to_owned()
}

/// Each segment of a path is encoded once more than it is sent, except for S3.
fn canonical_path(path: &str, is_s3: bool) -> String {
    let segments = path.split('/').map(|segment| match is_s3 {
        true => encoded(segment),
        false => utf8_percent_encode(segment, ENCODED).to_string(),
    });
    let path = segments.collect::<Vec<_>>().join("/");
    match path.is_empty() {
        true => "/".to_owned(),
        false => path,
    }
}

/// In the order of encoded names, and of encoded values where names are the same.
fn canonical_query(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(String, String)> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// `UriEncode` of what is meant.
fn encoded(text: &str) -> String {
    let meant: Vec<u8> = percent_decode_str(text).collect();
    percent_encoding::percent_encode(&meant, ENCODED).to_string()
}

/// Spaces around a value are gone, and several in a row are one.
fn trimmed(value: &str) -> String {
    value
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use reqwest::Method;
    use wasm_sink_core::secret::Secret;

    use super::*;

    /// The keys of all published examples.
    fn signer(service: &str, session_token: Option<&str>) -> Signer {
        Signer::new(AwsSettings {
            region: "us-east-1".to_owned(),
            service: service.to_owned(),
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: session_token.map(Secret::new),
        })
    }

    /// 2015-08-30T12:36:00Z, the time of all published examples.
    fn time() -> SystemTime {
        DateTime::from_timestamp(1_440_938_160, 0).unwrap().into()
    }

    fn unsigned<'a>(method: &'a Method, url: &'a Url) -> Unsigned<'a> {
        Unsigned {
            method,
            url,
            body: b"",
        }
    }

    fn authorization(signer: &Signer, method: &Method, url: &str) -> String {
        let url = Url::parse(url).unwrap();
        let Signed(headers) = signer.sign(&unsigned(method, &url), time());
        let (_, value) = headers
            .into_iter()
            .find(|(name, _)| *name == "authorization")
            .unwrap();
        value
    }

    fn signature(method: &Method, rest: &str) -> String {
        let url = format!("https://example.amazonaws.com{rest}");
        let authorization = authorization(&signer("service", None), method, &url);
        let (before, signature) = authorization.split_once("Signature=").unwrap();
        assert_eq!(
            before,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, "
        );
        signature.to_owned()
    }

    /// The AWS Signature Version 4 test suite: get-vanilla, post-vanilla, get-vanilla-query-order-key-case,
    /// get-vanilla-empty-query-key, get-unreserved, get-vanilla-utf8-query, get-vanilla-query-order-encoded.
    #[test]
    fn signatures_are_those_of_the_test_suite() {
        let (get, post) = (Method::GET, Method::POST);
        for (method, rest, expected) in [
            (
                &get,
                "/",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                &post,
                "/",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                &get,
                "/?Param2=value2&Param1=value1",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                &get,
                "/?Param1=value1",
                "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
            ),
            (
                &get,
                "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            ),
            (
                &get,
                "/?\u{1234}=bar",
                "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
            ),
            (
                &get,
                "/?Param-3=Value3&Param=Value2&\u{1234}=Value1",
                "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
            ),
        ] {
            assert_eq!(signature(method, rest), expected, "{method} {rest}");
        }
    }

    /// The request of "Create a signed AWS API request", which signs the header `content-type`, too.
    #[test]
    fn the_signature_is_that_of_the_guide() {
        let url = Url::parse("https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08");
        let url = url.unwrap();
        let content_type = "application/x-www-form-urlencoded; charset=utf-8";
        let headers = vec![
            ("host", host(&url)),
            ("content-type", content_type.to_owned()),
            ("x-amz-date", "20150830T123600Z".to_owned()),
        ];
        let authorization = signer("iam", None).authorization(
            &unsigned(&Method::GET, &url),
            headers,
            &digest(b""),
            "20150830T123600Z",
        );
        assert_eq!(
            authorization,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    /// The test suite's get-utf8 and get-space-unnormalized are requests whose path is encoded once.
    #[test]
    fn paths_are_encoded_as_the_service_does() {
        assert_eq!(canonical_path("/%E1%88%B4", true), "/%E1%88%B4");
        assert_eq!(canonical_path("/%E1%88%B4", false), "/%25E1%2588%25B4");
        assert_eq!(canonical_path("/a:b/c(d)", true), "/a%3Ab/c%28d%29");
        assert_eq!(canonical_path("/a:b", false), "/a%3Ab");
        assert_eq!(canonical_path("", false), "/");
        assert_eq!(canonical_query("b=%2f&a&a=1&b=+"), "a=&a=1&b=%2B&b=%2F");
    }

    #[test]
    fn what_a_signature_covers_is_sent() {
        let url = Url::parse("http://localhost:4566/b/k").unwrap();
        let signer = signer("s3", Some("the-token"));
        let Signed(headers) = signer.sign(&unsigned(&Method::PUT, &url), time());
        let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            [
                "x-amz-date",
                "x-amz-security-token",
                "x-amz-content-sha256",
                "authorization"
            ]
        );
        let (_, authorization) = &headers[3];
        assert!(
            authorization.contains(
                "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"
            )
        );
        assert_eq!(host(&url), "localhost:4566");
        assert_eq!(host(&Url::parse("https://h:443/").unwrap()), "h");
        let mut map = HeaderMap::new();
        Signed(headers).put(&mut map).unwrap();
        assert!(!format!("{map:?} {signer:?}").contains("the-token"));
    }
}
