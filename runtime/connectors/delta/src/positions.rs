//! A pipeline's positions as `txn` actions of a table.
//!
//! Each word of a position has its own application id, and so has the commit that set it:
//! `wasm-sink/<pipeline>/<source>/<partition>#0`, `…#1`, …, `…#commit`. The parts are escaped, so
//! that `/` and `#` have one meaning each. Beside them `wasm-sink/<pipeline>#overwritten` says
//! whether the pipeline's overwrite has happened.

use std::collections::BTreeMap;

use wasm_sink_core::home::Stored;
use wasm_sink_core::{Blame, CommitId, Error, Kind, PartitionKey, Position, Result};

use crate::log::action::Txn;

const ROOT: &str = "wasm-sink/";
const COMMIT: &str = "commit";
const OVERWRITTEN: &str = "overwritten";

/// Whether a pipeline's overwrite is still to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overwrite {
    Due,
    Done,
}

/// The names under which one pipeline keeps its numbers.
#[derive(Clone, Debug)]
pub(crate) struct PipelineTxns {
    pipeline: String,
}

impl PipelineTxns {
    pub(crate) fn new(pipeline: &str) -> Self {
        Self {
            pipeline: format!("{ROOT}{}", escape(pipeline)),
        }
    }

    /// The actions that store a position.
    pub(crate) fn store(
        &self,
        key: &PartitionKey,
        position: &Position,
        commit: CommitId,
    ) -> Vec<Txn> {
        let partition = format!(
            "{}/{}/{}",
            self.pipeline,
            escape(key.source()),
            escape(key.partition())
        );
        let words = position
            .words()
            .iter()
            .enumerate()
            .map(|(index, word)| Txn {
                app_id: format!("{partition}#{index}"),
                version: *word,
            });
        let commit = Txn {
            app_id: format!("{partition}#{COMMIT}"),
            version: commit.slot(),
        };
        words.chain([commit]).collect()
    }

    /// The action that says whether the overwrite has happened.
    pub(crate) fn mark(&self, overwrite: Overwrite) -> Txn {
        Txn {
            app_id: format!("{}#{OVERWRITTEN}", self.pipeline),
            version: i64::from(overwrite == Overwrite::Done),
        }
    }

    pub(crate) fn overwrite(&self, txns: &BTreeMap<String, i64>) -> Overwrite {
        match txns.get(&format!("{}#{OVERWRITTEN}", self.pipeline)) {
            Some(version) if *version > 0 => Overwrite::Done,
            _ => Overwrite::Due,
        }
    }

    /// All of the pipeline's positions.
    ///
    /// # Errors
    /// Numbers that make no position.
    pub(crate) fn read(
        &self,
        txns: &BTreeMap<String, i64>,
    ) -> Result<BTreeMap<PartitionKey, Stored>> {
        #[derive(Default)]
        struct Parts {
            words: BTreeMap<usize, i64>,
            commit: Option<i64>,
        }
        let prefix = format!("{}/", self.pipeline);
        let mut partitions: BTreeMap<PartitionKey, Parts> = BTreeMap::new();
        let ours = txns
            .range(prefix.clone()..)
            .take_while(|(id, _)| id.starts_with(&prefix));
        for (app_id, number) in ours {
            let bad = || broken(app_id, "this is no name that wasm-sink gives");
            let name = app_id.strip_prefix(&prefix).ok_or_else(bad)?;
            let (partition, slot) = name.rsplit_once('#').ok_or_else(bad)?;
            let (source, partition) = partition.split_once('/').ok_or_else(bad)?;
            let key = PartitionKey::new(
                unescape(source).ok_or_else(bad)?,
                unescape(partition).ok_or_else(bad)?,
            );
            let parts = partitions.entry(key).or_default();
            if slot == COMMIT {
                parts.commit = Some(*number);
            } else {
                parts
                    .words
                    .insert(slot.parse().map_err(|_| bad())?, *number);
            }
        }
        partitions
            .into_iter()
            .map(|(key, parts)| {
                let is_whole = parts.words.keys().copied().eq(0..parts.words.len());
                let words: Vec<i64> = parts.words.into_values().collect();
                let position = Position::new(words)
                    .filter(|_| is_whole)
                    .ok_or_else(|| broken(&key, "its words are incomplete or negative"))?;
                let commit = parts
                    .commit
                    .and_then(CommitId::from_slot)
                    .ok_or_else(|| broken(&key, "the commit that set it is missing"))?;
                let stored = Stored {
                    position,
                    commit,
                    intent: None,
                };
                Ok((key, stored))
            })
            .collect()
    }
}

