//! Where a partition begins: at its stored position, or where the user sends it.

use std::collections::BTreeSet;

use tokio::sync::oneshot;
use wasm_sink_core::home::{CommitPurpose, EpochCommit};
use wasm_sink_core::{Account, Blame, Error, Kind, Move, PartitionKey, Position, Result};

use super::Start;
use super::committer::{Outcome, Request};
use super::context::Context;
use super::driver::Driver;
use super::epoch::ReadyEpoch;

impl Driver {
    /// `--restart`: sends every partition of this source back to its beginning, those that it does
    /// not have now included, in one commit. In several, a crash between two of them would leave
    /// partitions at their end whose rows the overwrite that is due again removes. (Of several
    /// destinations each has a commit, and removes its own rows.)
    pub(super) async fn restart(
        &mut self,
        context: &Context,
        sources: &BTreeSet<String>,
        keys: &[PartitionKey],
    ) -> Result<()> {
        loop {
            let base = context.read_home().await?;
            context.roll_forward(&base, base.positions.keys()).await?;
            let stored = base.positions.keys();
            let stored = stored.filter(|key| sources.contains(key.source()));
            let all: BTreeSet<&PartitionKey> = stored.chain(keys).collect();
            let moves = all.into_iter().map(|key| Move {
                key: key.clone(),
                begin: base
                    .positions
                    .get(key)
                    .map(|stored| stored.position.clone()),
                end: self.source.beginning(key),
            });
            let moves: Vec<Move> = moves.collect();
            if moves.is_empty() {
                return Ok(());
            }
            if move_alone(context, moves, CommitPurpose::Restart).await? == Moved::Ours {
                return Ok(());
            }
        }
    }

    /// Where a partition goes on, given what is stored.
    pub(super) async fn begin_at(
        &mut self,
        context: &Context,
        key: &PartitionKey,
        stored: Option<Position>,
    ) -> Result<Option<Position>> {
        if stored.is_some() || !self.known.contains(key) {
            return Ok(stored);
        }
        match &self.start {
            Start::MissingFrom(position) => {
                let moved = Move {
                    key: key.clone(),
                    begin: None,
                    end: position.clone(),
                };
                move_alone(context, vec![moved], CommitPurpose::Deliver).await?;
                Ok(Some(position.clone()))
            }
            Start::MissingFromBeginning | Start::Restart => Ok(None),
            Start::Resume => Err(Error::new(
                Kind::Other,
                Blame::Destination,
                format!(
                    "partition {key} was committed before, and {} has no position for it now: was \
                     the table dropped or restored? `run --from beginning` reads it again, `run \
                     --from POSITION` goes on there",
                    context.destination.home.describe()
                ),
            )),
        }
    }
}

/// Whether positions are where a commit wanted them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moved {
    Ours,
    /// Somebody of the same group was first.
    Elsewhere,
}

/// A commit of positions and nothing else.
async fn move_alone(context: &Context, moves: Vec<Move>, purpose: CommitPurpose) -> Result<Moved> {
    let (outcome, answer) = oneshot::channel();
    let epoch = ReadyEpoch {
        commit: EpochCommit {
            id: context.new_commit_id(),
            moves,
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
        writer: context.logic.component().writer(),
        purpose,
        outcome,
    };
    let gone = || Error::new(Kind::Other, Blame::Host, "the committer is gone");
    context.committer.send(request).map_err(|_| gone())?;
    match answer.await.map_err(|_| gone())? {
        Outcome::Committed => Ok(Moved::Ours),
        Outcome::Lost {
            key,
            stored,
            winner,
        } => context
            .lost(&key, stored.as_ref(), &winner)
            .map(|()| Moved::Elsewhere),
        Outcome::Replay(error) | Outcome::Outdated(error) | Outcome::Failed(error) => Err(error),
    }
}
