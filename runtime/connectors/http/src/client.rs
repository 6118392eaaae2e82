//! Sends requests, again and again, until one is answered or the time is over.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode, redirect};
use tokio::time::Instant;
use url::Url;
use wasm_sink_core::secret::Secret;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::answer::Answer;
use crate::auth::{Auth, Token, Unsigned};
use crate::error::{Trouble, away, misconfigured, shown, throttled};
use crate::request::Request;
use crate::response::Response;
use crate::retry::{Backoff, is_transient};
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::tls;

/// Redirections that one request follows.
const MAX_REDIRECTIONS: usize = 5;
/// Connections that nobody uses are closed after this; many services close theirs after a minute.
const IDLE: Duration = Duration::from_secs(50);
const KEEPALIVE: Duration = Duration::from_secs(30);

/// A service, and how to be let in.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    settings: Arc<Settings>,
    auth: Auth,
    secrets: Secrets,
    /// The connection's label.
    label: Arc<str>,
}

/// One try, answered; and the token that it was made with.
struct Tried {
    answer: Answer,
    token: Option<Arc<Token>>,
}

impl Client {
    /// Asks nobody. Relative paths count from `directory`.
    ///
    /// # Errors
    /// Files that are not there, or hold something else.
    pub(crate) fn new(settings: Arc<Settings>, label: Arc<str>, directory: &Path) -> Result<Self> {
        let certificate = settings.ca_certificate.as_ref();
        let certificate = certificate.map(|path| directory.join(path));
        let http = reqwest::Client::builder()
            .use_preconfigured_tls(tls::config(certificate.as_deref())?)
            .connect_timeout(settings.connect_timeout)
            .pool_idle_timeout(IDLE)
            .tcp_keepalive(KEEPALIVE)
            // Where credentials go is not for a service to say.
            .redirect(redirect::Policy::none())
            .build();
        let http = http.map_err(|error| {
            let message = "an HTTP client could not be made";
            Error::new(Kind::Other, Blame::Host, message).with_source(error)
        })?;
        let headers = settings.headers.iter().filter(|header| header.is_secret);
        let headers = headers.filter_map(|header| header.value.to_str().ok());
        // "Bearer x" in a header of one's own: the word is none.
        let words =
            headers.flat_map(|value| [Some(value), value.split_once(' ').map(|(_, rest)| rest)]);
        let words: Vec<_> = words.flatten().map(Secret::new).collect();
        let of_auth = Auth::secrets(&settings.auth);
        Ok(Self {
            http,
            auth: Auth::new(&settings.auth, directory)?,
            secrets: Secrets::new(words.iter().chain(&of_auth)),
            settings,
            label,
        })
    }

