//! Pieces of source batches, and the epoch that is being filled with them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::BooleanArray;
use tokio::time::Instant;
use wasm_sink_core::component::Sealed;
use wasm_sink_core::dead_letter::{DecodedRow, Kept, RefusedBy};
use wasm_sink_core::home::{EpochCommit, Intent};
use wasm_sink_core::stage::Staged;
use wasm_sink_core::{
    CommitId, DeadLetter, Error, Move, PartitionKey, Position, Result, Rows, SourceBatch,
};

/// How far the search for rows that the component cannot take has come with a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    /// Not searched.
    Fresh,
    /// Searched: these ranges passed, each by itself.
    Joint(Vec<Range<u32>>),
    /// One of the ranges that passed.
    Alone,
    /// One row, which passes when it is probed and has failed alone when it was staged: its destination says more
    /// than a probe does, and is asked once more.
    Refused,
}

/// A row that becomes a dead letter.
#[derive(Clone, Debug)]
pub(super) struct Excluded {
    /// Row of the batch.
    pub(super) row: u32,
    pub(super) by: RefusedBy,
    pub(super) reason: String,
}

/// Consecutive rows of one source batch, with those left out that became dead letters.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) batch: Arc<SourceBatch>,
    pub(super) range: Range<u32>,
    /// Rows that are left out, in order.
    pub(super) excluded: Vec<Excluded>,
    pub(super) isolation: Isolation,
}

impl Piece {
    pub(super) fn whole(batch: Arc<SourceBatch>) -> Self {
        let rows = batch.rows.num_rows() as u32;
        Self {
            batch,
            range: 0..rows,
            excluded: Vec::new(),
            isolation: Isolation::Fresh,
        }
    }

    /// The rows for the component; None where none are left.
    pub(super) fn rows(&self) -> Result<Option<Rows>> {
        let rows = Rows::range(Arc::clone(&self.batch), self.range.clone());
        if self.excluded.is_empty() {
            return Ok((!rows.is_empty()).then_some(rows));
        }
        let mut keep = vec![true; rows.len()];
        for Excluded { row, .. } in &self.excluded {
            if let Some(flag) = keep.get_mut((row - self.range.start) as usize) {
                *flag = false;
            }
        }
        let rows = rows.filter(&BooleanArray::from(keep)).map_err(|error| {
            host_bug("rows could not be left out of a batch").with_source(error)
        })?;
        Ok((!rows.is_empty()).then_some(rows))
    }

    /// Number of rows, those left out included.
    pub(super) fn len(&self) -> u64 {
        u64::from(self.range.end - self.range.start)
    }

    /// Its share of the batch's bytes.
    pub(super) fn bytes(&self) -> u64 {
        let (bytes, rows) = (self.batch.bytes as u64, self.batch.rows.num_rows() as u64);
        match rows == self.len() {
            true => bytes,
            false => bytes.saturating_mul(self.len()) / rows.max(1),
        }
    }

    fn is_last_of_batch(&self) -> bool {
        self.range.end as usize == self.batch.rows.num_rows()
    }

    /// What this piece rejects whatever the component says: records that did not decode, and rows
    /// left out.
    pub(super) fn dead_letters(&self) -> impl Iterator<Item = DeadLetter> + '_ {
        let undecodable = self
            .batch
            .undecodable
            .iter()
            .filter(|(after, _)| {
                self.range.contains(after) || (*after == self.range.end && self.is_last_of_batch())
            })
            .map(|(_, letter)| letter.clone());
        let excluded = self.excluded.iter().map(|excluded| DeadLetter {
            key: self.batch.key.clone(),
            origin: self.batch.lineage.origin(excluded.row),
            position: self.batch.boundary(excluded.row + 1),
            by: excluded.by,
            reason: excluded.reason.clone(),
            record: wasm_sink_core::batch::record(&self.batch, excluded.row),
            kept: Kept::Row(DecodedRow {
                batch: Arc::clone(&self.batch),
                row: excluded.row,
            }),
        });
        undecodable.chain(excluded)
    }

    /// The position before the first row. Pieces are only cut where there is one.
    fn begin(&self) -> Option<Position> {
        self.batch.boundary(self.range.start)
    }

    fn end(&self) -> Result<Position> {
        if self.is_last_of_batch() {
            return Ok(self.batch.end.clone());
        }
        self.batch
            .boundary(self.range.end)
            .ok_or_else(|| host_bug("a batch was cut where its position does not change"))
    }

    /// Cuts the piece at `rows` (rows of the batch), where the position changes.
    pub(super) fn cut(&self, ranges: &[Range<u32>]) -> Vec<Self> {
        let mut pieces = Vec::with_capacity(ranges.len());
        let mut start = self.range.start;
        for (index, range) in ranges.iter().enumerate() {
            let end = match ranges.get(index + 1) {
                None => self.range.end,
                // Rows between two ranges that passed are left out; they go with the former.
                Some(next) => next.start,
            };
            if end != self.range.end && self.batch.boundary(end).is_none() {
                continue;
            }
            debug_assert!(range.end <= end);
            pieces.push(Self {
                batch: Arc::clone(&self.batch),
                range: start..end,
                excluded: self
                    .excluded
                    .iter()
                    .filter(|excluded| (start..end).contains(&excluded.row))
                    .cloned()
                    .collect(),
                isolation: Isolation::Alone,
            });
            start = end;
        }
        pieces
    }
}

