//! What decoding a block yields.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use crate::block::MAX_RECORD_BYTES;
use crate::column::{Record, Unsupported};
use crate::fault::Fault;

/// What to do with a field that the schema does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownFields {
    /// Leave it out: the user named the columns.
    Ignore,
    /// Stop, so that the schema can be extended; nothing is lost.
    Report,
    /// The record is undecodable: the schema has no room for more.
    Refuse,
}

/// Where a record stands in its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Offset of its first byte.
    pub start: u32,
    /// Offset after its last byte: of its line end, if it has one.
    pub end: u32,
    /// Line ends before it.
    pub lines_before: u32,
}

/// A record that did not decode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecodable {
    /// So many rows of the block stand before it.
    pub after_rows: u32,
    /// Where it stands.
    pub place: Place,
    /// What is wrong, and where in the record.
    pub reason: String,
}

/// The rows of one block.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// The values.
    pub rows: RecordBatch,
    /// Where each row stands.
    pub places: Vec<Place>,
    /// Records that did not decode, in order.
    pub undecodable: Vec<Undecodable>,
    /// Line ends in the block.
    pub lines: u32,
}

/// Rows under construction.
pub(crate) struct Rows {
    pub(crate) root: Record,
    schema: SchemaRef,
    places: Vec<Place>,
    undecodable: Vec<Undecodable>,
    lines: u32,
}

impl Rows {
    pub(crate) fn new(schema: &SchemaRef) -> Result<Self, Unsupported> {
        Ok(Self {
            root: Record::new(schema.fields())?,
            schema: Arc::clone(schema),
            places: Vec::new(),
            undecodable: Vec::new(),
            lines: 0,
        })
    }

    /// Makes room for so many rows.
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.places.reserve(rows);
        self.root.reserve(rows);
    }

    /// A record stands whole in the columns.
    #[inline]
    pub(crate) fn accept(&mut self, start: usize, end: usize) {
        self.places.push(self.place(start, end));
    }

    /// A record is wrong; what it left in the columns goes.
    pub(crate) fn refuse(&mut self, start: usize, end: usize, fault: &Fault) {
        self.root.truncate(self.places.len());
        self.root.likely = 0;
        self.undecodable.push(Undecodable {
            after_rows: self.places.len() as u32,
            place: self.place(start, end),
            reason: fault.to_string(),
        });
    }

    /// The block is one line, too long to decode, of which `held` bytes are there.
    pub(crate) fn refuse_oversized(&mut self, held: usize, length: u64) {
        let reason = format!(
            "the line has {length} bytes, and {MAX_RECORD_BYTES} are the most; its beginning is kept"
        );
        self.undecodable.push(Undecodable {
            after_rows: 0,
            place: self.place(0, held),
            reason,
        });
        self.lines += 1;
    }

    /// Line ends that have been passed.
    #[inline]
    pub(crate) fn pass_lines(&mut self, lines: usize) {
        self.lines += lines as u32;
    }

    /// Blocks are shorter than 4 GiB.
    #[inline]
    fn place(&self, start: usize, end: usize) -> Place {
        Place {
            start: start as u32,
            end: end as u32,
            lines_before: self.lines,
        }
    }

    pub(crate) fn finish(self) -> Result<Decoded, ArrowError> {
        let options = RecordBatchOptions::new().with_row_count(Some(self.places.len()));
        Ok(Decoded {
            rows: RecordBatch::try_new_with_options(self.schema, self.root.finish()?, &options)?,
            places: self.places,
            undecodable: self.undecodable,
            lines: self.lines,
        })
    }
}
