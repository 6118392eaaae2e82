//! Requests to a registry, until they are answered.

use std::error::Error as _;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Certificate, RequestBuilder, Response, StatusCode, redirect};
use serde_json::Value;
use url::Url;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::outage::Outage;
use super::settings::{Credentials, RegistrySettings};

/// A registry is reached, and has answered, within these.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(15);

/// The longest answer that is read.
const MAX_ANSWER_BYTES: usize = 8 << 20;

/// Between two tries: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A registry may ask for a longer pause, up to this.
const LONGEST_ASKED_PAUSE: Duration = Duration::from_secs(60);

/// Characters of what it says of a refusal.
const SAID_CHARS: usize = 500;

/// Confluent's media type, and the plain one for those who do not know it.
const MEDIA_TYPES: &str = "application/vnd.schemaregistry.v1+json, application/json";
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// Sends requests to one registry.
pub(super) struct Client {
    http: reqwest::Client,
    url: Url,
    credentials: Credentials,
    /// Whether it has answered as a registry does.
    is_known: AtomicBool,
    outage: Outage,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
enum Ask<'a> {
    Get,
    /// With this JSON.
    Post(&'a str),
}

impl Ask<'_> {
    fn method(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post(_) => "POST",
        }
    }

    /// What the user has to have leave for.
    fn purpose(self) -> &'static str {
        match self {
            Self::Get => "read",
            Self::Post(_) => "register",
        }
    }
}

/// What a registry answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// The JSON.
    Found(Value),
    /// It does not have what is asked for, or does not take what is posted, in its words.
    Refused(StatusCode, String),
    /// More than is read.
    TooLong,
}

/// Why a request is tried again.
struct Failed {
    why: String,
    retry_after: Option<Duration>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.url)
    }
}

