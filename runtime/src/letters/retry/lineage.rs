//! Where the rows of letters are from: what their source had said of them.

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take;
use bytes::Bytes;
use wasm_sink_core::dead_letter::RowOrigin;
use wasm_sink_core::{Lineage, MetadataKey, Position};

use super::pass::position;
use crate::letters::Letter;

/// The letters of a batch.
#[derive(Debug)]
pub(super) struct LetterLineage {
    pub(super) sequence: u64,
    /// Letters of the partition in the order that come before these.
    pub(super) before: u64,
    pub(super) letters: Vec<Letter>,
    /// A row for each letter.
    pub(super) metadata: RecordBatch,
    /// For each row the number of its letter among these.
    pub(super) of_rows: Vec<u32>,
}

impl LetterLineage {
    fn letter(&self, row: u32) -> Option<&Letter> {
        let letter = *self.of_rows.get(row as usize)?;
        self.letters.get(letter as usize)
    }

    /// The position after a letter.
    pub(super) fn position_behind(&self, letter: u32) -> Position {
        position(self.sequence, self.before + u64::from(letter) + 1)
    }
}

impl Lineage for LetterLineage {
    fn position_after(&self, row: u32) -> Option<Position> {
        let letter = *self.of_rows.get(row as usize)?;
        let is_last = self.of_rows.get(row as usize + 1) != Some(&letter);
        is_last.then(|| self.position_behind(letter))
    }

    fn origin(&self, row: u32) -> RowOrigin {
        let letter = self.letter(row);
        letter
            .map(|letter| letter.origin.clone())
            .unwrap_or_default()
    }

    fn raw(&self, row: u32) -> Option<Bytes> {
        self.letter(row)?.record.bytes()
    }

    fn metadata(&self, key: MetadataKey, rows: &UInt32Array) -> Option<ArrayRef> {
        let known = self.metadata.column_by_name(key.as_str())?;
        let letters = rows
            .values()
            .iter()
            .map(|row| self.of_rows.get(*row as usize).copied());
        let letters: UInt32Array = letters.collect();
        take(known, &letters, None).ok()
    }
}
