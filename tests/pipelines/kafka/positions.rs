//! Positions that the log does not have any more.

use serde_json::json;
use wasm_sink_tests::kafka::{Kafka, fresh};
use wasm_sink_tests::{Outcome, Signal};

use super::{
    Ends, LATEST, LIMIT, OFTEN, Out, await_that, end, expect_nothing_new, generate, pipeline,
};
use crate::case::Case;

/// Of partition 1, offsets 100 to 119 are gone that nobody has read; what is gone of the other was delivered.
struct Trimmed {
    topic: String,
    folder: tempfile::TempDir,
}

impl Trimmed {
    fn new() -> Self {
        let (kafka, topic) = (Kafka::shared(), fresh("trimmed"));
        let folder = tempfile::tempdir().unwrap();
        kafka.create(&topic, 2);
        kafka.generate(&topic, 200, 2);
        let trimmed = Self { topic, folder };
        trimmed.run("").0.expect_code(0);
        generate(kafka, &trimmed.topic, 200, 200, 2);
        kafka.trim(&trimmed.topic, 1, 120);
        kafka.trim(&trimmed.topic, 0, 70);
        trimmed
    }

    fn out(&self) -> Out<'_> {
        Out::Lake(self.folder.path())
    }

    fn run(&self, source: &str) -> (Outcome, Case) {
        let source = format!("{source}{LATEST}");
        let more = "[retry]\ngive_up_ms = 20_000\n";
        let text = pipeline(&self.topic, &source, self.out(), more);
        let case = Case::new(&text, Ends::new(Kafka::shared(), self.out()));
        (case.run().finish(), case)
    }
}

#[test]
fn a_position_before_the_log_is_an_error_and_names_what_is_lost() {
    let trimmed = Trimmed::new();
    let outcome = trimmed.run("").0.expect_code(1);
    let topic = trimmed.topic.as_str();
    for said in [
        topic,
        "partition 1",
        "offset 120",
        "100",
        "20 offsets are lost",
        "on_lost_position",
    ] {
        outcome.expect_said(said);
    }
    let counts = trimmed.out().counts();
    assert!(counts.rows <= 300, "{counts:?}");
}

#[test]
fn a_position_before_the_log_is_jumped_over_with_a_dead_letter() {
    let trimmed = Trimmed::new();
    let (outcome, case) = trimmed.run("on_lost_position = \"jump\"\n");
    outcome.expect_code(0).expect_said("1 dead letter");
    trimmed.out().expect_each_once(380);
    let letters = case.dead_letters(&trimmed.topic);
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(
        letters[0].text("reason").contains("100 to 119"),
        "{letters:?}"
    );
    assert_eq!(letters[0].text("partition"), "1");
    assert_eq!(letters[0].number("offset"), Some(100));
    expect_nothing_new(Kafka::shared(), &trimmed.topic, "", trimmed.out());
}

/// The same while it reads: retention is faster than the pipeline.
#[test]
fn a_log_that_is_trimmed_under_a_reader_is_noticed() {
    let (kafka, topic) = (Kafka::shared(), fresh("overtaken"));
    let folder = tempfile::tempdir().unwrap();
    let out = Out::Lake(folder.path());
    kafka.create(&topic, 1);
    kafka.generate(&topic, 100, 1);
    let text = pipeline(&topic, "", out, OFTEN);
    let case = Case::new(&text, Ends::new(kafka, out));
    let mut run = case.run().start();
    out.await_records(100);
    run.signal(Signal::STOP);
    generate(kafka, &topic, 100, 100, 1);
    kafka.trim(&topic, 0, 150);
    run.signal(Signal::CONT);
    await_that("end, or all records", || {
        let has_all = out.counts().numbers == 200;
        (!run.is_running() || has_all, out.counts())
    });
    if run.is_running() {
        // What it had asked for before it stopped was all of them.
        end(run).expect_code(0);
        return;
    }
    let delivered = out.counts().numbers;
    let outcome = run.wait(LIMIT).expect_code(1);
    outcome.expect_said(&format!(
        "delivered up to {delivered}: {} offsets are lost",
        150 - delivered
    ));
    out.expect_each_once(delivered);
}

#[test]
fn a_log_that_was_cut_off_below_the_position_is_an_error() {
    let mut kafka = Kafka::start();
    let topic = fresh("cut");
    let folder = tempfile::tempdir().unwrap();
    let out = Out::Lake(folder.path());
    kafka.create(&topic, 2);
    for first in [0, 100] {
        generate(&kafka, &topic, first, 100, 2);
    }
    let run = |kafka: &Kafka, source: &str| {
        let text = pipeline(&topic, &format!("{source}{LATEST}"), out, "");
        Case::new(&text, Ends::new(kafka, out)).run().finish()
    };
    run(&kafka, "").expect_code(0);
    out.expect_each_once(200);
    kafka.stop();
    kafka.truncate(&topic, 1, 60);
    kafka.resume();
    let high = kafka.describe(&topic).unwrap().high;
    assert!(high[0] == 100 && high[1] <= 60, "{high:?}");
    // Others take their places.
    kafka.produce(&topic, &[json!({"value": "{\"n\": 1000}", "partition": 1})]);
    for source in ["", "on_lost_position = \"jump\"\n"] {
        let outcome = run(&kafka, source).expect_code(1);
        for said in [
            &topic,
            "partition 1",
            "delivered up to 100",
            "unclean leader election",
        ] {
            outcome.expect_said(said);
        }
        out.expect_each_once(200);
    }
}
