//! The topic of positions of a pipeline whose source is another: where a run goes on, what sends it elsewhere,
//! and what it says of positions that are none.

use serde_json::{Value, json};
use wasm_sink_tests::kafka::{INIT_PRODUCER_ID, Kafka, fresh};
use wasm_sink_tests::{Cut, Cutter};

use super::{To, case, case_to};

fn numbers(range: std::ops::Range<u32>) -> Vec<Value> {
    range.map(|n| json!({ "n": n })).collect()
}

fn positions(topic: &str) -> String {
    format!("_wasm_sink.{topic}.positions")
}

/// How many times each number is there.
#[track_caller]
fn expect_times(topic: &str, times: &[(u32, u32)]) {
    let found = Kafka::shared().query(
        topic,
        "select (value->>'$.n')::int as n, count(*)::int as times from records group by all order by n",
    );
    let found: Vec<u32> = found
        .iter()
        .map(|row| row["times"].as_u64().unwrap() as u32)
        .collect();
    let expected = times.iter();
    let expected = expected.flat_map(|(count, times)| (0..*count).map(|_| *times));
    assert_eq!(found, expected.collect::<Vec<_>>());
}

#[test]
fn a_run_goes_on_where_the_last_one_ended_and_begins_anew_when_told() {
    let topic = fresh("resumed");
    let case = case(&topic, "", &numbers(0..10));
    case.command("check")
        .arg("--connect")
        .finish()
        .expect_code(0);
    assert!(
        Kafka::shared().describe(&topic).is_none(),
        "a check made the topic"
    );
    case.run().finish().expect_code(0);
    case.run()
        .finish()
        .expect_code(0)
        .expect_said("nothing new");
    expect_times(&topic, &[(10, 1)]);
    case.run().arg("--restart").finish().expect_code(0);
    expect_times(&topic, &[(10, 2)]);
    case.run()
        .finish()
        .expect_code(0)
        .expect_said("nothing new");
}

#[test]
fn a_restart_that_is_killed_goes_on() {
    let topic = fresh("killed");
    let case = case(&topic, "[epoch]\nmax_rows = 10\n", &numbers(0..100));
    case.run().finish().expect_code(0);
    let killed = case
        .run()
        .arg("--restart")
        .env("WASM_SINK_CRASH_AT", "attempted:2")
        .finish();
    assert_eq!(killed.signal(), Some(6), "{}", killed.said());
    case.run().finish().expect_code(0);
    expect_times(&topic, &[(100, 2)]);
}

/// Only what is read back tells.
#[test]
fn a_record_that_is_no_position_stops_the_pipeline_and_is_named() {
    let topic = fresh("damaged");
    let case = case(&topic, "", &numbers(0..10));
    case.run().finish().expect_code(0);
    let key = json!({ "source": "files", "partition": "x" }).to_string();
    for (key, value) in [(&*key, "{\"position\": \"x\"}"), ("k", "{}"), (&*key, "")] {
        let written =
            Kafka::shared().produce(&positions(&topic), &[json!({ "key": key, "value": value })]);
        let (_, offset) = written[0];
        let outcome = case.run().finish().expect_code(1);
        outcome.expect_said(&format!("offset {offset} of topic `{}`", positions(&topic)));
        // As the message says.
        Kafka::shared().produce(&positions(&topic), &[json!({ "key": key, "value": null })]);
        case.run()
            .finish()
            .expect_code(0)
            .expect_said("nothing new");
    }
    expect_times(&topic, &[(10, 1)]);
}

/// Whoever delivered before does not take an empty topic for a new beginning.
#[test]
fn positions_that_are_gone_are_missed() {
    let topic = fresh("forgotten");
    let case = case(&topic, "", &numbers(0..10));
    case.run().finish().expect_code(0);
    Kafka::shared().delete(&positions(&topic));
    let outcome = case.run().finish().expect_code(1);
    outcome.expect_said("--from");
    expect_times(&topic, &[(10, 1)]);
    case.run()
        .arg("--from")
        .arg("beginning")
        .finish()
        .expect_code(0)
        .expect_said("10 rows");
    expect_times(&topic, &[(10, 2)]);
}

/// Who asked for a producer does not know which one it is.
#[test]
fn answers_to_who_a_producer_is_are_lost() {
    let kafka = Kafka::start();
    let (place, upstream) = kafka.proxied();
    let cutter = Cutter::start(place, upstream, INIT_PRODUCER_ID, Cut::After, 2);
    let topic = fresh("unanswered");
    let to = || To {
        servers: cutter.address().to_string(),
        properties: String::new(),
    };
    let case = case_to(to(), &topic, "[epoch]\nmax_rows = 10\n", &numbers(0..50));
    for more in 1..4 {
        case.run().finish().expect_code(0);
        let rows = numbers(0..50 * (more + 1));
        let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
        case.write("rows.jsonl", lines);
    }
    case.run().finish().expect_code(0);
    assert!(cutter.cuts() > 3, "only {} cuts", cutter.cuts());
    let found = kafka.query(
        &topic,
        "select count(*)::int as rows, count(distinct value->>'$.n')::int as numbers from records",
    );
    assert_eq!(found, [json!({ "rows": 200, "numbers": 200 })]);
}
