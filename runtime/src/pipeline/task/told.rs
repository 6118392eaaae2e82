//! What a task tells observers of its epochs.

use tokio::time::Instant;
use wasm_sink_core::CommitId;

use super::Task;
use crate::pipeline::epoch::Piece;
use crate::pipeline::observe::{EpochEnd, EpochEvent};

impl Task {
    /// The name of a new epoch.
    pub(super) fn begin_epoch(&self) -> CommitId {
        let id = self.context.new_commit_id();
        self.begins_epoch(id);
        id
    }

    /// An epoch begins under this name, which it may have had before.
    pub(super) fn begins_epoch(&self, id: CommitId) {
        let writer = self.running.component().writer();
        self.happened(id, EpochEvent::Begun(&writer));
    }

    pub(super) fn wrote(&self, id: CommitId, piece: &Piece, begun: Instant) {
        let event = EpochEvent::Wrote {
            rows: piece.len(),
            bytes: piece.bytes(),
            took: begun.elapsed(),
        };
        self.happened(id, event);
    }

    pub(super) fn flushed(&self, id: CommitId, begun: Instant) {
        self.happened(id, EpochEvent::Flushed(begun.elapsed()));
    }

    pub(super) fn ended(&self, id: CommitId, end: EpochEnd<'_>) {
        self.happened(id, EpochEvent::Ended(end));
    }

    pub(super) fn happened(&self, id: CommitId, event: EpochEvent<'_>) {
        self.context.observer.epoch(id, event);
    }
}
