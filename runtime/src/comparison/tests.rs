use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::datatypes::Int32Type;
use bytes::Bytes;
use serde_json::json;
use wasm_sink_core::dead_letter::{Kept, RefusedBy, RowOrigin};
use wasm_sink_core::guest::calls::Asked;
use wasm_sink_core::{Lineage, MetadataKey, PartitionKey, Position, SourceBatch};

use super::*;

#[derive(Debug)]
struct Lines;

impl Lineage for Lines {
    fn position_after(&self, row: u32) -> Option<Position> {
        Some(Position::from_offset(u64::from(row) + 1))
    }

    fn origin(&self, row: u32) -> RowOrigin {
        RowOrigin {
            name: "in".to_owned(),
            line: Some(u64::from(row) + 1),
            offset: None,
        }
    }

    fn raw(&self, _: u32) -> Option<Bytes> {
        None
    }

    fn metadata(&self, _: MetadataKey, _: &arrow::array::UInt32Array) -> Option<ArrayRef> {
        None
    }
}

/// Ten rows of a source.
fn source() -> Rows {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10));
    let rows = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
    Rows::whole(Arc::new(SourceBatch {
        key: PartitionKey::new("files", "0"),
        begin: None,
        end: Position::from_offset(10),
        bytes: 0,
        rows,
        lineage: Arc::new(Lines),
        undecodable: Vec::new(),
        at: chrono::DateTime::UNIX_EPOCH,
        reservation: None,
    }))
}

fn with(columns: Vec<(&str, ArrayRef)>) -> Rows {
    let values = RecordBatch::try_from_iter(columns).unwrap();
    source().with_values(values).unwrap()
}

fn call(function: &str, arguments: Value, rows: Option<Rows>) -> Call {
    Call {
        asked: Asked {
            function: function.to_owned(),
            target: Some(Target {
                connection: "default".to_owned(),
                name: "t".to_owned(),
            }),
            arguments,
        },
        rows,
        answer: Ok(json!(null)),
    }
}

fn appending(batches: Vec<Rows>) -> Lived {
    let append = |rows| call("delta.table.append", json!(null), Some(rows));
    Lived {
        calls: batches.into_iter().map(append).collect(),
        ..Lived::default()
    }
}

fn compared(old: &Lived, new: &Lived, key: Option<&str>) -> Report {
    let mut comparison = Comparison::new(Key(key.map(str::to_owned)));
    comparison.epoch(10, old, new);
    comparison.report()
}

fn floats(change: impl Fn(i64) -> f64) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values((0..10).map(change)))
}

#[test]
fn the_same_in_other_batches_is_the_same() {
    let rows = with(vec![("v", floats(|n| n as f64))]);
    let old = appending(vec![rows.clone()]);
    // In another order, too.
    let new = appending(vec![rows.slice(6, 4), rows.slice(0, 6)]);
    let report = compared(&old, &new, None);
    assert!(report.is_same(), "{report:?}");
    assert_eq!(report.tables[0].batches, Pair { old: 1, new: 2 });
}

#[test]
fn values_that_differ_are_named_with_their_records() {
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(
        (0..10).map(|n| format!("id-{n}")),
    ));
    let row =
        |change: fn(i64) -> f64| with(vec![("id", Arc::clone(&names)), ("v", floats(change))]);
    let old = appending(vec![row(|n| n as f64)]);
    let new = appending(vec![row(|n| if n % 4 == 3 { f64::NAN } else { n as f64 })]);
    let report = compared(&old, &new, Some("id"));
    let table = &report.tables[0];
    assert_eq!(table.values.len(), 1);
    assert_eq!(
        (table.values[0].column.as_str(), table.values[0].rows),
        ("v", 2)
    );
    let example = &table.values[0].examples[0];
    assert_eq!(example.record, "in line 4, id id-3");
    assert_eq!((example.old.as_str(), example.new.as_str()), ("3.0", "NaN"));
    // What is no number is equal to itself all the same.
    assert!(compared(&new, &new, None).is_same());
    insta::assert_snapshot!("values", report.text("delta", "./new.wasm"));
}

#[test]
fn rows_columns_types_letters_and_calls_that_only_one_has_are_named() {
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
        (0..10).map(|n| Some(vec![Some(n)])),
    ));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(
        (0..10).map(|n| n.to_string()),
    ));
    let before = with(vec![
        ("v", floats(|n| n as f64)),
        ("gone", Arc::clone(&lists)),
        ("l", lists),
    ]);
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
        (0..10).map(|n| Some(vec![Some(if n == 9 { -1 } else { n })])),
    ));
    let now = with(vec![("v", texts), ("new", floats(|_| 0.0)), ("l", lists)]);
    let mut old = appending(vec![before.slice(0, 8)]);
    let mut new = appending(vec![now.slice(1, 9)]);
    let letter = |line: u64, reason: &str| DeadLetter {
        key: PartitionKey::new("files", "0"),
        origin: RowOrigin {
            name: "in".to_owned(),
            line: Some(line),
            offset: None,
        },
        position: None,
        by: RefusedBy::Component,
        reason: reason.to_owned(),
        record: Bytes::new(),
        kept: Kept::Nothing,
    };
    old.letters = vec![letter(1, "the same"), letter(2, "one")];
    new.letters = vec![
        letter(1, "the same"),
        letter(2, "another"),
        letter(3, "new"),
    ];
    new.calls
        .insert(0, call("delta.table.add-columns", json!([["new"]]), None));
    for (lived, rows) in [(&mut old, 3), (&mut new, 5)] {
        lived
            .calls
            .push(call("epoch.skip", json!([rows, "too old"]), None));
        lived
            .calls
            .push(call("log.write", json!(["info", rows.to_string()]), None));
    }
    let report = compared(&old, &new, None);
    let table = &report.tables[0];
    assert_eq!(table.only_old.examples, ["in line 1"]);
    assert_eq!(table.only_new.examples, ["in line 9", "in line 10"]);
    assert_eq!(table.columns.only_old[0].0, "gone");
    assert_eq!(table.columns.only_new[0].0, "new");
    assert_eq!(table.columns.retyped[0].0, "v");
    // The row whose list differs is one that only the new one has.
    assert_eq!(table.values, []);
    assert_eq!(report.rejected_otherwise, 2);
    assert_eq!(report.calls.len(), 2, "{:?}", report.calls);
    insta::assert_snapshot!("all_sorts", report.text("old", "new"));
    let again: Report = serde_json::from_value(serde_json::to_value(&report).unwrap()).unwrap();
    assert_eq!(again, report);
}

#[test]
fn half_an_epoch_is_not_held_against_a_whole_one() {
    let old = appending(vec![with(vec![("v", floats(|n| n as f64))])]);
    let new = Lived {
        failure: Some("it trapped".to_owned()),
        ..Lived::default()
    };
    let report = compared(&old, &new, None);
    assert!(!report.is_same());
    assert_eq!(report.failed, Pair { old: 0, new: 1 });
    assert_eq!(report.tables, []);
}
