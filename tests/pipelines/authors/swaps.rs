//! The same sink in three languages, one in the place of the other while rows flow.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;
use wasm_sink_tests::{DeltaTable, author, sha256};

use super::{WRITTEN, built, expected, letters};
use crate::kafka::{await_that, end};

/// After the one that the pipeline begins with.
const TAKEN_OVER_BY: [&str; 5] = ["python", "go", "rust", "python", "go"];

#[test]
fn rust_python_and_go_take_over_from_one_another_and_each_row_arrives_once() {
    let folder = tempfile::tempdir().unwrap();
    let component = |language: &str| built(language).path("build/my-sink.wasm");
    let components = ["rust", "python", "go"].map(component);
    let text = format!(
        "name = \"relay\"\n[source]\ntype = \"generator\"\nrate = 2_000\n[sink]\ncomponent = \"{}\"\n\
         connection = \"lake\"\n[sink.config]\ntable_name = \"amounts\"\nminimum = 10\n[connections.lake]\n\
         type = \"delta\"\npath = \"lake\"\n[limits]\nmax_rejected = 500\n[epoch]\nmax_ms = 200\n\
         min_commit_ms = 50\n",
        components[0].display()
    );
    std::fs::write(folder.path().join("pipeline.toml"), text).unwrap();
    let command = |args: &[&str]| author("rust", args, folder.path());
    let table = DeltaTable::local(&folder.path().join("lake/amounts"));
    let process = command(&["run", "pipeline.toml"]).start();
    // Whoever has taken over writes before the next one does.
    let writes = |path: &Path| {
        let hash = sha256(path);
        await_that("write", || {
            let newest = match table.exists() {
                true => table.history().into_iter().next(),
                false => None,
            };
            let writer = newest.map(|commit| commit["wasmSink"]["component"].clone());
            (writer == Some(json!(hash)), writer)
        });
    };
    writes(&components[0]);
    for language in TAKEN_OVER_BY {
        let path = component(language);
        let swap = ["swap", "pipeline.toml", path.to_str().unwrap()];
        command(&swap).finish_building().expect_code(0);
        writes(&path);
    }
    end(process).expect_code(0);

    let written = table.query_one(WRITTEN);
    let rows = written["n"].as_u64().unwrap() + letters(folder.path());
    assert_eq!(written, expected(folder.path(), rows), "of {rows} rows");
    let history = table.history();
    let writers = history
        .iter()
        .filter_map(|commit| commit["wasmSink"]["component"].as_str());
    let writers: BTreeSet<_> = writers.collect();
    assert_eq!(
        writers,
        components
            .iter()
            .map(|path| sha256(path))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str)
            .collect()
    );
    println!(
        "{rows} rows in {} commits by {} components",
        history.len(),
        writers.len()
    );
}
