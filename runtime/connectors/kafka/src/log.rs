//! The library's log, at a rate that people can read.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A line of one kind is a warning so often, and a detail otherwise.
const EVERY: Duration = Duration::from_secs(30);

/// Lines so far, by kind.
#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<HashMap<String, Instant>>);

impl Log {
    /// A line with syslog's level.
    pub(crate) fn line(&self, level: i32, facility: &str, line: &str) {
        match level {
            // One connection has the properties of producers and of consumers.
            _ if facility == "CONFWARN" => tracing::debug!(target: "kafka", facility, "{line}"),
            ..=4 if self.is_due(facility) => tracing::warn!(target: "kafka", facility, "{line}"),
            ..=5 => tracing::debug!(target: "kafka", facility, "{line}"),
            _ => tracing::trace!(target: "kafka", facility, "{line}"),
        }
    }

    /// Whether it is time for another warning of this kind.
    pub(crate) fn is_due(&self, kind: &str) -> bool {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let last = lines.get(kind);
        if last.is_some_and(|last| now.duration_since(*last) < EVERY) {
            return false;
        }
        lines.insert(kind.to_owned(), now);
        true
    }
}
