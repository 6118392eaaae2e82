//! What DuckDB alone has: types and names of its own, existing tables.

use std::path::Path;

use serde_json::{Value, json};
use wasm_sink_tests::duckdb::{DuckDb, read};
use wasm_sink_tests::{Binary, Connected, dead_letters};

use crate::case::Case;

const PIPELINE: &str = include_str!("pipeline.toml");

struct File<'a>(&'a DuckDb);

impl Connected for File<'_> {
    fn connection(&self) -> String {
        let path = self.0.path().display().to_string();
        format!(
            "[connections.db]\ntype = \"duckdb\"\npath = {}\n",
            json!(path)
        )
    }

    fn environment(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

fn case(database: &DuckDb, config: &str, rows: &[Value]) -> Case {
    let case = Case::new(&format!("{PIPELINE}{config}\n"), File(database));
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    case.write("rows.jsonl", text);
    case
}

/// Each in the type that the column has, or not at all.
#[test]
fn existing_columns_take_what_fits_them() {
    let database = DuckDb::start();
    database.run(
        "create type mood as enum ('well', 'ill');
         create table rows (
             line int, id uuid, n smallint, f real, d decimal(6, 2), doc json, m mood, bits bit,
             big hugeint, made int default 7, twice int as (n * 2), \"Name\" varchar not null,
             pair int[2])",
    );
    let id = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    let case = case(
        &database,
        "",
        &[
            json!({"line": 1, "id": id.to_uppercase(), "n": -5, "f": 0.5, "d": 1.25, "doc": {"a": [1, null]},
                   "m": "ill", "bits": "0101", "big": 5, "name": "one", "pair": [1, 2]}),
            json!({"line": 2, "name": "two"}),
            json!({"line": 3, "name": "x", "n": 70_000}),
            json!({"line": 4, "name": "x", "f": 0.1}),
            json!({"line": 5, "name": "x", "f": 1e300}),
            json!({"line": 6, "name": "x", "d": 1.255}),
            json!({"line": 7, "name": "x", "m": "odd"}),
            json!({"line": 8, "name": "x", "id": "no uuid"}),
            json!({"line": 9}),
            json!({"line": 10, "name": "x", "pair": [1, 2, 3]}),
            json!({"line": 11, "name": "last"}),
        ],
    );
    case.run().finish().expect_code(0);
    let rows = database.query(
        "select line, id::varchar as id, n, f, d::varchar as d, doc->>'$.a[0]' as doc, m::varchar as m,
                bits::varchar as bits, big::varchar as big, made, twice, Name as name, pair::varchar as pair
         from rows order by line",
    );
    let nothing = |line: u64, name: &str| {
        json!({"line": line, "id": null, "n": null, "f": null, "d": null, "doc": null, "m": null, "bits": null,
               "big": null, "made": 7, "twice": null, "name": name, "pair": null})
    };
    let first = json!({"line": 1, "id": id, "n": -5, "f": 0.5, "d": "1.25", "doc": "1", "m": "ill", "bits": "0101",
                       "big": "5", "made": 7, "twice": -10, "name": "one", "pair": "[1, 2]"});
    assert_eq!(rows, [first, nothing(2, "two"), nothing(11, "last")]);
    let letters = case.dead_letters("file");
    let mut lines: Vec<_> = letters
        .iter()
        .filter_map(|letter| letter.number("line"))
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8, 9, 10], "{letters:?}");
}

/// A UUID has more than one spelling, and is one key in all of them.
#[test]
fn keys_are_compared_as_what_they_are() {
    let database = DuckDb::start();
    database.run("create table rows (id uuid, v int)");
    let config = "write_mode = \"upsert\"\nkey_fields = [\"ID\"]";
    let id = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    let upper = id.to_uppercase();
    let case = case(
        &database,
        config,
        &[
            json!({"ID": upper, "v": 1}),
            json!({"ID": id, "v": 2}),
            json!({"ID": format!("{{{upper}}}"), "v": 3}),
        ],
    );
    case.run().finish().expect_code(0);
    let rows = || database.query("select id::varchar as id, v from rows");
    assert_eq!(rows(), [json!({"id": id, "v": 3})]);
    case.write(
        "rows.jsonl",
        format!(
            "{{\"ID\": \"{upper}\", \"v\": 1}}\n{{\"ID\": \"{id}\", \"v\": 2}}\n{{\"ID\": \"{{{upper}}}\", \"v\": 3}}\n\
             {{\"ID\": \"{upper}\", \"v\": 4}}\n"
        ),
    );
    case.run().finish().expect_code(0);
    assert_eq!(rows(), [json!({"id": id, "v": 4})]);
}

