//! A sink's logic as the pipeline sees it. The engine implements this with Wasm; the simulation
//! with a model.

use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::batch::Rows;
use crate::dead_letter::DeadLetter;
use crate::epoch::{Account, CommitId};
use crate::error::{Error, Result};
use crate::guest::calls::Call;
use crate::position::{PartitionKey, Position};
use crate::stage::{Purpose, Staged, TablePreview, UnitId};

/// Why an instance is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureCause {
    /// It trapped: panic, out of bounds, out of memory, late use of a batch.
    Trap,
    /// Its own running time was over the deadline.
    Deadline,
    /// It returned an error, or a capability's answer doomed the epoch; the error's kind decides.
    Answer,
}

/// An epoch failed; the instance is of no further use.
#[derive(Debug)]
pub struct Failure {
    /// How.
    pub cause: FailureCause,
    /// What happened, for whom, and whether to try again.
    pub error: Error,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

/// An epoch as its instance leaves it: everything staged and durable, nothing committed.
#[derive(Debug, Default)]
pub struct Sealed {
    /// A part per unit.
    pub staged: Vec<Staged>,
    /// Where the rows went.
    pub account: Account,
    /// Rejected rows, in order.
    pub dead_letters: Vec<DeadLetter>,
}

/// What wrote an epoch, as commits name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Writer {
    /// Hash of the component.
    pub component: String,
    /// Hash of the configuration that it ran with.
    pub configuration: String,
}

/// A compiled component with its configuration and grants.
#[async_trait]
pub trait Component: Send + Sync {
    /// What the user calls it.
    fn name(&self) -> &str {
        self.hash()
    }

    /// Hash of the component.
    fn hash(&self) -> &str;

    /// Hash of its configuration.
    fn configuration(&self) -> &str;

    /// Its bytes, where they can still be found.
    fn wasm(&self) -> Option<Vec<u8>> {
        None
    }

    /// As commits name it.
    fn writer(&self) -> Writer {
        Writer {
            component: self.hash().to_owned(),
            configuration: self.configuration().to_owned(),
        }
    }

    /// A fresh instance, `open` called.
    ///
    /// # Errors
    /// What `open` answered, or why there is no instance.
    async fn start(&self, purpose: Purpose) -> Result<Box<dyn Instance>>;

    /// Runs an epoch that failed once more, with capabilities that keep nothing, and keeps what happens for
    /// `wasm-sink replay`. Where that is; None where it does not fail again, or cannot be kept.
    async fn keep_failure(&self, id: CommitId, rows: Vec<Rows>) -> Option<PathBuf> {
        let _ = (id, rows);
        None
    }
}

/// One running instance, fed by one task.
#[async_trait]
pub trait Instance: Send {
    /// The units that it has opened so far.
    fn units(&self) -> Vec<UnitId>;

    /// A new epoch begins.
    fn begin(&mut self, id: CommitId);

    /// The epoch takes in a partition, from `begin` on; None: nothing may be stored of it yet. Said before
    /// the partition's first rows, which may stand behind batches without any. Without it an epoch begins
    /// where its first rows do.
    fn admit(&mut self, key: &PartitionKey, begin: Option<&Position>);

    /// Gives it rows of one source batch.
    ///
    /// # Errors
    /// The instance must be forgotten.
    async fn write(&mut self, rows: Rows) -> Result<(), Failure>;

    /// When the component wishes this epoch to be committed.
    fn wish(&self) -> Option<Instant>;

    /// Has it stage all it holds, and waits until that is durable. Batches of the epoch are freed.
    ///
    /// # Errors
    /// The instance must be forgotten.
    async fn flush(&mut self) -> Result<Sealed, Failure>;

    /// Drops what the open epoch staged.
    async fn forget(&mut self);

    /// What the open epoch staged so far; only for [`Purpose::Preview`].
    fn preview(&mut self) -> Vec<TablePreview>;

    /// What it has asked the host for since this was asked last; only for [`Purpose::Preview`].
    fn take_calls(&mut self) -> Vec<Call> {
        Vec::new()
    }

    /// Fuel that its calls have taken since this was asked last; 0 where it is not counted.
    fn take_fuel(&mut self) -> u64 {
        0
    }

    /// Whether it holds so many dead handles that it should be replaced between two epochs.
    fn worn(&self) -> bool {
        false
    }
}
