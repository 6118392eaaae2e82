//! What a pipeline tells those who watch it.

use std::time::Duration;

use wasm_sink_core::{Account, Error};

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
    /// Something failed and will be tried again.
    fn retrying(&self, error: &Error, wait: Duration);
}

/// Nobody watches.
impl Observer for () {
    fn read(&self, _rows: u64, _bytes: u64) {}
    fn committed(&self, _commit: &Committed) {}
    fn retrying(&self, _error: &Error, _wait: Duration) {}
}
