//! What can be seen before anything is written: `init`, `check --connect` and `run --dry-run`.

mod connect;
mod init;

use std::path::Path;

use serde_json::json;
use wasm_sink_tests::{Outcome, Versitygw, files_below};

use crate::case::{Case, Lake};

const PIPELINE: &str = include_str!("pipeline.toml");

/// Nine rows on two days, and a line between them that is none.
fn case(lake: Lake<'_>) -> Case {
    let case = Case::new(PIPELINE, lake);
    let mut text = String::new();
    for n in 0..9 {
        let day = 1 + n % 2;
        text.push_str(&format!(
            "{{\"n\": {n}, \"at\": \"2026-03-0{day}T12:00:00Z\", \"who\": {{\"name\": \"name-{n}\"}}}}\n"
        ));
        if n == 2 {
            text.push_str("{\"n\": \n");
        }
    }
    case.write("input.jsonl", text);
    case
}

fn dry_run(case: &Case) -> Outcome {
    case.run().arg("--dry-run").finish().expect_code(0)
}

/// # Panics
/// It shows other rows than the first five.
#[track_caller]
fn expect_the_first_five(outcome: &Outcome) {
    for n in 0..9 {
        let is_shown = outcome.stdout.contains(&format!("name-{n}"));
        assert_eq!(is_shown, n < 5, "row {n}:\n{}", outcome.stdout);
    }
}

/// Nothing of the pipeline's own either.
#[track_caller]
fn expect_no_state(case: &Case) {
    let state = files_below(&case.path(".wasm-sink"));
    assert!(state.is_empty(), "{state:?}");
}

#[test]
fn a_dry_run_shows_what_a_run_then_writes() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("table");
    let lake = Lake::Disk(&place);
    let case = case(lake);
    let outcome = dry_run(&case);
    outcome.expect_said("The source gives:");
    outcome.expect_said("who  struct<name: utf8>");
    outcome.expect_said("would be created");
    outcome.expect_said("partitioned by day");
    outcome.expect_said("day   date32");
    outcome.expect_said("5 rows of the first:");
    outcome.expect_said("2026-03-01");
    expect_the_first_five(&outcome);
    outcome.expect_said("1 dead letter:");
    outcome.expect_said("input.jsonl line 4 ");
    outcome.expect_said("Nothing was written.");
    assert!(!place.exists(), "the table's folder was made");
    expect_no_state(&case);
    assert_eq!(case.dead_letters("preview"), []);

    // A second one sees the same; it has moved nothing.
    assert_eq!(dry_run(&case).stdout, outcome.stdout);

    case.run().finish().expect_code(0);
    let found = lake.table().query_one(
        "select count(*) as rows, count(distinct n) as ns, count(distinct name) as names,
                count(*) filter (strftime(day, '%Y-%m-%d') <> \"at\"[:10]) as wrong_days
         from t",
    );
    let expected = json!({ "rows": 9, "ns": 9, "names": 9, "wrong_days": 0 });
    assert_eq!(found, expected);
    assert_eq!(case.dead_letters("preview").len(), 1);
}

#[test]
fn a_dry_run_beside_a_table_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let case = case(lake);
    case.run().finish().expect_code(0);
    let before = files_below(folder.path());
    let outcome = dry_run(&case);
    outcome.expect_said("is there already");
    expect_the_first_five(&outcome);
    assert_eq!(files_below(folder.path()), before);
    assert_eq!(case.dead_letters("preview").len(), 1);
}

#[test]
fn a_dry_run_writes_nothing_to_s3() {
    let server = Versitygw::start();
    let endpoint = server.endpoint();
    let lake = Lake::S3 {
        server: &server,
        endpoint: &endpoint,
        prefix: "dry",
    };
    let case = case(lake);
    let outcome = dry_run(&case);
    outcome.expect_said("Table lake would be created");
    expect_the_first_five(&outcome);
    assert_eq!(files_below(&server.bucket_directory()), [] as [&str; 0]);

    case.run().finish().expect_code(0);
    let found = lake.table().query_one("select count(*) as rows from t");
    assert_eq!(found, json!({ "rows": 9 }));
}

#[test]
fn a_dry_run_of_an_empty_file() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("table");
    let case = case(Lake::Disk(&place));
    case.write("input.jsonl", "");
    dry_run(&case).expect_said("Nothing was written.");
    assert!(!Path::new(&place).exists());
}
