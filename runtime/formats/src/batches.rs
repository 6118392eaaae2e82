//! Decoded blocks as batches of a source, with where each row is from.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray, UInt32Array};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use wasm_sink_core::batch::record_metadata;
use wasm_sink_core::dead_letter::{DeadLetter, Kept, RefusedBy, RowOrigin};
use wasm_sink_core::{Lineage, MetadataKey, PartitionKey, Position, SourceBatch};

use crate::block::{BlockKind, tail};
use crate::decoded::{Place, Undecodable};
use crate::original::Content;
use crate::stream::DecodedBlock;

/// What a position of this source is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PositionForm {
    /// The byte offset.
    Offset {
        /// Added to each: what earlier runs of a source that cannot go back have read.
        base: u64,
    },
    /// The byte offset, the line ends before it, and a check of the bytes before it.
    Checked,
}

/// What all batches of one file or stream have in common.
#[derive(Debug)]
pub struct Origin {
    /// Their partition.
    pub key: PartitionKey,
    /// What a person calls it.
    pub name: String,
    /// When it was last written, if that is known.
    pub modified: Option<DateTime<Utc>>,
    /// What positions are made of.
    pub form: PositionForm,
}

/// A place in the data that a position names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedOffset {
    /// In bytes.
    pub offset: u64,
    /// Line ends before it; a last line without one counts.
    pub lines: u64,
    /// Of the bytes before it; see [`check`].
    pub check: u64,
}

impl CheckedOffset {
    /// Before everything.
    pub const BEGINNING: Self = Self {
        offset: 0,
        lines: 0,
        check: 0,
    };

    /// Three words.
    pub fn to_position(self) -> Position {
        let words = [self.offset, self.lines, self.check];
        Position::new(words.map(|word| word as i64 & i64::MAX))
            .unwrap_or_else(|| Position::from_offset(self.offset))
    }

    /// None where the position is none of ours.
    pub fn of_position(position: &Position) -> Option<Self> {
        let [offset, lines, check] = position.words() else {
            return None;
        };
        Some(Self {
            offset: u64::try_from(*offset).ok()?,
            lines: u64::try_from(*lines).ok()?,
            check: u64::try_from(*check).ok()?,
        })
    }
}

/// 62 bits that the bytes before a position give, of which the last 4 KiB count; 0 where there are
/// none.
pub fn check(before: &[u8]) -> u64 {
    if before.is_empty() {
        return 0;
    }
    let digest = Sha256::digest(tail(before));
    digest
        .first_chunk()
        .map_or(0, |first| u64::from_be_bytes(*first) >> 2)
}

/// One block with what its rows need to know of it.
#[derive(Debug)]
struct Source {
    origin: Arc<Origin>,
    /// Of the block, in bytes.
    offset: u64,
    /// The last bytes before it.
    before: Bytes,
    kind: BlockKind,
    content: Content,
    first_line: u64,
    places: Vec<Place>,
}

/// Some rows of a block.
#[derive(Debug)]
struct BlockLineage {
    source: Arc<Source>,
    first_row: usize,
}

/// A batch before it knows its lineage.
struct Part {
    rows: Range<usize>,
    end: Position,
    undecodable: Vec<(u32, DeadLetter)>,
}