    /// Sends a request until it has an answer that stands, at most until then.
    ///
    /// # Errors
    /// The service is away or throttles for too long; or it does not let us in.
    pub(crate) async fn exchange(&self, request: &Request, until: Instant) -> Result<Response> {
        let begun = Instant::now();
        let mut backoff = Backoff::new();
        let mut has_renewed = false;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let within = left.min(self.settings.request_timeout);
            let tried = self.try_once(request, within).await;
            if let Ok(Tried {
                answer,
                token: Some(token),
            }) = &tried
                && answer.status == StatusCode::UNAUTHORIZED
            {
                self.auth.forget(token).await;
                if !std::mem::replace(&mut has_renewed, true) {
                    continue;
                }
            }
            let (why, asked, is_throttled) = match tried {
                Ok(Tried { answer, .. }) if is_refusal(answer.status) => {
                    return Err(self.refused(request, &answer));
                }
                Ok(Tried { answer, .. }) if is_transient(answer.status) => {
                    let is_throttled = answer.status == StatusCode::TOO_MANY_REQUESTS;
                    (answered(&answer), answer.retry_after, is_throttled)
                }
                Ok(Tried { answer, .. }) => return Ok(answer.into()),
                Err(Trouble::Away(why)) => (why, None, false),
                Err(trouble @ Trouble::Fatal(_)) => return Err(trouble.into_error("")),
            };
            let pause = backoff.next(asked);
            let left = until.saturating_duration_since(Instant::now());
            if pause >= left {
                let doing = name(&request.method, &request.url);
                let took = begun.elapsed().as_secs_f64();
                let asks = asked.map_or_else(String::new, |asked| {
                    format!("; it asks to wait {} s", asked.as_secs())
                });
                let message = format!(
                    "`{doing}`: the service {why}{asks}; tried for {took:.1} s ([limits] stage_wait_ms)"
                );
                let is_long = asked.is_some_and(|asked| asked >= left);
                return Err(match is_throttled || is_long {
                    true => throttled(message, asked),
                    false => away(message),
                });
            }
            tracing::debug!(connection = %self.label, ?pause, "a request is tried again: {why}");
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends a request once: whether one is let in.
    ///
    /// # Errors
    /// One is not, or nobody answers.
    pub(crate) async fn check(&self, request: &Request) -> Result<()> {
        let within = self.settings.request_timeout;
        let doing = name(&request.method, &request.url);
        let tried = self.try_once(request, within).await;
        let tried = tried.map_err(|trouble| trouble.into_error(&format!("`{doing}`")))?;
        // Many a service forbids its own address to everybody.
        let is_forbidden = tried.answer.status == StatusCode::FORBIDDEN;
        match is_refusal(tried.answer.status) && !is_forbidden {
            true => Err(self.refused(request, &tried.answer)),
            false => Ok(()),
        }
    }

    /// Sends a request, and where it is redirected below the connection's address, once more there.
    async fn try_once(&self, request: &Request, within: Duration) -> Result<Tried, Trouble> {
        let until = Instant::now() + within;
        let mut url = request.url.clone();
        for _ in 0..MAX_REDIRECTIONS {
            let tried = self.hop(request, &url, until).await?;
            match self.redirected(&request.method, &url, &tried.answer) {
                Some(next) => url = next,
                None => return Ok(tried),
            }
        }
        self.hop(request, &url, until).await
    }

    async fn hop(&self, request: &Request, url: &Url, until: Instant) -> Result<Tried, Trouble> {
        let left = || until.saturating_duration_since(Instant::now());
        let unsigned = Unsigned {
            method: &request.method,
            url,
            body: &request.body,
        };
        let credentials = self.auth.credentials(&unsigned, &self.http, left()).await?;
        let secret = credentials.token.as_deref().map(Token::secret);
        let secrets = self.secrets.and(secret);
        let mut headers = request.headers.clone();
        headers.extend(credentials.headers);
        let sent = self
            .http
            .request(request.method.clone(), credentials.url)
            .timeout(left())
            .headers(headers);
        let sent = match request.body.is_empty() {
            true => sent,
            false => sent.body(request.body.clone()),
        };
        let response = sent.send().await;
        let response = response.map_err(|error| Trouble::unanswered(&error, &secrets))?;
        let max_bytes = self.settings.max_response_bytes;
        Ok(Tried {
            answer: Answer::read(response, max_bytes, &secrets).await?,
            token: credentials.token,
        })
    }

    /// Where an answer leads, if one may go there: 307 and 308 with the same method and body, the others for what only asks
    /// (RFC 9110, 15.4).
    fn redirected(&self, method: &Method, from: &Url, answer: &Answer) -> Option<Url> {
        let may_follow = match answer.status.as_u16() {
            307 | 308 => true,
            301..=303 => matches!(*method, Method::GET | Method::HEAD),
            _ => false,
        };
        let location = answer.location.as_deref().filter(|_| may_follow)?;
        let mut next = from.join(location).ok()?;
        next.set_fragment(None);
        self.settings.address.contains(&next).then_some(next)
    }

    /// No row is to blame.
    fn refused(&self, request: &Request, answer: &Answer) -> Error {
        let doing = name(&request.method, &request.url);
        let (label, said) = (&self.label, answered(answer));
        misconfigured(match answer.status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                format!("`{doing}`: the proxy on the way to connection `{label}` {said}")
            }
            _ => format!(
                "the service refuses the credentials of connection `{label}`: `{doing}` {said}; look at `auth` in \
                 [connections.{label}], and at what they may do"
            ),
        })
    }
}

/// Whether it says that somebody is not let in.
fn is_refusal(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::PROXY_AUTHENTICATION_REQUIRED
    )
}

/// "answers 503 Service Unavailable: …", with the beginning of what it says.
fn answered(answer: &Answer) -> String {
    let said = shown(&answer.body);
    match said.as_str() {
        "" => format!("answers {}", answer.status),
        said => format!("answers {}: {said}", answer.status),
    }
}

/// "POST /v2/events": without the query, which may hold a key.
fn name(method: &Method, url: &Url) -> String {
    format!("{method} {}", url.path())
}
