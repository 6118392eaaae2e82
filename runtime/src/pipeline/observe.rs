//! What a pipeline tells those who watch it.

use std::time::Duration;

use wasm_sink_core::component::Writer;
use wasm_sink_core::home::{Commit, EpochCommit};
use wasm_sink_core::{Account, CommitId, DeadLetter, Error, PartitionKey, Position};

/// One commit.
#[derive(Clone, Copy, Debug)]
pub struct Committed {
    /// Joined epochs.
    pub epochs: u64,
    /// Where their rows went.
    pub account: Account,
    /// Bytes staged.
    pub bytes: u64,
    /// From the attempt to the answer.
    pub took: Duration,
}

/// A step in the life of an epoch. Where it is written again, another life begins, mostly under another name.
#[derive(Clone, Copy, Debug)]
pub enum EpochEvent<'a> {
    /// It is being filled, for this component.
    Begun(&'a Writer),
    /// The component has taken a batch.
    Wrote {
        /// Of the batch.
        rows: u64,
        /// Of the batch, as in memory.
        bytes: u64,
        /// How long the call was.
        took: Duration,
    },
    /// The component has staged all of it; how long that call was.
    Flushed(Duration),
    /// The committer has it.
    Submitted(&'a EpochCommit),
    /// Its commit failed and will be tried again.
    Retrying(&'a Error),
    /// That was its life.
    Ended(EpochEnd<'a>),
}

/// What became of an epoch.
#[derive(Clone, Copy, Debug)]
pub enum EpochEnd<'a> {
    /// It is visible.
    Committed,
    /// There was nothing to commit.
    Empty,
    /// It failed; its rows are written again, or the pipeline stops.
    Failed(&'a Error),
    /// One before it failed, and this one began where that would have ended.
    Abandoned,
    /// Its partitions are somebody else's.
    Displaced,
}

/// One attempt at a commit.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// What was attempted.
    pub commit: &'a Commit,
    /// The version of the home that it was attempted on; 0 where a home has none.
    pub version: u64,
    /// Until the answer.
    pub took: Duration,
    /// None: it was plainly answered with "done". With an error it may be in all the same.
    pub error: Option<&'a Error>,
}

/// Gets every event; must not block.
pub trait Observer: Send + Sync {
    /// Rows came from the source.
    fn read(&self, rows: u64, bytes: u64);
    /// A commit became visible.
    fn committed(&self, commit: &Committed);
    /// These were part of one.
    fn refused(&self, _letters: &[DeadLetter]) {}
    /// Something failed and will be tried again.
    fn retrying(&self, error: &Error, wait: Duration);
    /// A partition is read from here on; None: from its beginning.
    fn assigned(&self, _key: &PartitionKey, _at: Option<&Position>) {}
    /// These are somebody else's.
    fn released(&self, _keys: &[PartitionKey]) {}
    /// These positions are durable.
    fn durable(&self, _positions: &[(PartitionKey, Position)]) {}
    /// Something happened to an epoch.
    fn epoch(&self, _id: CommitId, _event: EpochEvent<'_>) {}
    /// A commit was attempted.
    fn attempted(&self, _attempt: &Attempt<'_>) {}
}

/// Nobody watches.
impl Observer for () {
    fn read(&self, _rows: u64, _bytes: u64) {}
    fn committed(&self, _commit: &Committed) {}
    fn retrying(&self, _error: &Error, _wait: Duration) {}
}
