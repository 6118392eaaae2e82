//! The generator by its public door.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch, UInt32Array};
use arrow::compute::concat_batches;
use arrow::datatypes::{Int32Type, Int64Type};
use wasm_sink_core::budget::Budget;
use wasm_sink_core::settings::{Entry, Node, Table, Value};
use wasm_sink_core::source::{Source, SourceContext, SourceEvent};
use wasm_sink_core::{MetadataKey, PartitionKey, Position, SourceBatch};

async fn open(entries: &[(&str, i64)], budget_bytes: usize) -> Box<dyn Source> {
    let entries = entries.iter().map(|(key, value)| Entry {
        key: (*key).to_owned(),
        key_span: 0..0,
        node: Node {
            value: Value::Integer(*value),
            span: 0..0,
        },
    });
    let table = Table {
        entries: entries.collect(),
        span: 0..0,
    };
    let mut problems = Vec::new();
    let spec = wasm_sink_generator::source(&table, &mut problems).unwrap();
    assert_eq!(problems, []);
    let context = SourceContext {
        pipeline: "test".into(),
        budget: Budget::new(budget_bytes),
        directory: PathBuf::new(),
        batch_rows: 8192,
    };
    spec.open(None, context).await.unwrap()
}

async fn assigned(source: &mut Box<dyn Source>) -> Vec<PartitionKey> {
    match source.next().await.unwrap() {
        SourceEvent::Assigned(keys) => keys,
        other => panic!("{other:?}"),
    }
}

async fn until_end(source: &mut Box<dyn Source>) -> Vec<SourceBatch> {
    let mut batches = Vec::new();
    loop {
        match source.next().await.unwrap() {
            SourceEvent::Batch(batch) => batches.push(batch),
            SourceEvent::End => return batches,
            other => panic!("{other:?}"),
        }
    }
}

fn by_partition(batches: &[SourceBatch]) -> BTreeMap<PartitionKey, RecordBatch> {
    let mut parts: BTreeMap<PartitionKey, Vec<RecordBatch>> = BTreeMap::new();
    for batch in batches {
        parts
            .entry(batch.key.clone())
            .or_default()
            .push(batch.rows.clone());
    }
    let schema = wasm_sink_generator::schema();
    let whole = |parts: Vec<_>| concat_batches(&schema, &parts).unwrap();
    parts
        .into_iter()
        .map(|(key, parts)| (key, whole(parts)))
        .collect()
}

#[tokio::test]
async fn every_row_comes_once_and_in_order() {
    let settings = [("rows", 10_001), ("partitions", 4), ("batch_rows", 100)];
    let mut source = open(&settings, 64 << 20).await;
    let keys = assigned(&mut source).await;
    assert_eq!(keys.len(), 4);
    assert_eq!(keys[2], PartitionKey::new("generator/0/4", "2"));
    for key in &keys {
        source.seek(key, None).await.unwrap();
    }
    let batches = until_end(&mut source).await;
    let mut ends: BTreeMap<PartitionKey, Position> = BTreeMap::new();
    for batch in &batches {
        assert!(batch.rows.num_rows() <= 100);
        assert_eq!(
            ends.insert(batch.key.clone(), batch.end.clone()),
            batch.begin
        );
        assert_eq!(batch.boundary(1), batch.lineage.position_after(0));
    }
    let rows = by_partition(&batches);
    for (index, key) in keys.iter().enumerate() {
        let part = &rows[key];
        assert_eq!(part.num_rows(), if index == 0 { 2501 } else { 2500 });
        let offsets = part.column(1).as_primitive::<Int64Type>();
        assert!(
            offsets
                .values()
                .iter()
                .copied()
                .eq(0..part.num_rows() as i64)
        );
        let partitions = part.column(0).as_primitive::<Int32Type>();
        assert!(
            partitions
                .values()
                .iter()
                .all(|partition| *partition == index as i32)
        );
    }
}

