//! Structs and lists into columns that are there: of composite types, arrays and jsonb.

use serde_json::{Value, json};
use wasm_sink_tests::postgres::Postgres;

use super::{LIMIT, PIPELINE, await_activity, direct};
use crate::case::Case;

/// The pipeline over these lines, with more in `[sink.config]`.
fn reading(server: &Postgres, config: &str, lines: &[Value]) -> Case {
    let pipeline = PIPELINE.replace(
        "type = \"generator\"\nrows = 1_000",
        "type = \"files\"\npath = \"rows.jsonl\"",
    );
    let pipeline = format!("{pipeline}{config}\n");
    let case = Case::new(&pipeline, direct(server, Postgres::USER));
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    case.write("rows.jsonl", text);
    case
}

/// The number of a line that became a dead letter, and why.
fn refused(case: &Case) -> Vec<(u64, String)> {
    let mut refused: Vec<_> = case
        .dead_letters("server")
        .iter()
        .map(|letter| {
            let line = letter.number("line").unwrap_or_default();
            (line, letter.text("reason").to_owned())
        })
        .collect();
    refused.sort();
    refused
}

#[track_caller]
fn expect_refused(case: &Case, expected: &[(u64, &str)]) {
    let refused = refused(case);
    assert_eq!(refused.len(), expected.len(), "{refused:#?}");
    for ((line, reason), (at, word)) in refused.iter().zip(expected) {
        assert!(line == at && reason.contains(word), "line {line}: {reason}");
    }
}

/// Members by name, to any depth; what is not there is null, and what does not fit is told by its way
/// down.
#[test]
fn composites_take_structs() {
    let server = Postgres::start();
    server.run(
        "create domain positive as int check (value > 0);
         create domain named as text not null;
         create type place as (city varchar(5), zip int);
         create type thing as (n smallint, name text, gone int, price numeric(8,2), seen timestamptz(3),
                               place place, tags text[], count positive, note text);
         alter type thing drop attribute gone;
         create type label as (label named);
         create domain labeled as label;
         create table rows (id int primary key, thing thing, labeled labeled)",
    );
    let config = "field_mappings = [{ json_path = \"thing\", column = \"thing\", data_type = \
        \"struct<name: utf8, n: int64, price: decimal(9,3), seen: timestamp(us,+00:00), \
          place: struct<zip: int64, city: utf8>, tags: list<utf8>, count: int32>\" }, \
        { json_path = \"labeled\", column = \"labeled\", data_type = \"struct<label: utf8>\" }]";
    let whole = json!({
        "n": 1, "name": "ten, \"so to say\"", "price": "1.250", "seen": "2026-01-01T00:00:00.123Z",
        "place": {"city": "Ulm", "zip": 89_073}, "tags": ["x", null], "count": 3,
    });
    let mut lines = vec![
        json!({ "id": 1, "thing": whole, "labeled": {"label": "a"} }),
        json!({ "id": 2, "thing": null }),
        json!({ "id": 3, "thing": {"name": "alone", "place": {}} }),
    ];
    for (path, value) in [
        ("/thing/n", json!(40_000)),
        ("/thing/price", json!("1.255")),
        ("/thing/place/city", json!("Rostock")),
        ("/thing/seen", json!("2026-01-01T00:00:00.123456Z")),
        ("/thing/count", json!(0)),
        ("/thing/tags/0", json!("a\u{0}b")),
        ("/labeled/label", json!(null)),
    ] {
        let mut line = lines[0].clone();
        line["id"] = json!(lines.len() + 1);
        *line.pointer_mut(path).unwrap() = value;
        lines.push(line);
    }
    let case = reading(&server, config, &lines);
    case.run().finish().expect_code(0);
    let rows = server.query(
        "select id, thing::text, (thing).price, ((thing).place).zip, (thing).tags,
                (labeled).label from rows order by id",
    );
    let text = "(1,\"ten, \"\"so to say\"\"\",1.25,\"2026-01-01 00:00:00.123+00\",\"(Ulm,89073)\",\
                \"{x,NULL}\",3,)";
    let expected = json!([
        { "id": 1, "thing": text, "price": 1.25, "zip": 89_073, "tags": ["x", null], "label": "a" },
        { "id": 2, "thing": null, "price": null, "zip": null, "tags": null, "label": null },
        { "id": 3, "thing": "(,alone,,,\"(,)\",,,)", "price": null, "zip": null, "tags": null,
          "label": null },
    ]);
    assert_eq!(json!(rows), expected);
    expect_refused(
        &case,
        &[
            (4, "`thing.n` is 40000"),
            (5, "`thing.price` is 1.255"),
            (6, "`thing.place.city` has 7 characters"),
            (7, "`thing.seen` has more digits"),
            // By the server.
            (8, "positive_check"),
            (9, "`thing.tags` has an element that holds a zero byte"),
            (10, "`labeled.label` is null"),
        ],
    );
}

