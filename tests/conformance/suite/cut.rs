//! The way to the destination is cut in mid-commit: what was asked may have happened.

use std::time::Duration;

use serde_json::json;
use wasm_sink_tests::{Case, Cut, Cutter};

use crate::destination::{Destination, Restartable, Through, Wired, case, pipeline};

const PIPELINE: &str = r#"
name = "cut"

[source]
type = "generator"
rows = 20_000
partitions = 2
batch_rows = 500

[epoch]
max_rows = 1_000

[retry]
initial_ms = 1
"#;
const ROWS: u64 = 20_000;

fn deliver_through<D: Wired>(cut: Cut) {
    let destination = D::start();
    let wire = destination.wire();
    let cutter = Cutter::start(wire.address, wire.word, cut, 3);
    let through = Through {
        destination: &destination,
        address: Some(cutter.address()),
    };
    let case = Case::new(&pipeline::<D>(PIPELINE, "cut", ""), through);
    case.run().finish().expect_code(0);
    expect_each_row_once(&destination);
    assert!(cutter.cuts() > 3, "only {} cuts", cutter.cuts());
}

pub fn answers_to_commits_are_lost<D: Wired>() {
    deliver_through::<D>(Cut::After);
}

pub fn commits_are_cut_off<D: Wired>() {
    deliver_through::<D>(Cut::Before);
}

#[track_caller]
fn expect_each_row_once<D: Destination>(destination: &D) {
    let rows = destination.query_one(
        "cut",
        "select count(*) as rows, count(distinct (partition, \"offset\")) as distinct_rows from t",
    );
    assert_eq!(rows, json!({ "rows": ROWS, "distinct_rows": ROWS }));
}

pub fn the_server_goes_away_and_comes_back<D: Restartable>() {
    let mut destination = D::start();
    let text = PIPELINE.replace("batch_rows = 500", "batch_rows = 100\nrate = 5_000");
    let case = case(&destination, &text, "cut", "");
    let run = case.run().start();
    for _ in 0..3 {
        // What it does then is left to chance.
        std::thread::sleep(Duration::from_millis(700));
        destination.interrupt();
        run.await_stderr("Connection refused", Duration::from_secs(30));
        destination.resume();
    }
    run.wait(Duration::from_secs(120)).expect_code(0);
    expect_each_row_once(&destination);
}
