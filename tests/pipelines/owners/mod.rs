//! Two processes run one pipeline on one table. Whoever loses stops and names the winner's commit;
//! no row is doubled. (What holds for every destination is in the kit, late owners among it.)

use std::time::Duration;

use serde_json::{Value, json};
use wasm_sink_tests::{DeltaTable, Outcome};

use crate::case::{Case, Lake};

const PIPELINE: &str = include_str!("pipeline.toml");
const ROWS: u64 = 60_000;

/// The same pipeline as another process has it, with epochs of another size.
fn other(lake: Lake<'_>) -> Case {
    Case::new(
        &PIPELINE.replace("max_rows = 300", "max_rows = 1_000"),
        lake,
    )
}

#[track_caller]
fn expect_each_row_once(table: &DeltaTable) {
    let rows = table.query_one(
        "select count(*) as rows, count(distinct (partition, \"offset\")) as distinct_rows from t",
    );
    assert_eq!(rows, json!({ "rows": ROWS, "distinct_rows": ROWS }));
}

/// Every commit id that the table's history names.
fn commit_ids(table: &DeltaTable) -> Vec<String> {
    fn collect(value: &Value, ids: &mut Vec<String>) {
        match value {
            Value::String(text) if is_commit_id(text) => ids.push(text.clone()),
            Value::String(text) => {
                if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text)
                {
                    collect(&inner, ids);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, ids)),
            Value::Object(fields) => fields.values().for_each(|value| collect(value, ids)),
            _ => {}
        }
    }
    let mut ids = Vec::new();
    table
        .history()
        .iter()
        .for_each(|version| collect(version, &mut ids));
    ids
}

fn is_commit_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[track_caller]
fn expect_names_a_commit(loser: &Outcome, table: &DeltaTable) {
    let said = loser.said();
    let ids = commit_ids(table);
    assert!(!ids.is_empty(), "the table's history names no commit ids");
    assert!(
        ids.iter().any(|id| said.contains(id)),
        "names no commit of the winner:\n{said}"
    );
}

#[test]
fn of_two_processes_one_stops() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let (first, second) = (Case::new(PIPELINE, lake), other(lake));
    let (first_run, second_run) = (first.run().start(), second.run().start());
    let limit = Duration::from_secs(120);
    let outcomes = [first_run.wait(limit), second_run.wait(limit)];

    let losers: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.code() != Some(0))
        .collect();
    assert!(
        !losers.is_empty(),
        "both say that they delivered everything"
    );
    for loser in losers {
        assert_eq!(loser.code(), Some(1), "{}", loser.said());
        expect_names_a_commit(loser, &lake.table());
    }
    // Where each won a partition, both stopped.
    first.run().finish().expect_code(0);
    expect_each_row_once(&lake.table());
}
