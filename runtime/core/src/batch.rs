//! Rows, and where each of them is from.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{filter, filter_record_batch, take, take_record_batch};
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;
use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::budget::Reservation;
use crate::dead_letter::{DeadLetter, RowOrigin};
use crate::position::{PartitionKey, Position};

/// What a source knows of a record beside its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetadataKey {
    /// The record's key, as text.
    Key,
    /// Topic, or file name.
    Topic,
    /// Partition, as text.
    Partition,
    /// Offset, int64.
    Offset,
    /// Time of the record, timestamp(us,+00:00).
    Timestamp,
    /// Headers, as JSON text.
    Headers,
}

impl MetadataKey {
    /// Every key, in the order of the contract.
    pub const ALL: [Self; 6] = [
        Self::Key,
        Self::Topic,
        Self::Partition,
        Self::Offset,
        Self::Timestamp,
        Self::Headers,
    ];

    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Topic => "topic",
            Self::Partition => "partition",
            Self::Offset => "offset",
            Self::Timestamp => "timestamp",
            Self::Headers => "headers",
        }
    }
}

/// What a source remembers about the rows of a batch. Rows are counted from 0.
pub trait Lineage: Send + Sync + fmt::Debug {
    /// The position once `row` and all before it are delivered; None where the position does not
    /// change there, so that no epoch may end there.
    fn position_after(&self, row: u32) -> Option<Position>;

    /// Where the row stood.
    fn origin(&self, row: u32) -> RowOrigin;

    /// The bytes of the row as read, where they are still held.
    fn raw(&self, row: u32) -> Option<Bytes>;

    /// One metadata column for these rows; None where the source has no such thing.
    fn metadata(&self, key: MetadataKey, rows: &UInt32Array) -> Option<ArrayRef>;
}

/// Consecutive rows of one source partition. A batch without rows moves the position, or carries
/// dead letters.
#[derive(Debug)]
pub struct SourceBatch {
    /// The partition.
    pub key: PartitionKey,
    /// The position before the first row; None where nothing was read before.
    pub begin: Option<Position>,
    /// The position after the last row.
    pub end: Position,
    /// The rows as decoded, without metadata.
    pub rows: RecordBatch,
    /// Where each row is from.
    pub lineage: Arc<dyn Lineage>,
    /// Records that did not decode: `(n, letter)` stood after n of the rows.
    pub undecodable: Vec<(u32, DeadLetter)>,
    /// The batch's own time, which the component's clock shows.
    pub at: DateTime<Utc>,
    /// Bytes in memory, reserved while the batch is retained.
    pub bytes: usize,
    /// The share of the byte budget that the batch holds.
    pub reservation: Option<Reservation>,
}

impl SourceBatch {
    /// The position after the first `rows` rows: where the batch may be cut. None where it may not.
    pub fn boundary(&self, rows: u32) -> Option<Position> {
        match rows {
            0 => self.begin.clone(),
            n if n as usize == self.rows.num_rows() => Some(self.end.clone()),
            n => self.lineage.position_after(n - 1),
        }
    }
}

/// Which rows of a source batch.
#[derive(Clone, Debug)]
enum Selection {
    Range(Range<u32>),
    Indices(UInt32Array),
}

/// Rows of one source batch on their way through a component: their values, and which row of the
/// batch each is. Rows that a guest made up have no origin.
#[derive(Clone, Debug)]
pub struct Rows {
    values: RecordBatch,
    origin: Option<(Arc<SourceBatch>, Selection)>,
}

impl Rows {
    /// All rows of a batch.
    pub fn whole(batch: Arc<SourceBatch>) -> Self {
        let rows = batch.rows.num_rows() as u32;
        Self::range(batch, 0..rows)
    }

    /// Some rows of a batch; `range` is cut to what there is.
    pub fn range(batch: Arc<SourceBatch>, range: Range<u32>) -> Self {
        let rows = batch.rows.num_rows() as u32;
        let range = range.start.min(rows)..range.end.min(rows).max(range.start.min(rows));
        let values = batch
            .rows
            .slice(range.start as usize, (range.end - range.start) as usize);
        Self {
            values,
            origin: Some((batch, Selection::Range(range))),
        }
    }

    /// Rows without origin.
    pub fn made_up(values: RecordBatch) -> Self {
        Self {
            values,
            origin: None,
        }
    }

