//! Destinations in a bad state: each is refused with an error that says what is wrong, and once it
//! is mended, everything is delivered.

mod disk;
mod slow;

use serde_json::json;
use wasm_sink_tests::{Fate, Proxy, Versitygw, free_port};

use crate::case::{Case, Lake};

const PIPELINE: &str = include_str!("pipeline.toml");

fn case(lake: Lake<'_>) -> Case {
    let case = Case::new(PIPELINE, lake);
    case.write("input.jsonl", rows(0..100));
    case
}

fn rows(range: std::ops::Range<u32>) -> String {
    range
        .map(|n| format!("{{\"n\": {n}, \"text\": \"row {n}\"}}\n"))
        .collect()
}

#[track_caller]
fn expect_delivered(lake: Lake<'_>, rows: u32) {
    let found = lake
        .table()
        .query_one("select count(*) as rows, count(distinct n) as ns from t");
    assert_eq!(found, json!({ "rows": rows, "ns": rows }));
}

#[test]
fn a_wrong_secret() {
    let server = Versitygw::start();
    let endpoint = server.endpoint();
    let lake = Lake::S3 {
        server: &server,
        endpoint: &endpoint,
        prefix: "secret",
    };
    let case = case(lake);
    let outcome = case
        .run()
        .env("LAKE_SECRET", "not-the-secret")
        .finish()
        .expect_code(1);
    let said = outcome.said();
    assert!(
        said.contains("secret_access_key"),
        "it does not say what to mend:\n{said}"
    );
    assert!(
        !said.contains("not-the-secret"),
        "a secret was printed:\n{said}"
    );
    case.run().finish().expect_code(0);
    expect_delivered(lake, 100);
}

#[test]
fn a_store_that_is_away_and_comes_back() {
    let server = Versitygw::start();
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let lake = Lake::S3 {
        server: &server,
        endpoint: &nowhere,
        prefix: "away",
    };
    let case = case(lake);
    case.run().finish().expect_code(1).expect_said(&nowhere);

    // Away for the first requests of the run alone: it waits.
    let proxy = Proxy::start(server.address(), |request| {
        if request.number < 4 {
            Fate::Refuse(503)
        } else {
            Fate::Pass
        }
    });
    let endpoint = proxy.endpoint();
    let lake = Lake::S3 {
        server: &server,
        endpoint: &endpoint,
        prefix: "away",
    };
    case.rewrite(PIPELINE, lake);
    case.run().finish().expect_code(0);
    expect_delivered(lake, 100);
}

#[test]
fn a_log_entry_that_is_no_log_entry() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let case = case(lake);
    case.run().finish().expect_code(0);

    let log = folder.path().join("_delta_log");
    let versions = std::fs::read_dir(&log).unwrap().flatten();
    let names = versions.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let newest = names.filter(|name| name.ends_with(".json")).max().unwrap();
    let next = newest.trim_end_matches(".json").parse::<u64>().unwrap() + 1;
    let corrupt = log.join(format!("{next:020}.json"));
    std::fs::write(&corrupt, "{\"commitInfo\": {\"timest").unwrap();
    case.write("input.jsonl", rows(0..200));
    case.run()
        .finish()
        .expect_code(1)
        .expect_said(&format!("{next:020}.json"));

    std::fs::remove_file(&corrupt).unwrap();
    case.run().finish().expect_code(0);
    expect_delivered(lake, 200);
}

#[test]
fn a_table_with_another_type() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let text = case(lake);
    text.write("input.jsonl", "{\"n\": \"one\", \"text\": \"a row\"}\n");
    text.run().finish().expect_code(0);

    let numbers = case(lake);
    numbers.rewrite(
        &PIPELINE.replace("name = \"faults\"", "name = \"numbers\""),
        lake,
    );
    numbers.run().finish().expect_code(1).expect_said("`n`");
    expect_delivered(lake, 1);
}

#[test]
fn a_file_where_the_table_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("table");
    std::fs::write(&place, "not a folder").unwrap();
    let lake = Lake::Disk(&place);
    let case = case(lake);
    case.run()
        .finish()
        .expect_code(1)
        .expect_said(&place.display().to_string());
    std::fs::remove_file(&place).unwrap();
    case.run().finish().expect_code(0);
    expect_delivered(lake, 100);
}

#[test]
fn a_mistake_in_the_configuration_has_its_own_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let case = case(lake);
    case.rewrite(
        &PIPELINE.replace("component = \"delta\"", "componnent = \"delta\""),
        lake,
    );
    let outcome = case.run().finish().expect_code(2);
    outcome.expect_said("componnent");
    assert!(!lake.table().exists(), "nothing is written");
}
