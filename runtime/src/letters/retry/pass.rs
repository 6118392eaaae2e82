//! One way through the letters of a partition.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, StructArray, UInt32Array, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use chrono::{DateTime, Utc};
use wasm_sink_core::dead_letter::ABSENT;
use wasm_sink_core::{Blame, CommitId, Error, Kind, MetadataKey, PartitionKey, Position, Result};

use super::survey::{damaged, numbers};
use super::{OfTopic, Order};
use crate::letters::rows::{ROW, Rows};
use crate::letters::{Letter, Letters, Numbers, files};

/// Records of one piece have about so many bytes at most; there is one at least.
const PIECE_BYTES: usize = 8 << 20;

/// Letters of one epoch in an order.
#[derive(Clone, Debug)]
struct Part {
    sequence: u64,
    at: DateTime<Utc>,
    /// Letters of the partition in this order that come before these.
    before: u64,
    commit: CommitId,
    letters: Numbers,
}

/// All letters of a partition, in their order.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    folder: Arc<PathBuf>,
    pipeline: Arc<str>,
    parts: Arc<[Part]>,
}

impl Parts {
    /// Of the topics of this name in all orders that have this partition.
    pub(super) fn of(
        orders: &[Order],
        key: &PartitionKey,
        topic: Option<&str>,
        folder: &Arc<PathBuf>,
        pipeline: &Arc<str>,
    ) -> Self {
        let mut parts = Vec::new();
        // Another folder's letters are another partition's.
        for order in orders.iter().filter(|order| order.key(topic) == *key) {
            let mut before = 0;
            let is_meant = |of: &&OfTopic| of.topic.as_deref() == topic;
            for epoch in order
                .topics
                .iter()
                .filter(is_meant)
                .flat_map(|of| &of.epochs)
            {
                parts.push(Part {
                    sequence: order.sequence,
                    at: order.at,
                    before,
                    commit: epoch.commit,
                    letters: epoch.letters.clone(),
                });
                before += epoch.letters.len();
            }
        }
        Self {
            folder: Arc::clone(folder),
            pipeline: Arc::clone(pipeline),
            parts: parts.into(),
        }
    }

    /// From a position on.
    ///
    /// # Errors
    /// A position beyond the last letter: these letters are older than what was delivered.
    pub(super) fn pass(&self, from: Option<&Position>) -> Result<Pass> {
        let (mut left, mut skip): (VecDeque<Part>, u64) = (self.parts.to_vec().into(), 0);
        if let Some(from) = from {
            let (sequence, delivered) = words(from).ok_or_else(|| beyond(from))?;
            let is_passed = |part: &Part| {
                (part.sequence, part.before + part.letters.len()) <= (sequence, delivered)
            };
            while left.front().is_some_and(is_passed) {
                left.pop_front();
            }
            match (left.front(), self.parts.last()) {
                (Some(part), _) if part.sequence == sequence => skip = delivered - part.before,
                (Some(_), _) => {}
                (None, Some(last)) if last.sequence == sequence => {}
                (None, _) => return Err(beyond(from)),
            }
        }
        Ok(Pass {
            parts: self.clone(),
            left,
            skip,
            open: None,
        })
    }
}

fn words(position: &Position) -> Option<(u64, u64)> {
    let [sequence, delivered] = position.words() else {
        return None;
    };
    Some((*sequence as u64, *delivered as u64))
}

/// After so many letters of an order.
pub(super) fn position(sequence: u64, delivered: u64) -> Position {
    let words = [sequence, delivered].map(|word| (word & i64::MAX as u64) as i64);
    Position::new(words).unwrap_or_else(|| Position::from_offset(0))
}

fn beyond(position: &Position) -> Error {
    let message = format!(
        "the destination has position {position} for these dead letters, which is beyond the last of them: were they \
         restored from a copy? Remove the folder of the retry to have them delivered as new ones"
    );
    Error::new(Kind::Invalid, Blame::Configuration, message)
}

/// Where a pass stands.
#[derive(Debug)]
pub(super) struct Pass {
    parts: Parts,
    left: VecDeque<Part>,
    /// So many letters of the first part were delivered before.
    skip: u64,
    open: Option<Open>,
}

/// A part that is being read.
#[derive(Debug)]
struct Open {
    part: Part,
    /// Letters of the part that are out.
    done: u64,
    lines: Letters,
    rows: Rows,
    /// Rows of letters that were chosen, read already, with the numbers of their letters.
    ready: Option<(RecordBatch, UInt64Array)>,
}

