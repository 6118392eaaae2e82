//! A million generated rows in four partitions: each once.

use serde_json::json;
use tempfile::TempDir;

use crate::case::{Case, Lake};

const PIPELINE: &str = include_str!("pipeline.toml");

const EACH_ROW_ONCE: &str = "
    select count(*) as rows, count(distinct (partition, \"offset\")) as distinct_rows,
           count(distinct id) as ids, count(distinct partition) as partitions,
           min(\"offset\") as first, max(\"offset\") as last
    from t";

#[test]
fn a_million_rows_are_delivered_once() {
    let lake = TempDir::new().unwrap();
    let lake = Lake::Disk(lake.path());
    let case = Case::new(PIPELINE, lake);
    case.run().finish().expect_code(0);
    let expected = json!({
        "rows": 1_000_000, "distinct_rows": 1_000_000, "ids": 1_000_000,
        "partitions": 4, "first": 0, "last": 249_999,
    });
    assert_eq!(lake.table().query_one(EACH_ROW_ONCE), expected);

    let versions = lake.table().history().len();
    case.run()
        .finish()
        .expect_code(0)
        .expect_said("nothing new");
    assert_eq!(
        lake.table().history().len(),
        versions,
        "a second run commits nothing"
    );
}

/// What a commit in flight holds goes by itself, so nothing is closed early for its sake.
#[test]
fn little_memory_does_not_make_small_commits() {
    let folder = TempDir::new().unwrap();
    let pipeline = format!("{PIPELINE}\n[limits]\nbytes = \"24MiB\"\n");
    let case = Case::new(&pipeline, Lake::Disk(folder.path()));
    case.run().finish().expect_code(0);
    let mut rows: Vec<u64> = Lake::Disk(folder.path())
        .table()
        .history()
        .iter()
        .filter_map(|commit| commit["wasmSink"]["rowsStaged"].as_u64())
        .collect();
    rows.sort_unstable();
    // The last one holds what is left.
    rows.remove(0);
    assert!(rows.len() > 4, "{rows:?}");
    assert!(
        rows.first() > rows.last().map(|most| most / 4).as_ref(),
        "{rows:?}"
    );
}

#[test]
fn every_column_arrives_with_its_values() {
    let lake = TempDir::new().unwrap();
    let lake = Lake::Disk(lake.path());
    let pipeline = PIPELINE.replace("1_000_000", "1_000");
    Case::new(&pipeline, lake).run().finish().expect_code(0);
    let columns = lake
        .table()
        .query("select column_name as name, column_type as type from (describe select * from t)");
    let expected = json!([
        { "name": "partition", "type": "INTEGER" },
        { "name": "offset", "type": "BIGINT" },
        { "name": "id", "type": "VARCHAR" },
        { "name": "at", "type": "TIMESTAMP WITH TIME ZONE" },
        { "name": "user", "type": "VARCHAR" },
        { "name": "amount", "type": "DOUBLE" },
        { "name": "tags", "type": "VARCHAR[]" },
        { "name": "detail", "type": "STRUCT(country VARCHAR, score INTEGER)" },
    ]);
    assert_eq!(json!(columns), expected);
    let nulls = lake.table().query_one(
        "select count(*) filter (partition is null or \"offset\" is null or id is null or \"at\" is null) as keys,
                count(\"user\") > 0 as users, count(amount) > 0 as amounts,
                count(tags) > 0 as tags, count(detail.country) > 0 as countries
         from t",
    );
    assert_eq!(
        nulls,
        json!({ "keys": 0, "users": true, "amounts": true, "tags": true, "countries": true })
    );
}
