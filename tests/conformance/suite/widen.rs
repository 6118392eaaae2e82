//! Columns that hold less than the records become ones that hold both, in the epoch that needs it.

use serde_json::{Value, json};
use wasm_sink_core::step::Step;
use wasm_sink_tests::Case;

use super::crash::{self, kill_at_random_instants};
use super::routes::{lines, routed};
use crate::destination::{Routing, Through, Upserting, Widening, case, pipeline};

const PIPELINE: &str = r#"
name = "widen"

[source]
type = "files"
path = "input/*.jsonl"
"#;
const WIDEN: &str = "schema_evolution = \"widen\"";
/// More than 32 bits.
const LARGE: i64 = 5_000_000_000;

/// A column's type, as SQL names it.
fn data_type<D: Widening>(destination: &D, table: &str, column: &str) -> String {
    let found = destination.query_one(
        table,
        &format!(
            "select lower(data_type) as kind from information_schema.columns \
             where table_name = '{table}' and column_name = '{column}'"
        ),
    );
    found["kind"].as_str().unwrap_or_default().to_owned()
}

/// Where another client made the table, with rows of its own; beside new columns.
pub fn columns_become_what_holds_both<D: Widening>() {
    let destination = D::start();
    destination.run(
        "create table wide (n integer not null, f real, money decimal(6,2), day date, same bigint); \
         insert into wide values (1, 0.5, 1.25, '2026-01-01', 7)",
    );
    let config = format!(
        r#"{WIDEN}
schema = [
    {{ name = "n", data_type = "int64" }},
    {{ name = "f", data_type = "float64" }},
    {{ name = "money", data_type = "decimal(10,4)" }},
    {{ name = "day", data_type = "timestamp(us)" }},
    {{ name = "same", data_type = "int32" }},
    {{ name = "late", data_type = "utf8" }},
]"#
    );
    let case = case(&destination, PIPELINE, "wide", &config);
    let row = |n: i64| {
        json!({
            "n": n, "f": 0.1, "money": "123456.1234", "day": "2026-01-02T12:00:00", "same": 8, "late": "x",
        })
    };
    lines(&case, "1", &[row(LARGE)]);
    case.run().finish().expect_code(0);
    lines(&case, "2", &[row(LARGE + 1), json!({"n": null})]);
    case.run().finish().expect_code(0);

    let rows = destination.query(
        "wide",
        "select n, f, cast(money as varchar) as money, cast(day as varchar) as day, same, late \
         from t order by n",
    );
    let new = |n: i64| {
        json!({
            "n": n, "f": 0.1, "money": "123456.1234", "day": "2026-01-02 12:00:00", "same": 8, "late": "x",
        })
    };
    let old = json!({
        "n": 1, "f": 0.5, "money": "1.2500", "day": "2026-01-01 00:00:00", "same": 7, "late": null,
    });
    assert_eq!(rows, [old, new(LARGE), new(LARGE + 1)]);
    for column in ["n", "same"] {
        assert_eq!(data_type(&destination, "wide", column), "bigint");
    }
    assert!(data_type(&destination, "wide", "f").starts_with("double"));
    // What the table asks of its values stays.
    assert_eq!(case.dead_letters("widen").len(), 1);
}

pub fn without_it_columns_stay<D: Widening>() {
    let destination = D::start();
    destination.run("create table narrow (n integer)");
    let case = case(&destination, PIPELINE, "narrow", "");
    lines(&case, "1", &[json!({"n": 1}), json!({"n": LARGE})]);
    case.run().finish().expect_code(0);
    assert_eq!(case.dead_letters("widen").len(), 1);
    assert_eq!(data_type(&destination, "narrow", "n"), "integer");

    let through = Through {
        destination: &destination,
        address: None,
    };
    case.rewrite(&pipeline::<D>(PIPELINE, "narrow", WIDEN), through);
    lines(&case, "2", &[json!({"n": LARGE + 1})]);
    case.run().finish().expect_code(0);
    let rows = destination.query("narrow", "select n from t order by n");
    assert_eq!(rows, [json!({"n": 1}), json!({"n": LARGE + 1})]);
    assert_eq!(case.dead_letters("widen").len(), 1);
}

