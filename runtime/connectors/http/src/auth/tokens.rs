//! Tokens from a server (RFC 6749), kept until shortly before they expire.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::HeaderValue;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;
use wasm_sink_core::secret::Secret;

use super::bearer;
use crate::error::{Trouble, misconfigured, shown};
use crate::secrets::Secrets;

/// The longest answer that is read.
const MAX_ANSWER_BYTES: usize = 1 << 20;
/// A token is renewed so long before its end, or a tenth of its time, whichever is shorter.
const AHEAD: Duration = Duration::from_secs(60);

/// Who gives tokens, and for what.
pub(crate) trait TokenServer: Send + Sync {
    fn url(&self) -> &Url;

    /// Makes a request for a token of one that is addressed. And what must not be seen in the answer.
    ///
    /// # Errors
    /// It could not be made.
    fn ask(&self, request: RequestBuilder) -> Result<(RequestBuilder, Secrets), Trouble>;

    /// Where to look when it refuses.
    fn help(&self) -> &'static str;
}

/// What lets a request in for a while.
#[derive(Debug)]
pub(crate) struct Token {
    value: Secret,
    header: HeaderValue,
    /// When it is no longer given to new requests; None: it does not say when it ends.
    stale: Option<Instant>,
}

impl Token {
    pub(crate) fn secret(&self) -> &Secret {
        &self.value
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    fn is_fresh(&self) -> bool {
        self.stale.is_none_or(|stale| Instant::now() < stale)
    }

    /// That of an answer to what was asked then (RFC 6749, 5.1). Its type is not looked at: some servers have names of their
    /// own for what is a bearer token.
    ///
    /// # Errors
    /// What the answer lacks. The text holds nothing of it.
    fn of(answer: &Value, asked: Instant) -> Result<Self, &'static str> {
        let value = answer.get("access_token").and_then(Value::as_str);
        let value = value.filter(|value| !value.is_empty());
        let value = Secret::new(value.ok_or("it has no access_token")?);
        let header = bearer::header(&value);
        let header = header.map_err(|_| "its access_token has characters that no token has")?;
        let lifetime = answer.get("expires_in").and_then(seconds);
        if lifetime.is_some_and(|lifetime| lifetime.is_zero()) {
            return Err("its token is over already");
        }
        let stale = lifetime.map(|lifetime| {
            let ahead = AHEAD.min(lifetime / 10);
            asked.checked_add(lifetime.saturating_sub(ahead))
        });
        Ok(Self {
            value,
            header,
            stale: stale.flatten(),
        })
    }
}

/// A number of seconds; some servers write it as text.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::String(text) => text.parse().ok()?,
        value => value.as_f64()?,
    };
    Duration::try_from_secs_f64(seconds.max(0.0)).ok()
}

/// The tokens of a connection: one at a time, for all its requests.
#[derive(Debug)]
pub(crate) struct Tokens<S> {
    server: S,
    held: Mutex<Option<Arc<Token>>>,
}

impl<S: TokenServer> Tokens<S> {
    pub(super) fn new(server: S) -> Self {
        Self {
            server,
            held: Mutex::default(),
        }
    }

    /// A token that lasts for a while. Who comes while somebody asks waits for the same one.
    ///
    /// # Errors
    /// The server is away, or gives none.
    pub(super) async fn token(
        &self,
        http: &reqwest::Client,
        within: Duration,
    ) -> Result<Arc<Token>, Trouble> {
        let begun = Instant::now();
        let held = tokio::time::timeout(within, self.held.lock()).await;
        let mut held = held.map_err(|_| {
            let name = name(self.server.url());
            Trouble::Away(format!("was not asked: {name} did not answer in time"))
        })?;
        if let Some(token) = held.as_ref().filter(|token| token.is_fresh()) {
            return Ok(Arc::clone(token));
        }
        let within = within.saturating_sub(begun.elapsed());
        let token = Arc::new(self.ask(http, within).await?);
        *held = Some(Arc::clone(&token));
        Ok(token)
    }

