//! Source batches.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt32Array};
use bytes::Bytes;
use chrono::DateTime;
use wasm_sink_core::batch::{Lineage, MetadataKey, Rows, SourceBatch};
use wasm_sink_core::dead_letter::RowOrigin;
use wasm_sink_core::position::{PartitionKey, Position};

#[derive(Debug)]
struct Counted {
    first: u64,
}

impl Lineage for Counted {
    fn position_after(&self, row: u32) -> Option<Position> {
        Some(Position::from_offset(self.first + u64::from(row) + 1))
    }

    fn origin(&self, row: u32) -> RowOrigin {
        RowOrigin {
            name: "test".to_owned(),
            line: None,
            offset: Some(self.first + u64::from(row)),
        }
    }

    fn raw(&self, _row: u32) -> Option<Bytes> {
        None
    }

    fn metadata(&self, _key: MetadataKey, _rows: &UInt32Array) -> Option<ArrayRef> {
        None
    }
}

/// Rows `first..first + count` of a partition, at a time that the offset tells.
pub fn batch(partition: &str, first: u64, count: u64) -> Arc<SourceBatch> {
    let numbers = Int64Array::from_iter_values((first..first + count).map(|n| n as i64));
    Arc::new(SourceBatch {
        key: PartitionKey::new("test", partition),
        begin: (first > 0).then(|| Position::from_offset(first)),
        end: Position::from_offset(first + count),
        rows: RecordBatch::try_from_iter([("n", Arc::new(numbers) as ArrayRef)]).unwrap(),
        lineage: Arc::new(Counted { first }),
        undecodable: Vec::new(),
        at: DateTime::from_timestamp(1_700_000_000 + first as i64, 0).unwrap(),
        bytes: 8 * count as usize,
        reservation: None,
    })
}

/// All of such a batch.
pub fn rows(partition: &str, first: u64, count: u64) -> Rows {
    Rows::whole(batch(partition, first, count))
}
