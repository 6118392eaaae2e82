//! At every named step.

use std::time::Duration;

use wasm_sink_core::step::Step;
use wasm_sink_tests::{Outcome, Versitygw};

use super::input::{Input, WIDER_FROM};
use crate::case::{Case, Lake};

const PIPELINE: &str = include_str!("pipeline.toml");
const SIGABRT: i32 = 6;
/// Lines per file: enough epochs that a checkpoint falls due.
const LINES: usize = 1_200;
/// Which time the step is taken counts, too: the first is special, a later one finds more to lose.
const TIMES: [u32; 2] = [1, 4];

fn crash_at(case: &Case, step: Step, times: u32) -> Outcome {
    let order = format!("{}:{times}", step.as_str());
    let run = case.run().env("WASM_SINK_CRASH_AT", order).start();
    run.wait(Duration::from_secs(120))
}

/// Crashes at the step in three lives in a row, then lives on, with what the crashes left.
fn crash_and_recover(step: Step, times: u32, lake: Lake<'_>) -> bool {
    let case = Case::new(PIPELINE, lake);
    let mut input = Input::default();
    if step == Step::ColumnsAdded {
        // The wider rows come to a table that does not know them.
        input.grow(&case, WIDER_FROM - 1);
        case.run().finish().expect_code(0);
    }
    input.grow(&case, LINES);
    let mut crashed = false;
    for _ in 0..3 {
        let outcome = crash_at(&case, step, times);
        if outcome.signal() == Some(SIGABRT) {
            crashed = true;
        } else {
            outcome.expect_code(0);
        }
    }
    case.run().finish().expect_code(0);
    input.expect_delivered_once(&case, lake);
    crashed
}

#[test]
fn at_every_step_on_disk() {
    for step in Step::ALL {
        for times in TIMES {
            let lake = tempfile::tempdir().expect("a temporary folder");
            let crashed = crash_and_recover(step, times, Lake::Disk(lake.path()));
            assert!(crashed || times > 1, "{} is never taken", step.as_str());
        }
    }
}

#[test]
fn at_every_step_on_s3() {
    let server = Versitygw::start();
    for step in Step::ALL {
        for times in TIMES {
            let lake = Lake::S3 {
                server: &server,
                endpoint: &server.endpoint(),
                prefix: &format!("{}-{times}", step.as_str()),
            };
            let crashed = crash_and_recover(step, times, lake);
            assert!(crashed || times > 1, "{} is never taken", step.as_str());
        }
    }
}
