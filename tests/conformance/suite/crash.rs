//! The process is killed, at every named step of the commit protocol and at random instants, and
//! started again until it is done: no row and no dead letter is lost, and none is there twice.

use std::time::Duration;

use wasm_sink_core::step::Step;
use wasm_sink_tests::{Case, Outcome};

use super::input::{Input, WIDER_FROM};
use crate::destination::{Destination, case};

pub const PIPELINE: &str = r#"
name = "crash"

[source]
type = "files"
path = "input/*.jsonl"
format = "json"
batch_rows = 100

[epoch]
max_rows = 250
"#;
const SIGABRT: i32 = 6;
/// Lines per file at each step: enough epochs that a checkpoint falls due.
const LINES: usize = 1_200;
/// Which time the step is taken counts, too: the first is special, a later one finds more to lose.
const TIMES: [u32; 2] = [1, 4];
/// Lines per file to begin with at random instants, and by which they grow when a life finished its
/// work.
const MORE_LINES: usize = 4_000;
/// How long a life may last. A start takes a part of it, so that some end before the first commit.
const LONGEST_LIFE: Duration = Duration::from_millis(600);

pub fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number, and not `{text}`")),
    )
}

fn crash_at(case: &Case, step: Step, times: u32) -> Outcome {
    let order = format!("{}:{times}", step.as_str());
    let run = case.run().env("WASM_SINK_CRASH_AT", order).start();
    run.wait(Duration::from_secs(120))
}

/// Crashes at the step in three lives in a row, then lives on, with what the crashes left.
fn crash_and_recover<D: Destination>(destination: &D, step: Step, times: u32) -> bool {
    let table = format!("{}-{times}", step.as_str());
    let text = PIPELINE.replace("\"crash\"", &format!("\"{table}\""));
    let case = case(destination, &text, &table, "");
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
    input.expect_delivered_once(destination, &case, &table, &table);
    crashed
}

pub fn at_every_step<D: Destination>() {
    let destination = D::start();
    for step in Step::ALL {
        for times in TIMES {
            let crashed = crash_and_recover(&destination, step, times);
            let is_taken = !D::STEPS_NOT_TAKEN.contains(&step);
            assert!(
                crashed == is_taken || times > 1,
                "{}: crashed is {crashed}",
                step.as_str()
            );
        }
    }
}

pub fn at_random_instants<D: Destination>() {
    let destination = D::start();
    let case = case(&destination, PIPELINE, "killed", "");
    let input = kill_at_random_instants(&case);
    input.expect_delivered_once(&destination, &case, "killed", "crash");
}

/// Has lives end early, and the last one in its own time; what they were given.
pub fn kill_at_random_instants(case: &Case) -> Input {
    let crashes = variable("WASM_SINK_CRASHES").unwrap_or(20);
    let seed = variable("WASM_SINK_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("WASM_SINK_SEED={seed}");
    let mut chance = fastrand::Rng::with_seed(seed);

    let mut input = Input::default();
    input.grow(case, MORE_LINES);
    for _ in 0..crashes {
        let life = chance.u64(0..=LONGEST_LIFE.as_micros() as u64);
        let mut process = case.run().start();
        std::thread::sleep(Duration::from_micros(life));
        if process.is_running() {
            process.kill();
        } else {
            process.wait(Duration::ZERO).expect_code(0);
            input.grow(case, MORE_LINES);
        }
    }
    case.run().finish().expect_code(0);
    input
}