#[tokio::test]
async fn a_restart_anywhere_goes_on_with_the_same_rows() {
    let settings = [("rows", 200), ("partitions", 2), ("batch_rows", 7)];
    let mut source = open(&settings, 64 << 20).await;
    let keys = assigned(&mut source).await;
    for key in &keys {
        source.seek(key, None).await.unwrap();
    }
    let whole = by_partition(&until_end(&mut source).await);
    for from in 0..=100 {
        for key in &keys {
            source
                .seek(key, Some(&Position::from_offset(from)))
                .await
                .unwrap();
        }
        let batches = until_end(&mut source).await;
        let rest = by_partition(&batches);
        for key in &keys {
            match rest.get(key) {
                Some(rest) => {
                    assert_eq!(*rest, whole[key].slice(from as usize, 100 - from as usize))
                }
                None => assert_eq!(from, 100),
            }
        }
        let begins = batches
            .iter()
            .filter(|batch| batch.begin == Some(Position::from_offset(from)));
        assert_eq!(begins.count(), if from < 100 { 2 } else { 0 });
    }
    let beyond = source
        .seek(&keys[0], Some(&Position::from_offset(101)))
        .await
        .unwrap_err();
    assert!(beyond.to_string().contains("100 rows"), "{beyond}");
}

#[tokio::test]
async fn paused_partitions_stay_and_lose_nothing() {
    let settings = [("rows", 400), ("partitions", 2), ("batch_rows", 10)];
    let mut source = open(&settings, 64 << 20).await;
    let keys = assigned(&mut source).await;
    for key in &keys {
        source.seek(key, None).await.unwrap();
    }
    let mut batches = Vec::new();
    while batches.len() < 5 {
        if let SourceEvent::Batch(batch) = source.next().await.unwrap() {
            batches.push(batch);
        }
    }
    source.pause(&keys[0]);
    let of_first = batches.iter().filter(|batch| batch.key == keys[0]).count();
    while batches.len() < 20 + of_first {
        match source.next().await.unwrap() {
            SourceEvent::Batch(batch) => {
                assert_eq!(batch.key, keys[1]);
                batches.push(batch);
            }
            other => panic!("{other:?}"),
        }
    }
    let nothing = futures::FutureExt::now_or_never(source.next());
    assert!(nothing.is_none());
    source.resume(&keys[0]);
    batches.extend(until_end(&mut source).await);
    for rows in by_partition(&batches).values() {
        let offsets = rows.column(1).as_primitive::<Int64Type>();
        assert!(offsets.values().iter().copied().eq(0..200));
    }
}

#[tokio::test(start_paused = true)]
async fn the_rate_holds() {
    let settings = [("rows", 3_000), ("rate", 1_000)];
    let mut source = open(&settings, 64 << 20).await;
    let keys = assigned(&mut source).await;
    source.seek(&keys[0], None).await.unwrap();
    let started = tokio::time::Instant::now();
    let mut rows = 0;
    loop {
        match source.next().await.unwrap() {
            SourceEvent::Batch(batch) => rows += batch.rows.num_rows(),
            SourceEvent::End => break,
            other => panic!("{other:?}"),
        }
        let fair = started.elapsed().as_secs_f64() * 1_000.0 + 50.0;
        assert!(
            rows as f64 <= fair + 1.0,
            "{rows} rows after {:?}",
            started.elapsed()
        );
    }
    assert_eq!(rows, 3_000);
    let elapsed = started.elapsed();
    assert!(
        (Duration::from_millis(2_900)..Duration::from_millis(3_100)).contains(&elapsed),
        "{elapsed:?}"
    );
}

#[tokio::test]
async fn an_endless_one_flows_within_its_budget() {
    let mut source = open(&[("batch_rows", 1_000)], 300 << 10).await;
    let keys = assigned(&mut source).await;
    source.seek(&keys[0], None).await.unwrap();
    let mut held = Vec::new();
    // Two batches fit; the third one waits until one of them is let go.
    for _ in 0..2 {
        match source.next().await.unwrap() {
            SourceEvent::Batch(batch) => held.push(batch),
            other => panic!("{other:?}"),
        }
    }
    assert!(futures::FutureExt::now_or_never(source.next()).is_none());
    held.clear();
    let SourceEvent::Batch(batch) = source.next().await.unwrap() else {
        panic!("no batch");
    };
    let rows = UInt32Array::from(vec![0]);
    let offset = batch.lineage.metadata(MetadataKey::Offset, &rows).unwrap();
    assert_eq!(offset.as_primitive::<Int64Type>().value(0), 2_000);
    assert_eq!(batch.lineage.origin(0).offset, Some(2_000));
}