/// Cuts a block into batches of at most `batch_rows` rows. There is at least one, so that the
/// position moves; the last one carries the reservation, since all share the block's memory.
pub fn batches(
    origin: &Arc<Origin>,
    decoded: DecodedBlock,
    begin: Option<Position>,
    at: DateTime<Utc>,
    batch_rows: usize,
) -> Vec<SourceBatch> {
    let memory = decoded.memory_bytes();
    let DecodedBlock {
        block,
        decoded,
        first_line,
        original,
        reservation,
    } = decoded;
    let mut source = Source {
        origin: Arc::clone(origin),
        offset: block.offset,
        before: block.before,
        kind: block.kind,
        content: Content::Held(block.bytes.clone()),
        first_line,
        places: decoded.places,
    };
    let rows = decoded.rows.num_rows();
    let parts = source.parts(rows, decoded.lines, decoded.undecodable, batch_rows);
    source.content = Content::new(block.bytes, source.offset, original.as_ref());
    let source = Arc::new(source);
    let bytes = memory / parts.len().max(1);
    let mut begin = begin;
    let mut batches: Vec<SourceBatch> = parts
        .into_iter()
        .map(|part| SourceBatch {
            key: origin.key.clone(),
            begin: begin.replace(part.end.clone()),
            end: part.end,
            rows: decoded.rows.slice(part.rows.start, part.rows.len()),
            lineage: Arc::new(BlockLineage {
                source: Arc::clone(&source),
                first_row: part.rows.start,
            }),
            undecodable: part.undecodable,
            at,
            bytes,
            reservation: None,
        })
        .collect();
    if let Some(last) = batches.last_mut() {
        last.reservation = Some(reservation);
    }
    batches
}

impl Source {
    fn parts(
        &self,
        rows: usize,
        lines: u32,
        undecodable: Vec<Undecodable>,
        batch_rows: usize,
    ) -> Vec<Part> {
        let count = rows.div_ceil(batch_rows.max(1)).max(1);
        let mut letters = undecodable.into_iter().peekable();
        let mut parts = Vec::with_capacity(count);
        for part in 0..count {
            let is_last = part + 1 == count;
            let first_row = part * rows / count;
            let after = (part + 1) * rows / count;
            // What stands between two batches belongs to the later one, which begins before it.
            let mut undecodable = Vec::new();
            while let Some(letter) =
                letters.next_if(|letter| is_last || (letter.after_rows as usize) < after)
            {
                let before = letter.after_rows as usize - first_row;
                undecodable.push((before as u32, self.letter(&letter)));
            }
            let end = match is_last {
                true => None,
                false => self.position_after(after - 1),
            };
            parts.push(Part {
                rows: first_row..after,
                end: end.unwrap_or_else(|| self.end(u64::from(lines))),
                undecodable,
            });
        }
        parts
    }

    fn position(&self, offset: u64, lines: u64, before: impl FnOnce() -> u64) -> Position {
        match self.origin.form {
            PositionForm::Offset { base } => Position::from_offset(base.saturating_add(offset)),
            PositionForm::Checked => CheckedOffset {
                offset,
                lines,
                check: before(),
            }
            .to_position(),
        }
    }

    /// The bytes of a record as read, with its line end. None where they are gone.
    fn record(&self, place: Place) -> Option<Bytes> {
        let bytes = self.content.bytes()?;
        let end = (place.end as usize).min(bytes.len());
        Some(bytes.slice((place.start as usize).min(end)..end))
    }

    fn position_behind(&self, place: Place) -> Option<Position> {
        if let BlockKind::Oversized { .. } = self.kind {
            return Some(self.end(1));
        }
        let bytes = self.content.bytes()?;
        let end = place.end as usize;
        let record = bytes.get(place.start as usize..end)?;
        let open_line = u64::from(!record.ends_with(b"\n"));
        let lines = memchr::memchr_iter(b'\n', record).count() as u64 + open_line;
        Some(self.position(
            self.offset + u64::from(place.end),
            self.first_line + u64::from(place.lines_before) + lines,
            || self.check_at(&bytes, end),
        ))
    }

    fn position_after(&self, row: usize) -> Option<Position> {
        self.position_behind(*self.places.get(row)?)
    }