fn broken(what: &impl std::fmt::Display, why: &str) -> Error {
    Error::new(
        Kind::Other,
        Blame::Destination,
        format!(
            "the position `{what}` in the table's log is broken: {why}; another writer has changed \
             it, so restore the table to a version before that"
        ),
    )
}

fn escape(part: &str) -> String {
    let mut escaped = String::with_capacity(part.len());
    for c in part.chars() {
        match c {
            '%' => escaped.push_str("%25"),
            '/' => escaped.push_str("%2F"),
            '#' => escaped.push_str("%23"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn unescape(part: &str) -> Option<String> {
    let mut plain = String::with_capacity(part.len());
    let mut rest = part;
    while let Some(at) = rest.find('%') {
        plain.push_str(rest.get(..at)?);
        plain.push(match rest.get(at..at + 3)? {
            "%25" => '%',
            "%2F" => '/',
            "%23" => '#',
            _ => return None,
        });
        rest = rest.get(at + 3..)?;
    }
    plain.push_str(rest);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn txns(actions: impl IntoIterator<Item = Txn>) -> BTreeMap<String, i64> {
        actions
            .into_iter()
            .map(|txn| (txn.app_id, txn.version))
            .collect()
    }

    #[test]
    fn positions_round_trip_whatever_the_names_hold() {
        let pipeline = PipelineTxns::new("pay/ments#1");
        let mut stored = Vec::new();
        let mut expected = BTreeMap::new();
        for (index, (source, partition)) in
            [("a/b#c%", "0"), ("a", "b#c%/0"), ("", ""), ("日本", "%2F")]
                .into_iter()
                .enumerate()
        {
            let key = PartitionKey::new(source, partition);
            let position = Position::new([index as i64, i64::MAX, 0]).unwrap();
            let commit = CommitId::from_random(index as u64 + 7);
            stored.extend(pipeline.store(&key, &position, commit));
            let value = Stored {
                position,
                commit,
                intent: None,
            };
            expected.insert(key, value);
        }
        stored.push(pipeline.mark(Overwrite::Done));
        stored.push(Txn {
            app_id: "somebody-else".to_owned(),
            version: -1,
        });
        let stored = txns(stored);
        assert_eq!(pipeline.read(&stored).unwrap(), expected);
        assert_eq!(pipeline.overwrite(&stored), Overwrite::Done);
        for other in ["pay", "pay/ments", "pay/ments#", "pay/ments#1/a"] {
            let other = PipelineTxns::new(other);
            assert!(other.read(&stored).unwrap().is_empty());
            assert_eq!(other.overwrite(&stored), Overwrite::Due);
        }
    }

    #[test]
    fn half_a_position_is_an_error() {
        let pipeline = PipelineTxns::new("p");
        let key = PartitionKey::new("s", "0");
        let whole = pipeline.store(
            &key,
            &Position::new([1, 2]).unwrap(),
            CommitId::from_random(3),
        );
        for missing in 0..whole.len() {
            let mut part = whole.clone();
            let removed = part.remove(missing);
            let result = pipeline.read(&txns(part));
            // Without its last word it looks like a shorter position, which the source refuses.
            let is_last_word = removed.app_id.ends_with("#1");
            assert_eq!(result.is_ok(), is_last_word, "{removed:?}");
        }
    }
}
