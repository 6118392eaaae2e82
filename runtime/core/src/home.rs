//! The place that takes an epoch's positions, and the other units that follow it.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

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
    /// Grows with every change of the home, whoever makes it.
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

/// Joined epochs, in order: each begins where those before it leave its partitions.
#[derive(Clone, Debug)]
pub struct Commit {
    /// At least one.
    pub epochs: Vec<EpochCommit>,
    /// Hash of the component that wrote them.
    pub component: String,
}

/// How an attempt ended that was not plainly answered with "done".
#[derive(Debug)]
pub enum AttemptError {
    /// The base was no longer the newest, or positions did not match. It may still be our own
    /// success that was in the way.
    Conflict(Error),
    /// What was staged no longer fits (the schema changed under it): the epochs are replayed.
    Outdated(Error),
    /// Anything else. The commit may have landed, or may land later.
    Unknown(Error),
}

impl AttemptError {
    /// The error below.
    pub fn error(&self) -> &Error {
        match self {
            Self::Conflict(error) | Self::Outdated(error) | Self::Unknown(error) => error,
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
