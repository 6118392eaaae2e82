//! Rows that take the place of others: the last one of a key stays, whatever happens on the way.

use std::fmt::Write;
use std::time::Duration;

use serde_json::json;

use super::crash::variable;
use crate::destination::{Upserting, case};

const PIPELINE: &str = r#"
name = "upsert"

[source]
type = "files"
path = "*.jsonl"
batch_rows = 50

[epoch]
max_rows = 200
"#;
const BY_ID: &str = "write_mode = \"upsert\"\nkey_fields = [\"id\"]";
const KEYS: usize = 300;
const VERSIONS: usize = 20;

pub fn the_last_row_of_a_key_stays<D: Upserting>() {
    let destination = D::start();
    let case = case(&destination, PIPELINE, "latest", BY_ID);
    case.write(
        "1.jsonl",
        "{\"id\": 1, \"v\": \"a\"}\n{\"id\": 2, \"v\": \"b\"}\n{\"id\": 1, \"v\": \"c\"}\n\
         {\"id\": null, \"v\": \"x\"}\n{\"v\": \"y\"}\n",
    );
    case.run().finish().expect_code(0);
    let rows = destination.query("latest", "select id, v from t order by id");
    assert_eq!(
        rows,
        [json!({"id": 1, "v": "c"}), json!({"id": 2, "v": "b"})]
    );
    let letters = case.dead_letters("upsert");
    let lines: Vec<_> = letters
        .iter()
        .filter_map(|letter| letter.number("line"))
        .collect();
    assert_eq!(lines, [4, 5]);
    assert!(
        letters
            .iter()
            .all(|letter| letter.text("reason").contains("`id`"))
    );

    // In another epoch, with another column; and rows that all lack the key.
    case.write(
        "2.jsonl",
        "{\"id\": 2, \"v\": \"d\", \"w\": true}\n{\"id\": 3, \"v\": null}\n",
    );
    case.write("3.jsonl", "{\"v\": \"z\"}\n");
    case.run().finish().expect_code(0);
    let rows = destination.query("latest", "select id, v, w from t order by id");
    let expected = json!([
        {"id": 1, "v": "c", "w": null}, {"id": 2, "v": "d", "w": true}, {"id": 3, "v": null, "w": null},
    ]);
    assert_eq!(json!(rows), expected);
    assert_eq!(case.dead_letters("upsert").len(), 3);
}

/// Keys of several columns, and no column beside them.
pub fn keys_alone_are_there_once<D: Upserting>() {
    let destination = D::start();
    let config = "write_mode = \"upsert\"\nkey_fields = [\"b\", \"a\"]";
    let case = case(&destination, PIPELINE, "pairs", config);
    case.write(
        "1.jsonl",
        "{\"a\": 1, \"b\": \"x\"}\n{\"a\": 1, \"b\": \"y\"}\n{\"a\": 1, \"b\": \"x\"}\n",
    );
    case.run().finish().expect_code(0);
    case.write(
        "2.jsonl",
        "{\"a\": 1, \"b\": \"y\"}\n{\"a\": 2, \"b\": \"y\"}\n",
    );
    case.run().finish().expect_code(0);
    let rows = destination.query("pairs", "select a, b from t order by a, b");
    let expected = json!([{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "y"}]);
    assert_eq!(json!(rows), expected);
}

pub fn the_last_row_stays_under_kills<D: Upserting>() {
    let destination = D::start();
    let case = case(&destination, PIPELINE, "versions", BY_ID);
    let mut text = String::new();
    for line in 0..KEYS * VERSIONS {
        writeln!(text, "{{\"id\": {}, \"v\": {line}}}", line * 7 % KEYS).unwrap();
    }
    case.write("1.jsonl", text);
    let seed = variable("WASM_SINK_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("WASM_SINK_SEED={seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    for _ in 0..10 {
        let process = case.run().start();
        std::thread::sleep(Duration::from_millis(chance.u64(0..=500)));
        process.kill();
    }
    case.run().finish().expect_code(0);
    let found = destination.query_one(
        "versions",
        "select count(*) as rows, count(distinct id) as ids, min(v) as first, max(v) as last,
                count(distinct v) as versions, count(*) filter (where v * 7 % 300 <> id) as wrong from t",
    );
    let last = KEYS * VERSIONS - 1;
    let expected = json!({
        "rows": KEYS, "ids": KEYS, "first": last - KEYS + 1, "last": last, "versions": KEYS, "wrong": 0,
    });
    assert_eq!(found, expected);
}

/// Whoever comes later writes over the other, row by row; nobody is locked out for good.
pub fn two_tasks_write_to_the_same_keys<D: Upserting>() {
    const TASKS: &str = r#"
name = "tasks"

[source]
type = "generator"
rows = 20_000
partitions = 2

[epoch]
max_rows = 1_000

[limits]
tasks = 2
"#;
    let destination = D::start();
    let config = "write_mode = \"upsert\"\nkey_fields = [\"offset\"]";
    let case = case(&destination, TASKS, "tasks", config);
    case.run().finish().expect_code(0);
    let found = destination.query_one(
        "tasks",
        "select count(*) as rows, count(distinct \"offset\") as offsets, max(\"offset\") as last from t",
    );
    assert_eq!(
        found,
        json!({ "rows": 10_000, "offsets": 10_000, "last": 9_999 })
    );
}
