//! The step that counts: tickets and positions, together or not at all.

use std::sync::Arc;

use async_trait::async_trait;
use wasm_sink_core::home::{
    Admission, AttemptError, Base, Commit, History, Home, Staging, Stored, admit,
};
use wasm_sink_core::stage::{Staged, UnitId};
use wasm_sink_core::{Blame, CommitId, Error, Kind, Result};

use super::Inbox;
use crate::tickets::Ticket;

/// The inbox as the place of a pipeline's positions.
pub struct InboxHome {
    pub(super) inbox: Inbox,
    pub(super) unit: UnitId,
    pub(super) pipeline: Arc<str>,
}

#[async_trait]
impl Home for InboxHome {
    fn describe(&self) -> String {
        "the inbox of the help desk".to_owned()
    }

    fn unit(&self) -> Option<&UnitId> {
        Some(&self.unit)
    }

    fn staging(&self) -> Staging {
        // What is staged is in memory, and is there for another attempt.
        Staging::Durable
    }

    async fn read(&self) -> Result<Base> {
        let contents = self.inbox.contents();
        let positions = contents.positions.get(&self.pipeline).cloned();
        Ok(Base {
            version: contents.version,
            positions: positions.unwrap_or_default(),
            token: Box::new(()),
        })
    }

    async fn attempt(&self, base: &Base, commit: &Commit) -> Result<(), AttemptError> {
        let mut contents = self.inbox.contents();
        let mut positions = contents
            .positions
            .get(&self.pipeline)
            .cloned()
            .unwrap_or_default();
        let admissions = admit(&positions, &commit.epochs);
        let is_admitted = |admission: &Admission| *admission == Admission::Admitted;
        if base.version != contents.version || !admissions.iter().all(is_admitted) {
            let message = "somebody else has delivered meanwhile";
            let error = Error::new(Kind::Conflict, Blame::Destination, message);
            return Err(AttemptError::Conflict(error));
        }
        for epoch in &commit.epochs {
            let staged = epoch.staged.iter();
            let tickets = staged.filter_map(|staged| staged.payload.downcast_ref::<Vec<Ticket>>());
            contents.tickets.extend(tickets.flatten().cloned());
            for moved in &epoch.moves {
                let stored = Stored {
                    position: moved.end.clone(),
                    commit: epoch.id,
                    intent: None,
                };
                positions.insert(moved.key.clone(), stored);
            }
        }
        contents
            .positions
            .insert(Arc::clone(&self.pipeline), positions);
        contents.version += 1;
        self.inbox.0.arrived.send_replace(contents.tickets.len());
        Ok(())
    }

    async fn history(&self, _commit: CommitId) -> Result<History> {
        Ok(History::Forgotten)
    }

    /// It goes with the epoch.
    async fn discard(&self, _staged: &[Staged]) {}
}
