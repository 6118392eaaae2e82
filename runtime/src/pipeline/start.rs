//! Where a partition begins: at its stored position, or where the user sends it.

use tokio::sync::oneshot;
use wasm_sink_core::home::{CommitPurpose, EpochCommit};
use wasm_sink_core::{Account, Blame, Error, Kind, Move, PartitionKey, Position, Result};

use super::Start;
use super::committer::{Outcome, Request};
use super::driver::{Context, Driver};
use super::epoch::ReadyEpoch;

impl Driver {
    /// Where a partition goes on, given what is stored.
    pub(super) async fn begin_at(
        &mut self,
        key: &PartitionKey,
        stored: Option<Position>,
    ) -> Result<Option<Position>> {
        if self.start == Start::Restart && self.restarted.insert(key.clone()) {
            let beginning = self.source.beginning(key);
            let purpose = CommitPurpose::Restart;
            move_alone(&self.context, key, stored, beginning.clone(), purpose).await?;
            return Ok(Some(beginning));
        }
        if stored.is_some() || !self.known.contains(key) {
            return Ok(stored);
        }
        match &self.start {
            Start::MissingFrom(position) => {
                let position = position.clone();
                let purpose = CommitPurpose::Deliver;
                move_alone(&self.context, key, None, position.clone(), purpose).await?;
                Ok(Some(position))
            }
            Start::MissingFromBeginning | Start::Restart => Ok(None),
            Start::Resume => Err(Error::new(
                Kind::Other,
                Blame::Destination,
                format!(
                    "partition {key} was committed before, and {} has no position for it now: was \
                     the table dropped or restored? `run --from beginning` reads it again, `run \
                     --from POSITION` goes on there",
                    self.context.destination.home.describe()
                ),
            )),
        }
    }
}

/// A commit of one position and nothing else.
async fn move_alone(
    context: &Context,
    key: &PartitionKey,
    begin: Option<Position>,
    end: Position,
    purpose: CommitPurpose,
) -> Result<()> {
    if begin.as_ref() == Some(&end) && purpose == CommitPurpose::Deliver {
        return Ok(());
    }
    let (outcome, answer) = oneshot::channel();
    let epoch = ReadyEpoch {
        commit: EpochCommit {
            id: context.new_commit_id(),
            moves: vec![Move {
                key: key.clone(),
                begin,
                end,
            }],
            staged: Vec::new(),
            intent: None,
            account: Account::default(),
        },
        dead_letters: Vec::new(),
        staged: Vec::new(),
        staged_at: tokio::time::Instant::now(),
    };
    let request = Request {
        epoch,
        purpose,
        outcome,
    };
    let gone = || Error::new(Kind::Other, Blame::Host, "the committer is gone");
    context.committer.send(request).map_err(|_| gone())?;
    match answer.await.map_err(|_| gone())? {
        Outcome::Committed => Ok(()),
        Outcome::Lost {
            key,
            stored,
            winner,
        } => context.lost(&key, stored.as_ref(), &winner),
        Outcome::Replay(error) | Outcome::Failed(error) => Err(error),
    }
}
