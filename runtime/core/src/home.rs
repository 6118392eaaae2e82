//! The place that takes an epoch's positions, and the other units that follow it.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::component::Writer;
use crate::epoch::{Account, CommitId};
use crate::error::{Error, Result};
use crate::position::{Move, PartitionKey, Position};
use crate::stage::{Staged, UnitId};

/// A stored position, with the commit that set it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// How far the partition is in.
    pub position: Position,
    /// The epoch that moved it there.
    pub commit: CommitId,
    /// What that epoch still wants applied elsewhere; None where the home was its only unit.
    pub intent: Option<Intent>,
}

/// A home as it stood at one moment. A commit is attempted on exactly this.
pub struct Base {
    /// Grows with every change of the home, whoever makes it; 0 where an attempt is judged by the
    /// positions that it finds and by nothing else.
    pub version: u64,
    /// This pipeline's positions, all of them.
    pub positions: BTreeMap<PartitionKey, Stored>,
    /// What the connector needs to build on it.
    pub token: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Base")
            .field("version", &self.version)
            .field("positions", &self.positions)
            .finish_non_exhaustive()
    }
}

/// One unit's share of an intent. `staged` is the connector's own description of what was staged
/// and how it is applied.
#[derive(Clone, Debug, PartialEq)]
pub struct IntentPart {
    /// Where it goes.
    pub unit: UnitId,
    /// What to apply.
    pub staged: serde_json::Value,
}

/// What a home keeps in the commit's own step, so that the other units can be rolled forward.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// The commit it belongs to.
    pub commit: CommitId,
    /// The partitions it moved.
    pub moves: Vec<Move>,
    /// What is to be applied.
    pub parts: Vec<IntentPart>,
}

/// One epoch, ready to be committed.
#[derive(Clone, Debug)]
pub struct EpochCommit {
    /// Its name.
    pub id: CommitId,
    /// Each partition's way; never empty.
    pub moves: Vec<Move>,
    /// What the home itself takes; empty when only positions move.
    pub staged: Vec<Staged>,
    /// What goes to other units afterwards.
    pub intent: Option<Intent>,
    /// Where its rows went.
    pub account: Account,
}

/// Why a commit is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitPurpose {
    /// To deliver rows, or to move positions past what holds none.
    Deliver,
    /// `--restart`: positions go back to the beginning, and an overwrite is due once more.
    Restart,
}

/// Joined epochs, in order: each begins where those before it leave its partitions.
#[derive(Clone, Debug)]
pub struct Commit {
    /// At least one.
    pub epochs: Vec<EpochCommit>,
    /// What wrote them.
    pub writer: Writer,
    /// Why.
    pub purpose: CommitPurpose,
}

/// What becomes of an epoch on a given base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Its partitions stand where it begins, counting the admitted epochs before it.
    Admitted,
    /// It is in already: its own commit id is stored, or that of a follower from this process.
    Done,
    /// This partition stands elsewhere.
    Refused(PartitionKey),
}

/// Judges epochs that are to be joined, in order, on what a base stores (commit protocol, rules 4,
/// 7 and 12). A refused epoch drops its followers, since they begin where it would have ended.
pub fn admit(positions: &BTreeMap<PartitionKey, Stored>, epochs: &[EpochCommit]) -> Vec<Admission> {
    let mut moved: BTreeMap<&PartitionKey, &Position> = BTreeMap::new();
    let mut admissions = Vec::with_capacity(epochs.len());
    for (index, epoch) in epochs.iter().enumerate() {
        let is_stored = |moves: &Move, id: CommitId| {
            positions
                .get(&moves.key)
                .is_some_and(|stored| stored.commit == id && stored.position == moves.end)
        };
        // An epoch is atomic, so one of its partitions speaks for all.
        let is_done = epoch.moves.iter().any(|own| {
            is_stored(own, epoch.id)
                || follower(&epochs[index + 1..], own)
                    .any(|(follower, moves)| is_stored(moves, follower.id))
        });
        if is_done {
            admissions.push(Admission::Done);
            continue;
        }
        let misplaced = epoch.moves.iter().find(|own| {
            let stored = positions.get(&own.key).map(|stored| &stored.position);
            moved.get(&own.key).copied().or(stored) != own.begin.as_ref()
        });
        admissions.push(match misplaced {
            Some(own) => Admission::Refused(own.key.clone()),
            None => {
                moved.extend(epoch.moves.iter().map(|own| (&own.key, &own.end)));
                Admission::Admitted
            }
        });
    }
    admissions
}

