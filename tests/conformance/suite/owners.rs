//! Two processes run one pipeline. Whoever loses stops; no row is doubled.

use std::time::Duration;

use serde_json::json;
use wasm_sink_core::step::Step;
use wasm_sink_tests::{Case, Signal};

use crate::destination::{Destination, Exclusive, Shared, case};

const PIPELINE: &str = r#"
name = "owners"

[source]
type = "generator"
rows = 30_000
partitions = 2
batch_rows = 100

[epoch]
max_rows = 300
"#;
const ROWS: u64 = 30_000;
const LIMIT: Duration = Duration::from_secs(120);

/// The same pipeline as another process has it, with epochs of another size.
fn other<D: Destination>(destination: &D) -> Case {
    let text = PIPELINE.replace("max_rows = 300", "max_rows = 1_000");
    case(destination, &text, "owners", "")
}

#[track_caller]
fn expect_each_row_once<D: Destination>(destination: &D) {
    let rows = destination.query_one(
        "owners",
        "select count(*) as rows, count(distinct (partition, \"offset\")) as distinct_rows from t",
    );
    assert_eq!(rows, json!({ "rows": ROWS, "distinct_rows": ROWS }));
}

pub fn of_two_processes_one_stops<D: Shared>() {
    let destination = D::start();
    let first = case(&destination, PIPELINE, "owners", "");
    let second = other(&destination);
    // Both are in the middle of it, however fast either is.
    let stalled = |case: &Case, step: &str| {
        let mut run = case.run().env("WASM_SINK_STALL_AT", step).start();
        assert!(run.await_stop(LIMIT), "{step} is not taken");
        run
    };
    let runs = [
        stalled(&first, "attempted:5"),
        stalled(&second, "batch-written:1"),
    ];
    for run in &runs {
        run.signal(Signal::CONT);
    }
    let outcomes = runs.map(|run| run.wait(LIMIT));
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
        loser.expect_said("another process commits to");
    }
    // Where each won a partition, both stopped.
    first.run().finish().expect_code(0);
    expect_each_row_once(&destination);
}

/// A process that stalls at a step of the commit protocol, and wakes when another has done its work,
/// must not add a row.
pub fn a_process_that_wakes_late_changes_nothing<D: Shared>() {
    for step in [
        Step::BatchWritten,
        Step::FileWritten,
        Step::Staged,
        // After the look at the positions, before the commit is sent: only the swap is left to refuse it.
        Step::Attempting,
        // Holding the server's locks.
        Step::PositionsMoved,
        Step::Attempted,
    ] {
        if D::STEPS_NOT_TAKEN.contains(&step) {
            continue;
        }
        let destination = D::start();
        let first = case(&destination, PIPELINE, "owners", "");
        let second = other(&destination);
        let order = format!("{}:9", step.as_str());
        let mut stalled = first.run().env("WASM_SINK_STALL_AT", order).start();
        assert!(stalled.await_stop(LIMIT), "{} is not taken", step.as_str());
        second.run().finish().expect_code(0);
        expect_each_row_once(&destination);
        stalled.signal(Signal::CONT);
        stalled
            .wait(LIMIT)
            .expect_code(1)
            .expect_said("another process");
        expect_each_row_once(&destination);
    }
}

/// Between two commits of one process, another finds the destination taken, and says by whom.
pub fn a_second_process_is_told_who_writes<D: Exclusive>() {
    let destination = D::start();
    let first = case(&destination, PIPELINE, "owners", "");
    let mut stalled = first.run().env("WASM_SINK_STALL_AT", "attempted:5").start();
    assert!(stalled.await_stop(LIMIT));
    let said = other(&destination).run().finish().expect_code(1).said();
    assert!(said.contains(D::TOLD), "{said}");
    assert!(said.contains(&stalled.id().to_string()), "{said}");
    stalled.signal(Signal::CONT);
    stalled.wait(LIMIT).expect_code(0);
    expect_each_row_once(&destination);
}
