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
    /// The same, and also at a fraction in a column of whole numbers: the types are still being learnt.
    Learn,
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

/// A block is decoded in parts of about so many cells: one is what a number takes, and every column
/// of a row takes one, also where the row has nothing for it. Few bytes may ask for very many: `{}`
/// where a thousand columns are known.
pub(crate) const MAX_CELLS: usize = 1 << 19;

/// One record may ask for so many, and one more for each of its bytes, as lists of numbers do. Only
/// lists of almost empty objects ask for more.
pub(crate) const MAX_RECORD_CELLS: usize = 4 << 20;

/// What a record that does not decode counts for: its reason, and its dead letter.
const LETTER_CELLS: usize = 32;

/// The rows of one block, or of its first part.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// The values.
    pub rows: RecordBatch,
    /// Where each row stands.
    pub places: Vec<Place>,
    /// Records that did not decode, in order.
    pub undecodable: Vec<Undecodable>,
    /// Line ends in what was decoded.
    pub lines: u32,
    /// Offset in the block behind what was decoded. The rest is a block by itself.
    pub end: usize,
}

impl Decoded {
    /// Bytes in memory, without those of the block.
    pub(crate) fn memory_bytes(&self) -> usize {
        let letters = self.undecodable.iter();
        let letters = letters.map(|letter| size_of::<Undecodable>() + letter.reason.len());
        self.rows.get_array_memory_size()
            + self.places.len() * size_of::<Place>()
            + letters.sum::<usize>()
    }
}

/// Rows under construction.
pub(crate) struct Rows {
    pub(crate) root: Record,
    schema: SchemaRef,
    places: Vec<Place>,
    undecodable: Vec<Undecodable>,
    lines: u32,
    cells: usize,
}

impl Rows {
    pub(crate) fn new(schema: &SchemaRef) -> Result<Self, Unsupported> {
        Ok(Self {
            root: Record::new(schema.fields())?,
            schema: Arc::clone(schema),
            places: Vec::new(),
            undecodable: Vec::new(),
            lines: 0,
            cells: 0,
        })
    }

    /// So many rows, and no more, may come before it is full.
    pub(crate) fn most_rows(&self) -> usize {
        MAX_CELLS.div_ceil(self.root.width)
    }

    /// Whether what follows is left for another part. There is one record at least.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.cells >= MAX_CELLS
    }

    /// The record that is accepted next has so many cells in its lists and maps.
    #[inline]
    pub(crate) fn unfold(&mut self, cells: usize) {
        self.cells += cells;
    }

    /// Makes room for so many rows, as far as there may be as many.
    pub(crate) fn reserve(&mut self, rows: usize) {
        let rows = rows.min(self.most_rows());
        self.places.reserve(rows);
        self.root.reserve(rows);
    }

    /// A record stands whole in the columns.
    #[inline]
    pub(crate) fn accept(&mut self, start: usize, end: usize) {
        self.places.push(self.place(start, end));
        self.cells += self.root.width;
    }

    /// A record is wrong; what it left in the columns goes.
    pub(crate) fn refuse(&mut self, start: usize, end: usize, fault: &Fault) {
        self.root.truncate(self.places.len());
        self.root.likely = 0;
        self.cells += LETTER_CELLS;
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

    /// `end` is the offset in the block behind the last record.
    pub(crate) fn finish(self, end: usize) -> Result<Decoded, ArrowError> {
        let options = RecordBatchOptions::new().with_row_count(Some(self.places.len()));
        Ok(Decoded {
            rows: RecordBatch::try_new_with_options(self.schema, self.root.finish()?, &options)?,
            places: self.places,
            undecodable: self.undecodable,
            lines: self.lines,
            end,
        })
    }
}