/// The epochs that build on `first` in its partition, one on the other.
fn follower<'a>(
    later: &'a [EpochCommit],
    first: &'a Move,
) -> impl Iterator<Item = (&'a EpochCommit, &'a Move)> {
    let mut end = &first.end;
    later.iter().filter_map(move |epoch| {
        let next = epoch
            .moves
            .iter()
            .find(|next| next.key == first.key && next.begin.as_ref() == Some(end))?;
        end = &next.end;
        Some((epoch, next))
    })
}

/// How an attempt ended that was not plainly answered with "done".
#[derive(Debug)]
pub enum AttemptError {
    /// The base was no longer the newest, or positions did not match. It may still be our own
    /// success that was in the way.
    Conflict(Error),
    /// What was staged no longer fits (the schema changed under it): the epochs are replayed.
    Outdated(Error),
    /// Nothing was sent, and waiting or replaying would not help.
    Failed(Error),
    /// Anything else. The commit may have landed, or may land later.
    Unknown(Error),
}

impl AttemptError {
    /// Takes the error below.
    pub fn into_error(self) -> Error {
        match self {
            Self::Conflict(error)
            | Self::Outdated(error)
            | Self::Failed(error)
            | Self::Unknown(error) => error,
        }
    }

    /// The error below.
    pub fn error(&self) -> &Error {
        match self {
            Self::Conflict(error)
            | Self::Outdated(error)
            | Self::Failed(error)
            | Self::Unknown(error) => error,
        }
    }
}

/// Whether a home's history holds a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// It was committed.
    Holds,
    /// It was not, and the history reaches back far enough to say so.
    Lacks,
    /// The history no longer reaches back that far.
    Forgotten,
}

/// Who holds a partition that is not where we left it; for the message that stops a pipeline.
#[derive(Clone, Debug, Default)]
pub struct Winner {
    /// What it committed as: a version, a transaction.
    pub version: Option<u64>,
    /// Free text: host, process, time.
    pub description: String,
}

/// Whether staged data outlives a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staging {
    /// It does: the same staged data is committed again.
    Durable,
    /// It goes with its session: the epoch is replayed.
    Session,
    /// It is visible once sent.
    Sending,
}

/// Partitions with the same lane may share epochs; those with another may not, since the home tells owners
/// apart lane by lane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(pub Arc<str>);

/// The place that takes positions. Implementations never cache what `read` answers and never move
/// a commit to another base by themselves.
#[async_trait]
pub trait Home: Send + Sync {
    /// For messages: what and where, without secrets.
    fn describe(&self) -> String;

    /// Which unit of the destination this is; None for one that takes positions alone.
    fn unit(&self) -> Option<&UnitId>;

    /// What happens to staged data when an attempt fails.
    fn staging(&self) -> Staging;

    /// The lane of a partition; None where any partitions may share an epoch.
    fn lane(&self, _key: &PartitionKey) -> Option<Lane> {
        None
    }

    /// These partitions are about to be ours: whatever others have under way for them must not land any
    /// more. For homes that refuse an attempt by who makes it, and not by the positions that it finds. Called
    /// before their positions are read.
    ///
    /// # Errors
    /// Transient ones are retried by the caller.
    async fn claim(&self, _keys: &[PartitionKey]) -> Result<()> {
        Ok(())
    }

    /// These partitions are no longer ours: what is kept for the next commit of them may go.
    async fn release(&self, _keys: &[PartitionKey]) {}

    /// Whether nothing lands any more that others had under way for partitions, once these are claimed and
    /// positions are read.
    fn is_final_once_claimed(&self) -> bool {
        false
    }

    /// The home as it stands now.
    ///
    /// # Errors
    /// Transient ones are retried by the caller.
    async fn read(&self) -> Result<Base>;

    /// One attempt. It takes effect only if, in that very step, each epoch's partitions stand
    /// exactly where the epoch begins, counting the epochs before it in the join; then data,
    /// positions, commit ids and intents become visible together.
    ///
    /// # Errors
    /// After any error the caller reads back before it does anything else.
    async fn attempt(&self, base: &Base, commit: &Commit) -> Result<(), AttemptError>;

