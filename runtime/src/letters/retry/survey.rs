//! Which letters can be delivered again.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, UInt64Array};
use arrow::datatypes::UInt64Type;
use wasm_sink_core::{Blame, CommitId, Error, Kind, MetadataKey, Result};

use super::{OfEpoch, OfTopic, Order};
use crate::letters::rows::{LETTER, ROW};
use crate::letters::{LetterFile, Letters, Numbers, Selection, files};

/// Whether the source can decode a record once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redecodes {
    /// It can.
    Records,
    /// Records that did not decode stay letters.
    Nothing,
}

/// Letters that were chosen and stay where they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Nothing but their bytes was kept: they are of an earlier version, or their bytes are no whole record.
    pub without_row: u64,
    /// They did not decode, and the source cannot decode them without the rest of its data.
    pub undecodable: u64,
}

/// What was chosen.
#[derive(Debug, Default)]
pub struct Survey {
    chosen: Vec<Chosen>,
    without_row: u64,
}

#[derive(Debug)]
struct Chosen {
    commit: CommitId,
    letter: u64,
    kept: Kept,
}

/// What there is of a letter beside its line.
#[derive(Clone, Debug)]
struct Kept {
    topic: Option<Arc<str>>,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Row,
    Record,
}

impl Survey {
    /// Whether some of them did not decode, so that the source is to be asked whether it can decode them again.
    pub fn has_records(&self) -> bool {
        let mut chosen = self.chosen.iter();
        chosen.any(|chosen| chosen.kept.what == What::Record)
    }

    /// By topic and epoch, in the order of the files.
    pub(super) fn finish(self, redecodes: Redecodes) -> (Vec<OfTopic>, Left) {
        let mut left = Left {
            without_row: self.without_row,
            undecodable: 0,
        };
        let mut topics: BTreeMap<Option<Arc<str>>, Vec<OfEpoch>> = BTreeMap::new();
        for chosen in self.chosen {
            if chosen.kept.what == What::Record && redecodes == Redecodes::Nothing {
                left.undecodable += 1;
                continue;
            }
            let epochs = topics.entry(chosen.kept.topic).or_default();
            match epochs.last_mut() {
                Some(epoch) if epoch.commit == chosen.commit => epoch.letters.push(chosen.letter),
                _ => epochs.push(OfEpoch {
                    commit: chosen.commit,
                    letters: Numbers::from_iter([chosen.letter]),
                }),
            }
        }
        let topics = topics.into_iter().map(|(topic, epochs)| OfTopic {
            topic: topic.as_deref().map(str::to_owned),
            epochs,
        });
        (topics.collect(), left)
    }
}

pub(super) fn survey(
    folder: &Path,
    pipeline: &str,
    selection: &Selection,
    orders: &[Order],
) -> Result<Survey> {
    let mut under_way: BTreeMap<CommitId, Vec<&Numbers>> = BTreeMap::new();
    for order in orders {
        for (commit, letters) in order.by_epoch() {
            under_way.entry(commit).or_default().extend(letters);
        }
    }
    let mut survey = Survey::default();
    for file in files(folder)? {
        if !selection.takes_from(&file) {
            continue;
        }
        let Some(letters) = file.open(pipeline)? else {
            continue;
        };
        let mut kept = kept(&file, &letters)?;
        let under_way = under_way.get(&file.commit);
        for letter in letters {
            let letter = letter?;
            let is_under_way = under_way
                .is_some_and(|letters| letters.iter().any(|some| some.contains(letter.number)));
            if is_under_way || !selection.takes(&letter) {
                continue;
            }
            match kept.remove(&letter.number) {
                None => survey.without_row += 1,
                Some(kept) => survey.chosen.push(Chosen {
                    commit: file.commit,
                    letter: letter.number,
                    kept,
                }),
            }
        }
    }
    Ok(survey)
}

/// What is kept of each letter of a file.
fn kept(file: &LetterFile, letters: &Letters) -> Result<HashMap<u64, Kept>> {
    let mut kept = HashMap::new();
    for batch in file.rows(letters)?.into_iter().flatten() {
        let batch = batch.map_err(|error| damaged(file.commit).with_source(error))?;
        let numbers = numbers(file.commit, &batch)?;
        let what = match batch.column_by_name(ROW) {
            Some(_) => What::Row,
            None => What::Record,
        };
        let topics = batch.column_by_name(MetadataKey::Topic.as_str());
        let topics = topics.and_then(|topics| topics.as_string_opt::<i32>());
        // Mostly all the same.
        let mut last: Option<Arc<str>> = None;
        for row in 0..batch.num_rows() {
            let topic = topics.filter(|topics| topics.is_valid(row));
            let topic = topic.map(|topics| topics.value(row));
            if last.as_deref() != topic {
                last = topic.map(Arc::from);
            }
            let topic = last.clone();
            kept.insert(numbers.value(row), Kept { topic, what });
        }
    }
    Ok(kept)
}

/// The letters that rows are of.
pub(super) fn numbers(commit: CommitId, batch: &arrow::array::RecordBatch) -> Result<UInt64Array> {
    let numbers = batch.column_by_name(LETTER);
    let numbers = numbers.and_then(|numbers| numbers.as_primitive_opt::<UInt64Type>());
    let numbers = numbers.filter(|numbers| numbers.null_count() == 0);
    numbers.cloned().ok_or_else(|| damaged(commit))
}

pub(super) fn damaged(commit: CommitId) -> Error {
    Error::new(
        Kind::Invalid,
        Blame::Configuration,
        format!(
            "{commit}.arrow is not what wasm-sink wrote: move it away, and its letters can be read and not              delivered again"
        ),
    )
}
