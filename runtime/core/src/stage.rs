//! Handing data to a destination without making it visible.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;

use crate::epoch::CommitId;
use crate::error::Result;
use crate::position::{PartitionKey, Position};

/// What an instance is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Its output is to be committed.
    Commit,
    /// To see whether it fails: capabilities check everything and keep nothing.
    Probe,
    /// To see what it would do: capabilities keep what they are given and write nothing.
    Preview,
}

/// One atomic unit of a destination: a connection's label and a name below it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId {
    /// Label of the connection in pipeline.toml.
    pub connection: Arc<str>,
    /// Table, topic or path below it; "" for the connection itself.
    pub name: Arc<str>,
}

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.connection, &*self.name) {
            (connection, "") => f.write_str(connection),
            (connection, name) => write!(f, "{connection}/{name}"),
        }
    }
}

/// One unit's part of an epoch, staged.
#[derive(Clone)]
pub struct Staged {
    /// Where it goes.
    pub unit: UnitId,
    /// Rows.
    pub rows: u64,
    /// Bytes as written.
    pub bytes: u64,
    /// What the connector needs to make it visible; nobody else looks inside.
    pub payload: Arc<dyn Any + Send + Sync>,
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staged")
            .field("unit", &self.unit)
            .field("rows", &self.rows)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// What a table would look like; for `run --dry-run`.
#[derive(Clone, Debug)]
pub struct TablePreview {
    /// Where.
    pub unit: UnitId,
    /// Whether it is there already.
    pub exists: bool,
    /// The partition columns it would be created with.
    pub partition_by: Vec<String>,
    /// The staged rows.
    pub rows: Vec<RecordBatch>,
}

/// Where one instance's staging calls on one connection end up. Lives as long as the instance;
/// epoch follows epoch.
#[async_trait]
pub trait Stage: Send + 'static {
    /// For the connector's own capability, which knows the type behind this.
    fn as_any(&mut self) -> &mut dyn Any;

    /// A new epoch; its id names what is staged.
    fn begin(&mut self, id: CommitId);

    /// The epoch takes in a partition that begins at `begin`. Schema changes are committed only
    /// while that is the stored position (commit.md, 13).
    fn admit(&mut self, key: &PartitionKey, begin: Option<&Position>);

    /// The units that were opened, in order.
    fn units(&self) -> Vec<UnitId>;

    /// Waits until all that was staged in this epoch is durable (or handed to its session), and
    /// gives it out, a part per unit with rows or effects.
    ///
    /// # Errors
    /// Anything dooms the epoch.
    async fn finish(&mut self) -> Result<Vec<Staged>>;

    /// Drops and removes what this epoch has staged; it was never attempted.
    async fn forget(&mut self);

    /// What was staged so far; only for [`Purpose::Preview`].
    fn preview(&mut self) -> Vec<TablePreview> {
        Vec::new()
    }
}
