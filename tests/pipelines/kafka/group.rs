//! Three processes of one pipeline share a topic while some of them are killed, others stopped for longer
//! than the group waits, all the time and at random: no record is lost, and none is there twice.

use std::time::Duration;

use serde_json::Value;
use wasm_sink_tests::kafka::{Kafka, fresh};
use wasm_sink_tests::postgres::Postgres;

use super::members::{Members, chance, variable};
use super::{Ends, OFTEN, Out, await_that, expect_nothing_new, pipeline};
use crate::case::Case;

const PARTITIONS: usize = 16;
const PER_SECOND: usize = 1_000;

/// For as long as the environment says, or 20 s.
pub fn deliver_among_three(name: &str, partitions: usize, out: Out<'_>) {
    let seconds = variable("WASM_SINK_GROUP_SECONDS").unwrap_or(20);
    let length = Duration::from_secs(seconds);
    let (kafka, topic) = (Kafka::shared(), fresh(name));
    kafka.create(&topic, partitions);
    // What was about to be committed when a member stopped is not what another one then commits.
    let cases = ["100", "200", "400"].map(|longest| {
        let often = OFTEN.replace("max_ms = 200", &format!("max_ms = {longest}"));
        super::case(kafka, &pipeline(&topic, "", out, &often), out)
    });
    let count = seconds as usize * PER_SECOND;
    let producer = kafka.keep_generating(&topic, count, partitions, PER_SECOND);
    let mut members = Members::start(cases, chance());
    members.torment(length);
    members.settle();
    producer.wait();
    out.await_records(count as u64);
    members.end();
    out.expect_each_once(count as u64);
    expect_no_lag(kafka, &topic, partitions);
    expect_nothing_new(kafka, &topic, "", out);
}

/// Those who watch the group see that everything is delivered.
#[track_caller]
pub fn expect_no_lag(kafka: &Kafka, group: &str, partitions: usize) {
    let group = kafka.group(group);
    assert!(has_no_lag(&group, partitions), "{group}");
}

/// The same of members that run, once the group takes offsets: while partitions are handed out, it takes none.
#[track_caller]
pub fn await_no_lag(kafka: &Kafka, group: &str, partitions: usize) {
    await_that("no lag", || {
        let group = kafka.group(group);
        (has_no_lag(&group, partitions), group)
    });
}

fn has_no_lag(group: &Value, partitions: usize) -> bool {
    let offsets = group["offsets"].as_array().unwrap();
    offsets.len() == partitions && offsets.iter().all(|offset| offset["lag"] == 0)
}

#[test]
fn to_delta_among_three_that_are_killed_and_stopped() {
    let folder = tempfile::tempdir().unwrap();
    deliver_among_three("delta", PARTITIONS, Out::Lake(folder.path()));
}

#[test]
fn to_postgres_among_three_that_are_killed_and_stopped() {
    let server = Postgres::start();
    deliver_among_three("postgres", PARTITIONS, Out::Database(&server));
}

/// Members that have nothing to do with the pipeline take partitions and give them back, every second.
#[test]
fn a_storm_of_others_loses_nothing() {
    let seconds = variable("WASM_SINK_STORM_SECONDS").unwrap_or(8);
    let (kafka, topic) = (Kafka::shared(), fresh("storm"));
    let folder = tempfile::tempdir().unwrap();
    let out = Out::Lake(folder.path());
    kafka.create(&topic, PARTITIONS);
    let text = pipeline(&topic, "", out, OFTEN);
    let cases = [(); 2].map(|()| Case::new(&text, Ends::new(kafka, out).with(super::HASTY)));
    let count = seconds as usize * PER_SECOND;
    let producer = kafka.keep_generating(&topic, count, PARTITIONS, PER_SECOND);
    let mut chance = chance();
    let members = Members::start(cases, chance.fork());
    let mut guests = Vec::new();
    for _ in 0..seconds {
        guests.push(kafka.join(&topic, &topic, 0.3 + 2.0 * chance.f64()));
        std::thread::sleep(Duration::from_secs(1));
    }
    for guest in guests {
        guest.wait();
    }
    producer.wait();
    out.await_records(count as u64);
    members.end();
    out.expect_each_once(count as u64);
    expect_no_lag(kafka, &topic, PARTITIONS);
}
