//! Where records come from.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use bytes::Bytes;

use crate::batch::SourceBatch;
use crate::budget::Budget;
use crate::connection::Connection;
use crate::error::Result;
use crate::home::Home;
use crate::lag::Ends;
use crate::position::{PartitionKey, Position};

/// What a source has to say.
#[derive(Debug)]
pub enum SourceEvent {
    /// These partitions are ours now. They are paused until `seek`.
    Assigned(Vec<PartitionKey>),
    /// These are to be given back: the epochs that touch them are finished or forgotten, then
    /// `release` is called.
    Revoked(Vec<PartitionKey>),
    /// These belong to somebody else already.
    Lost(Vec<PartitionKey>),
    /// Rows of one partition, next to what came before.
    Batch(SourceBatch),
    /// Everything that this source will ever have is out.
    End,
}

/// Whether others may take partitions from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// All partitions are ours; a position that moved without us means a second process.
    Alone,
    /// A group hands partitions around; a position that moved is the new owner's.
    Group,
}

/// An open source. One per pipeline and process; used by one task at a time.
#[async_trait]
pub trait Source: Send {
    /// Whether partitions can move to another process.
    fn membership(&self) -> Membership;

    /// The next event. Safe to cancel: nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// Transient errors are retried inside the source; what comes out stops the pipeline.
    async fn next(&mut self) -> Result<SourceEvent>;

    /// The topic of a partition's records, as their metadata has it; None where they have none. Routes
    /// lead partitions by it.
    fn topic(&self, key: &PartitionKey) -> Option<Arc<str>>;

    /// Its own record of positions, for a destination that takes none (commit protocol, rule 15); None
    /// where it has none. Asked once at most, before anything is read.
    fn home(&mut self) -> Option<Arc<dyn Home>> {
        None
    }

    /// Knows how far it is to the ends of partitions, while this is read; None where that cannot be told.
    fn ends(&self) -> Option<Arc<dyn Ends>> {
        None
    }

    /// For the connector's own destination, which knows the type behind this; None where it has none.
    fn as_any(&mut self) -> Option<&mut dyn Any> {
        None
    }

    /// The position of a partition's first record: where a pipeline that begins anew is put.
    fn beginning(&self, key: &PartitionKey) -> Position;

    /// Goes to a position (None: the partition's beginning) and lets the partition flow. What was
    /// read ahead of it is dropped. The next batch begins there.
    ///
    /// # Errors
    /// A position that this source does not have: beyond the end, or of a file that was rewritten.
    async fn seek(&mut self, key: &PartitionKey, to: Option<&Position>) -> Result<()>;

    /// Stops the flow of a partition; batches already given out stay valid.
    fn pause(&mut self, key: &PartitionKey);

    /// Lets a paused partition flow on from where it stopped.
    fn resume(&mut self, key: &PartitionKey);

    /// Everything up to these positions is durable in the destination.
    ///
    /// # Errors
    /// Where the source keeps its own record and could not.
    async fn acknowledge(&mut self, durable: &[(PartitionKey, Position)]) -> Result<()>;

    /// The partitions of a `Revoked` event may go.
    ///
    /// # Errors
    /// Where the group could not be told.
    async fn release(&mut self, keys: &[PartitionKey]) -> Result<()>;
}

/// What a source gets from the host when it is opened.
#[derive(Clone, Debug)]
pub struct SourceContext {
    /// The pipeline's name.
    pub pipeline: Arc<str>,
    /// Prefetched batches are reserved here.
    pub budget: Budget,
    /// Relative paths count from here.
    pub directory: PathBuf,
    /// Rows per batch that the pipeline would like.
    pub batch_rows: usize,
}

/// Makes rows of records that did not decode when they were read, once what kept them from it is mended.
#[async_trait]
pub trait Redecoder: Send {
    /// Decodes records of one topic (as the metadata has it) from `from` on: at least one, if there is one. None is
    /// a record without bytes. Waits where it has to ask somebody what the bytes mean.
    ///
    /// # Errors
    /// What keeps every record from being decoded.
    async fn decode(
        &mut self,
        topic: Option<&str>,
        records: &[Option<Bytes>],
        from: usize,
    ) -> Result<Redecoded>;
}

/// What [`Redecoder::decode`] yields.
#[derive(Clone, Debug)]
pub struct Redecoded {
    /// The values.
    pub rows: RecordBatch,
    /// For each row the number of its record, which never falls from one row to the next.
    pub records: Vec<u32>,
    /// Records that still do not decode, in order: so many rows stand before it, its number, and why.
    pub undecodable: Vec<(u32, u32, String)>,
    /// The number of the first record that was not looked at.
    pub end: usize,
    /// Bytes in memory.
    pub memory_bytes: usize,
}

/// A validated `[source]`, not opened yet.
#[async_trait]
pub trait SourceSpec: Send + Sync {
    /// Connects. `connection` is the one that `[source]` names.
    ///
    /// # Errors
    /// What a user can act on: a missing file, a refused connection, a wrong credential.
    async fn open(
        &self,
        connection: Option<Arc<dyn Connection>>,
        context: SourceContext,
    ) -> Result<Box<dyn Source>>;

    /// Decodes the records of its dead letters once more; None where its letters have no records to decode.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    async fn redecoder(&self, _context: &SourceContext) -> Result<Option<Box<dyn Redecoder>>> {
        Ok(None)
    }

    /// What it keeps in memory of records before they are batches: a part of the process's byte budget (commit
    /// protocol, rule 18).
    fn queued_bytes(&self, _connection: Option<&dyn Connection>) -> usize {
        0
    }

    /// False for a source that begins anew with each run (a pipe): what it delivers is at least
    /// once over runs, and `run` says so.
    fn rewinds(&self) -> bool {
        true
    }
}
