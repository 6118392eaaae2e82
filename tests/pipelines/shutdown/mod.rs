//! A signal ends a pipeline that would run for ever: what was begun is finished, and the next run
//! goes on from there.

use std::time::Duration;

use serde_json::json;
use wasm_sink_tests::Signal;

use crate::case::{Case, Lake, await_versions};

const LIMIT: Duration = Duration::from_secs(60);

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
    let case = Case::new(include_str!("pipeline.toml"), lake);
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
