//! `init` writes a pipeline that runs as it is.

use std::path::Path;

use serde_json::json;
use wasm_sink_tests::{Binary, DeltaTable, Outcome};

/// Runs a command in a folder.
fn run_in(folder: &Path, arguments: &[&str]) -> Outcome {
    Binary::find()
        .command(arguments)
        .current_dir(folder)
        .finish()
}

#[test]
fn json_lines() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(
        folder.join("my events.jsonl"),
        "{\"id\": 1, \"at\": \"2026-03-01T12:00:00Z\", \"tags\": [\"a\"]}\nbroken\n{\"id\": 2, \"price\": 0.5}\n",
    )
    .unwrap();
    let outcome = run_in(folder, &["init", "my events.jsonl"]).expect_code(0);
    outcome.expect_said("pipeline.toml: 4 columns of my events.jsonl, from 2 records");
    run_in(folder, &["check", "pipeline.toml", "--connect"]).expect_code(0);
    run_in(folder, &["run", "pipeline.toml", "--dry-run"]).expect_code(0);
    let table = folder.join("my_events_table");
    assert!(!table.exists());
    run_in(folder, &["run", "pipeline.toml"]).expect_code(0);
    let found = DeltaTable::local(&table)
        .query("select id, \"at\" is not null as dated, tags, price from t order by id");
    let expected = [
        json!({ "id": 1, "dated": true, "tags": ["a"], "price": null }),
        json!({ "id": 2, "dated": false, "tags": null, "price": 0.5 }),
    ];
    assert_eq!(found, expected);
    run_in(folder, &["run", "pipeline.toml"])
        .expect_code(0)
        .expect_said("nothing new");

    // It does not write over what is there.
    run_in(folder, &["init", "my events.jsonl"])
        .expect_code(1)
        .expect_said("--force");
}

/// Both the file and the pipeline in other folders than the one it is called in.
#[test]
fn compressed_csv_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("data")).unwrap();
    std::fs::create_dir(folder.join("etc")).unwrap();
    let plain = folder.join("data/clicks.csv");
    std::fs::write(&plain, "id,name,price\n1,one,1.5\n2,\"t\nwo\",\n").unwrap();
    let gzip = std::process::Command::new("gzip").arg(&plain).status();
    assert!(gzip.unwrap().success());
    run_in(
        folder,
        &["init", "data/clicks.csv.gz", "--output", "etc/clicks.toml"],
    )
    .expect_code(0);
    run_in(folder, &["run", "etc/clicks.toml"]).expect_code(0);
    let found = DeltaTable::local(&folder.join("etc/clicks_table"))
        .query("select id, name, price from t order by id");
    let expected = [
        json!({ "id": 1, "name": "one", "price": 1.5 }),
        json!({ "id": 2, "name": "t\nwo", "price": null }),
    ];
    assert_eq!(found, expected);
}