    pub(super) async fn forget(&self, token: &Token) {
        let mut held = self.held.lock().await;
        if held.as_ref().is_some_and(|held| held.value == token.value) {
            *held = None;
        }
    }

    async fn ask(&self, http: &reqwest::Client, within: Duration) -> Result<Token, Trouble> {
        let asked = Instant::now();
        let server = &self.server;
        let request = http.post(server.url().clone()).timeout(within);
        let request = request.header(reqwest::header::ACCEPT, "application/json");
        let (request, secrets) = server.ask(request)?;
        let response = request.send().await;
        let response = response.map_err(|error| self.unanswered(&error, &secrets))?;
        let status = response.status();
        let body = body(response).await;
        let body = body.map_err(|error| self.unanswered(&error, &secrets))?;
        let json: Option<Value> = serde_json::from_slice(&body).ok();
        if !status.is_success() {
            return Err(self.refusal(status, json.as_ref(), &secrets));
        }
        Token::of(&json.unwrap_or_default(), asked).map_err(|why| {
            let name = name(server.url());
            let message = format!("{name} answers {status}, and {why}; look at its address");
            Trouble::Fatal(misconfigured(message))
        })
    }

    fn unanswered(&self, error: &reqwest::Error, secrets: &Secrets) -> Trouble {
        match Trouble::unanswered(error, secrets) {
            Trouble::Away(why) => {
                Trouble::Away(format!("was not asked: {} {why}", name(self.server.url())))
            }
            fatal => fatal,
        }
    }

    /// What it says of itself is taken from two places alone (RFC 6749, 5.2), since an answer may hold anything.
    fn refusal(&self, status: StatusCode, json: Option<&Value>, secrets: &Secrets) -> Trouble {
        let said = |member: &str| {
            let text = json?.get(member)?.as_str()?;
            let text = shown(secrets.hide_in(text).as_bytes());
            (!text.is_empty()).then_some(text)
        };
        let error = said("error");
        let mut text = format!("{} answers {}", name(self.server.url()), status.as_u16());
        if let Some(error) = &error {
            text = format!("{text}: {error}");
        }
        if let Some(description) = said("error_description") {
            text = format!("{text} ({description})");
        }
        let comes_back = crate::retry::is_transient(status)
            || matches!(
                error.as_deref(),
                Some("temporarily_unavailable" | "server_error")
            );
        match comes_back {
            true => Trouble::Away(format!("was not asked: {text}")),
            false => Trouble::Fatal(misconfigured(format!("{text}; {}", self.server.help()))),
        }
    }
}

/// For messages: without a query, which may hold what nobody should see.
fn name(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    format!("the token server at {url}")
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

    use super::*;

    #[test]
    fn tokens_are_renewed_before_they_end() {
        let asked = Instant::now();
        let fresh = |expires_in: Value| {
            let answer = json!({ "access_token": "t", "expires_in": expires_in });
            let token = Token::of(&answer, asked).unwrap();
            token.stale.map(|stale| (stale - asked).as_secs())
        };
        assert_eq!(fresh(json!(3_600)), Some(3_540));
        assert_eq!(fresh(json!("3600")), Some(3_540));
        assert_eq!(fresh(json!(100)), Some(90));
        assert_eq!(fresh(json!(10)), Some(9));
        assert_eq!(fresh(Value::Null), None);
        assert_eq!(fresh(json!(1e300)), None);
        let token = Token::of(&json!({ "access_token": "hunter2" }), asked).unwrap();
        assert!(token.is_fresh() && !format!("{token:?}").contains("hunter2"));
    }

    #[test]
    fn an_answer_without_a_token_is_none() {
        for (answer, why) in [
            (json!({}), "no access_token"),
            (json!({ "access_token": "" }), "no access_token"),
            (json!({ "access_token": 7 }), "no access_token"),
            (json!({ "access_token": "a\nb" }), "characters"),
            (
                json!({ "access_token": "t", "expires_in": -1 }),
                "over already",
            ),
        ] {
            let said = Token::of(&answer, Instant::now()).unwrap_err();
            assert!(said.contains(why), "{answer}: {said}");
        }
    }
}
