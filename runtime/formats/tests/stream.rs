//! Blocks in, batches out: the same rows whatever the blocks and threads.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::concat_batches;
use arrow::datatypes::{Int64Type, SchemaRef};
use chrono::DateTime;
use wasm_sink_core::budget::Budget;
use wasm_sink_core::{MetadataKey, PartitionKey, SourceBatch};
use wasm_sink_formats::{
    Block, BlockKind, BlockReader, CheckedOffset, DecodedBlock, DecodedStream, Decoder, Dialect,
    Evolution, Fill, Format, Inference, Origin, PositionForm, StreamError, batches, check,
};

fn origin() -> Arc<Origin> {
    Arc::new(Origin {
        key: PartitionKey::new("test", "0"),
        name: "data.jsonl".to_owned(),
        modified: DateTime::from_timestamp_micros(1_000_000),
        form: PositionForm::Checked,
    })
}

struct Setting {
    block_bytes: usize,
    width: usize,
    batch_rows: usize,
    budget: Budget,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            block_bytes: 64,
            width: 1,
            batch_rows: 10,
            budget: Budget::new(1 << 30),
        }
    }
}

async fn read(
    input: impl Read + Send + 'static,
    evolution: &mut Evolution,
    setting: &Setting,
) -> (Vec<SourceBatch>, Option<StreamError>) {
    let reader =
        BlockReader::new(input, Format::Json, Fill::Whole).with_block_bytes(setting.block_bytes);
    let decoder = Decoder::new(Format::Json, b"", None).unwrap();
    let mut stream = DecodedStream::new(reader, decoder, setting.budget.clone(), 0)
        .with_width(NonZeroUsize::new(setting.width).unwrap());
    let mut all = Vec::new();
    loop {
        match stream.next(evolution).await {
            Ok(Some(block)) => {
                let at = DateTime::default();
                let begin = all.last().map(|batch: &SourceBatch| batch.end.clone());
                all.extend(batches(&origin(), block, begin, at, setting.batch_rows));
            }
            Ok(None) => return (all, None),
            Err(error) => return (all, Some(error)),
        }
    }
}

fn schema_of(text: &str) -> SchemaRef {
    let decoder = Decoder::new(Format::Json, b"", None).unwrap();
    let mut inference = Inference::default();
    inference.observe(&decoder, &whole(text));
    inference.schema()
}

fn lines(rows: usize) -> String {
    let mut text = String::new();
    for row in 0..rows {
        match row % 11 {
            3 => text.push_str("broken\n"),
            7 => text.push('\n'),
            _ => text.push_str(&format!("{{\"id\": {row}, \"name\": \"row {row}\"}}\n")),
        }
    }
    text
}