/// Types that Arrow has in finer parts than DuckDB: nothing is cut, also in columns that come later.
#[test]
fn finer_times_are_refused_also_in_new_columns() {
    for config in ["", "write_mode = \"upsert\"\nkey_fields = [\"n\"]\n"] {
        let database = DuckDb::start();
        let mapping =
            "field_mappings = [{ json_path = \"t\", column = \"t\", data_type = \"time64(ns)\" }]";
        let first = case(&database, config, &[json!({"n": 1})]);
        first.run().finish().expect_code(0);
        let later = case(
            &database,
            &format!("{config}{mapping}"),
            &[
                json!({"n": 1}),
                json!({"n": 2, "t": "12:00:00.000001"}),
                json!({"n": 3, "t": "12:00:00.000000001"}),
            ],
        );
        let text = std::fs::read_to_string(later.path("pipeline.toml")).unwrap();
        later.write(
            "pipeline.toml",
            text.replace("name = \"file\"", "name = \"later\""),
        );
        later.run().finish().expect_code(0);
        let rows = database.query("select n, t::varchar as t from rows where t is not null");
        assert_eq!(rows, [json!({"n": 2, "t": "12:00:00.000001"})], "{config}");
        assert_eq!(later.dead_letters("later").len(), 1, "{config}");
    }
}

/// What cannot be is said at once, and not tried again and again.
#[test]
fn what_cannot_be_is_said() {
    let database = DuckDb::start();
    database.run("create table t (n int); create view rows as from t");
    let case = case(&database, "", &[json!({"n": 1})]);
    case.run().finish().expect_code(1).expect_said("is a view");
    for (table, word) in [("nosuch.t", "nosuch"), ("a.b.c", "too many parts")] {
        let text = PIPELINE.replace("\"rows\"", &format!("\"{table}\""));
        case.rewrite(&text, File(&database));
        let outcome = case.run().finish();
        assert!(matches!(outcome.code(), Some(1 | 2)), "{}", outcome.said());
        outcome.expect_said(word);
    }
    let two = "{\"id\": 1, \"ID\": 2}\n";
    case.rewrite(&PIPELINE.replace("\"rows\"", "\"two\""), File(&database));
    case.write("rows.jsonl", two);
    case.run().finish().expect_code(1).expect_said("`ID`");
}

/// Letters of names: DuckDB has one column where the records and the table write it differently.
#[test]
fn names_are_the_same_in_any_letters() {
    let database = DuckDb::start();
    database.run("create table \"Rows\" (\"ID\" bigint, \"City\" varchar)");
    let case = case(
        &database,
        "schema_evolution = \"strict\"",
        &[json!({"id": 1, "city": "Wien"})],
    );
    case.run().finish().expect_code(0);
    assert_eq!(
        database.query("select ID as id, City as city from rows"),
        [json!({"id": 1, "city": "Wien"})]
    );
}

/// The table of commits gets the column that an earlier version made it without.
#[test]
fn tables_of_an_earlier_version_get_what_they_lack() {
    let database = DuckDb::start();
    let case = case(&database, "", &[json!({"id": 1})]);
    case.run().finish().expect_code(0);
    database.run("alter table _wasm_sink_commits drop column configuration");
    case.write("rows.jsonl", "{\"id\": 1}\n{\"id\": 2}\n");
    case.run().finish().expect_code(0);
    assert_eq!(
        database.query(
            "select count(*) as commits, count(configuration) as named, max(length(configuration)) as digits
             from _wasm_sink_commits"
        ),
        [json!({"commits": 2, "named": 1, "digits": 64})]
    );
}

/// What examples/duckdb/README.md says.
#[test]
fn the_example_fills_a_table_once() {
    let folder = tempfile::tempdir().unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    for file in ["duckdb/pipeline.toml", "quickstart/orders.jsonl"] {
        let copy = folder.path().join(file);
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(examples.join(file), copy).unwrap();
    }
    let pipeline = folder.path().join("duckdb/pipeline.toml");
    let run = || Binary::find().run(&pipeline).finish().expect_code(0);
    run();
    let database = folder.path().join("duckdb/shop.duckdb");
    assert!(
        !folder.path().join("duckdb/shop.duckdb.wal").exists(),
        "the file is whole by itself"
    );
    let delivered = read(
        &database,
        "select count(*) as rows, count(distinct id) as ids,
                bool_and(typeof(\"at\") = 'TIMESTAMP WITH TIME ZONE') as instants,
                count(*) filter (where customer.name = '山田 花子') > 0 as unicode,
                min(len(items)) > 0 as lists from orders",
    );
    let expected = json!({
        "rows": 3_000, "ids": 3_000, "instants": true, "unicode": true, "lists": true,
    });
    assert_eq!(delivered, [expected]);
    let letters = folder
        .path()
        .join("duckdb/.wasm-sink/duckdb-example/dead-letters");
    assert_eq!(dead_letters(&letters).len(), 3);
    run().expect_said("nothing new");
}

/// Rows that replace others are looked up all at once: the library says when it needs more memory for that
/// than it was given, and gets it.
#[test]
fn what_is_too_little_memory_becomes_more() {
    let database = DuckDb::start();
    let text = "name = \"memory\"\n[source]\ntype = \"generator\"\nrows = 300_000\n[retry]\ninitial_ms = 1\n\
                [sink]\ncomponent = \"duckdb\"\nconnection = \"db\"\n[sink.config]\n\
                table_name = \"rows\"\nwrite_mode = \"upsert\"\nkey_fields = [\"id\"]\n";
    let case = Case::new(text, File(&database));
    let outcome = case.run().finish().expect_code(0);
    outcome.expect_said("needs more memory");
    let rows = database.query("select count(*) as rows, count(distinct id) as ids from rows");
    assert_eq!(rows, [json!({ "rows": 300_000, "ids": 300_000 })]);
}