impl Client {
    pub(super) fn new(settings: &RegistrySettings, directory: &Path) -> Result<Self> {
        let mut http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // Where else a secret would go is not for a server to say.
            .redirect(redirect::Policy::none())
            .user_agent("wasm-sink");
        if let Some(path) = &settings.ca_file {
            let path = directory.join(path);
            let invalid = |what: &str, error: Box<dyn std::error::Error + Send + Sync>| {
                let message = format!("`schema_registry_ca_file` {} {what}", path.display());
                Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error)
            };
            let pem = std::fs::read(&path);
            let pem = pem.map_err(|error| invalid("cannot be read", error.into()))?;
            let certificates = Certificate::from_pem_bundle(&pem);
            let certificates =
                certificates.map_err(|error| invalid("holds no certificates", error.into()))?;
            if certificates.is_empty() {
                return Err(invalid("holds no certificates", "PEM is expected".into()));
            }
            http = http.tls_built_in_root_certs(false);
            for certificate in certificates {
                http = http.add_root_certificate(certificate);
            }
        }
        let http = http.build().map_err(|error| {
            let message = "a client for the schema registry could not be made";
            Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error)
        })?;
        Ok(Self {
            http,
            url: settings.url.clone(),
            credentials: settings.credentials.clone(),
            is_known: AtomicBool::new(false),
            outage: Outage::default(),
        })
    }

    /// Which registry, for messages.
    pub(super) fn describe(&self) -> String {
        format!("the schema registry at {}", self.url)
    }

    /// Asks until there is an answer.
    ///
    /// # Errors
    /// An answer that asking again does not change.
    pub(super) async fn get(&self, path: &[&str]) -> Result<Answer> {
        self.until_answered(&self.below(path)?, Ask::Get).await
    }

    /// Posts until there is an answer, so long. The request may take effect more than once.
    ///
    /// # Errors
    /// The same, and `unavailable` where there is no answer in time.
    pub(super) async fn post(
        &self,
        path: &[&str],
        json: &str,
        patience: Duration,
    ) -> Result<Answer> {
        let url = self.below(path)?;
        let answered = self.until_answered(&url, Ask::Post(json));
        match tokio::time::timeout(patience, answered).await {
            Ok(answer) => answer,
            Err(_) => {
                let why = self.outage.why();
                let why = why.as_deref().unwrap_or("it does not answer");
                let message = format!(
                    "{} has been away for {} seconds: {why}",
                    self.describe(),
                    patience.as_secs()
                );
                Err(Error::new(Kind::Unavailable, Blame::Destination, message))
            }
        }
    }

    async fn until_answered(&self, url: &Url, ask: Ask<'_>) -> Result<Answer> {
        let mut pause = FIRST_PAUSE;
        loop {
            let failed = match self.try_once(url, ask).await? {
                Ok(answer) => {
                    self.outage.ends(&self.describe());
                    return Ok(answer);
                }
                Err(failed) => failed,
            };
            self.outage.goes_on(&self.describe(), &failed.why);
            // Members of a group do not all come back at once.
            let own = pause.mul_f64(0.5 + fastrand::f64());
            let asked = failed.retry_after.unwrap_or_default();
            tokio::time::sleep(own.max(asked.min(LONGEST_ASKED_PAUSE))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Asks once.
    ///
    /// # Errors
    /// The same. That it is away is no error, and is said.
    pub(super) async fn greet(&self, path: &[&str]) -> Result<()> {
        match self.try_once(&self.below(path)?, Ask::Get).await? {
            Ok(_) => self.outage.ends(&self.describe()),
            Err(failed) => self.outage.goes_on(&self.describe(), &failed.why),
        }
        Ok(())
    }

    /// An address below the registry's own, which may have a path.
    fn below(&self, path: &[&str]) -> Result<Url> {
        let mut url = self.url.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => {
                segments.pop_if_empty().extend(path);
            }
            Err(()) => {
                let message = format!("{} takes no paths", self.describe());
                return Err(Error::new(Kind::Invalid, Blame::Configuration, message));
            }
        }
        Ok(url)
    }

    fn request(&self, url: &Url, ask: Ask<'_>) -> RequestBuilder {
        let request = match ask {
            Ask::Get => self.http.get(url.clone()),
            Ask::Post(json) => {
                let request = self.http.post(url.clone());
                request
                    .header(CONTENT_TYPE, MEDIA_TYPE)
                    .body(json.to_owned())
            }
        };
        let request = request.header(ACCEPT, MEDIA_TYPES);
        match &self.credentials {
            Credentials::Nobody => request,
            Credentials::Basic { user, password } => {
                request.basic_auth(user, Some(password.expose()))
            }
            Credentials::Bearer(token) => request.bearer_auth(token.expose()),
        }
    }

    async fn try_once(&self, url: &Url, ask: Ask<'_>) -> Result<Result<Answer, Failed>> {
        let response = match self.request(url, ask).send().await {
            Ok(response) => response,
            Err(error) => return Ok(Err(unanswered(&error))),
        };
        let status = response.status();
        let retry_after = retry_after(&response);
        let body = match body(response).await {
            Ok(Some(body)) => body,
            Ok(None) => return Ok(Ok(Answer::TooLong)),
            Err(error) => return Ok(Err(unanswered(&error))),
        };
        let json: Option<Value> = serde_json::from_slice(&body).ok();
        if status.is_success() {
            return match json {
                Some(json) if json.is_object() => {
                    self.is_known.store(true, Ordering::Relaxed);
                    Ok(Ok(Answer::Found(json)))
                }
                _ => self.no_registry("what is no JSON object", url, ask),
            };
        }
        let code = json.as_ref().and_then(|json| json.get("error_code"));
        let code = code.and_then(Value::as_i64);
        let says = json
            .as_ref()
            .and_then(|json| json.get("message"))
            .and_then(Value::as_str)
            .map(|text| crate::fault::beginning(text.as_bytes(), SAID_CHARS))
            .unwrap_or_default();
        match status {
            // Of a registry these are about a subject, version or schema; 404 alone says that there is
            // no such path.
            StatusCode::NOT_FOUND if matches!(code, Some(40_400..=40_499)) => {
                self.is_known.store(true, Ordering::Relaxed);
                Ok(Ok(Answer::Refused(status, says)))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let message = format!(
                    "{} does not let us in ({status}): look at schema_registry_user and \
                     schema_registry_password, or schema_registry_token, and whether this user may \
                     {} schemas",
                    self.describe(),
                    ask.purpose()
                );
                Err(Error::new(Kind::Denied, Blame::Configuration, message))
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                let why = format!("it answers {status} {says}");
                Ok(Err(Failed { why, retry_after }))
            }
            status if status.is_server_error() => {
                let why = format!("it answers {status} {says}");
                Ok(Err(Failed { why, retry_after }))
            }
            // What a registry says of a schema has its own codes; others speak without one.
            status if matches!(ask, Ask::Post(_)) && code.is_some() => {
                self.is_known.store(true, Ordering::Relaxed);
                Ok(Ok(Answer::Refused(status, says)))
            }
            status => self.no_registry(&format!("{status} {says}"), url, ask),
        }
    }

    /// What answers is no registry. Where there was one before, something else answers in its place for
    /// a while, such as a proxy while it is restarted.
    fn no_registry(&self, answer: &str, url: &Url, ask: Ask<'_>) -> Result<Result<Answer, Failed>> {
        if self.is_known.load(Ordering::Relaxed) {
            return Ok(Err(Failed {
                why: format!("it answers {answer}"),
                retry_after: None,
            }));
        }
        let message = format!(
            "{} answers {answer} to {} {}: is it a schema registry, with the right path in \
             `schema_registry_url`?",
            self.describe(),
            ask.method(),
            url.path()
        );
        Err(Error::new(Kind::Invalid, Blame::Configuration, message))
    }
}

/// No answer came, or only a part of one. What went wrong is said with its causes, without the address.
fn unanswered(error: &reqwest::Error) -> Failed {
    let mut why = match error {
        error if error.is_timeout() => "it does not answer in time".to_owned(),
        error if error.is_connect() => "it cannot be reached".to_owned(),
        _ => "its answer broke off".to_owned(),
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
    Failed {
        why,
        retry_after: None,
    }
}

/// In seconds; dates are left alone.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// None where it is too long.
async fn body(mut response: Response) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}
