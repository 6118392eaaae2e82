//! Overwriting: once, before the pipeline's first rows, and once more with `--restart`, whatever
//! happens in between.

use std::path::Path;

use serde_json::json;

use crate::case::{Case, Lake};

const PIPELINE: &str = include_str!("pipeline.toml");

fn two_files(lake: Lake<'_>) -> Case {
    let case = Case::new(PIPELINE, lake);
    case.write("a.jsonl", rows(0..50));
    case.write("b.jsonl", rows(50..100));
    case
}

fn rows(range: std::ops::Range<u32>) -> String {
    range.map(|n| format!("{{\"n\": {n}}}\n")).collect()
}

#[track_caller]
fn expect_rows(lake: &Path, rows: u32) {
    let found = Lake::Disk(lake)
        .table()
        .query_one("select count(*) as rows, count(distinct n) as ns from t");
    assert_eq!(found, json!({ "rows": rows, "ns": rows }));
}

#[test]
fn a_restart_replaces_what_was_delivered() {
    let lake = tempfile::tempdir().unwrap();
    let case = two_files(Lake::Disk(lake.path()));
    case.run().finish().expect_code(0);
    case.run().arg("--restart").finish().expect_code(0);
    expect_rows(lake.path(), 100);
}

#[test]
fn a_restart_that_is_killed_after_its_first_commit_loses_no_file() {
    let lake = tempfile::tempdir().unwrap();
    let case = two_files(Lake::Disk(lake.path()));
    case.run().finish().expect_code(0);
    let killed = case
        .run()
        .arg("--restart")
        .env("WASM_SINK_CRASH_AT", "attempted:1")
        .finish();
    assert!(killed.signal().is_some(), "it was not killed");
    case.run().finish().expect_code(0);
    expect_rows(lake.path(), 100);
}

#[test]
fn overwriting_spares_what_the_pipeline_itself_appended() {
    let lake = tempfile::tempdir().unwrap();
    let case = two_files(Lake::Disk(lake.path()));
    let appending = PIPELINE.replace("\"overwrite\"", "\"append\"");
    case.rewrite(&appending, Lake::Disk(lake.path()));
    case.run().finish().expect_code(0);
    case.rewrite(PIPELINE, Lake::Disk(lake.path()));
    case.write("c.jsonl", rows(100..110));
    case.run().finish().expect_code(0);
    expect_rows(lake.path(), 110);
}

#[test]
fn what_another_pipeline_left_goes_once() {
    let lake = tempfile::tempdir().unwrap();
    let other = two_files(Lake::Disk(lake.path()));
    other.rewrite(
        &PIPELINE.replace("\"restart\"", "\"other\""),
        Lake::Disk(lake.path()),
    );
    other.run().finish().expect_code(0);

    let case = Case::new(PIPELINE, Lake::Disk(lake.path()));
    case.write("a.jsonl", rows(0..5));
    case.run().finish().expect_code(0);
    expect_rows(lake.path(), 5);
    case.write("b.jsonl", rows(5..9));
    case.run().finish().expect_code(0);
    expect_rows(lake.path(), 9);
}