    /// The values.
    pub fn values(&self) -> &RecordBatch {
        &self.values
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.num_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The batch that these rows are from.
    pub fn source(&self) -> Option<&Arc<SourceBatch>> {
        self.origin.as_ref().map(|(batch, _)| batch)
    }

    /// For each row, its number in the source batch.
    pub fn source_rows(&self) -> Option<UInt32Array> {
        self.origin.as_ref().map(|(_, selection)| match selection {
            Selection::Range(range) => UInt32Array::from_iter_values(range.clone()),
            Selection::Indices(indices) => indices.clone(),
        })
    }

    /// The same rows with other values.
    ///
    /// # Panics
    /// Never; a different number of rows is refused.
    ///
    /// # Errors
    /// `values` has another number of rows.
    pub fn with_values(&self, values: RecordBatch) -> Result<Self, ArrowError> {
        if values.num_rows() != self.len() {
            return Err(ArrowError::InvalidArgumentError(format!(
                "{} rows for {}",
                values.num_rows(),
                self.len()
            )));
        }
        Ok(Self {
            values,
            origin: self.origin.clone(),
        })
    }

    /// Rows `offset..offset + length`; both must be in range.
    pub fn slice(&self, offset: usize, length: usize) -> Self {
        let origin = self.origin.as_ref().map(|(batch, selection)| {
            let selection = match selection {
                Selection::Range(range) => {
                    let start = range.start + offset as u32;
                    Selection::Range(start..start + length as u32)
                }
                Selection::Indices(indices) => Selection::Indices(indices.slice(offset, length)),
            };
            (Arc::clone(batch), selection)
        });
        Self {
            values: self.values.slice(offset, length),
            origin,
        }
    }

    /// The rows where `keep` is true; null counts as false.
    ///
    /// # Errors
    /// `keep` has another length.
    pub fn filter(&self, keep: &BooleanArray) -> Result<Self, ArrowError> {
        let values = filter_record_batch(&self.values, keep)?;
        let origin = match (&self.origin, self.source_rows()) {
            (Some((batch, _)), Some(rows)) => {
                let kept = filter(&rows, keep)?;
                let kept = UInt32Array::from(kept.to_data());
                Some((Arc::clone(batch), Selection::Indices(kept)))
            }
            _ => None,
        };
        Ok(Self { values, origin })
    }

    /// These rows, in this order; `rows` must be in range.
    ///
    /// # Errors
    /// A row out of range.
    pub fn take(&self, rows: &UInt32Array) -> Result<Self, ArrowError> {
        let values = take_record_batch(&self.values, rows)?;
        let origin = match (&self.origin, self.source_rows()) {
            (Some((batch, _)), Some(numbers)) => {
                let taken = take(&numbers, rows, None)?;
                let taken = UInt32Array::from(taken.to_data());
                Some((Arc::clone(batch), Selection::Indices(taken)))
            }
            _ => None,
        };
        Ok(Self { values, origin })
    }
}

/// What a source knows of one record beside its bytes: a row with a column for each key that `column` has a
/// value of one row for.
///
/// # Errors
/// A column has another number of rows.
pub fn record_metadata(
    mut column: impl FnMut(MetadataKey) -> Option<ArrayRef>,
) -> Result<RecordBatch, ArrowError> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for key in MetadataKey::ALL {
        if let Some(column) = column(key) {
            fields.push(Field::new(key.as_str(), column.data_type().clone(), true));
            columns.push(column);
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

/// One row as bytes: as read where the source still holds them, else as JSON.
pub fn record(batch: &SourceBatch, row: u32) -> Bytes {
    if let Some(raw) = batch.lineage.raw(row) {
        return raw;
    }
    as_json(&batch.rows.slice(row as usize, 1))
}

/// A batch of one row as JSON; where it holds what JSON does not, a text that says so.
pub(crate) fn as_json(row: &RecordBatch) -> Bytes {
    let mut text = Vec::new();
    let mut writer = arrow::json::LineDelimitedWriter::new(&mut text);
    let written = writer.write(row).and_then(|()| writer.finish());
    match written {
        Ok(()) => {
            text.truncate(text.trim_ascii_end().len());
            Bytes::from(text)
        }
        Err(error) => Bytes::from(format!("(the row does not print as JSON: {error})")),
    }
}