fn rows_of(batches: &[SourceBatch]) -> Vec<RecordBatch> {
    batches.iter().map(|batch| batch.rows.clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_and_threads_make_no_difference() {
    let text = lines(500);
    let schema = schema_of(&text);
    let mut expected = None;
    for block_bytes in [1, 100, 1_000, 1 << 20] {
        for width in [1, 4] {
            let setting = Setting {
                block_bytes,
                width,
                ..Setting::default()
            };
            let mut evolution = Evolution::inferred(Arc::clone(&schema));
            let input = io::Cursor::new(text.clone());
            let (batches, error) = read(input, &mut evolution, &setting).await;
            assert!(error.is_none());
            let rows = concat_batches(&schema, &rows_of(&batches)).unwrap();
            let letters: Vec<_> = batches
                .iter()
                .flat_map(|batch| &batch.undecodable)
                .map(|(_, letter)| letter.clone())
                .collect();
            assert_eq!(letters.len(), 46);
            let end = batches.last().unwrap().end.clone();
            let all = (rows, letters, end);
            match &expected {
                None => expected = Some(all),
                Some(expected) => assert_eq!(&all, expected, "{block_bytes} {width}"),
            }
        }
    }
}

#[tokio::test]
async fn every_row_knows_where_it_stood() {
    let text = lines(100);
    let mut evolution = Evolution::inferred(schema_of(&text));
    let input = io::Cursor::new(text.clone());
    let (batches, _) = read(input, &mut evolution, &Setting::default()).await;
    let all: Vec<_> = text.lines().collect();
    for batch in &batches {
        assert!(batch.rows.num_rows() <= 10);
        let ids = batch.rows.column(0).as_primitive::<Int64Type>();
        let every = UInt32Array::from_iter_values(0..ids.len() as u32);
        let numbers = batch.lineage.metadata(MetadataKey::Offset, &every).unwrap();
        let expected: Int64Array = ids.iter().map(|id| id.map(|id| id + 1)).collect();
        assert_eq!(numbers.as_primitive::<Int64Type>(), &expected);
        for row in 0..ids.len() as u32 {
            let line = ids.value(row as usize) as usize;
            let origin = batch.lineage.origin(row);
            assert_eq!(origin.line, Some(line as u64 + 1));
            let raw = batch.lineage.raw(row).unwrap();
            assert_eq!(raw, all[line]);
            let start = origin.offset.unwrap() as usize;
            assert_eq!(&text[start..start + raw.len()], all[line]);
            let after = batch.lineage.position_after(row).unwrap();
            let place = CheckedOffset::of_position(&after).unwrap();
            assert_eq!(place.offset as usize, start + raw.len() + 1);
            assert_eq!(place.lines, line as u64 + 1);
            assert_eq!(
                place.check,
                check(&text.as_bytes()[..place.offset as usize])
            );
        }
        for (before, letter) in &batch.undecodable {
            assert!(*before as usize <= batch.rows.num_rows());
            assert_eq!(letter.record, "broken");
            let line = letter.origin.line.unwrap() as usize - 1;
            assert_eq!(line % 11, 3);
            if *before > 0 {
                assert!(ids.value(*before as usize - 1) < line as i64);
            }
            if let Some(next) = ids.values().get(*before as usize) {
                assert!(*next > line as i64);
            }
        }
    }
    for pair in batches.windows(2) {
        assert_eq!(pair[1].begin.as_ref(), Some(&pair[0].end));
        assert!(pair[0].end < pair[1].end);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_fields_join_the_schema_and_no_value_is_lost() {
    let mut text = String::new();
    for row in 0..300 {
        text.push_str(&match row / 100 {
            0 => format!("{{\"id\": {row}}}\n"),
            1 => format!("{{\"id\": {row}, \"s\": {{\"a\": {row}}}}}\n"),
            _ => format!("{{\"id\": {row}, \"s\": {{\"b\": {row}, \"a\": null}}, \"t\": 1}}\n"),
        });
    }
    for width in [1, 4] {
        let mut evolution = Evolution::inferred(schema_of("{\"id\": 1}"));
        let setting = Setting {
            width,
            ..Setting::default()
        };
        let input = io::Cursor::new(text.clone());
        let (batches, _) = read(input, &mut evolution, &setting).await;
        let mut seen = 0;
        let mut columns = 1;
        for batch in rows_of(&batches) {
            assert!(batch.num_columns() >= columns);
            columns = batch.num_columns();
            let ids = batch.column(0).as_primitive::<Int64Type>();
            for (row, id) in ids.iter().enumerate() {
                assert_eq!(id, Some(seen));
                seen += 1;
                if seen <= 100 {
                    continue;
                }
                let inner = batch.column_by_name("s").unwrap().as_struct();
                let name = if seen <= 200 { "a" } else { "b" };
                let value = inner
                    .column_by_name(name)
                    .unwrap()
                    .as_primitive::<Int64Type>();
                assert_eq!(value.value(row), seen - 1);
            }
        }
        assert_eq!(seen, 300);
        let names: Vec<_> = evolution
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect();
        assert_eq!(names, ["id", "s", "t"]);
    }
}

#[tokio::test]
async fn a_small_budget_slows_down_and_never_blocks() {
    let text = lines(300);
    let mut evolution = Evolution::inferred(schema_of(&text));
    let setting = Setting {
        width: 8,
        budget: Budget::new(1024),
        ..Setting::default()
    };
    let reader = BlockReader::new(io::Cursor::new(text), Format::Json, Fill::Whole)
        .with_block_bytes(setting.block_bytes);
    let decoder = Decoder::new(Format::Json, b"", None).unwrap();
    let mut stream = DecodedStream::new(reader, decoder, setting.budget.clone(), 0);
    let mut rows = 0;
    while let Some(block) = stream.next(&mut evolution).await.unwrap() {
        rows += block.decoded.rows.num_rows();
    }
    assert_eq!(rows, 246);
}

#[tokio::test]
async fn a_batch_holds_what_it_takes_and_no_more() {
    let text = lines(100);
    let mut evolution = Evolution::inferred(schema_of(&text));
    let setting = Setting::default();
    let (batches, _) = read(io::Cursor::new(text), &mut evolution, &setting).await;
    let taken: usize = batches.iter().map(|batch| batch.bytes).sum();
    let grains = 1024 * batches.len();
    let used = setting.budget.used_bytes();
    assert!(
        (taken..=taken + grains).contains(&used),
        "{used} for {taken}"
    );
    drop(batches);
    assert_eq!(setting.budget.used_bytes(), 0);
}

#[tokio::test]
async fn rows_before_an_error_come_out() {
    struct Breaks(io::Cursor<String>);
    impl Read for Breaks {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            match self.0.read(out)? {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                read => Ok(read),
            }
        }
    }
    let text = lines(50) + "{\"id\": 5";
    let mut evolution = Evolution::inferred(schema_of(&text));
    let input = Breaks(io::Cursor::new(text));
    let (batches, error) = read(input, &mut evolution, &Setting::default()).await;
    assert!(matches!(error, Some(StreamError::Read(_))));
    let rows: usize = batches.iter().map(|batch| batch.rows.num_rows()).sum();
    assert_eq!(rows, 41);
    let letters: usize = batches.iter().map(|batch| batch.undecodable.len()).sum();
    assert_eq!(letters, 5);
}

#[tokio::test]
async fn cancelling_loses_nothing() {
    let text = lines(300);
    let schema = schema_of(&text);
    let mut evolution = Evolution::inferred(schema);
    let reader =
        BlockReader::new(io::Cursor::new(text), Format::Json, Fill::Whole).with_block_bytes(100);
    let decoder = Decoder::new(Format::Json, b"", None).unwrap();
    let mut stream = DecodedStream::new(reader, decoder, Budget::new(1 << 30), 0);
    let mut rows = 0;
    loop {
        // Dropped whenever it would have to wait.
        let next = futures::FutureExt::now_or_never(stream.next(&mut evolution));
        match next {
            None => tokio::task::yield_now().await,
            Some(block) => match block.unwrap() {
                None => break,
                Some(block) => rows += block.decoded.rows.num_rows(),
            },
        }
    }
    assert_eq!(rows, 246);
}

/// Reads all, and looks at each block while it is held.
async fn each_block(
    text: String,
    format: Format,
    evolution: &mut Evolution,
    budget: &Budget,
    mut look: impl FnMut(&DecodedBlock),
) {
    let decoder = Decoder::new(format, text.as_bytes(), None).unwrap();
    let reader = BlockReader::new(io::Cursor::new(text), format, Fill::Whole);
    let mut stream = DecodedStream::new(reader, decoder, budget.clone(), 0)
        .with_width(NonZeroUsize::new(3).unwrap());
    let reading = async {
        let mut end = 0;
        while let Some(block) = stream.next(evolution).await.unwrap() {
            assert_eq!(block.block.offset, end);
            end = block.block.end();
            look(&block);
        }
    };
    let patience = std::time::Duration::from_secs(120);
    tokio::time::timeout(patience, reading).await.unwrap();
    assert_eq!(budget.used_bytes(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_bytes_do_not_become_much_memory() {
    const EMPTY: usize = 20_000;
    let keys: Vec<_> = (0..1_000).map(|key| format!("\"k{key}\": {key}")).collect();
    let wide = format!("{{{}}}\n", keys.join(","));
    let text = wide.clone() + &"{}\n".repeat(EMPTY) + "{\"k7\": 7}\n";
    // The thousand columns are known, or come in the middle of a block.
    for known in [wide.as_str(), "{\"k0\": 1}"] {
        let mut evolution = Evolution::inferred(schema_of(known));
        let budget = Budget::new(128 << 20);
        let (mut rows, mut lines) = (0, 0);
        each_block(
            text.clone(),
            Format::Json,
            &mut evolution,
            &budget,
            |block| {
                let bytes = block.decoded.rows.get_array_memory_size();
                assert!(bytes < 16 << 20, "{bytes}");
                assert!(
                    budget.used_bytes() >= bytes,
                    "{} of {bytes}",
                    budget.used_bytes()
                );
                assert_eq!(block.first_line, lines);
                lines += u64::from(block.decoded.lines);
                rows += block.decoded.rows.num_rows();
                assert_eq!(block.decoded.rows.num_rows(), block.decoded.places.len());
            },
        )
        .await;
        assert_eq!(rows, EMPTY + 2);
        assert_eq!(evolution.schema().fields().len(), 1_000);
    }
}

#[tokio::test]
async fn a_wide_csv_comes_in_parts_of_whole_records() {
    let header: Vec<_> = (0..900).map(|column| format!("c{column}")).collect();
    let mut text = header.join(",") + "\n";
    let rows = 3_000;
    for row in 0..rows {
        // All columns have a value once; else they would be none.
        let rest = if row == 0 { ",1" } else { "," }.repeat(898);
        text.push_str(&format!("{row},\"two\nlines\"{rest}\n"));
    }
    let decoder = Decoder::new(Format::Csv(Dialect::default()), text.as_bytes(), None).unwrap();
    let mut inference = Inference::default();
    inference.observe(&decoder, &whole(&text));
    let mut evolution = Evolution::inferred(inference.schema());
    let format = Format::Csv(Dialect::default());
    let (mut next, mut parts) = (0, 0);
    let budget = Budget::new(128 << 20);
    each_block(text, format, &mut evolution, &budget, |block| {
        let ids = block.decoded.rows.column(0).as_primitive::<Int64Type>();
        let two = block.decoded.rows.column(1).as_string::<i32>();
        for (id, two) in ids.iter().zip(two) {
            assert_eq!((id, two), (Some(next), Some("two\nlines")));
            next += 1;
        }
        assert!(block.decoded.undecodable.is_empty());
        parts += 1;
    })
    .await;
    assert_eq!(next, rows);
    assert!(parts > 5, "{parts}");
}

#[tokio::test]
async fn bad_lines_are_bounded_as_well() {
    let mut evolution = Evolution::inferred(schema_of("{\"id\": 1}"));
    let budget = Budget::new(128 << 20);
    let mut letters = 0;
    let text = "x\n".repeat(200_000);
    each_block(text, Format::Json, &mut evolution, &budget, |block| {
        let now = block.decoded.undecodable.len();
        assert!(now <= 1 << 14, "{now}");
        assert!(budget.used_bytes() > now * 50);
        letters += now;
    })
    .await;
    assert_eq!(letters, 200_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_records_are_charged_and_never_wait_for_those_behind_them() {
    let record = format!("{{\"pad\": \"{}\"}}\n", "x".repeat(3 << 20));
    for megabytes in [1, 5, 9, 64] {
        let mut evolution = Evolution::inferred(schema_of("{\"pad\": \"\"}"));
        let budget = Budget::new(megabytes << 20);
        let mut rows = 0;
        each_block(
            record.repeat(8),
            Format::Json,
            &mut evolution,
            &budget,
            |block| {
                rows += block.decoded.rows.num_rows();
                let taken = block.block.bytes.len() + block.decoded.rows.get_array_memory_size();
                assert!(taken > 6 << 20);
                assert!(budget.used_bytes() >= taken.min(megabytes << 20));
            },
        )
        .await;
        assert_eq!(rows, 8);
    }
}

fn whole(text: &str) -> Block {
    Block {
        bytes: text.to_owned().into(),
        offset: 0,
        before: Default::default(),
        kind: BlockKind::Records,
    }
}
