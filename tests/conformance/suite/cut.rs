//! The way to the destination is cut in mid-commit: what was asked may have happened.

use std::time::Duration;

use serde_json::json;
use wasm_sink_tests::{Admin, Case, Cut, Cutter, Valve};

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
    let destination = D::start_alone();
    let wire = destination.wire();
    let cutter = Cutter::start(wire.place, wire.address, wire.word, cut, 3);
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
    let mut destination = D::start_alone();
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

/// While the destination takes nothing the source is held back: what waits stays within the budget.
pub fn a_wire_that_is_blocked_holds_the_source<D: Wired>() {
    const MANY_ROWS: u64 = 400_000;
    /// About 100 bytes a row in memory, and a budget of 4 MiB.
    const MOST_ROWS: u64 = 60_000;
    let destination = D::start_alone();
    let wire = destination.wire();
    let valve = Valve::start(wire.place, wire.address, 600_000);
    let admin = Admin::somewhere();
    let text = format!(
        "name = \"cut\"\n[source]\ntype = \"generator\"\nrows = {MANY_ROWS}\npartitions = 2\n\
         batch_rows = 1_000\n[limits]\nbytes = \"4MiB\"\n{}",
        admin.section()
    );
    let through = Through {
        destination: &destination,
        address: Some(valve.address()),
    };
    let case = Case::new(&pipeline::<D>(&text, "cut", ""), through);
    let run = case.run().start();
    valve.await_shut();
    let before = admin.counter("records_written_total");
    let (rest, limit) = (Duration::from_secs(1), Duration::from_secs(30));
    let read = admin.await_rest("records_read_total", rest, limit);
    let waiting = read - before;
    assert!(waiting <= MOST_ROWS, "{waiting} rows wait");
    valve.open();
    run.wait(Duration::from_secs(120)).expect_code(0);
    let rows = destination.query_one(
        "cut",
        "select count(*) as rows, count(distinct (partition, \"offset\")) as distinct_rows from t",
    );
    assert_eq!(
        rows,
        json!({ "rows": MANY_ROWS, "distinct_rows": MANY_ROWS })
    );
}
