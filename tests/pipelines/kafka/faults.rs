//! Brokers go away and come back, and the way to them is cut.

use std::time::Duration;

use serde_json::json;
use wasm_sink_tests::kafka::{FETCH, HEARTBEAT, Kafka, OFFSET_COMMIT, fresh};
use wasm_sink_tests::{Cut, Cutter};

use super::group::{await_no_lag, expect_no_lag};
use super::{Ends, HASTY, OFTEN, Out, await_that, case, end, expect_nothing_new, pipeline};
use crate::case::Case;

pub const RECORDS: usize = 10_000;

#[test]
fn a_broker_that_is_killed_is_waited_for() {
    let mut kafka = Kafka::start();
    let topic = fresh("away");
    let folder = tempfile::tempdir().unwrap();
    let out = Out::Lake(folder.path());
    kafka.create(&topic, 4);
    let text = pipeline(&topic, "", out, OFTEN);
    let cases = [(); 2].map(|()| case(&kafka, &text, out));
    let mut runs = cases.each_ref().map(|case| case.run().start());
    let producer = kafka.keep_generating(&topic, RECORDS, 4, 1_000);
    for part in 1..=2 {
        out.await_records(part * 2_000);
        kafka.stop();
        kafka.resume();
    }
    // And one that says nothing any more, with its connections open.
    out.await_records(6_000);
    kafka.freeze();
    std::thread::sleep(Duration::from_secs(3));
    kafka.thaw();
    producer.wait();
    out.await_records(RECORDS as u64);
    assert!(runs.iter_mut().all(|run| run.is_running()));
    await_no_lag(&kafka, &topic, 4);
    for run in runs {
        end(run).expect_code(0);
    }
    out.expect_each_once(RECORDS as u64);
    expect_no_lag(&kafka, &topic, 4);
    expect_nothing_new(&kafka, &topic, "", out);
}

#[test]
fn a_way_that_is_cut_loses_nothing() {
    let kafka = Kafka::start();
    let (place, upstream) = kafka.proxied();
    // Of one kind at a time: the place is told to clients when the broker starts.
    let topic = fresh("cut");
    let folder = tempfile::tempdir().unwrap();
    let out = Out::Lake(folder.path());
    kafka.create(&topic, 4);
    let cutter = Cutter::start(place, upstream, FETCH, Cut::After, 5);
    deliver_through(&kafka, &cutter, &topic, out);
    assert!(cutter.cuts() > 5, "only {} cuts", cutter.cuts());
    out.expect_each_once(RECORDS as u64);
    expect_nothing_new(&kafka, &topic, "", out);
}

pub fn deliver_through(kafka: &Kafka, cutter: &Cutter, topic: &str, out: Out<'_>) {
    let producer = kafka.keep_generating(topic, RECORDS, 4, 2_000);
    let mut ends = Ends::new(kafka, out).with(HASTY);
    ends.servers = cutter.address().to_string();
    let case = Case::new(&pipeline(topic, "", out, OFTEN), ends);
    let run = case.run().start();
    producer.wait();
    match out {
        Out::Nowhere => await_that("end", || {
            let group = kafka.group(topic);
            let offsets = group["offsets"].as_array().unwrap();
            let is_end = offsets.len() == 4 && offsets.iter().all(|offset| offset["lag"] == 0);
            (is_end, group)
        }),
        _ => out.await_records(RECORDS as u64),
    }
    end(run).expect_code(0);
}

/// Offsets of a group that are the positions: whether a commit has happened is unknown.
#[test]
fn a_way_that_is_cut_at_the_commit_of_offsets_loses_nothing() {
    for (word, cut) in [
        (OFFSET_COMMIT, Cut::Before),
        (OFFSET_COMMIT, Cut::After),
        (HEARTBEAT, Cut::After),
    ] {
        let kafka = Kafka::start();
        let (place, upstream) = kafka.proxied();
        let topic = fresh("committed");
        kafka.create(&topic, 4);
        let cutter = Cutter::start(place, upstream, word, cut, 3);
        deliver_through(&kafka, &cutter, &topic, Out::Nowhere);
        assert!(cutter.cuts() > 1, "only {} cuts", cutter.cuts());
        expect_no_lag(&kafka, &topic, 4);
    }
}

/// The broker that coordinates the group, and leads half of the partitions, goes away.
#[test]
fn a_coordinator_that_moves_is_followed() {
    let settings = [
        "offsets.topic.replication.factor=2",
        "transaction.state.log.replication.factor=2",
    ];
    let kafka = Kafka::start_with(&settings);
    let mut second = kafka.start_another(2, &settings);
    let topic = fresh("moves");
    let folder = tempfile::tempdir().unwrap();
    let out = Out::Lake(folder.path());
    let assignment = json!([[1, 2], [2, 1], [1, 2], [2, 1]]);
    kafka.ask(json!({ "create": topic, "assignment": assignment }));
    // A group that the second one coordinates: it leads the partition that has its offsets.
    kafka.join("any", &topic, 0.5).wait();
    let coordinator = |group: &str| {
        let offsets = kafka.describe("__consumer_offsets")?;
        let partition = java_hash(group).unsigned_abs() as usize % offsets.leaders.len();
        Some(offsets.leaders[partition])
    };
    await_that("offsets of groups", || (coordinator("any").is_some(), ()));
    let mut groups = (0..).map(|number| format!("{topic}-{number}"));
    let group = groups.find(|group| coordinator(group) == Some(2)).unwrap();
    let source = format!("group_id = \"{group}\"\n");
    let servers = format!("{},{}", kafka.servers(), second.servers());
    let text = pipeline(&topic, &source, out, OFTEN);
    let cases = [(); 2].map(|()| {
        let mut ends = Ends::new(&kafka, out).with(HASTY);
        ends.servers.clone_from(&servers);
        Case::new(&text, ends)
    });
    let mut runs = cases.each_ref().map(|case| case.run().start());
    let producer = kafka.keep_generating(&topic, RECORDS, 4, 1_000);
    out.await_records(2_000);
    second.stop();
    let so_far = out.counts().numbers;
    out.await_records(so_far + 3_000);
    assert_eq!(coordinator(&group), Some(1));
    second.resume();
    producer.wait();
    out.await_records(RECORDS as u64);
    assert!(runs.iter_mut().all(|run| run.is_running()));
    for run in runs {
        end(run).expect_code(0);
    }
    out.expect_each_once(RECORDS as u64);
    expect_no_lag(&kafka, &group, 4);
}

/// As `String.hashCode`, by which brokers choose where a group's offsets are.
fn java_hash(text: &str) -> i32 {
    let bytes = text.bytes().map(i32::from);
    bytes.fold(0, |hash: i32, byte| {
        hash.wrapping_mul(31).wrapping_add(byte)
    })
}
