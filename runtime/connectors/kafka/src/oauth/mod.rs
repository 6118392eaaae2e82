//! Tokens for SASL OAUTHBEARER, from a token server.
//!
//! librdkafka can get them by itself where it has libcurl, which this build has not. It says when a client needs one
//! (`native::bearer`); they are got here, once for all clients of a connection.

mod server;
mod token;

use std::ffi::CString;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use wasm_sink_core::Result;

use self::server::TokenServer;
pub(crate) use self::token::Token;
use crate::log::Log;
use crate::native::NativeError;
use crate::settings::TokenSettings;

/// Who asks within this after somebody else was refused hears the same: a server that counts wrong passwords is
/// not asked by each client at once.
const REFUSED_FOR: Duration = Duration::from_secs(1);

/// Between two tries: at first, and at most. librdkafka tries again after ten seconds, in which a start has failed.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why there is no token.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// Names the server; without secrets, and without line ends.
    pub(crate) text: String,
    /// What to do; None: wait.
    pub(crate) help: Option<&'static str>,
    since: Instant,
}

impl Failure {
    fn new(text: String, help: Option<&'static str>) -> Self {
        Self {
            text,
            help,
            since: Instant::now(),
        }
    }

    /// Whether the same request may be answered later.
    pub(crate) fn is_transient(&self) -> bool {
        self.help.is_none()
    }
}

pub(crate) type Answer = Result<Arc<Token>, Arc<Failure>>;

/// The tokens of a connection.
#[derive(Debug)]
pub(crate) struct Tokens {
    server: Arc<TokenServer>,
    extensions: Vec<[CString; 2]>,
    runtime: Handle,
    /// What was asked for last.
    asked: Mutex<Option<watch::Receiver<Option<Answer>>>>,
    log: Log,
}

impl Tokens {
    /// Asks nothing yet. Requests run on the runtime that this is called on; a relative path counts from
    /// `directory`.
    ///
    /// # Errors
    /// Certificates that are not there, or are none.
    pub(crate) fn new(settings: &TokenSettings, directory: &Path) -> Result<Self> {
        let text = |text: &str| CString::new(text).unwrap_or_default();
        let extensions = settings.extensions.iter();
        let extensions = extensions.map(|(name, value)| [text(name), text(value)]);
        Ok(Self {
            server: Arc::new(TokenServer::new(settings, directory)?),
            extensions: extensions.collect(),
            runtime: Handle::current(),
            asked: Mutex::default(),
            log: Log::default(),
        })
    }

    /// What each failure begins with.
    pub(crate) fn server(&self) -> &str {
        self.server.name()
    }

    /// What brokers are told beside the token, name and value.
    pub(crate) fn extensions(&self) -> &[[CString; 2]] {
        &self.extensions
    }

    /// Has a token come through the channel, for a thread that may wait: after failures that time heals, which come
    /// as well. None: that is all.
    pub(crate) fn fetch(self: &Arc<Self>, answers: mpsc::Sender<Option<Answer>>) -> AbortHandle {
        let tokens = Arc::clone(self);
        let task = self.runtime.spawn(async move {
            let mut pause = FIRST_PAUSE;
            loop {
                let answer = tokens.token().await;
                let is_last = !matches!(&answer, Err(failure) if failure.is_transient());
                let is_heard = answers.send(Some(answer)).is_ok();
                if is_last || !is_heard {
                    break;
                }
                // Clients do not all come back at once.
                tokio::time::sleep(pause.mul_f64(1.0 + fastrand::f64() / 2.0)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            let _ = answers.send(None);
        });
        task.abort_handle()
    }

    /// The library does not take a token, which lasts no longer or is none.
    pub(crate) fn unfit(&self, why: &NativeError) -> Arc<Failure> {
        let what = format!("gave a token that is of no use ({:?})", why.code);
        Arc::new(self.server.away(what))
    }

    /// A token that lasts for a good while, of this request or of one before.
    async fn token(self: &Arc<Self>) -> Answer {
        let mut asked = self.ask();
        match asked.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(answer)) => answer.clone(),
            _ => Err(Arc::new(self.server.away("was not asked".to_owned()))),
        }
    }

