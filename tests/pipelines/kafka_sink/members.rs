//! Processes of one pipeline from topic to topic, in the transaction that has the group's offsets, and into another
//! cluster: they are killed, stopped, and wake when others have their partitions.

use wasm_sink_tests::Process;
use wasm_sink_tests::kafka::{Kafka, fresh};

use crate::kafka::group::{deliver_among_three, expect_no_lag};
use crate::kafka::members::{FIRST, Late, NEVER, SECOND, TRIES};
use crate::kafka::{LATEST, OFTEN, Out, Target, await_that, case, end, generate, pipeline};

const PARTITIONS: usize = 8;

fn target<'a>(kafka: &'a Kafka, name: &str) -> Target<'a> {
    let topic = fresh(name);
    kafka.create(&topic, 4);
    Target { kafka, topic }
}

#[test]
fn among_three_that_are_killed_and_stopped_to_the_same_cluster() {
    let target = target(Kafka::shared(), "tormented");
    deliver_among_three("same", PARTITIONS, Out::Same(&target));
}

#[test]
fn among_three_that_are_killed_and_stopped_to_another_cluster() {
    let kafka = Kafka::start();
    let target = target(&kafka, "tormented");
    deliver_among_three("other", PARTITIONS, Out::Other(&target));
}

/// One that stops for so long that another has its partitions, and has delivered everything when it wakes.
fn wake_late(out: impl for<'a> Fn(&'a Target<'a>) -> Out<'a>) {
    for order in ["staged:3", "attempting:3", "attempted:3"] {
        let target = target(Kafka::shared(), "late");
        Late::start("late", out(&target), (500, order), (500, NEVER)).wake_after_everything();
    }
    let mut tries = (0..TRIES).map(|_| {
        let target = target(Kafka::shared(), "late");
        Late::start("late", out(&target), FIRST, SECOND).wakes_in_between()
    });
    assert!(tries.any(|is_tried| is_tried));
}

#[test]
fn who_was_taken_for_dead_commits_nothing_to_the_same_cluster() {
    wake_late(|target| Out::Same(target));
}

#[test]
fn who_was_taken_for_dead_commits_nothing_to_another_cluster() {
    wake_late(|target| Out::Other(target));
}

/// Whoever comes next sees neither half of a transaction, and finishes.
fn crash_at_each_step(out: impl for<'a> Fn(&'a Target<'a>) -> Out<'a>) {
    // More than two batches (10,000 rows at most) of each partition.
    const RECORDS: usize = 100_000;
    for step in [
        "batch-written",
        "file-written:2",
        "staged:2",
        "attempting:2",
        "positions-moved:2",
        "attempted:2",
        "acknowledged:2",
    ] {
        let (kafka, topic) = (Kafka::shared(), fresh("crashed"));
        let target = target(kafka, "crashed-to");
        let out = out(&target);
        kafka.create(&topic, 4);
        kafka.generate(&topic, RECORDS, 4);
        let text = pipeline(
            &topic,
            LATEST,
            out,
            "[epoch]\nmax_rows = 300\nmax_ms = 1_000\n",
        );
        let first = case(kafka, &text, out);
        let outcome = first.run().env("WASM_SINK_CRASH_AT", step).finish();
        assert_eq!(outcome.signal(), Some(6), "{step}: {}", outcome.said());
        let before = out.counts();
        assert!(before.rows < RECORDS as u64, "{step}: {before:?}");
        // As another machine, which remembers nothing.
        case(kafka, &text, out).run().finish().expect_code(0);
        out.expect_each_once(RECORDS as u64);
        expect_no_lag(kafka, &topic, 4);
    }
}

#[test]
fn crashes_at_each_step_on_the_way_to_the_same_cluster() {
    crash_at_each_step(|target| Out::Same(target));
}

#[test]
fn crashes_at_each_step_on_the_way_to_another_cluster() {
    crash_at_each_step(|target| Out::Other(target));
}

/// Each partition has a producer of its own on the way to another cluster, and a member that gives it away ends it.
#[test]
fn partitions_that_are_given_away_leave_no_producers_behind() {
    let (kafka, topic) = (Kafka::shared(), fresh("shared-out"));
    let target = target(kafka, "shared-out-to");
    let out = Out::Other(&target);
    kafka.create(&topic, PARTITIONS);
    let text = pipeline(&topic, "", out, OFTEN);
    let (one, other) = (case(kafka, &text, out), case(kafka, &text, out));
    let first = one.run().start();
    kafka.generate(&topic, 1_000, PARTITIONS);
    out.await_records(1_000);
    // One thread of each client is called so.
    let clients = |process: &Process| process.threads("rdk:main");
    let alone = clients(&first);
    let second = other.run().start();
    await_that("fewer producers", || {
        let now = clients(&first);
        (now + PARTITIONS / 2 <= alone, (alone, now))
    });
    generate(kafka, &topic, 1_000, 1_000, PARTITIONS);
    out.await_records(2_000);
    end(second).expect_code(0);
    generate(kafka, &topic, 2_000, 1_000, PARTITIONS);
    out.await_records(3_000);
    await_that("as many producers as before", || {
        let now = clients(&first);
        (now == alone, (alone, now))
    });
    end(first).expect_code(0);
    out.expect_each_once(3_000);
}
