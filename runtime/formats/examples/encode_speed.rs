//! How fast rows become records on one core: `cargo run --release -p wasm-sink-formats --example
//! encode_speed`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use wasm_sink_core::Result;
use wasm_sink_formats::{AvroEncoder, EncodedRows, json_objects, wire_prefix};

const ROWS: i64 = 100_000;
const ROUNDS: usize = 9;

/// Ten columns: what payments have.
fn payments() -> RecordBatch {
    let ids = 0..ROWS;
    let hash = |id: i64| id.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64) >> 20;
    let text = |name: &str, of: i64| format!("{name}-{}", hash(of) & 0xffff);
    let column = |values: ArrayRef| values;
    let amounts =
        Decimal128Array::from_iter_values(ids.clone().map(|id| i128::from(hash(id) % 1_000_000)));
    let at = ids.clone().map(|id| 1_700_000_000_000_000 + id * 1_001);
    let columns = [
        (
            "id",
            column(Arc::new(Int64Array::from_iter_values(ids.clone()))),
        ),
        (
            "user",
            column(Arc::new(StringArray::from_iter_values(
                ids.clone().map(|id| text("user", id)),
            ))),
        ),
        (
            "country",
            column(Arc::new(StringArray::from_iter_values(
                ids.clone().map(|id| text("c", id % 100)),
            ))),
        ),
        (
            "amount",
            column(Arc::new(amounts.with_precision_and_scale(12, 2).unwrap())),
        ),
        (
            "score",
            column(Arc::new(Float64Array::from_iter_values(
                ids.clone().map(|id| hash(id) as f64 / 1e6),
            ))),
        ),
        (
            "count",
            column(Arc::new(
                ids.clone()
                    .map(|id| (id % 3 > 0).then_some(id as i32))
                    .collect::<Int32Array>(),
            )),
        ),
        (
            "ok",
            column(Arc::new(
                ids.clone()
                    .map(|id| Some(id % 2 == 0))
                    .collect::<BooleanArray>(),
            )),
        ),
        (
            "day",
            column(Arc::new(Date32Array::from_iter_values(
                ids.clone().map(|id| 19_000 + (id % 365) as i32),
            ))),
        ),
        (
            "at",
            column(Arc::new(
                TimestampMicrosecondArray::from_iter_values(at).with_timezone("UTC"),
            )),
        ),
        (
            "note",
            column(Arc::new(
                ids.map(|id| (id % 4 == 0).then(|| text("a note of some words", id)))
                    .collect::<StringArray>(),
            )),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, values)| (name, values, true)))
        .unwrap()
}

fn measure(name: &str, encode: impl Fn() -> Result<EncodedRows>) {
    let best = (0..ROUNDS).map(|_| {
        let started = Instant::now();
        let rows = black_box(encode().unwrap());
        (started.elapsed(), rows.byte_len())
    });
    let (took, bytes) = best.min().unwrap();
    println!(
        "{name}: {:.0} ns per row, {:.0} bytes per row",
        took.as_nanos() as f64 / ROWS as f64,
        bytes as f64 / ROWS as f64
    );
}

fn main() {
    let rows = payments();
    let avro = AvroEncoder::new(rows.schema_ref(), "Payment").unwrap();
    measure("JSON", || json_objects(&rows));
    measure("Avro", || avro.encode(&rows, &wire_prefix(1)));
}
