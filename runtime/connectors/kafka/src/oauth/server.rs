//! Requests to a token server (RFC 6749, client credentials).

use std::error::Error as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use reqwest::{Certificate, Response, StatusCode, redirect};
use serde_json::Value;
use url::Url;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::Failure;
use super::token::Token;
use crate::settings::TokenSettings;

/// A server is reached, and has answered, within these. Whoever asks a cluster for something hears within ten
/// seconds what is in the way.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
const TIMEOUT: Duration = Duration::from_secs(8);

/// The longest answer that is read.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// Characters of what it says of a refusal.
const SAID_CHARS: usize = 300;

const AT_ITS_ADDRESS: &str = "look at sasl.oauthbearer.token.endpoint.url";

/// Where tokens come from.
#[derive(Debug)]
pub(super) struct TokenServer {
    http: reqwest::Client,
    settings: TokenSettings,
    /// For messages: without a query, which may hold what nobody should see.
    name: String,
    /// Whether it has given a token.
    is_known: AtomicBool,
}

impl TokenServer {
    /// Asks nothing yet. A relative path counts from `directory`.
    ///
    /// # Errors
    /// Certificates that are not there, or are none.
    pub(super) fn new(settings: &TokenSettings, directory: &Path) -> Result<Self> {
        let mut http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // Where else a secret would go is not for a server to say.
            .redirect(redirect::Policy::none())
            .user_agent("wasm-sink");
        if let Some(path) = &settings.ca_file {
            http = http.tls_built_in_root_certs(false);
            for certificate in certificates(&directory.join(path))? {
                http = http.add_root_certificate(certificate);
            }
        }
        let http = http.build().map_err(|error| {
            let message = "a client for the token server could not be made";
            Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error)
        })?;
        Ok(Self {
            http,
            name: name(&settings.url),
            settings: settings.clone(),
            is_known: AtomicBool::new(false),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Asks once.
    pub(super) async fn ask(&self) -> Result<Token, Failure> {
        let (since, since_time) = (Instant::now(), SystemTime::now());
        let settings = &self.settings;
        let mut form = vec![("grant_type", "client_credentials")];
        if let Some(scope) = &settings.scope {
            form.push(("scope", scope));
        }
        let request = self
            .http
            .post(settings.url.clone())
            .basic_auth(&settings.client_id, Some(settings.client_secret.expose()))
            .header(reqwest::header::ACCEPT, "application/json")
            .form(&form);
        let response = request.send().await;
        let response = response.map_err(|error| self.unanswered(&error))?;
        let status = response.status();
        let body = body(response).await;
        let body = body.map_err(|error| self.unanswered(&error))?;
        let json: Option<Value> = serde_json::from_slice(&body).ok();
        if !status.is_success() {
            return Err(self.refusal(status, json.as_ref()));
        }
        let json = json.unwrap_or_default();
        match Token::of(&json, &settings.client_id, since, since_time) {
            Ok(token) => {
                self.is_known.store(true, Ordering::Relaxed);
                tracing::debug!(
                    server = self.name,
                    seconds = token.left().as_secs(),
                    "a new token"
                );
                Ok(token)
            }
            Err(why) => Err(self.no_token_server(format!("answers {status}, and {why}"))),
        }
    }

    /// What it says of itself is taken from two places alone, since an answer may hold anything.
    fn refusal(&self, status: StatusCode, json: Option<&Value>) -> Failure {
        let said = |member: &str| {
            let text = json?.get(member)?.as_str()?;
            let text = self.shown(text);
            (!text.is_empty()).then_some(text)
        };
        let (error, description) = (said("error"), said("error_description"));
        let mut text = format!("answers {}", status.as_u16());
        if let Some(error) = &error {
            text = format!("{text}: {error}");
        }
        if let Some(description) = &description {
            text = format!("{text} ({description})");
        }
        let comes_back = status.is_server_error()
            || matches!(
                status,
                StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
            );
        match error.as_deref() {
            _ if comes_back => self.away(text),
            Some("temporarily_unavailable" | "server_error") => self.away(text),
            Some("invalid_scope") => self.refused(text, "look at sasl.oauthbearer.scope"),
            Some("invalid_request" | "unsupported_grant_type") => {
                self.refused(text, AT_ITS_ADDRESS)
            }
            None if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                self.no_token_server(text)
            }
            _ => self.refused(
                text,
                "look at sasl.oauthbearer.client.id and sasl.oauthbearer.client.secret",
            ),
        }
    }

    /// Words of its own, in one line. They may repeat what they were asked with.
    fn shown(&self, text: &str) -> String {
        let text = text.replace(self.settings.client_secret.expose(), "***");
        let words = text.split(|c: char| c.is_control() || c.is_whitespace());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        words.join(" ").chars().take(SAID_CHARS).collect()
    }

    /// What answers gives no tokens. Where there was a token server before, something else answers in its place
    /// for a while, such as a proxy while it is restarted.
    fn no_token_server(&self, text: String) -> Failure {
        match self.is_known.load(Ordering::Relaxed) {
            true => self.away(text),
            false => self.refused(text, AT_ITS_ADDRESS),
        }
    }

    /// No answer came, or only a part of one. What went wrong is said with its causes, without the address.
    fn unanswered(&self, error: &reqwest::Error) -> Failure {
        let mut why = match error {
            error if error.is_timeout() => "does not answer in time".to_owned(),
            error if error.is_connect() => "cannot be reached".to_owned(),
            _ => "breaks off while it answers".to_owned(),
        };
        let mut below = error.source();
        while let Some(cause) = below {
            let text = cause.to_string();
            if !why.contains(&text) {
                why.push_str(": ");
                why.push_str(&text);
            }
            below = cause.source();
        }
        self.away(why)
    }

    pub(super) fn away(&self, what: String) -> Failure {
        Failure::new(format!("{} {what}", self.name), None)
    }

    fn refused(&self, what: String, help: &'static str) -> Failure {
        Failure::new(format!("{} {what}", self.name), Some(help))
    }
}

fn name(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    format!("the token server at {url}")
}

fn certificates(path: &Path) -> Result<Vec<Certificate>> {
    let invalid = |what: &str, error: Box<dyn std::error::Error + Send + Sync>| {
        let message = format!("`https.ca.location` {} {what}", path.display());
        Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error)
    };
    let pem = std::fs::read(path).map_err(|error| invalid("cannot be read", error.into()))?;
    let certificates = Certificate::from_pem_bundle(&pem);
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(invalid("holds no certificates", "PEM is expected".into()))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(invalid("holds no certificates", error.into())),
    }
}

