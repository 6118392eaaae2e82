//! A component that takes no positions, as `discard`: the group's offsets are the positions.

use wasm_sink_tests::kafka::{Kafka, fresh};
use wasm_sink_tests::{Outcome, Signal};

use super::group::expect_no_lag;
use super::members::{Members, await_members, chance};
use super::{LATEST, LIMIT, OFTEN, Out, await_that, case, end, pipeline};

/// The rows of a run, by its last words: `discard` passes over all of them.
fn rows(outcome: &Outcome) -> u64 {
    let said = outcome.said();
    let number = said.split("\"skipped\":").nth(1).and_then(|rest| {
        let digits = rest.find(|digit: char| !digit.is_ascii_digit())?;
        rest[..digits].parse().ok()
    });
    number.unwrap_or_else(|| panic!("no count of rows in: {said}"))
}

/// What the group has of each partition.
fn offsets(kafka: &Kafka, group: &str) -> Vec<u64> {
    let group = kafka.group(group);
    let offsets = group["offsets"].as_array().unwrap().iter();
    offsets
        .map(|offset| offset["offset"].as_u64().unwrap())
        .collect()
}

#[test]
fn a_run_goes_on_where_the_group_stands() {
    let (kafka, topic) = (Kafka::shared(), fresh("discard"));
    kafka.create(&topic, 4);
    kafka.generate(&topic, 1_000, 4);
    let text = pipeline(&topic, LATEST, Out::Nowhere, "");
    let run = |expected: u64| {
        // Another machine: nothing is remembered but by the group.
        let outcome = case(kafka, &text, Out::Nowhere)
            .run()
            .finish()
            .expect_code(0);
        assert_eq!(rows(&outcome), expected, "{}", outcome.said());
    };
    run(1_000);
    assert_eq!(offsets(kafka, &topic), [250; 4]);
    expect_no_lag(kafka, &topic, 4);
    run(0);
    kafka.generate(&topic, 400, 4);
    run(400);
    expect_no_lag(kafka, &topic, 4);
    // Who sets the group's offsets sets the positions.
    kafka.ask(serde_json::json!({ "set_group": topic, "offsets": [[topic, 2, 300]] }));
    run(50);
}

/// What was committed when it died is not read again, and the rest is.
#[test]
fn a_run_that_was_killed_goes_on_where_the_group_stands() {
    // A few commits do not have all of them, even where each joins a batch (10,000 rows at most) of each partition.
    const RECORDS: usize = 240_000;
    for step in [
        "batch-written",
        "attempting:3",
        "attempted:3",
        "acknowledged:3",
    ] {
        let (kafka, topic) = (Kafka::shared(), fresh("killed"));
        kafka.create(&topic, 4);
        kafka.generate(&topic, RECORDS, 4);
        let more = "[epoch]\nmax_rows = 300\n";
        let text = pipeline(&topic, LATEST, Out::Nowhere, more);
        let first = case(kafka, &text, Out::Nowhere);
        let outcome = first.run().env("WASM_SINK_CRASH_AT", step).finish();
        assert_eq!(outcome.signal(), Some(6), "{}", outcome.said());
        let committed: u64 = offsets(kafka, &topic).iter().sum();
        assert!(committed < RECORDS as u64, "{step}: {committed}");
        assert_eq!(committed > 0, step.contains(':'), "{step}: {committed}");
        let outcome = case(kafka, &text, Out::Nowhere)
            .run()
            .finish()
            .expect_code(0);
        assert_eq!(rows(&outcome), RECORDS as u64 - committed, "{step}");
        expect_no_lag(kafka, &topic, 4);
    }
}

#[test]
fn three_that_are_killed_and_stopped_come_to_the_end() {
    let (kafka, topic) = (Kafka::shared(), fresh("tormented"));
    kafka.create(&topic, 8);
    let text = pipeline(&topic, "", Out::Nowhere, OFTEN);
    let cases = [(); 3].map(|()| case(kafka, &text, Out::Nowhere));
    let producer = kafka.keep_generating(&topic, 5_000, 8, 1_000);
    let mut members = Members::start(cases, chance());
    members.torment(std::time::Duration::from_secs(5));
    members.settle();
    producer.wait();
    await_that("end", || {
        let offsets = offsets(kafka, &topic);
        (offsets == [625; 8], offsets)
    });
    members.end();
    expect_no_lag(kafka, &topic, 8);
}

/// One that stops right before its commit, while another has its partitions, moves nothing back.
#[test]
fn who_was_taken_for_dead_moves_no_offset() {
    // Three batches of each partition at least: what joins them makes three commits, too.
    const RECORDS: usize = 120_000;
    let (kafka, topic) = (Kafka::shared(), fresh("backwards"));
    kafka.create(&topic, 4);
    kafka.generate(&topic, RECORDS, 4);
    let more = OFTEN.replace("[epoch]\n", "[epoch]\nmax_rows = 500\n");
    let text = pipeline(&topic, "", Out::Nowhere, &more);
    let (first, second) = (
        case(kafka, &text, Out::Nowhere),
        case(kafka, &text, Out::Nowhere),
    );
    let mut stalled = first
        .run()
        .env("WASM_SINK_STALL_AT", "attempting:3")
        .start();
    assert!(stalled.await_stop(LIMIT));
    let other = second.run().start();
    let is_delivered = || {
        let offsets = offsets(kafka, &topic);
        (offsets == [RECORDS as u64 / 4; 4], offsets)
    };
    await_that("end", is_delivered);
    await_members(kafka, &topic, 1);
    stalled.signal(Signal::CONT);
    await_members(kafka, &topic, 2);
    assert!(is_delivered().0);
    let since = rows(&end(stalled).expect_code(0));
    let others = rows(&end(other).expect_code(0));
    assert!(is_delivered().0);
    // What it had committed before it stopped is not read again.
    assert_eq!(since + others, RECORDS as u64);
}
