//! Waiting between attempts: twice as long each time, with jitter, so that writers who met once do
//! not meet again.

use std::time::Duration;

use tokio::time::Instant;
use wasm_sink_core::{Error, Kind};

use super::entropy::Entropy;
use super::limits::Retry;
use super::observe::Observer;

/// The waits of one piece of work.
#[derive(Debug)]
pub(super) struct Backoff<'a> {
    retry: &'a Retry,
    entropy: &'a dyn Entropy,
    next: Duration,
    since: Option<Instant>,
}

impl<'a> Backoff<'a> {
    pub(super) fn new(retry: &'a Retry, entropy: &'a dyn Entropy) -> Self {
        Self {
            retry,
            entropy,
            next: retry.initial,
            since: None,
        }
    }

    /// How long to wait after `error`.
    ///
    /// # Errors
    /// `error` itself, where waiting does not help or has lasted too long.
    pub(super) fn wait(&mut self, error: Error) -> Result<(Duration, Error), Error> {
        if !error.is_transient() {
            return Err(error);
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if let Some(limit) = self.retry.give_up
            && since.elapsed() >= limit
        {
            return Err(error.context(format!(
                "given up after {} ms ([retry] give_up_ms)",
                limit.as_millis()
            )));
        }
        let half = self.next / 2;
        let jitter = self.entropy.below(half.as_micros() as u64 + 1);
        let mut wait = half + Duration::from_micros(jitter);
        if let Kind::Throttled {
            retry_after: Some(asked),
        } = error.kind()
        {
            wait = wait.max(asked);
        }
        self.next = (self.next * 2).min(self.retry.max);
        Ok((wait, error))
    }
}

/// Does `work` until it succeeds or waiting does not help.
///
/// # Errors
/// The last error.
pub async fn persist<T, F: Future<Output = Result<T, Error>>>(
    retry: &Retry,
    entropy: &dyn Entropy,
    observer: &dyn Observer,
    mut work: impl FnMut() -> F,
) -> Result<T, Error> {
    let mut backoff = Backoff::new(retry, entropy);
    loop {
        let error = match work().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let (wait, error) = backoff.wait(error)?;
        observer.retrying(&error, wait);
        tokio::time::sleep(wait).await;
    }
}
