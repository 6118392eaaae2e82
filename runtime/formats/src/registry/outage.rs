//! A registry that is away: since when, and why, said now and then.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// While it is away this is said so often.
const SAY_EVERY: Duration = Duration::from_secs(30);

/// Whether a registry is away.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Option<Away>>);

#[derive(Debug)]
struct Away {
    since: Instant,
    said: Instant,
    /// What went wrong the last time.
    why: String,
}

impl Outage {
    fn lock(&self) -> MutexGuard<'_, Option<Away>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is away, also now. `who` names it.
    pub(super) fn goes_on(&self, who: &str, why: &str) {
        let mut away = self.lock();
        let now = Instant::now();
        let since = away.as_ref().map_or(now, |away| away.since);
        let said = away.as_ref().map(|away| away.said);
        let said = said.filter(|said| now.duration_since(*said) < SAY_EVERY);
        if said.is_none() {
            let seconds = now.duration_since(since).as_secs();
            tracing::warn!(
                target: "schema_registry",
                seconds,
                "{who} is away, and records wait for it: {why}"
            );
        }
        *away = Some(Away {
            since,
            said: said.unwrap_or(now),
            why: why.to_owned(),
        });
    }

    /// It has answered.
    pub(super) fn ends(&self, who: &str) {
        if let Some(away) = self.lock().take() {
            let seconds = away.since.elapsed().as_secs();
            tracing::info!(target: "schema_registry", seconds, "{who} is back");
        }
    }

    /// What went wrong the last time; None where it is not away.
    pub(super) fn why(&self) -> Option<String> {
        self.lock().as_ref().map(|away| away.why.clone())
    }
}
