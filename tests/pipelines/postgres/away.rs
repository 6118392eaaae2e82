//! A server that takes no rows for a while: its disk is full, or it only lets read.

use std::time::Duration;

use serde_json::json;
use wasm_sink_tests::Volume;
use wasm_sink_tests::postgres::Postgres;

use super::{LIMIT, direct};
use crate::case::Case;

const PIPELINE: &str = r#"
name = "away"

[source]
type = "generator"
rows = 40_000
rate = 20_000
partitions = 2
batch_rows = 100

[epoch]
max_rows = 1_000

[retry]
initial_ms = 10
max_ms = 100

[sink]
component = "postgres"
connection = "db"

[sink.config]
table_name = "away"
"#;

#[track_caller]
fn expect_each_row_once(server: &Postgres) {
    let rows = server.query(
        "select count(*) as rows, count(distinct (partition, \"offset\")) as distinct_rows from away",
    );
    assert_eq!(rows, [json!({ "rows": 40_000, "distinct_rows": 40_000 })]);
}

#[test]
fn a_full_disk_is_waited_for() {
    let mut volume = Volume::mount("1m");
    let server = Postgres::start_with_tables_on(&volume);
    let case = Case::new(PIPELINE, direct(&server, Postgres::USER));
    let mut process = case.run().start();
    process.await_stderr("No space left on device", LIMIT);
    assert!(process.is_running(), "it waits");
    volume.remount("size=256m");
    process.wait(Duration::from_secs(120)).expect_code(0);
    expect_each_row_once(&server);
}

#[test]
fn a_server_that_only_lets_read_is_waited_for() {
    let server = Postgres::start();
    let case = Case::new(PIPELINE, direct(&server, Postgres::USER));
    let mut process = case.run().start();
    let tell = |statement: &str| {
        server.run(statement);
        server.run("select pg_reload_conf()");
    };
    tell("alter system set default_transaction_read_only = on");
    process.await_stderr("read-only transaction", LIMIT);
    assert!(process.is_running(), "it waits");
    tell("alter system reset default_transaction_read_only");
    process.wait(Duration::from_secs(120)).expect_code(0);
    expect_each_row_once(&server);
}
