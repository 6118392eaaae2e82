//! What a run has come to, counted on the way to whoever observes it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wasm_sink_core::{CommitId, DeadLetter, Error, PartitionKey, Position};

use super::Summary;
use super::observe::{Attempt, Committed, EpochEvent, Observer};

/// Passes events on and keeps the totals.
pub(super) struct Totals {
    summary: Mutex<Summary>,
    observer: Arc<dyn Observer>,
}

impl Totals {
    pub(super) fn new(observer: Arc<dyn Observer>) -> Self {
        Self {
            summary: Mutex::default(),
            observer,
        }
    }

    fn summary(&self) -> MutexGuard<'_, Summary> {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So far; without positions.
    pub(super) fn so_far(&self) -> Summary {
        self.summary().clone()
    }
}

impl Observer for Totals {
    fn read(&self, rows: u64, bytes: u64) {
        self.observer.read(rows, bytes);
    }

    fn committed(&self, commit: &Committed) {
        {
            let mut summary = self.summary();
            summary.commits += 1;
            summary.account.add(&commit.account);
            summary.bytes += commit.bytes;
        }
        self.observer.committed(commit);
    }

    fn refused(&self, letters: &[DeadLetter]) {
        self.observer.refused(letters);
    }

    fn retrying(&self, error: &Error, wait: Duration) {
        self.observer.retrying(error, wait);
    }

    fn assigned(&self, key: &PartitionKey, at: Option<&Position>) {
        self.observer.assigned(key, at);
    }

    fn released(&self, keys: &[PartitionKey]) {
        self.observer.released(keys);
    }

    fn durable(&self, positions: &[(PartitionKey, Position)]) {
        self.observer.durable(positions);
    }

    fn epoch(&self, id: CommitId, event: EpochEvent<'_>) {
        self.observer.epoch(id, event);
    }

    fn attempted(&self, attempt: &Attempt<'_>) {
        self.observer.attempted(attempt);
    }
}
