//! Append, overwrite, columns that come later, and an end in the middle.

use std::time::Duration;

use serde_json::{Value, json};
use wasm_sink_tests::Signal;

use crate::destination::{Destination, case};

const FILES: &str = r#"
name = "modes"

[source]
type = "files"
path = "input/*.jsonl"
"#;
const LIMIT: Duration = Duration::from_secs(60);

fn lines(case: &wasm_sink_tests::Case, name: &str, rows: &[Value]) {
    std::fs::create_dir_all(case.path("input")).unwrap();
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    case.write(&format!("input/{name}.jsonl"), text);
}

fn numbers<D: Destination>(destination: &D, table: &str) -> Vec<u64> {
    let rows = destination.query(table, "select n from t order by n");
    rows.iter().filter_map(|row| row["n"].as_u64()).collect()
}

pub fn a_second_run_adds_what_is_new<D: Destination>() {
    let destination = D::start();
    let case = case(&destination, FILES, "orders", "");
    lines(&case, "1", &[json!({"n": 1}), json!({"n": 2})]);
    case.run().finish().expect_code(0);
    case.run()
        .finish()
        .expect_code(0)
        .expect_said("nothing new");
    lines(&case, "2", &[json!({"n": 3})]);
    case.run().finish().expect_code(0);
    assert_eq!(numbers(&destination, "orders"), [1, 2, 3]);
}

/// What stood there goes with the first commit of the pipeline that wants it, once; with
/// `--restart`, once more.
pub fn older_rows_go_once<D: Destination>() {
    let destination = D::start();
    let older = case(&destination, FILES, "orders", "");
    lines(&older, "1", &[json!({"n": 1}), json!({"n": 2})]);
    older.run().finish().expect_code(0);

    let text = FILES.replace("\"modes\"", "\"overwrite\"");
    let case = case(&destination, &text, "orders", "write_mode = \"overwrite\"");
    lines(&case, "1", &[json!({"n": 10})]);
    case.run().finish().expect_code(0);
    assert_eq!(numbers(&destination, "orders"), [10]);
    lines(&case, "2", &[json!({"n": 11})]);
    case.run().finish().expect_code(0);
    assert_eq!(numbers(&destination, "orders"), [10, 11]);

    lines(&older, "2", &[json!({"n": 3})]);
    older.run().finish().expect_code(0);
    assert_eq!(numbers(&destination, "orders"), [3, 10, 11]);

    case.run().arg("--restart").finish().expect_code(0);
    assert_eq!(numbers(&destination, "orders"), [10, 11]);
}

/// A pipeline that appended and is switched to overwriting has rows of its own there, which stay.
pub fn rows_of_ones_own_stay<D: Destination>() {
    let destination = D::start();
    let case = case(&destination, FILES, "orders", "");
    lines(&case, "1", &[json!({"n": 1})]);
    case.run().finish().expect_code(0);
    let through = crate::destination::Through {
        destination: &destination,
        address: None,
    };
    let config = "write_mode = \"overwrite\"";
    let text = crate::destination::pipeline::<D>(FILES, "orders", config);
    case.rewrite(&text, through);
    lines(&case, "2", &[json!({"n": 2})]);
    case.run().finish().expect_code(0);
    assert_eq!(numbers(&destination, "orders"), [1, 2]);
}

pub fn columns_come_later<D: Destination>() {
    let destination = D::start();
    let case = case(&destination, FILES, "orders", "");
    lines(&case, "1", &[json!({"n": 1})]);
    case.run().finish().expect_code(0);
    lines(
        &case,
        "2",
        &[
            json!({"n": 2, "city": "Wien"}),
            json!({"n": 3, "city": null}),
        ],
    );
    case.run().finish().expect_code(0);
    assert_eq!(destination.columns("orders"), ["n", "city"]);
    let rows = destination.query("orders", "select n, city from t order by n");
    let expected = json!([
        {"n": 1, "city": null}, {"n": 2, "city": "Wien"}, {"n": 3, "city": null},
    ]);
    assert_eq!(json!(rows), expected);

    let strict = case_with(&destination, "schema_evolution = \"strict\"");
    lines(&strict, "1", &[json!({"n": 4, "country": "AT"})]);
    strict
        .run()
        .finish()
        .expect_code(1)
        .expect_said("`country`");
    assert_eq!(destination.columns("orders"), ["n", "city"]);
}

fn case_with<D: Destination>(destination: &D, config: &str) -> wasm_sink_tests::Case {
    case(
        destination,
        &FILES.replace("modes", "strict"),
        "orders",
        config,
    )
}

pub fn a_signal_finishes_what_was_begun<D: Destination>() {
    const ENDLESS: &str = r#"
name = "signalled"

[source]
type = "generator"
partitions = 2
rate = 20_000
batch_rows = 100

[epoch]
max_rows = 2_000
"#;
    let destination = D::start();
    let case = case(&destination, ENDLESS, "signalled", "");
    let mut before = 0;
    for _ in 0..2 {
        let stall = ("WASM_SINK_STALL_AT", "acknowledged:3");
        let mut process = case.run().env(stall.0, stall.1).start();
        assert!(process.await_stop(LIMIT), "no three commits in a minute");
        process.signal(Signal::TERM);
        process.signal(Signal::CONT);
        process.wait(LIMIT).expect_code(0);
        let partitions = destination.query(
            "signalled",
            "select count(*) = count(distinct \"offset\") as each_once,
                    count(*) = max(\"offset\") + 1 as no_gap
             from t group by partition",
        );
        let complete = json!({ "each_once": true, "no_gap": true });
        assert_eq!(partitions, [complete.clone(), complete]);
        let rows = rows(&destination);
        assert!(rows >= before + 4_000, "{rows} rows after {before}");
        before = rows;
    }
}

fn rows<D: Destination>(destination: &D) -> u64 {
    let rows = destination.query_one("signalled", "select count(*) as rows from t");
    rows["rows"].as_u64().unwrap_or_default()
}
