//! What a pipeline tells those who watch it.

use std::time::Duration;

use wasm_sink_core::{Account, DeadLetter, Error, PartitionKey, Position};

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
}

/// Nobody watches.
impl Observer for () {
    fn read(&self, _rows: u64, _bytes: u64) {}
    fn committed(&self, _commit: &Committed) {}
    fn retrying(&self, _error: &Error, _wait: Duration) {}
}
