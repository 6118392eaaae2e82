//! The modelled disk of a process: outlives its lives.

use std::collections::BTreeSet;

use async_trait::async_trait;
use wasm_sink::pipeline::{LocalState, PendingLetters};
use wasm_sink_core::{CommitId, DeadLetter, PartitionKey, Result};

use crate::world::{Actor, World};

pub struct ModelDisk {
    pub world: World,
    pub actor: Actor,
}

#[async_trait]
impl LocalState for ModelDisk {
    async fn write_letters(&self, pending: &PendingLetters, letters: &[DeadLetter]) -> Result<()> {
        self.world.step(self.actor, "write letters").await;
        let rows = letters
            .iter()
            .filter_map(|letter| letter.origin.offset)
            .collect();
        let keys = letters.iter().map(|letter| letter.key.clone()).collect();
        let mut state = self.world.lock();
        let disk = &mut state.members[self.actor.process].disk;
        disk.pending
            .insert(pending.id, (pending.clone(), rows, keys));
        Ok(())
    }

    async fn publish_letters(&self, id: CommitId) -> Result<()> {
        self.world.step(self.actor, "publish letters").await;
        let mut state = self.world.lock();
        if !state.home.history.contains(&id) {
            state.violated(format!(
                "dead letters of {id} were published, it is not committed"
            ));
        }
        let disk = &mut state.members[self.actor.process].disk;
        if let Some((_, rows, keys)) = disk.pending.remove(&id) {
            disk.published
                .insert(id, keys.into_iter().zip(rows).collect());
        }
        Ok(())
    }

    async fn remove_letters(&self, id: CommitId) -> Result<()> {
        self.world.step(self.actor, "remove letters").await;
        let mut state = self.world.lock();
        if state.home.history.contains(&id) {
            state.violated(format!(
                "dead letters of {id} were removed, it is committed"
            ));
        }
        state.members[self.actor.process].disk.pending.remove(&id);
        Ok(())
    }

    async fn pending_letters(&self) -> Result<Vec<PendingLetters>> {
        self.world.alive(self.actor).await;
        let state = self.world.lock();
        let disk = &state.members[self.actor.process].disk;
        Ok(disk
            .pending
            .values()
            .map(|(pending, _, _)| pending.clone())
            .collect())
    }

    async fn known_partitions(&self) -> Result<BTreeSet<PartitionKey>> {
        self.world.alive(self.actor).await;
        Ok(self.world.lock().members[self.actor.process]
            .disk
            .known
            .clone())
    }

    async fn remember_partitions(&self, keys: &BTreeSet<PartitionKey>) -> Result<()> {
        self.world.step(self.actor, "remember partitions").await;
        self.world.lock().members[self.actor.process].disk.known = keys.clone();
        Ok(())
    }
}
