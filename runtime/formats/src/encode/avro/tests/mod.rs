//! Rows to Avro, and back by our own decoder.

mod refusals;
mod round_trip;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field};

use crate::encode::{AvroEncoder, EncodedRows};

const PREFIX: &[u8] = &[0, 0, 0, 0, 7];

fn batch(values: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("x", values, true)]).unwrap()
}

fn encoder(rows: &RecordBatch) -> AvroEncoder {
    AvroEncoder::new(rows.schema_ref(), "com.acme.Row-s").unwrap()
}

fn encode(rows: &RecordBatch) -> EncodedRows {
    encoder(rows).encode(rows, PREFIX).unwrap()
}

fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, true)))
}

fn record(fields: Vec<Field>) -> DataType {
    DataType::Struct(fields.into())
}

fn map(key: DataType, value: DataType) -> DataType {
    let pair = record(vec![
        Field::new("keys", key, false),
        Field::new("values", value, true),
    ]);
    DataType::Map(Arc::new(Field::new("entries", pair, false)), false)
}