/// Nothing where it is too long.
async fn body(mut response: Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Ok(Vec::new());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wasm_sink_core::secret::Secret;

    use super::*;

    fn server() -> TokenServer {
        let settings = TokenSettings {
            url: Url::parse("https://id.example/token?policy=hidden").unwrap(),
            client_id: "sink".to_owned(),
            client_secret: Secret::new("hunter2"),
            scope: None,
            extensions: Vec::new(),
            ca_file: None,
        };
        TokenServer::new(&settings, Path::new("/")).unwrap()
    }

    fn refusal(status: u16, answer: &Value) -> Failure {
        server().refusal(StatusCode::from_u16(status).unwrap(), Some(answer))
    }

    #[test]
    fn a_refusal_is_told_in_its_words() {
        let failure = refusal(
            401,
            &json!({ "error": "invalid_client", "error_description": "unknown\r\n\u{1b}[1mclient",
                "access_token": "eyJ" }),
        );
        assert_eq!(
            failure.text,
            "the token server at https://id.example/token answers 401: invalid_client (unknown [1mclient)"
        );
        assert!(failure.help.unwrap().contains("client.secret"));
        let echo = refusal(
            400,
            &json!({ "error": "no hunter2", "error_description": "hunter2".repeat(9_000) }),
        );
        assert!(!echo.text.contains("hunter2"), "{}", echo.text);
        assert!(echo.text.len() < 1_000, "{}", echo.text);
        let html = server().refusal(StatusCode::UNAUTHORIZED, None);
        assert!(html.text.ends_with("answers 401"), "{}", html.text);
        assert!(!html.is_transient());
    }

    #[test]
    fn what_time_heals_is_told_from_what_it_does_not() {
        let nothing = json!({});
        for (status, answer, is_transient) in [
            (503, &nothing, true),
            (429, &nothing, true),
            (500, &json!({ "error": "invalid_client" }), true),
            (400, &json!({ "error": "temporarily_unavailable" }), true),
            (400, &json!({ "error": "invalid_client" }), false),
            (400, &json!({ "error": "invalid_scope" }), false),
            (403, &nothing, false),
            (404, &nothing, false),
            (302, &nothing, false),
        ] {
            let failure = refusal(status, answer);
            assert_eq!(failure.is_transient(), is_transient, "{status} {answer}");
        }
        let server = server();
        server.is_known.store(true, Ordering::Relaxed);
        let proxy = server.refusal(StatusCode::NOT_FOUND, None);
        assert!(proxy.is_transient());
    }

    #[test]
    fn certificates_that_are_none_are_named() {
        for (path, why) in [
            ("/nowhere", "cannot be read"),
            ("/dev/null", "holds no certificates"),
        ] {
            let error = certificates(Path::new(path)).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains(path), "{error}");
        }
    }
}