#[test]
fn arrays_of_composites_take_lists() {
    let server = Postgres::start();
    server.run(
        "create type place as (city varchar(5), zip int);
         create type route as (name text, places place[]);
         create table rows (id int primary key, places place[], routes route[])",
    );
    let ulm = json!({"city": "Ulm", "zip": 89_073});
    let case = reading(
        &server,
        "write_mode = \"upsert\"\nkey_fields = [\"id\"]",
        &[
            json!({ "id": 1, "places": [ulm, null, {"city": "Köln"}],
                    "routes": [{"name": "r", "places": [ulm]}] }),
            json!({ "id": 2, "places": [], "routes": null }),
            json!({ "id": 3, "places": [ulm, {"city": "Rostock"}], "routes": [] }),
        ],
    );
    case.run().finish().expect_code(0);
    let cologne = json!({"city": "Köln", "zip": null});
    let expected = json!([
        { "id": 1, "places": [ulm, null, cologne], "routes": [{"name": "r", "places": [ulm]}] },
        { "id": 2, "places": [], "routes": null },
    ]);
    assert_eq!(
        json!(server.query("select * from rows order by id")),
        expected
    );
    expect_refused(&case, &[(3, "`places.element.city` has 7 characters")]);
}

/// Nothing of a struct is lost without a word: the run stops, and goes on when the type has the member.
#[test]
fn members_that_a_type_lacks_stop_the_run() {
    let server = Postgres::start();
    server.run(
        "create type place as (city text, zip int, words tsvector);
         create table rows (id int primary key, place place)",
    );
    let line = |member: &str| json!({ "id": 1, "place": {"city": "Ulm", member: "red"} });
    let run = |member| reading(&server, "", &[line(member)]).run().finish();
    let stopped = run("color").expect_code(1);
    stopped.expect_said("`place.color` is not in the type place of the table");
    let stopped = run("words").expect_code(1);
    stopped.expect_said("`place.words` is tsvector in the table");
    server.run("alter type place add attribute color text");
    run("color").expect_code(0);
    assert_eq!(
        server.query("select place::text from rows"),
        [json!({ "place": "(Ulm,,,red)" })]
    );
}

/// The column that is there decides what becomes of lists and structs.
#[test]
fn lists_go_into_arrays_and_into_jsonb() {
    let server = Postgres::start();
    server.run(
        "create type place as (city text, zip int);
         create table rows (id int primary key, numbers int[], listed jsonb, tags text[], words jsonb,
                            places place[], documents jsonb, place place, document jsonb)",
    );
    let (numbers, tags) = (json!([1, null, 3]), json!(["a", null]));
    let place = json!({"city": "Ulm"});
    let line = json!({
        "id": 1, "numbers": numbers, "listed": numbers, "tags": tags, "words": tags,
        "places": [place], "documents": [place], "place": place, "document": place,
    });
    let empty = json!({ "id": 2, "numbers": [], "listed": [], "tags": null, "words": null });
    let case = reading(&server, "", &[line, empty]);
    case.run().finish().expect_code(0);
    let whole = json!({"city": "Ulm", "zip": null});
    assert_eq!(
        json!(server.query("select * from rows order by id")),
        json!([
            { "id": 1, "numbers": numbers, "listed": numbers, "tags": tags, "words": tags,
              "places": [whole], "documents": [place], "place": whole, "document": place },
            { "id": 2, "numbers": [], "listed": [], "tags": null, "words": null,
              "places": null, "documents": null, "place": null, "document": null },
        ])
    );
    assert_eq!(refused(&case), []);
}

/// No table holds an alteration of the type up. What was looked up before is looked up again.
#[test]
fn a_type_that_grows_under_a_run_is_seen() {
    let server = Postgres::start();
    server.run(
        "create type detail as (country text, score int);
         create table rows (\"offset\" bigint, detail detail)",
    );
    let pipeline = format!("{PIPELINE}\n[epoch]\nmax_rows = 100\n")
        .replace("[source]\n", "[source]\nbatch_rows = 50\nrate = 500\n");
    let case = Case::new(&pipeline, direct(&server, Postgres::USER));
    let run = case.run().start();
    await_activity(&server, "query like 'copy%'");
    server.run("alter type detail add attribute note text");
    run.wait(LIMIT).expect_code(0);
    assert_eq!(
        server.query(
            "select count(*) as n, count(distinct \"offset\") as d,
                    count(*) filter (where (detail).score is not null) > 500 as scores,
                    count((detail).note) as notes from rows"
        ),
        [json!({ "n": 1_000, "d": 1_000, "scores": true, "notes": 0 })]
    );
    assert_eq!(refused(&case), []);
}
