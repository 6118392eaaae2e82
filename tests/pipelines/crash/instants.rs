//! At random instants.

use std::time::Duration;

use wasm_sink_tests::Versitygw;

use super::input::Input;
use crate::case::{Case, Lake};

const PIPELINE: &str = include_str!("pipeline.toml");
/// Lines per file to begin with, and by which they grow when a life finished its work.
const LINES: usize = 4_000;
/// How long a life may last. A start takes a part of it, so that some end before the first commit.
const LONGEST_LIFE: Duration = Duration::from_millis(600);

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number, and not `{text}`")),
    )
}

fn kill_again_and_again(lake: Lake<'_>) {
    let crashes = variable("WASM_SINK_CRASHES").unwrap_or(20);
    let seed = variable("WASM_SINK_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("WASM_SINK_SEED={seed}");
    let mut chance = fastrand::Rng::with_seed(seed);

    let case = Case::new(PIPELINE, lake);
    let mut input = Input::default();
    input.grow(&case, LINES);
    for _ in 0..crashes {
        let life = chance.u64(0..=LONGEST_LIFE.as_micros() as u64);
        let mut process = case.run().start();
        std::thread::sleep(Duration::from_micros(life));
        if process.is_running() {
            process.kill();
        } else {
            process.wait(Duration::ZERO).expect_code(0);
            input.grow(&case, LINES);
        }
    }
    case.run().finish().expect_code(0);
    input.expect_delivered_once(&case, lake);
}

#[test]
fn at_random_instants_on_disk() {
    let lake = tempfile::tempdir().expect("a temporary folder");
    kill_again_and_again(Lake::Disk(lake.path()));
}

#[test]
fn at_random_instants_on_s3() {
    let server = Versitygw::start();
    kill_again_and_again(Lake::S3 {
        server: &server,
        endpoint: &server.endpoint(),
        prefix: "crash",
    });
}
