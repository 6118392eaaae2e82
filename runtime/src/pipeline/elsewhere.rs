//! Dead letters that go to a place of their own before their epoch is committed (commit protocol, rule 11).

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use wasm_sink_core::dead_letter::DeadLetterTarget;
use wasm_sink_core::{CommitId, DeadLetter, PartitionKey, Result};

use super::state::{LocalState, PendingLetters};

/// What a process keeps on its own disk, but for its dead letters. Those that an earlier configuration left
/// there are still settled.
pub struct LettersElsewhere {
    /// Everything else.
    pub state: Arc<dyn LocalState>,
    /// Where they go.
    pub target: Arc<dyn DeadLetterTarget>,
}

#[async_trait]
impl LocalState for LettersElsewhere {
    async fn write_letters(&self, pending: &PendingLetters, letters: &[DeadLetter]) -> Result<()> {
        self.target.send(pending.id, letters).await
    }

    async fn publish_letters(&self, id: CommitId) -> Result<()> {
        // Those of this run are where they belong, and have no file.
        let is_pending = |pending: &PendingLetters| pending.id == id;
        match self.state.pending_letters().await?.iter().any(is_pending) {
            true => self.state.publish_letters(id).await,
            false => Ok(()),
        }
    }

    async fn remove_letters(&self, id: CommitId) -> Result<()> {
        self.state.remove_letters(id).await
    }

    async fn pending_letters(&self) -> Result<Vec<PendingLetters>> {
        self.state.pending_letters().await
    }

    async fn known_partitions(&self) -> Result<BTreeSet<PartitionKey>> {
        self.state.known_partitions().await
    }

    async fn remember_partitions(&self, keys: &BTreeSet<PartitionKey>) -> Result<()> {
        self.state.remember_partitions(keys).await
    }
}
