//! How a running pipeline is doing: `wasm-sink status`, and the status page.

mod page;

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use wasm_sink_tests::kafka::{Kafka, fresh};
use wasm_sink_tests::postgres::Postgres;
use wasm_sink_tests::{Binary, Case, Process, Signal};

use crate::case::Lake;
use crate::kafka::await_that;

const LIMIT: Duration = Duration::from_secs(60);

/// What `status --json` says of a pipeline; None where it does not run.
fn status(pipeline: &str) -> Option<Value> {
    let outcome = Binary::find()
        .command(["status", pipeline, "--json"])
        .finish();
    let told: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let found = told["pipelines"].as_array().unwrap().first().cloned();
    if let Some(found) = &found {
        let is_well = !matches!(found["status"].as_str(), Some("retrying" | "failed"));
        assert_eq!(outcome.code(), Some(i32::from(!is_well)));
    }
    found
}

#[track_caller]
fn await_status(pipeline: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut last = None;
    await_that(what, || {
        last = status(pipeline);
        (last.as_ref().is_some_and(&is_so), last.clone())
    });
    last.unwrap()
}

fn end(process: Process) {
    process.signal(Signal::TERM);
    process.wait(LIMIT).expect_code(0);
}

/// Records lie in Kafka, and an epoch is open that holds them: so many are behind. Committed, none are.
#[test]
fn how_far_partitions_are_behind_is_asked_of_kafka() {
    let kafka = Kafka::shared();
    let (topic, name) = (fresh("behind"), fresh("behind"));
    kafka.create(&topic, 2);
    kafka.generate(&topic, 500, 2);
    let lake = tempfile::tempdir().unwrap();
    let pipeline = format!(
        "name = \"{name}\"\n[connections.broker]\ntype = \"kafka\"\n\"bootstrap.servers\" = \"{}\"\n\
         [source]\nconnection = \"broker\"\ntopics = [\"{topic}\"]\nformat = \"json\"\n\
         [sink]\ncomponent = \"delta\"\nconnection = \"lake\"\n[epoch]\nmax_ms = 3_000\n",
        kafka.servers()
    );
    let case = Case::new(&pipeline, Lake::Disk(lake.path()));
    let process = case.run().start();
    let read = await_status(&name, "all records read", |found| {
        found["totals"]["records_read"] == 500
    });
    // The epoch may be committed by now, or between two looks.
    if read["totals"]["records_written"] == 0 {
        assert_eq!(read["lag"]["records"], 500, "{read}");
    }
    let found = await_status(&name, "all delivered", |found| {
        found["lag"]["records"] == 0 && found["totals"]["records_written"] == 500
    });
    let positions: Vec<_> = found["partitions"].as_array().unwrap().iter().collect();
    assert_eq!(positions.len(), 2, "{found}");
    for partition in positions {
        assert_eq!(partition["position"], "250", "{found}");
        assert_eq!(partition["lag"], json!({ "records": 0 }));
    }
    // New ones, while the next epoch is open.
    kafka.generate(&topic, 100, 2);
    await_status(&name, "new records behind", |found| {
        found["lag"]["records"] == 100
    });
    await_status(&name, "those delivered", |found| {
        found["lag"]["records"] == 0 && found["totals"]["records_written"] == 600
    });
    end(process);
    assert_eq!(status(&name), None);
}

/// A pipeline whose destination is away can be asked how it is doing, and says that it cannot be changed yet.
#[test]
fn a_pipeline_that_waits_for_its_destination_says_so() {
    let mut server = Postgres::start();
    let name = fresh("waits");
    let pipeline = format!(
        "name = \"{name}\"\n[source]\ntype = \"generator\"\nrate = 100\n\
         [connections.db]\ntype = \"postgres\"\nconnection_string = \"postgresql://{}@{}/{}\"\n\
         password = \"${{PGPASSWORD}}\"\n\
         [sink]\ncomponent = \"postgres\"\nconnection = \"db\"\n[sink.config]\ntable_name = \"t\"\n\
         [retry]\ninitial_ms = 10\nmax_ms = 100\n",
        Postgres::USER,
        server.address(),
        Postgres::DATABASE
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pipeline.toml");
    std::fs::write(&file, pipeline).unwrap();
    server.stop();
    let run = Binary::find().run(&file);
    let process = run.env("PGPASSWORD", Postgres::PASSWORD).start();
    let found = await_status(&name, "a retry", |found| found["status"] == "retrying");
    assert!(!found["error"].as_str().unwrap().is_empty());
    assert_eq!(found.get("source"), None);
    let table = Binary::find().command(["status", &name]).finish();
    let table = table.expect_code(1);
    table.expect_said("retrying");
    let swap = Binary::find().command(["swap", &name, "discard"]).finish();
    let swap = swap.expect_code(1);
    swap.expect_said("has not opened its destination so far");
    server.resume();
    let found = await_status(&name, "a commit", |found| {
        found["status"] == "running" && found["totals"]["commits"].as_u64() > Some(0)
    });
    assert_eq!(found["source"], "generator");
    assert_eq!(found["error"], Value::Null);
    end(process);
}

/// A component that traps on some rows: what was refused, and why.
#[test]
fn dead_letters_are_told_by_reason() {
    let lake = tempfile::tempdir().unwrap();
    let name = fresh("reasons");
    let pipeline = format!(
        "name = \"{name}\"\n[source]\ntype = \"generator\"\nrate = 1_000\n\
         [sink]\ncomponent = \"{}\"\nconnection = \"lake\"\n\
         [sink.config]\nfault = \"trap-on-some-rows\"\ntable_name = \"t\"\n\
         [epoch]\nmax_ms = 200\nmin_commit_ms = 50\n",
        wasm_sink_tests::hostile_component("delta").display()
    );
    let case = Case::new(&pipeline, Lake::Disk(lake.path()));
    let process = case.run().start();
    let found = await_status(&name, "dead letters", |found| {
        found["totals"]["dead_letters"].as_u64() > Some(1)
    });
    let [kind] = &found["dead_letters"].as_array().unwrap()[..] else {
        panic!("{found}");
    };
    assert_eq!(kind["by"], "trap");
    assert!(
        kind["last_reason"].as_str().unwrap().contains("a seven"),
        "{kind}"
    );
    assert!(kind["last"].as_str().unwrap().contains("offset"), "{kind}");
    let table = Binary::find().command(["status", &name]).finish();
    table.expect_said("dead letters, in ");
    table.expect_said("a seven");
    end(process);
}

/// On a terminal it is drawn again and again.
#[test]
fn watched_on_a_terminal_it_goes_on() {
    let lake = tempfile::tempdir().unwrap();
    let name = fresh("watched");
    let pipeline = format!(
        "name = \"{name}\"\n[source]\ntype = \"generator\"\nrate = 1_000\n\
         [sink]\ncomponent = \"delta\"\nconnection = \"lake\"\n[epoch]\nmax_ms = 200\nmin_commit_ms = 50\n"
    );
    let case = Case::new(&pipeline, Lake::Disk(lake.path()));
    let process = case.run().start();
    await_status(&name, "a commit", |found| {
        found["totals"]["commits"].as_u64() > Some(0)
    });
    let binary = Binary::find().command(["status"]).program();
    let command = format!("timeout 4 {binary} status {name} --watch");
    let shown = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let frames: Vec<_> = shown.split("\u{1b}[2J").skip(1).collect();
    assert!(frames.len() >= 3, "{shown}");
    for frame in &frames {
        assert!(
            frame.contains(&name) && frame.contains("running"),
            "{frame}"
        );
    }
    assert_ne!(frames.first(), frames.last());
    end(process);
}
