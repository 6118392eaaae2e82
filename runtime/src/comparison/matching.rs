//! Which row of the one belongs to which of the other: those of the same record, in their order.

use std::collections::HashMap;

use arrow::array::UInt32Array;
use wasm_sink_core::{PartitionKey, Position, Rows};

/// A row: which batch, and which row of it.
pub(super) type Place = (usize, usize);

/// Rows by their records.
#[derive(Debug, Default)]
pub(super) struct Matched {
    pub(super) pairs: Vec<(Place, Place)>,
    pub(super) only_old: Vec<Place>,
    pub(super) only_new: Vec<Place>,
}

/// A record: which batch of the source, and which row of it; for rows that a component made up, how manieth.
type Record = (usize, u32);

#[derive(Default)]
struct Sources(HashMap<(PartitionKey, Option<Position>), usize>);

impl Sources {
    /// The records of all rows, with their places.
    fn records(&mut self, batches: &[&Rows]) -> Vec<(Record, Place)> {
        let mut records = Vec::new();
        let mut made_up = 0;
        for (batch, rows) in batches.iter().enumerate() {
            let numbers = rows.source_rows();
            let source = rows.source().map(|source| {
                let key = (source.key.clone(), source.begin.clone());
                let next = self.0.len() + 1;
                *self.0.entry(key).or_insert(next)
            });
            for row in 0..rows.len() {
                let number = |numbers: &UInt32Array| numbers.values().get(row).copied();
                let record = match (source, numbers.as_ref().and_then(number)) {
                    (Some(source), Some(number)) => (source, number),
                    _ => {
                        made_up += 1;
                        (0, made_up)
                    }
                };
                records.push((record, (batch, row)));
            }
        }
        records
    }
}

pub(super) fn matched(old: &[&Rows], new: &[&Rows]) -> Matched {
    let mut sources = Sources::default();
    let (old, new) = (sources.records(old), sources.records(new));
    let are_alike = old.len() == new.len() && old.iter().zip(&new).all(|(old, new)| old.0 == new.0);
    if are_alike {
        let pairs = old.into_iter().zip(new);
        return Matched {
            pairs: pairs.map(|((_, old), (_, new))| (old, new)).collect(),
            ..Matched::default()
        };
    }
    let mut found = Matched::default();
    let mut waiting: HashMap<Record, Vec<Place>> = HashMap::new();
    for (record, place) in new.into_iter().rev() {
        waiting.entry(record).or_default().push(place);
    }
    for (record, place) in old {
        match waiting.get_mut(&record).and_then(Vec::pop) {
            Some(other) => found.pairs.push((place, other)),
            None => found.only_old.push(place),
        }
    }
    found.only_new = waiting.into_values().flatten().collect();
    found.only_new.sort_unstable();
    found
}