    /// Whether `commit` is in the history since the time it could have begun.
    ///
    /// # Errors
    /// Transient ones; the caller then treats the answer as `Forgotten`.
    async fn history(&self, commit: CommitId) -> Result<History>;

    /// Who set this partition's stored position.
    async fn winner(&self, _base: &Base, _key: &PartitionKey) -> Winner {
        Winner::default()
    }

    /// Removes what was staged for an epoch that was attempted, after commit.md rule 7 allowed it.
    async fn discard(&self, staged: &[Staged]);

    /// Staged data older than this is replayed instead of committed, since upkeep may have
    /// removed it.
    fn max_staged_age(&self) -> Option<Duration> {
        None
    }
}

/// A unit as it stood at one moment.
pub struct UnitBase {
    /// Per source partition, the end of the last intent applied.
    pub applied: BTreeMap<PartitionKey, Position>,
    /// What the connector needs to build on it.
    pub token: Box<dyn Any + Send + Sync>,
}

/// A unit that is not the home: it is rolled forward from intents, never replayed (commit.md, 2).
#[async_trait]
pub trait Unit: Send + Sync {
    /// Which unit.
    fn id(&self) -> &UnitId;

    /// What has been applied.
    ///
    /// # Errors
    /// Transient ones are retried by the caller.
    async fn read(&self) -> Result<UnitBase>;

    /// What was staged, in words that survive the process.
    ///
    /// # Errors
    /// Only a host bug.
    fn describe_staged(&self, staged: &Staged) -> Result<serde_json::Value>;

    /// One attempt on exactly `base`; records the end of every move in the same step.
    ///
    /// # Errors
    /// After any error the caller reads again.
    async fn apply(
        &self,
        base: &UnitBase,
        moves: &[Move],
        part: &IntentPart,
    ) -> Result<(), AttemptError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(id: u64, begin: Option<u64>, end: u64) -> EpochCommit {
        EpochCommit {
            id: CommitId::from_random(id),
            moves: vec![Move {
                key: PartitionKey::new("s", "0"),
                begin: begin.map(Position::from_offset),
                end: Position::from_offset(end),
            }],
            staged: Vec::new(),
            intent: None,
            account: Account::default(),
        }
    }

    fn stored(commit: u64, position: u64) -> BTreeMap<PartitionKey, Stored> {
        BTreeMap::from([(
            PartitionKey::new("s", "0"),
            Stored {
                position: Position::from_offset(position),
                commit: CommitId::from_random(commit),
                intent: None,
            },
        )])
    }

    #[test]
    fn equality_refuses_the_zombie_that_at_least_would_let_in() {
        // A winner stored 150; the zombie's epoch is [100, 200).
        let admissions = admit(&stored(9, 150), &[epoch(1, Some(100), 200)]);
        assert!(matches!(admissions[..], [Admission::Refused(_)]));
    }

    #[test]
    fn a_join_is_checked_as_a_chain_and_a_refusal_drops_the_followers() {
        let chain = [epoch(1, None, 10), epoch(2, Some(10), 20)];
        assert_eq!(
            admit(&BTreeMap::new(), &chain),
            [Admission::Admitted, Admission::Admitted]
        );
        let broken = [epoch(1, Some(5), 10), epoch(2, Some(10), 20)];
        let admissions = admit(&BTreeMap::new(), &broken);
        assert!(
            admissions
                .iter()
                .all(|a| matches!(a, Admission::Refused(_)))
        );
    }

    #[test]
    fn an_epoch_is_done_when_it_or_its_follower_is_stored() {
        let chain = [epoch(1, None, 10), epoch(2, Some(10), 20)];
        assert_eq!(
            admit(&stored(1, 10), &chain),
            [Admission::Done, Admission::Admitted]
        );
        assert_eq!(
            admit(&stored(2, 20), &chain),
            [Admission::Done, Admission::Done]
        );
        // Somebody else's commit at the same end is not ours.
        let admissions = admit(&stored(7, 10), &chain[..1]);
        assert!(matches!(admissions[..], [Admission::Refused(_)]));
    }
}
