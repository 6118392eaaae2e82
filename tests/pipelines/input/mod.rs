//! Input in a bad state: what cannot be read becomes a dead letter or stops the run with an error
//! that says what to do, and everything else is delivered once.

mod changes;
mod empty;
mod gzip;
mod lines;

use std::ops::Range;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::case::{Case, Lake};

const PIPELINE: &str = include_str!("pipeline.toml");

/// The pipeline, reading `path`, with more lines in its `[source]`.
fn reading(path: &str, more: &str) -> String {
    PIPELINE.replace(
        "path = \"input.jsonl\"",
        &format!("path = \"{path}\"\n{more}"),
    )
}

/// One line of JSON for each number.
fn rows(range: Range<u64>) -> String {
    range
        .map(|n| format!("{{\"n\": {n}, \"text\": \"row {n}\"}}\n"))
        .collect()
}

/// Compresses a file of the case as everybody else does: `name` becomes `name.gz`.
fn gzip(case: &Case, name: &str) {
    let path = case.path(name);
    let status = Command::new("gzip").arg("--force").arg(&path).status();
    assert!(status.expect("gzip starts").success(), "{name}");
}

fn append(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

/// Exactly the numbers from 0, each once.
#[track_caller]
fn expect_numbers_below(lake: Lake<'_>, end: u64) {
    let found = lake.table().query_one(
        "select count(*) as rows, count(distinct n) as ns, min(n) as least, max(n) as most from t",
    );
    let expected = json!({ "rows": end, "ns": end, "least": 0, "most": end - 1 });
    assert_eq!(found, expected);
}

/// How many rows the table has.
fn count(lake: Lake<'_>) -> u64 {
    let found = lake.table().query_one("select count(*) as rows from t");
    found["rows"].as_u64().unwrap()
}