    /// The position behind the block, which has so many line ends.
    fn end(&self, lines: u64) -> Position {
        let bytes = self.content.bytes().unwrap_or_default();
        let (length, open_line) = match &self.kind {
            BlockKind::Records => {
                let is_open = !bytes.is_empty() && !bytes.ends_with(b"\n");
                (self.content.len() as u64, u64::from(is_open))
            }
            BlockKind::Oversized { length, .. } => (*length, 0),
        };
        self.position(
            self.offset + length,
            self.first_line + lines + open_line,
            || match &self.kind {
                BlockKind::Records => self.check_at(&bytes, bytes.len()),
                BlockKind::Oversized { last, .. } => check(last),
            },
        )
    }

    /// The check of what stands before `end` of the block, which has these bytes.
    fn check_at(&self, bytes: &[u8], end: usize) -> u64 {
        let inside = tail(bytes.get(..end).unwrap_or(bytes));
        check(&[&self.before, inside].concat())
    }

    fn origin_of(&self, place: Place) -> RowOrigin {
        RowOrigin {
            name: self.origin.name.clone(),
            line: Some(self.first_line + u64::from(place.lines_before) + 1),
            offset: Some(self.offset + u64::from(place.start)),
        }
    }

    fn letter(&self, undecodable: &Undecodable) -> DeadLetter {
        let place = undecodable.place;
        let record = self.record(place).unwrap_or_default();
        DeadLetter {
            key: self.origin.key.clone(),
            origin: self.origin_of(place),
            position: self.position_behind(place),
            by: RefusedBy::Decoder,
            reason: undecodable.reason.clone(),
            // A copy, so that a letter does not hold its whole block.
            record: Bytes::copy_from_slice(without_line_end(&record)),
            kept: self.kept(place),
        }
    }

    fn kept(&self, place: Place) -> Kept {
        match self.kind {
            BlockKind::Records => record_metadata(|key| self.metadata(key, &[Some(place)]))
                .map_or(Kept::Nothing, Kept::Record),
            // Of which there is a part here.
            BlockKind::Oversized { .. } => Kept::Nothing,
        }
    }

    fn metadata(&self, key: MetadataKey, places: &[Option<Place>]) -> Option<ArrayRef> {
        let same = |text: &str| -> ArrayRef {
            let texts = std::iter::repeat_n(text, places.len());
            Arc::new(StringArray::from_iter_values(texts))
        };
        Some(match key {
            MetadataKey::Topic => same(&self.origin.name),
            MetadataKey::Partition => same("0"),
            MetadataKey::Offset => Arc::new(Int64Array::from_iter(places.iter().map(|place| {
                let line = self.first_line + u64::from((*place)?.lines_before) + 1;
                i64::try_from(line).ok()
            }))),
            MetadataKey::Timestamp => {
                let micros = self.origin.modified?.timestamp_micros();
                let values = std::iter::repeat_n(micros, places.len());
                Arc::new(
                    TimestampMicrosecondArray::from_iter_values(values).with_timezone("+00:00"),
                )
            }
            MetadataKey::Key | MetadataKey::Headers => return None,
        })
    }
}

impl BlockLineage {
    fn place(&self, row: u32) -> Option<Place> {
        self.source
            .places
            .get(self.first_row + row as usize)
            .copied()
    }
}

impl Lineage for BlockLineage {
    fn position_after(&self, row: u32) -> Option<Position> {
        self.source.position_after(self.first_row + row as usize)
    }

    fn origin(&self, row: u32) -> RowOrigin {
        match self.place(row) {
            Some(place) => self.source.origin_of(place),
            None => RowOrigin {
                name: self.source.origin.name.clone(),
                ..RowOrigin::default()
            },
        }
    }

    fn raw(&self, row: u32) -> Option<Bytes> {
        let record = self.source.record(self.place(row)?)?;
        // A copy: the block may be in memory for this alone.
        Some(Bytes::copy_from_slice(without_line_end(&record)))
    }

    fn metadata(&self, key: MetadataKey, rows: &UInt32Array) -> Option<ArrayRef> {
        let places: Vec<_> = rows.values().iter().map(|row| self.place(*row)).collect();
        self.source.metadata(key, &places)
    }
}

fn without_line_end(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}
