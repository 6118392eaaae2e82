//! A signal ends a pipeline that would run for ever: what was begun is finished, and the next run
//! goes on from there.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::json;
use wasm_sink_tests::{Fate, Proxy, Signal, Versitygw, free_port};

use crate::case::{Case, Lake, await_versions};

const PIPELINE: &str = include_str!("pipeline.toml");
const LIMIT: Duration = Duration::from_secs(60);
/// What is at once, on a machine that is busy with other tests.
const AT_ONCE: Duration = Duration::from_secs(10);
const TOLD_TO_STOP: &str = "told to stop";

#[track_caller]
fn expect_no_gap(lake: Lake<'_>) {
    let partitions = lake.table().query(
        "select partition, count(*) = count(distinct \"offset\") as each_once,
                count(*) = max(\"offset\") + 1 as no_gap
         from t group by partition order by partition",
    );
    let complete =
        |partition: u32| json!({ "partition": partition, "each_once": true, "no_gap": true });
    assert_eq!(partitions, [complete(0), complete(1)]);
}

#[test]
fn a_signal_finishes_what_was_begun() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let case = Case::new(PIPELINE, lake);
    let mut versions = 3;
    for signal in [Signal::TERM, Signal::INT, Signal::TERM] {
        let process = case.run().start();
        await_versions(folder.path(), versions);
        process.signal(signal);
        process.wait(LIMIT).expect_code(0);
        expect_no_gap(lake);
        assert!(case.dead_letters("shutdown").is_empty());
        versions += 40;
    }
}

/// The destination does not answer the commit that the shutdown waits for: a second signal ends it.
#[test]
fn a_second_signal_ends_it_at_once() {
    for second in [Signal::TERM, Signal::INT] {
        let server = Versitygw::start();
        let (reached, commits) = mpsc::channel();
        let proxy = Proxy::start(server.address(), move |request| {
            let adds_rows = String::from_utf8_lossy(&request.body).contains("\"add\"");
            if !(request.is_delta_commit() && adds_rows) {
                return Fate::Pass;
            }
            // The test may be over.
            let _ = reached.send(());
            // As long as no shutdown takes, and then nothing comes of it.
            std::thread::sleep(2 * LIMIT);
            Fate::Cut
        });
        let endpoint = proxy.endpoint();
        let held = Lake::S3 {
            server: &server,
            endpoint: &endpoint,
            prefix: "held",
        };
        let pipeline = format!("{PIPELINE}shutdown_ms = 600_000\n");
        let case = Case::new(&pipeline, held);
        let mut process = case.run().start();
        commits.recv_timeout(LIMIT).expect("a commit of rows");
        process.signal(Signal::TERM);
        process.await_stderr(TOLD_TO_STOP, AT_ONCE);
        assert!(
            process.is_running(),
            "the first signal waits for the commit"
        );
        process.signal(second);
        let since = Instant::now();
        process.wait(LIMIT).expect_code(1);
        assert!(since.elapsed() < AT_ONCE, "{:?}", since.elapsed());

        // Nothing is lost and nothing doubled.
        let direct = server.endpoint();
        let lake = Lake::S3 {
            server: &server,
            endpoint: &direct,
            prefix: "held",
        };
        case.rewrite(&pipeline.replace("rate = 50_000", "rows = 20_000"), lake);
        case.run().finish().expect_code(0);
        expect_no_gap(lake);
    }
}

/// A run that waits for its destination to come back has nothing to finish.
#[test]
fn a_signal_ends_the_wait_for_a_destination_that_is_away() {
    let server = Versitygw::start();
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let lake = Lake::S3 {
        server: &server,
        endpoint: &nowhere,
        prefix: "away",
    };
    let case = Case::new(PIPELINE, lake);
    let process = case.run().start();
    process.await_stderr(&nowhere, LIMIT);
    process.signal(Signal::TERM);
    process.await_stderr(TOLD_TO_STOP, AT_ONCE);
    let since = Instant::now();
    process.wait(LIMIT).expect_code(0);
    assert!(since.elapsed() < AT_ONCE, "{:?}", since.elapsed());
}
