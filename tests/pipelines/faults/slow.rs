//! A destination that takes its time.

use std::time::Duration;

use wasm_sink_tests::{Fate, Proxy, Versitygw};

use super::{PIPELINE, case, expect_delivered};
use crate::case::Lake;

const DELAY: Duration = Duration::from_secs(2);

/// The deadline of a call is for the component's own time: each request that a call waits for takes
/// longer than that.
#[test]
fn every_answer_takes_longer_than_a_call_may_run() {
    let server = Versitygw::start();
    let proxy = Proxy::start(server.address(), |_| Fate::Delay(DELAY));
    let lake = Lake::S3 {
        server: &server,
        endpoint: &proxy.endpoint(),
        prefix: "slow",
    };
    let case = case(lake);
    case.rewrite(
        &format!("{PIPELINE}\n[limits]\ncall_deadline_ms = 1_000\n"),
        lake,
    );
    let outcome = case.run().finish().expect_code(0);
    assert!(outcome.took > DELAY, "nothing was slow");
    assert!(
        !outcome.said().contains("\"WARN\""),
        "slow is no failure:\n{}",
        outcome.said()
    );
    expect_delivered(lake, 100);
    assert_eq!(case.dead_letters("faults"), []);
}