/// Of one epoch, some rows come before their table is changed; in each mode.
pub fn an_epoch_that_has_rows_goes_on<D: Widening + Routing + Upserting>() {
    let destination = D::start();
    let narrow = r#"[{ name = "id", data_type = "int32" }, { name = "v", data_type = "int16" }]"#;
    let wide = r#"[{ name = "id", data_type = "int64" }, { name = "v", data_type = "int64" }, { name = "late", data_type = "utf8" }]"#;
    let row = |id: i64, v: i64, late: Option<&str>| json!({"id": id, "v": v, "late": late});
    let small = [row(1, 1, None), row(2, 2, None)];
    let large = [row(2, LARGE, Some("x")), row(LARGE, 3, Some("y"))];
    let older = row(0, 0, None);
    for (table, mode, is_there, expected) in [
        ("appended", "", false, [&small[..], &large[..]].concat()),
        (
            "appended_to",
            "",
            true,
            [&[older][..], &small[..], &large[..]].concat(),
        ),
        (
            "overwritten",
            "write_mode = \"overwrite\"",
            true,
            [&small[..], &large[..]].concat(),
        ),
        (
            "upserted",
            "write_mode = \"upsert\"\nkey_fields = [\"id\"]",
            false,
            [&small[..1], &large[..]].concat(),
        ),
    ] {
        if is_there {
            destination.run(&format!(
                "create table {table} (id integer, v smallint); insert into {table} values (0, 0)"
            ));
        }
        let text = PIPELINE.replace("\"widen\"", &format!("\"{table}\""));
        let config = format!(
            r#"{WIDEN}
{mode}

[[routes]]
topic = "input/1.jsonl"
table = "{table}"
schema = {narrow}

[[routes]]
topic = "input/2.jsonl"
table = "{table}"
schema = {wide}
"#
        );
        let case = routed(&destination, &text, &config);
        lines(&case, "1", &small);
        lines(&case, "2", &large);
        case.run().finish().expect_code(0);
        let rows = destination.query(table, "select id, v, late from t order by id, v");
        assert_eq!(rows, expected, "{table}");
        assert!(case.dead_letters(table).is_empty(), "{table}");
        assert_eq!(data_type(&destination, table, "v"), "bigint", "{table}");
    }
}

pub fn rows_are_there_once_under_kills<D: Widening>() {
    let destination = D::start();
    destination.run("create table killed (n smallint, file smallint)");
    let case = case(&destination, crash::PIPELINE, "killed", WIDEN);
    let input = kill_at_random_instants(&case);
    input.expect_delivered_once(&destination, &case, "killed", "crash");
    assert_eq!(data_type(&destination, "killed", "n"), "bigint");

    destination.run("create table cut (n integer)");
    let text = PIPELINE.replace("\"widen\"", "\"cut\"");
    let case = cut(&destination, &text);
    for times in [1, 2] {
        let step = format!("{}:{times}", Step::ColumnsAdded.as_str());
        let process = case.run().env("WASM_SINK_CRASH_AT", step).start();
        process.wait(std::time::Duration::from_secs(60));
        // What was not committed was not widened.
        assert_eq!(data_type(&destination, "cut", "n"), "integer");
    }
    case.run().finish().expect_code(0);
    let rows = destination.query("cut", "select n, late from t");
    assert_eq!(rows, [json!({"n": LARGE, "late": true})]);
}

fn cut<D: Widening>(destination: &D, text: &str) -> Case {
    let case = case(destination, text, "cut", WIDEN);
    lines(&case, "1", &[json!({"n": LARGE, "late": true})]);
    case
}

/// One of them is first, and neither makes the column narrow again.
pub fn two_tasks_widen_one_column<D: Widening>() {
    const TASKS: &str = r#"
name = "tasks"

[source]
type = "generator"
rows = 100_000
partitions = 2

[epoch]
max_rows = 5_000

[limits]
tasks = 2
"#;
    let destination = D::start();
    destination.run("create table tasks (\"offset\" smallint)");
    let case = case(&destination, TASKS, "tasks", WIDEN);
    case.run().finish().expect_code(0);
    let found = destination.query_one(
        "tasks",
        "select count(*) as rows, count(distinct \"offset\") as offsets, max(\"offset\") as last from t",
    );
    assert_eq!(
        found,
        json!({ "rows": 100_000, "offsets": 50_000, "last": 49_999 })
    );
    assert!(case.dead_letters("tasks").is_empty());
}

/// Rows are not to blame, and stay where they are.
pub fn what_the_database_refuses_stops_the_pipeline<D: Widening>() {
    let destination = D::start();
    let said = destination.keep_types("kept");
    let case = case(&destination, PIPELINE, "kept", WIDEN);
    lines(&case, "1", &[json!({"n": LARGE})]);
    let outcome = case.run().finish().expect_code(1);
    outcome.expect_said(said);
    outcome.expect_said("add_columns");
    assert!(case.dead_letters("widen").is_empty());
    let rows: Vec<Value> = destination.query("kept", "select n from t");
    assert_eq!(rows, Vec::<Value>::new());
}
