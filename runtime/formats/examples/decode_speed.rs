//! How fast JSON lines become columns on one core, against arrow-json on the same bytes:
//! `cargo run --release -p wasm-sink-formats --example decode_speed`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use wasm_sink_formats::{
    BLOCK_BYTES, Block, BlockKind, BlockReader, Decoder, Fill, Format, Inference, Outcome,
    UnknownFields,
};

const ROWS: u64 = 200_000;
const ROUNDS: usize = 7;

/// Nested rows of about 156 bytes, as in the quick start.
fn rows() -> Vec<u8> {
    let mut text = String::new();
    for row in 0..ROWS {
        let hash = row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        text.push_str(&format!(
            "{{\"id\":{row},\"user\":\"user-{:05}\",\"amount\":{}.{:02},\
             \"at\":\"2026-01-{:02}T12:{:02}:00Z\",\"tags\":[\"web\",\"sale\"],\
             \"detail\":{{\"country\":\"DE\",\"score\":{},\"ok\":{}}}}}\n",
            hash % 10_000,
            hash % 1000,
            hash % 100,
            hash % 28 + 1,
            hash % 60,
            hash % 1000,
            hash.is_multiple_of(2),
        ));
    }
    text.into_bytes()
}

fn fastest(mut work: impl FnMut()) -> Duration {
    let times = (0..ROUNDS).map(|_| {
        let started = Instant::now();
        work();
        started.elapsed()
    });
    times.min().unwrap_or_default()
}

fn report(name: &str, bytes: usize, took: Duration) {
    let seconds = took.as_secs_f64();
    let nanos_per_row = seconds * 1e9 / ROWS as f64;
    println!(
        "{name:<12} {:>7.0} MB/s {nanos_per_row:>7.0} ns/row",
        bytes as f64 / 1e6 / seconds
    );
}

fn main() {
    let text = rows();
    println!("{ROWS} rows of {} bytes", text.len() as u64 / ROWS);
    let decoder = Decoder::new(Format::Json, b"", None).unwrap();
    let mut reader = BlockReader::new(text.as_slice(), Format::Json, Fill::Whole);
    let mut blocks = Vec::new();
    while let Some(block) = reader.next_block().unwrap() {
        blocks.push(block);
    }
    let whole = Block {
        bytes: Bytes::from(text.clone()),
        offset: 0,
        before: Bytes::new(),
        kind: BlockKind::Records,
    };
    let mut schema: Option<SchemaRef> = None;
    let inferred = fastest(|| {
        let mut inference = Inference::default();
        inference.observe(&decoder, &whole);
        schema = Some(inference.schema());
    });
    let schema = schema.unwrap();
    report("inference", text.len(), inferred);

    let ours = fastest(|| {
        for block in &blocks {
            let outcome = decoder
                .decode(&schema, block, UnknownFields::Report)
                .unwrap();
            let Outcome::Decoded(decoded) = outcome else {
                return;
            };
            black_box(decoded);
        }
    });
    report("ours", text.len(), ours);

    let theirs = fastest(|| {
        let reader = arrow::json::ReaderBuilder::new(Arc::clone(&schema))
            .with_batch_size(BLOCK_BYTES / 156)
            .build(text.as_slice())
            .unwrap();
        for batch in reader {
            black_box(batch.unwrap());
        }
    });
    report("arrow-json", text.len(), theirs);
    println!("ratio {:.2}", theirs.as_secs_f64() / ours.as_secs_f64());
}
