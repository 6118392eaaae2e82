//! Several tables in one pipeline, by the topics of the records: here, the names of files.

use serde_json::{Value, json};
use wasm_sink_tests::Case;

use super::crash::{self, kill_at_random_instants};
use crate::destination::{Routing, Through, Upserting};

const PIPELINE: &str = r#"
name = "routes"

[source]
type = "files"
path = "input/*.jsonl"
"#;

/// A pipeline with these keys in `[sink.config]`, and `[[routes]]` behind them.
pub fn routed<D: Routing>(destination: &D, pipeline: &str, config: &str) -> Case {
    let through = Through {
        destination,
        address: None,
    };
    let (component, config) = (D::COMPONENT, with_its_key::<D>(config));
    let text = format!(
        "{pipeline}\n[sink]\ncomponent = \"{component}\"\nconnection = \"out\"\n\
         [sink.config]\n{config}\n"
    );
    Case::new(&text, through)
}

/// The same where the key that names a table has another name.
fn with_its_key<D: Routing>(config: &str) -> String {
    config.replace("table_name", D::TABLE_KEY)
}

/// The file `input/<name>.jsonl`.
pub fn lines(case: &Case, name: &str, rows: &[Value]) {
    std::fs::create_dir_all(case.path("input")).unwrap();
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    case.write(&format!("input/{name}.jsonl"), text);
}

pub fn each_topic_goes_where_its_route_says<D: Routing>() {
    let destination = D::start();
    let case = routed(
        &destination,
        PIPELINE,
        r#"
table_name = "rest"
leave_out = ["secret"]

[[routes]]
topic = "input/eu.orders.jsonl"
table = "orders"

[[routes]]
pattern = "input/eu.?.jsonl"
table = "eu"
metadata_columns = ["topic"]

[[routes]]
pattern = "input/*.wide.jsonl"
table = "wide"
leave_out = []
field_mappings = [{ json_path = "n", column = "text", data_type = "utf8" }]
"#,
    );
    // In an order in which tables come to an epoch that has rows of others.
    lines(&case, "a", &[json!({"n": 1, "secret": 1})]);
    lines(&case, "a.wide", &[json!({"n": 2, "secret": 2})]);
    lines(&case, "eu.a", &[json!({"n": 3, "secret": 3})]);
    lines(&case, "eu.b", &[json!({"n": 4}), json!({"n": 5})]);
    lines(
        &case,
        "eu.orders",
        &[json!({"n": 6, "seen": "x", "secret": 6})],
    );
    lines(&case, "eu.other", &[json!({"n": 7, "late": true})]);
    lines(&case, "orders", &[json!({"n": 8})]);
    for _ in 0..2 {
        case.run().finish().expect_code(0);
        let rows = |table: &str, columns: &str| {
            let sql = format!("select {columns} from t order by n");
            json!(destination.query(table, &sql))
        };
        assert_eq!(rows("orders", "n, seen"), json!([{"n": 6, "seen": "x"}]));
        let (a, b) = ("input/eu.a.jsonl", "input/eu.b.jsonl");
        let expected = json!([
            {"n": 3, "_topic": a}, {"n": 4, "_topic": b}, {"n": 5, "_topic": b},
        ]);
        assert_eq!(rows("eu", "n, _topic"), expected);
        let expected = json!([{"n": 2, "secret": 2, "text": "2"}]);
        assert_eq!(rows("wide", "n, secret, text"), expected);
        let expected = json!([
            {"n": 1, "late": null}, {"n": 7, "late": true}, {"n": 8, "late": null},
        ]);
        assert_eq!(rows("rest", "n, late"), expected);
    }
    for (table, has_secrets) in [
        ("orders", false),
        ("eu", false),
        ("wide", true),
        ("rest", false),
    ] {
        let columns = destination.columns(table);
        let found = columns.iter().any(|column| column == "secret");
        assert_eq!(found, has_secrets, "{table}: {columns:?}");
    }
    assert!(case.dead_letters("routes").is_empty());
}

pub fn topics_without_a_route_are_dead_letters<D: Routing>() {
    let destination = D::start();
    let routes = "[[routes]]\ntopic = \"input/a.jsonl\"\ntable = \"a\"\n";
    let case = routed(&destination, PIPELINE, routes);
    lines(&case, "a", &[json!({"n": 1}), json!({"n": 2})]);
    // Where nothing is delivered yet, an epoch of dead letters alone stops the pipeline.
    case.run().finish().expect_code(0);
    lines(
        &case,
        "b",
        &[json!({"n": 3}), json!({"n": 4}), json!({"n": 5})],
    );
    case.run().finish().expect_code(0);
    let rows = destination.query("a", "select n from t order by n");
    assert_eq!(rows, [json!({"n": 1}), json!({"n": 2})]);
    let letters = case.dead_letters("routes");
    let found: Vec<_> = letters
        .iter()
        .map(|letter| {
            (
                letter.text("name"),
                letter.number("line"),
                letter.text("by"),
            )
        })
        .collect();
    let letter = |line| ("input/b.jsonl", Some(line), "component");
    assert_eq!(found, [letter(1), letter(2), letter(3)]);
    for letter in &letters {
        let reason = letter.text("reason");
        assert!(reason.contains("`input/b.jsonl`"), "{reason}");
        assert!(reason.contains(&format!("`{}`", D::TABLE_KEY)), "{reason}");
    }
}

