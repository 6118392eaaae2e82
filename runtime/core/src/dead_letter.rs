//! Rows that could not be delivered, with where they came from and why.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use bytes::Bytes;

use crate::batch::SourceBatch;
use crate::epoch::CommitId;
use crate::error::Result;
use crate::position::{PartitionKey, Position};

/// Who refused the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedBy {
    /// The bytes did not decode.
    Decoder,
    /// The component said so.
    Component,
    /// The component failed on this row alone, twice.
    Trap,
    /// A value did not fit the plan or the table.
    Host,
    /// The destination said so.
    Destination,
}

impl RefusedBy {
    /// All of them, in the order of a row's way.
    pub const ALL: [Self; 5] = [
        Self::Decoder,
        Self::Component,
        Self::Trap,
        Self::Host,
        Self::Destination,
    ];

    /// The word that dead letters are filed under.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decoder => "decoder",
            Self::Component => "component",
            Self::Trap => "trap",
            Self::Host => "host",
            Self::Destination => "destination",
        }
    }
}

/// Where a row stood in its source, for a person to find it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowOrigin {
    /// File, topic or table.
    pub name: String,
    /// Line, counted from 1.
    pub line: Option<u64>,
    /// Offset of the row's first byte, or the broker's offset.
    pub offset: Option<u64>,
}

impl fmt::Display for RowOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(line) = self.line {
            write!(f, " line {line}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " offset {offset}")?;
        }
        Ok(())
    }
}

/// The row of a letter, as it was decoded: part of its batch, which the epoch holds anyway until it is committed.
#[derive(Clone)]
pub struct DecodedRow {
    /// The batch.
    pub batch: Arc<SourceBatch>,
    /// Row of the batch.
    pub row: u32,
}

impl PartialEq for DecodedRow {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.batch, &other.batch) && self.row == other.row
    }
}

impl Eq for DecodedRow {}

impl fmt::Debug for DecodedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} of a batch of {}", self.row, self.batch.key)
    }
}

/// What there is of a letter beside its bytes, for another attempt at delivering it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Kept {
    /// The row, as it was decoded.
    Row(DecodedRow),
    /// Its bytes are a whole record of the source, which may be decoded again. One row of what the source knows
    /// beside them: a column for each [`MetadataKey`](crate::MetadataKey) that it has.
    Record(RecordBatch),
    /// Its bytes are for a person to read.
    #[default]
    Nothing,
}

/// In the metadata of the schema of [`Kept::Record`]: the record has no bytes at all, which is not the same as none.
pub const ABSENT: &str = "absent";

/// One row that is not delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// Its source partition.
    pub key: PartitionKey,
    /// Where it stood.
    pub origin: RowOrigin,
    /// The position after it, where the source can tell.
    pub position: Option<Position>,
    /// Who refused it.
    pub by: RefusedBy,
    /// Why.
    pub reason: String,
    /// The raw bytes as read, or the row as JSON where they are gone.
    pub record: Bytes,
    /// What else there is of it.
    pub kept: Kept,
}

/// A place outside of this machine that takes dead letters. It takes them before their epoch is committed, and
/// so once more where that is written again: each has an identity that stays the same.
#[async_trait]
pub trait DeadLetterTarget: Send + Sync {
    /// For messages: what and where, without secrets.
    fn describe(&self) -> String;

    /// Takes the letters of an epoch; durable when it answers.
    ///
    /// # Errors
    /// The epoch is then not committed.
    async fn send(&self, commit: CommitId, letters: &[DeadLetter]) -> Result<()>;
}

impl DeadLetter {
    /// The same whenever the row is read, and of no other row.
    pub fn identity(&self) -> String {
        let row = match (&self.position, self.origin.offset, self.origin.line) {
            (_, Some(offset), _) => format!("offset {offset}"),
            (_, None, Some(line)) => format!("line {line}"),
            (Some(position), None, None) => format!("before {position}"),
            (None, None, None) => String::new(),
        };
        format!("{} {row}", self.key)
    }
}
