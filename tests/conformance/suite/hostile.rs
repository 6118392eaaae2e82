//! Components that trap, hang, lie and keep silent: nothing of theirs is acknowledged, and no row of a
//! bad deployment is lost.

use std::collections::BTreeSet;

use serde_json::json;
use wasm_sink_tests::{Case, hostile_component};

use crate::destination::{Destination, Through};

const PIPELINE: &str = r#"
name = "hostile"

[source]
type = "generator"
rows = 20_000
partitions = 2

[epoch]
max_rows = 5_000

[limits]
call_deadline_ms = 200

[retry]
initial_ms = 10
max_ms = 50
give_up_ms = 2_000
"#;

/// The pipeline with a component that has this fault.
fn hostile<D: Destination>(destination: &D, fault: &str) -> Case {
    let component = hostile_component(D::COMPONENT);
    let component = json!(component.display().to_string());
    let text = format!(
        "{PIPELINE}\n[sink]\ncomponent = {component}\nconnection = \"out\"\n\n[sink.config]\n\
         fault = \"{fault}\"\ntable_name = \"hostile\"\n"
    );
    let through = Through {
        destination,
        address: None,
    };
    Case::new(&text, through)
}

/// Nothing is there, and a good component brings everything.
#[track_caller]
fn expect_nothing_was_taken<D: Destination>(destination: &D, case: &Case) {
    if !destination.columns("hostile").is_empty() {
        let rows = destination.query_one("hostile", "select count(*) as rows from t");
        assert_eq!(rows, json!({ "rows": 0 }));
    }
    let letters = case.dead_letters("hostile");
    assert_eq!(letters, [], "a bad deployment is no stream of dead letters");
    let good = crate::destination::pipeline::<D>(PIPELINE, "hostile", "");
    let through = Through {
        destination,
        address: None,
    };
    case.rewrite(&good, through);
    case.run().finish().expect_code(0);
    let rows = destination.query_one(
        "hostile",
        "select count(*) as rows, count(distinct (partition, \"offset\")) as distinct_rows from t",
    );
    assert_eq!(rows, json!({ "rows": 20_000, "distinct_rows": 20_000 }));
}

pub fn rows_that_trap_are_dead_letters<D: Destination>() {
    sevens_are_dead_letters::<D>("trap-on-some-rows");
}

/// What is staged of an epoch that traps in the end is not in the table.
pub fn rows_that_trap_once_they_are_staged_are_dead_letters<D: Destination>() {
    sevens_are_dead_letters::<D>("trap-in-flush");
}

fn sevens_are_dead_letters<D: Destination>(fault: &str) {
    let destination = D::start();
    let case = hostile(&destination, fault);
    case.run().finish().expect_code(0);
    let delivered = destination.query_one(
        "hostile",
        "select count(*) as rows, count(distinct (partition, \"offset\")) as distinct_rows,
                count(case when \"offset\" % 1000 = 7 then 1 end) as sevens from t",
    );
    assert_eq!(
        delivered,
        json!({ "rows": 19_980, "distinct_rows": 19_980, "sevens": 0 })
    );
    let letters = case.dead_letters("hostile");
    let found: BTreeSet<_> = letters
        .iter()
        .map(|letter| (letter.text("partition").to_owned(), letter.number("offset")))
        .collect();
    let expected: BTreeSet<_> = ["0", "1"]
        .into_iter()
        .flat_map(|partition| (0..10).map(move |i| (partition.to_owned(), Some(i * 1_000 + 7))))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(letters.len(), 20);
    assert!(
        letters.iter().all(|letter| letter.text("by") == "trap"),
        "{letters:?}"
    );
}

/// Once the component is mended they are delivered again, however often that is killed.
pub fn dead_letters_that_are_delivered_again_arrive_once<D: Destination>() {
    let destination = D::start();
    let case = hostile(&destination, "trap-on-some-rows");
    case.run().finish().expect_code(0);
    assert_eq!(case.dead_letters("hostile").len(), 20);
    let good = crate::destination::pipeline::<D>(PIPELINE, "hostile", "");
    let through = Through {
        destination: &destination,
        address: None,
    };
    case.rewrite(&good, through);
    let retry = || case.commands(&["dead-letters", "retry"]);
    for step in ["retry-ordered", "staged", "attempted", "retry-delivered"] {
        let killed = retry().env("WASM_SINK_CRASH_AT", step).finish();
        assert_eq!(killed.code(), None, "{step}: {}", killed.said());
    }
    retry().finish().expect_code(0);
    assert_eq!(case.dead_letters("hostile"), []);
    case.expect_no_pending_dead_letters("hostile");
    let rows = destination.query_one(
        "hostile",
        "select count(*) as rows, count(distinct (partition, \"offset\")) as distinct_rows from t",
    );
    assert_eq!(rows, json!({ "rows": 20_000, "distinct_rows": 20_000 }));
}

pub fn a_component_that_always_traps_stops_the_pipeline<D: Destination>() {
    let destination = D::start();
    let case = hostile(&destination, "trap-on-every-row");
    case.run()
        .finish()
        .expect_code(1)
        .expect_said("no row is good enough");
    expect_nothing_was_taken(&destination, &case);
}

pub fn a_component_that_hangs_is_ended<D: Destination>() {
    let destination = D::start();
    let case = hostile(&destination, "spin");
    case.run()
        .finish()
        .expect_code(1)
        .expect_said("call_deadline_ms");
    expect_nothing_was_taken(&destination, &case);
}

pub fn a_component_that_keeps_silent_about_its_rows_stops_the_pipeline<D: Destination>() {
    let destination = D::start();
    let case = hostile(&destination, "silence");
    case.run().finish().expect_code(1).expect_said("staged");
    expect_nothing_was_taken(&destination, &case);
}

/// All its rows could be committed: only that the epoch is doomed stands in their way.
pub fn a_component_that_swallows_a_refusal_stops_the_pipeline<D: Destination>() {
    let destination = D::start();
    let case = hostile(&destination, "swallow-denial");
    let outcome = case.run().finish().expect_code(1);
    outcome.expect_said("elsewhere");
    expect_nothing_was_taken(&destination, &case);
}