/// Some letters in their order, which belong together.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) sequence: u64,
    pub(super) at: DateTime<Utc>,
    /// Letters of the partition in this order that come before these.
    pub(super) before: u64,
    pub(super) letters: Vec<Letter>,
    /// A row for each: what the source knew beside the record.
    pub(super) metadata: RecordBatch,
    /// A row for each; None: they did not decode.
    pub(super) rows: Option<RecordBatch>,
}

impl Piece {
    /// Whether these are records without bytes.
    pub(super) fn is_absent(&self) -> bool {
        self.metadata.schema_ref().metadata().contains_key(ABSENT)
    }

    /// Bytes of the records.
    pub(super) fn record_bytes(&self) -> usize {
        let letters = self.letters.iter();
        letters.map(|letter| letter.record.shown().len()).sum()
    }
}

impl Pass {
    /// The next letters; None after the last one. Waits for the disk.
    ///
    /// # Errors
    /// Letters are gone, or not what they were.
    pub(super) fn next_piece(&mut self) -> Result<Option<Piece>> {
        loop {
            if self.open.is_none() {
                let Some(part) = self.left.pop_front() else {
                    return Ok(None);
                };
                let skipped = std::mem::take(&mut self.skip);
                self.open = Some(Open::new(&self.parts, part, skipped)?);
            }
            if let Some(open) = &mut self.open {
                if let Some(piece) = open.next_piece()? {
                    return Ok(Some(piece));
                }
                if open.done < open.part.letters.len() {
                    return Err(gone(open.part.commit));
                }
            }
            self.open = None;
        }
    }
}

fn gone(commit: CommitId) -> Error {
    let message = format!(
        "dead letters of epoch {commit} that are to be delivered again are gone, or others are there: restore \
         {commit}.jsonl and {commit}.arrow, or remove the folder of the retry to give up what it has not delivered"
    );
    Error::new(Kind::Invalid, Blame::Configuration, message)
}

impl Open {
    fn new(parts: &Parts, mut part: Part, skipped: u64) -> Result<Self> {
        let files = files(&parts.folder)?;
        let file = files.into_iter().find(|file| file.commit == part.commit);
        let file = file.ok_or_else(|| gone(part.commit))?;
        let lines = file.open(&parts.pipeline)?;
        let lines = lines.ok_or_else(|| gone(part.commit))?;
        let rows = file.rows(&lines)?.ok_or_else(|| gone(part.commit))?;
        part.letters = part.letters.without_first(skipped);
        part.before += skipped;
        Ok(Self {
            part,
            done: 0,
            lines,
            rows,
            ready: None,
        })
    }

    fn next_piece(&mut self) -> Result<Option<Piece>> {
        let commit = self.part.commit;
        while self.ready.is_none() {
            let Some(batch) = self.rows.next() else {
                return Ok(None);
            };
            let batch = batch.map_err(|error| damaged(commit).with_source(error))?;
            self.ready = self.chosen(&batch)?;
        }
        let Some((batch, numbers)) = self.ready.take() else {
            return Ok(None);
        };
        let mut letters = Vec::with_capacity(numbers.len());
        let mut bytes = 0;
        for number in numbers.values() {
            if bytes > PIECE_BYTES {
                break;
            }
            let letter = self.line(*number)?;
            bytes += letter.record.shown().len();
            letters.push(letter);
        }
        let taken = letters.len();
        if taken < batch.num_rows() {
            let rest = batch.num_rows() - taken;
            self.ready = Some((batch.slice(taken, rest), numbers.slice(taken, rest)));
        }
        let before = self.part.before + self.done;
        self.done += taken as u64;
        let (rows, metadata) =
            apart(&batch.slice(0, taken)).map_err(|error| damaged(commit).with_source(error))?;
        Ok(Some(Piece {
            sequence: self.part.sequence,
            at: self.part.at,
            before,
            letters,
            metadata,
            rows,
        }))
    }

    /// The rows that were chosen; None where there are none.
    fn chosen(&self, batch: &RecordBatch) -> Result<Option<(RecordBatch, UInt64Array)>> {
        let commit = self.part.commit;
        let numbers = numbers(commit, batch)?;
        let chosen = (0..).zip(numbers.values());
        let chosen = chosen.filter(|(_, number)| self.part.letters.contains(**number));
        let chosen = UInt32Array::from_iter_values(chosen.map(|(row, _)| row));
        if chosen.is_empty() {
            return Ok(None);
        }
        let failed = |error| damaged(commit).with_source(error);
        let batch = take_record_batch(batch, &chosen).map_err(failed)?;
        let numbers = super::survey::numbers(commit, &batch)?;
        Ok(Some((batch, numbers)))
    }

