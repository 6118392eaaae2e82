//! Tells counters and traces what happens.

use std::sync::Arc;
use std::time::Duration;

use wasm_sink_core::{CommitId, DeadLetter, Error, PartitionKey, Position};

use super::traces::Traces;
use crate::metrics::Metrics;
use crate::pipeline::{Attempt, Committed, EpochEvent, Observer};

/// A pipeline that is counted and traced.
pub(super) struct Traced {
    metrics: Arc<Metrics>,
    traces: Arc<Traces>,
}

impl Traced {
    pub(super) fn new(metrics: Arc<Metrics>, traces: Arc<Traces>) -> Self {
        Self { metrics, traces }
    }
}

impl Observer for Traced {
    fn read(&self, rows: u64, bytes: u64) {
        self.metrics.read(rows, bytes);
    }

    fn committed(&self, commit: &Committed) {
        self.metrics.committed(commit);
    }

    fn refused(&self, letters: &[DeadLetter]) {
        self.metrics.refused(letters);
    }

    fn retrying(&self, error: &Error, wait: Duration) {
        self.metrics.retrying(error, wait);
    }

    fn assigned(&self, key: &PartitionKey, at: Option<&Position>) {
        self.metrics.assigned(key, at);
    }

    fn released(&self, keys: &[PartitionKey]) {
        self.metrics.released(keys);
    }

    fn durable(&self, positions: &[(PartitionKey, Position)]) {
        self.metrics.durable(positions);
    }

    fn epoch(&self, id: CommitId, event: EpochEvent<'_>) {
        self.traces.epoch(id, event);
    }

    fn attempted(&self, attempt: &Attempt<'_>) {
        self.traces.attempted(attempt);
    }
}
