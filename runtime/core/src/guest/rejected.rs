//! Which rows of the open epoch are dead letters: a record becomes one, however often it is rejected. Two would be
//! re-driven as two records.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::{Rows, SourceBatch};

/// By the record that each row is from.
#[derive(Debug, Default)]
pub(super) struct Rejected {
    /// By the address of their batch, which is its own as long as the batch is held.
    batches: BTreeMap<usize, Marked>,
}

#[derive(Debug)]
struct Marked {
    /// Keeps the address taken.
    _batch: Arc<SourceBatch>,
    rows: Vec<bool>,
}

impl Rejected {
    /// The places among `rows` of those that are no dead letters yet.
    pub(super) fn others(&self, rows: &Rows) -> Vec<usize> {
        let (Some(batch), Some(numbers)) = (rows.source(), rows.source_rows()) else {
            return Vec::new();
        };
        let marked = self.batches.get(&address(batch));
        let is_marked = |number: &u32| {
            marked.is_some_and(|marked| marked.rows.get(*number as usize) == Some(&true))
        };
        let numbered = numbers.values().iter().enumerate();
        let others = numbered.filter(|(_, number)| !is_marked(number));
        others.map(|(place, _)| place).collect()
    }

    /// All of these are dead letters now.
    pub(super) fn mark(&mut self, rows: &Rows) {
        let (Some(batch), Some(numbers)) = (rows.source(), rows.source_rows()) else {
            return;
        };
        let marked = self.batches.entry(address(batch));
        let marked = marked.or_insert_with(|| Marked {
            _batch: Arc::clone(batch),
            rows: vec![false; batch.rows.num_rows()],
        });
        for number in numbers.values() {
            if let Some(row) = marked.rows.get_mut(*number as usize) {
                *row = true;
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.batches.clear();
    }
}

fn address(batch: &Arc<SourceBatch>) -> usize {
    Arc::as_ptr(batch).addr()
}