    /// The line of a letter. Lines stand in the order of their letters.
    fn line(&mut self, number: u64) -> Result<Letter> {
        for letter in self.lines.by_ref() {
            let letter = letter?;
            if letter.number == number {
                return Ok(letter);
            }
        }
        Err(gone(self.part.commit))
    }
}

/// Rows as they were decoded, where they were, and their metadata.
fn apart(
    batch: &RecordBatch,
) -> Result<(Option<RecordBatch>, RecordBatch), arrow::error::ArrowError> {
    let said = batch.schema_ref().metadata().clone();
    let is_metadata = |index: &usize| {
        let name = batch.schema_ref().field(*index).name();
        MetadataKey::ALL.iter().any(|key| key.as_str() == name)
    };
    let columns: Vec<usize> = (0..batch.num_columns()).filter(is_metadata).collect();
    let metadata = batch.project(&columns)?;
    let rows = batch.column_by_name(ROW);
    let rows = rows.and_then(|rows| rows.as_any().downcast_ref::<StructArray>());
    let rows = rows.map(|rows| with_metadata(rows, said)).transpose()?;
    Ok((rows, metadata))
}

fn with_metadata(
    rows: &StructArray,
    said: std::collections::HashMap<String, String>,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let schema: SchemaRef = Arc::new(Schema::new_with_metadata(rows.fields().clone(), said));
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(schema, rows.columns().to_vec(), &options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letters::retry::OfEpoch;

    /// Orders of so many letters of a topic in each of two epochs.
    fn parts(sequences: &[u64]) -> Parts {
        let epoch = |commit: u64, letters: std::ops::Range<u64>| OfEpoch {
            commit: CommitId::from_random(commit),
            letters: letters.collect(),
        };
        let order = |sequence: &u64| Order {
            // Whoever loses the identity of a folder gets another one.
            folder: if *sequence == 75 { "g" } else { "f" }.to_owned(),
            sequence: *sequence,
            at: DateTime::UNIX_EPOCH,
            topics: vec![
                OfTopic {
                    topic: Some("another".to_owned()),
                    epochs: vec![epoch(9, 0..100)],
                },
                OfTopic {
                    topic: None,
                    epochs: vec![epoch(1, 0..3), epoch(2, 5..7)],
                },
            ],
        };
        let orders: Vec<_> = sequences.iter().map(order).collect();
        let key = orders[0].key(None);
        Parts::of(&orders, &key, None, &Arc::new(PathBuf::new()), &"p".into())
    }

    /// What is left of them: sequence, epochs, and letters of the first that are skipped.
    fn left(parts: &Parts, from: Option<(u64, u64)>) -> Option<(Vec<(u64, u64)>, u64)> {
        let from = from.map(|(sequence, delivered)| position(sequence, delivered));
        let pass = parts.pass(from.as_ref()).ok()?;
        let left = pass.left.iter().map(|part| (part.sequence, part.before));
        Some((left.collect(), pass.skip))
    }

    #[test]
    fn a_pass_begins_where_the_last_one_was_committed() {
        let one = parts(&[70]);
        let all = vec![(70, 0), (70, 3)];
        assert_eq!(left(&one, None), Some((all.clone(), 0)));
        // What was delivered by orders that are done.
        assert_eq!(left(&one, Some((60, 4_000))), Some((all.clone(), 0)));
        assert_eq!(left(&one, Some((70, 2))), Some((all, 2)));
        assert_eq!(left(&one, Some((70, 3))), Some((vec![(70, 3)], 0)));
        assert_eq!(left(&one, Some((70, 4))), Some((vec![(70, 3)], 1)));
        assert_eq!(left(&one, Some((70, 5))), Some((vec![], 0)));
        let two = parts(&[70, 80]);
        assert_eq!(left(&two, Some((70, 5))), Some((vec![(80, 0), (80, 3)], 0)));
        assert_eq!(left(&two, Some((80, 4))), Some((vec![(80, 3)], 1)));
    }

    #[test]
    fn letters_of_another_folder_are_another_partition() {
        let three = parts(&[70, 75, 80]);
        let (left, _) = left(&three, None).unwrap();
        assert_eq!(left, [(70, 0), (70, 3), (80, 0), (80, 3)]);
    }

    #[test]
    fn letters_that_are_older_than_what_was_delivered_are_refused() {
        let one = parts(&[70]);
        for beyond in [(71, 0), (80, 1)] {
            assert_eq!(left(&one, Some(beyond)), None, "{beyond:?}");
        }
    }
}