pub fn a_route_may_replace_rows<D: Routing + Upserting>() {
    let destination = D::start();
    let config = r#"
table_name = "log"
key_fields = ["id"]

[[routes]]
pattern = "*/users.*"
table = "users"
write_mode = "upsert"
"#;
    let case = routed(&destination, PIPELINE, config);
    let rows = [
        json!({"id": 1, "v": "a"}),
        json!({"id": 2, "v": "b"}),
        json!({"id": 1, "v": "c"}),
        json!({"id": null, "v": "d"}),
    ];
    lines(&case, "log", &rows);
    lines(&case, "users.1", &rows);
    case.run().finish().expect_code(0);
    lines(&case, "users.2", &[json!({"id": 2, "v": "e"})]);
    case.run().finish().expect_code(0);
    let users = destination.query("users", "select id, v from t order by id");
    assert_eq!(
        users,
        [json!({"id": 1, "v": "c"}), json!({"id": 2, "v": "e"})]
    );
    let log = destination.query("log", "select id, v from t order by v");
    assert_eq!(log, rows);
    let letters = case.dead_letters("routes");
    let found: Vec<_> = letters
        .iter()
        .map(|letter| (letter.text("name"), letter.number("line")))
        .collect();
    assert_eq!(found, [("input/users.1.jsonl", Some(4))]);
}

pub fn two_routes_lead_to_one_table<D: Routing>() {
    let destination = D::start();
    let config = r#"
[[routes]]
topic = "input/new.jsonl"
table = "both"
leave_out = ["number"]

[[routes]]
topic = "input/old.jsonl"
table = "both"
field_mappings = [{ json_path = "number", column = "n" }]
"#;
    let case = routed(&destination, PIPELINE, config);
    lines(&case, "new", &[json!({"n": 1}), json!({"n": 2})]);
    lines(&case, "old", &[json!({"number": 3, "city": "Wien"})]);
    case.run().finish().expect_code(0);
    let rows = destination.query("both", "select n, city from t order by n");
    let expected = json!([
        {"n": 1, "city": null}, {"n": 2, "city": null}, {"n": 3, "city": "Wien"},
    ]);
    assert_eq!(json!(rows), expected);
    // Either file may have come first.
    let mut columns = destination.columns("both");
    columns.sort();
    assert_eq!(columns, ["city", "n"]);
}

/// An epoch's rows come to all tables or to none.
pub fn tables_agree_under_kills<D: Routing>() {
    let destination = D::start();
    let config = r#"
table_name = "killed-2"

[[routes]]
topic = "input/part-0.jsonl"
table = "killed-0"

[[routes]]
pattern = "*part-1*"
table = "killed-1"
"#;
    let case = routed(&destination, crash::PIPELINE, config);
    let input = kill_at_random_instants(&case);
    let tables = ["killed-0", "killed-1", "killed-2"];
    input.expect_each_file_delivered_once(&destination, &case, tables, "crash");
}

pub fn mistakes_are_found_before_the_start<D: Routing>() {
    let destination = D::start();
    let no_table = ("", "`table_name` is missing");
    let unless_it_has_one = (!D::HAS_A_TABLE_WITHOUT_NAME).then_some(no_table);
    let mistakes = [
        ("[[routes]]\ntopic = \"a\"", "`table` is missing"),
        ("[[routes]]\ntable = \"a\"", "does not say which topics"),
        (
            "[[routes]]\ntopic = \"a\"\ntable = \"a\"\ncolour = 1",
            "`colour`",
        ),
        (
            "[[routes]]\npattern = \"*\"\ntable = \"a\"\n[[routes]]\ntopic = \"a\"\ntable = \"b\"",
            "route 1 takes all of these topics before",
        ),
        (
            "table_name = \"a\"\n[[routes]]\ntopic = \"a\"\ntable = \"a\"\nwrite_mode = \"overwrite\"",
            "has another `write_mode`",
        ),
    ];
    for (config, said) in mistakes.into_iter().chain(unless_it_has_one) {
        let case = routed(&destination, PIPELINE, config);
        lines(&case, "a", &[json!({"n": 1})]);
        for command in ["check", "run"] {
            case.command(command)
                .finish()
                .expect_code(2)
                .expect_said(&with_its_key::<D>(said));
        }
    }
}
