//! A destination that takes nothing for a while: what waits stays within the budget, however long the topic is.

use std::time::Duration;

use serde_json::json;
use wasm_sink_tests::kafka::{Kafka, fresh};
use wasm_sink_tests::postgres::Postgres;
use wasm_sink_tests::{Admin, Process};

use super::members::await_members;
use super::{Out, case, pipeline};

const RECORDS: u64 = 150_000;
/// All of them are over 150 MB.
const BYTES: u64 = 1_000;

/// The most memory that it ever had, in MB.
fn peak(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes / 1024
}

#[test]
fn a_destination_that_is_blocked_holds_the_source() {
    let (kafka, topic) = (Kafka::shared(), fresh("slow"));
    let server = Postgres::start();
    let out = Out::Database(&server);
    kafka.create(&topic, 4);
    kafka.generate(&topic, 4, 4);
    let admin = Admin::somewhere();
    let more = format!("[limits]\nbytes = \"4MiB\"\n{}", admin.section());
    let case = case(kafka, &pipeline(&topic, "", out, &more), out);
    let run = case.run().start();
    out.await_records(4);
    let before = peak(&run);
    let held = server.hold("begin; lock table t in access exclusive mode");
    let how = json!({ "count": RECORDS, "first": 4, "partitions": 4, "bytes": BYTES });
    kafka.ask(json!({ "produce": topic, "generate": how }));
    let (rest, limit) = (Duration::from_secs(2), Duration::from_secs(30));
    let read = admin.await_rest("records_read_total", rest, limit);
    assert!(read < 20_000, "{read} records were read");
    // It says that it lives all the same: the session timeout is 1.5 s.
    await_members(kafka, &topic, 1);
    let blocked = peak(&run);
    drop(held);
    out.await_records(RECORDS + 4);
    let after = peak(&run);
    println!("{before} MB, then {blocked} MB while it was blocked, {after} MB at the end");
    for (peak, most) in [(blocked, before + 80), (after, before + 100)] {
        assert!(peak <= most, "{peak} MB, {before} MB to begin with");
    }
    super::end(run).expect_code(0);
    out.expect_each_once(RECORDS + 4);
}