    fn ask(self: &Arc<Self>) -> watch::Receiver<Option<Answer>> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asked) = asked.as_ref().filter(|asked| is_of_use(asked)) {
            return asked.clone();
        }
        let (answers, answer) = watch::channel(None);
        let tokens = Arc::clone(self);
        // By itself: whoever waits may go, and others wait for the same.
        self.runtime.spawn(async move {
            let answer = tokens.server.ask().await;
            if let Err(failure) = &answer
                && failure.is_transient()
                && tokens.log.is_due("tokens")
            {
                tracing::warn!("{}; trying on", failure.text);
            }
            answers.send_replace(Some(answer.map(Arc::new).map_err(Arc::new)));
        });
        *asked = Some(answer.clone());
        answer
    }
}

/// Whether one more client is served by it.
fn is_of_use(asked: &watch::Receiver<Option<Answer>>) -> bool {
    match &*asked.borrow() {
        None => asked.has_changed().is_ok(),
        Some(Ok(token)) => token.is_fresh(),
        Some(Err(failure)) => failure.since.elapsed() < REFUSED_FOR,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use url::Url;
    use wasm_sink_core::secret::Secret;

    use super::*;

    /// A server that answers every request so, and counts them.
    async fn server(status: &'static str, answer: &'static str) -> (Arc<Tokens>, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let mut request = Vec::new();
                while !request.ends_with(b"grant_type=client_credentials") {
                    let mut bytes = [0; 1_024];
                    let count = stream.read(&mut bytes).await.unwrap();
                    request.extend_from_slice(&bytes[..count]);
                }
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
                    answer.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (Arc::new(tokens_of(address)), count)
    }

    fn tokens_of(address: SocketAddr) -> Tokens {
        let settings = TokenSettings {
            url: Url::parse(&format!("http://{address}/token")).unwrap(),
            client_id: "sink".to_owned(),
            client_secret: Secret::new("hunter2"),
            scope: None,
            extensions: Vec::new(),
            ca_file: None,
        };
        Tokens::new(&settings, Path::new("/")).unwrap()
    }

    async fn fifty(tokens: &Arc<Tokens>) -> Vec<Answer> {
        join_all((0..50).map(|_| tokens.token())).await
    }

    #[tokio::test]
    async fn clients_share_a_token() {
        let answer = r#"{"access_token": "first", "expires_in": 3600}"#;
        let (tokens, count) = server("200 OK", answer).await;
        for answer in fifty(&tokens).await {
            assert_eq!(answer.unwrap().value.expose(), "first");
        }
        assert!(tokens.token().await.is_ok());
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_token_that_is_half_over_is_not_given_to_others() {
        let answer = r#"{"access_token": "short", "expires_in": 0.000001}"#;
        let (tokens, count) = server("200 OK", answer).await;
        assert!(tokens.token().await.is_ok());
        assert!(tokens.token().await.is_ok());
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn clients_share_a_refusal() {
        let (tokens, count) = server("401 No", r#"{"error": "invalid_client"}"#).await;
        for answer in fifty(&tokens).await {
            let failure = answer.unwrap_err();
            assert!(failure.text.ends_with("answers 401: invalid_client"));
            assert!(!failure.is_transient());
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_request_outlives_who_asked_first() {
        let answer = r#"{"access_token": "first", "expires_in": 3600}"#;
        let (tokens, count) = server("200 OK", answer).await;
        let (answers, heard) = mpsc::channel();
        tokens.ask();
        tokens.fetch(answers).abort();
        assert!(tokens.token().await.is_ok());
        assert!(
            tokio::task::spawn_blocking(move || heard.recv())
                .await
                .unwrap()
                .is_err()
        );
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let tokens = Arc::new(tokens_of(address));
        let failure = tokens.token().await.unwrap_err();
        let start = format!("the token server at http://{address}/token cannot be reached");
        assert!(failure.text.starts_with(&start), "{}", failure.text);
        assert!(failure.is_transient());
    }
}