/// Pieces that are written again as one epoch.
#[derive(Debug)]
pub(super) struct Group {
    /// As what they were submitted last: an attempt at that may still land.
    pub(super) id: Option<CommitId>,
    pub(super) pieces: Vec<Piece>,
}

impl From<Vec<Piece>> for Group {
    fn from(pieces: Vec<Piece>) -> Self {
        Self { id: None, pieces }
    }
}

fn host_bug(message: &str) -> Error {
    Error::new(
        wasm_sink_core::Kind::Other,
        wasm_sink_core::Blame::Host,
        message,
    )
}

/// Where each partition of these pieces begins and ends.
pub(super) fn moves(pieces: &[Piece]) -> Result<Vec<Move>> {
    let mut moves: BTreeMap<&PartitionKey, Move> = BTreeMap::new();
    for piece in pieces {
        let end = piece.end()?;
        moves
            .entry(&piece.batch.key)
            .and_modify(|known| known.end = end.clone())
            .or_insert_with(|| Move {
                key: piece.batch.key.clone(),
                begin: piece.begin(),
                end,
            });
    }
    Ok(moves
        .into_values()
        .filter(|moved| moved.begin.as_ref() != Some(&moved.end))
        .collect())
}

/// Where each partition of an epoch begins, also one whose first piece has no rows.
#[derive(Debug, Default)]
pub(super) struct Begun(BTreeMap<PartitionKey, Option<Position>>);

impl Begun {
    fn note(&mut self, piece: &Piece) {
        if !self.0.contains_key(&piece.batch.key) {
            self.0.insert(piece.batch.key.clone(), piece.begin());
        }
    }

    pub(super) fn at(&self, key: &PartitionKey) -> Option<&Position> {
        self.0.get(key).and_then(Option::as_ref)
    }
}

impl<'a> FromIterator<&'a Piece> for Begun {
    fn from_iter<I: IntoIterator<Item = &'a Piece>>(pieces: I) -> Self {
        let mut begun = Self::default();
        for piece in pieces {
            begun.note(piece);
        }
        begun
    }
}

/// The epoch that a task is filling.
#[derive(Debug)]
pub(super) struct OpenEpoch {
    pub(super) id: CommitId,
    pub(super) pieces: Vec<Piece>,
    pub(super) begun: Begun,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// When its first row came; None while it only moves positions.
    pub(super) first_row: Option<Instant>,
    pub(super) opened: Instant,
}

impl OpenEpoch {
    pub(super) fn new(id: CommitId) -> Self {
        Self {
            id,
            pieces: Vec::new(),
            begun: Begun::default(),
            rows: 0,
            bytes: 0,
            first_row: None,
            opened: Instant::now(),
        }
    }

    pub(super) fn push(&mut self, piece: Piece) {
        self.rows += piece.len();
        self.bytes += piece.batch.bytes as u64;
        if piece.len() > 0 || !piece.batch.undecodable.is_empty() {
            self.first_row.get_or_insert_with(Instant::now);
        }
        self.begun.note(&piece);
        self.pieces.push(piece);
    }
}

/// A sealed epoch with its dead letters, ready for the committer.
#[derive(Debug)]
pub(super) struct ReadyEpoch {
    pub(super) commit: EpochCommit,
    pub(super) dead_letters: Vec<DeadLetter>,
    /// All that was staged, for the home and for other units.
    pub(super) staged: Vec<Staged>,
    pub(super) staged_at: Instant,
}

impl ReadyEpoch {
    /// Joins what the component left with what the pieces themselves reject.
    pub(super) fn new(
        id: CommitId,
        pieces: &[Piece],
        sealed: Sealed,
        destination: &super::Destination,
    ) -> Result<Self> {
        let moves = moves(pieces)?;
        let mut dead_letters: Vec<_> = pieces.iter().flat_map(Piece::dead_letters).collect();
        let mut account = sealed.account;
        account.taken += dead_letters.len() as u64;
        account.rejected += dead_letters.len() as u64;
        dead_letters.extend(sealed.dead_letters);
        let (staged, parts) = destination.divide(&sealed.staged)?;
        let intent = (!parts.is_empty()).then(|| Intent {
            commit: id,
            moves: moves.clone(),
            parts,
        });
        Ok(Self {
            commit: EpochCommit {
                id,
                moves,
                staged,
                intent,
                account,
            },
            dead_letters,
            staged: sealed.staged,
            staged_at: Instant::now(),
        })
    }
}
