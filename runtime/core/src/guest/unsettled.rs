//! Rows that a service refused, until somebody says what becomes of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::{Rows, SourceBatch};

/// Rows of the open epoch that were sent and not accepted, by the record that each is from.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    /// By the address of their batch, which is its own as long as the batch is held.
    batches: BTreeMap<usize, Refused>,
}

#[derive(Debug)]
struct Refused {
    /// Keeps the address taken.
    _batch: Arc<SourceBatch>,
    /// The status that each row was refused with; 0: none, or it is settled.
    statuses: Vec<u16>,
}

impl Unsettled {
    /// These rows were refused with this status. Rows without origin cannot be told apart, and are not kept.
    pub(super) fn refused(&mut self, rows: &Rows, status: u16) {
        let (Some(batch), Some(numbers)) = (rows.source(), rows.source_rows()) else {
            return;
        };
        let refused = self.batches.entry(address(batch));
        let refused = refused.or_insert_with(|| Refused {
            _batch: Arc::clone(batch),
            statuses: vec![0; batch.rows.num_rows()],
        });
        for number in numbers.values() {
            if let Some(known) = refused.statuses.get_mut(*number as usize) {
                *known = status.max(1);
            }
        }
    }

    /// These rows were accepted, or rejected.
    pub(super) fn settled(&mut self, rows: &Rows) {
        if self.batches.is_empty() {
            return;
        }
        let (Some(batch), Some(numbers)) = (rows.source(), rows.source_rows()) else {
            return;
        };
        let Some(refused) = self.batches.get_mut(&address(batch)) else {
            return;
        };
        for number in numbers.values() {
            if let Some(known) = refused.statuses.get_mut(*number as usize) {
                *known = 0;
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.batches.clear();
    }

    /// How many rows there are, by status.
    pub(super) fn by_status(&self) -> BTreeMap<u16, u64> {
        let mut counts = BTreeMap::new();
        let statuses = self.batches.values().flat_map(|batch| &batch.statuses);
        for status in statuses.filter(|status| **status != 0) {
            *counts.entry(*status).or_insert(0) += 1;
        }
        counts
    }
}

fn address(batch: &Arc<SourceBatch>) -> usize {
    Arc::as_ptr(batch).addr()
}
