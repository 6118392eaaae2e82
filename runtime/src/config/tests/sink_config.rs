//! `[sink.config]` against a component's schema.

use serde_json::json;
use wasm_sink_core::Blame;

use super::read;
use crate::config::{SinkConfigProblem, Style, check_sink_config};

const SCHEMA: &str = r##"{
    "type": "object",
    "required": ["table"],
    "properties": {
        "table": { "type": "string", "minLength": 1, "pattern": "^[a-z_]+$" },
        "write_mode": { "enum": ["append", "overwrite"] },
        "partition_by": { "type": "array", "items": { "type": "string" }, "uniqueItems": true },
        "every": { "type": "integer", "minimum": 1, "maximum": 10 },
        "schema": { "type": "array", "items": { "$ref": "#/$defs/field" } },
        "source": { "anyOf": [{ "type": "string" }, { "type": "array" }] },
        "comment": { "type": ["string", "null"] }
    },
    "$defs": {
        "field": {
            "type": "object",
            "required": ["name"],
            "additionalProperties": false,
            "properties": { "name": { "type": "string" }, "nullable": { "type": "boolean" } }
        }
    }
}"##;

#[test]
fn mistakes_point_at_their_lines() {
    let pipeline = read(
        r#"name = "p"
[source]
type = "files"
[sink]
component = "discard"
[sink.config]
write_mod = "append"
write_mode = "apend"
partition_by = ["day", 1, "day"]
every = 11
source = true
comment = 5
[[sink.config.schema]]
name = "id"
[[sink.config.schema]]
nam = "at"
nullable = "yes"
"#,
    )
    .unwrap();
    let problems = check_sink_config(&pipeline.sink.config.json, SCHEMA).unwrap();
    let shown = pipeline
        .sink_config_diagnostics(&problems)
        .render(Style::Plain);
    insta::assert_snapshot!("schema_mistakes", shown);
}

#[test]
fn a_components_own_problems_point_at_their_lines() {
    let pipeline = read(
        "name = 'p'\n[source]\ntype = 'files'\n[sink]\ncomponent = 'discard'\nenv = ['LAKE_SECRET']\n\
         [sink.config]\nkey = '${LAKE_SECRET}'\n[[routes]]\ntopic = 'a'\n",
    )
    .unwrap();
    let problem = |path: &[&str], message: &str| SinkConfigProblem {
        path: path.iter().map(ToString::to_string).collect(),
        message: message.to_owned(),
        help: None,
    };
    let problems = [
        problem(&["routes", "0", "table"], "`table` is missing\u{1b}[31m"),
        problem(&["routes", "7"], "no such route"),
        problem(&["nowhere", "x"], "the component is confused"),
        problem(&["key"], "hunter2hunter2 is no key"),
    ];
    let diagnostics = pipeline.sink_config_diagnostics(&problems);
    insta::assert_snapshot!("component_problems", diagnostics.render(Style::Plain));
}

/// Routes are checked as if they stood in `[sink.config]`, and shown where they stand.
#[test]
fn mistakes_in_routes_point_at_their_lines() {
    const ROUTED: &str = r##"{
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "table_name": { "type": "string" },
            "write_mode": { "enum": ["append", "overwrite"] },
            "routes": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["table"],
                    "properties": {
                        "topic": { "type": "string", "minLength": 1 },
                        "table": { "type": "string", "minLength": 1 },
                        "write_mode": { "$ref": "#/properties/write_mode" }
                    }
                }
            }
        }
    }"##;
    let routed = |schema: &str, routes: &str| {
        let pipeline = read(&format!(
            "name = 'p'\n{routes}\n[source]\ntype = 'files'\n[sink]\ncomponent = 'discard'\n"
        ));
        let pipeline = pipeline.unwrap();
        let problems = check_sink_config(&pipeline.sink.config.json, schema).unwrap();
        pipeline
            .sink_config_diagnostics(&problems)
            .render(Style::Plain)
    };
    let routes = "[[routes]]\ntopic = 'a'\ntable = 'b'\nwrite_mode = 'upsert'\n\
                  [[routes]]\ntopic = ''\n[[routes]]\ntable_name = 'b'\ntable = 1\n";
    insta::assert_snapshot!("route_mistakes", routed(ROUTED, routes));
    insta::assert_snapshot!("no_routes", routed(ROUTED, "routes = []"));
    let routes = "[[routes]]\ntopic = 'a'\ntable = 'b'\n[[routes]]\ntopic = 'b'\ntable = 'b'\n";
    let none = r#"{"type": "object", "properties": {}, "additionalProperties": false}"#;
    insta::assert_snapshot!("routes_unknown", routed(none, routes));
    assert!(!routed(ROUTED, routes).contains("error"));
}

#[test]
fn unknown_keys_are_refused_unless_the_schema_takes_them() {
    let config = json!({ "table": "t", "extra": 1 });
    let count = |schema: &str| check_sink_config(&config, schema).unwrap().len();
    assert_eq!(count(""), 0);
    assert_eq!(count(r#"{}"#), 2);
    assert_eq!(count(r#"{"properties": {"table": true}}"#), 1);
    assert_eq!(
        count(r#"{"properties": {"table": true}, "additionalProperties": false}"#),
        1
    );
    assert_eq!(
        count(r#"{"properties": {"table": true}, "additionalProperties": true}"#),
        0
    );
    assert_eq!(
        count(r#"{"patternProperties": {"^e": true}, "properties": {"table": true}}"#),
        0
    );
    let parts = r##"{"allOf": [{"$ref": "#/$defs/a"}, {"properties": {"extra": true}}],
        "$defs": {"a": {"properties": {"table": true}}}}"##;
    assert_eq!(count(parts), 0);
    let draft7 = r##"{"$schema": "http://json-schema.org/draft-07/schema#",
        "definitions": {"t": {"type": "string"}},
        "properties": {"table": {"$ref": "#/definitions/t"}}}"##;
    assert_eq!(count(draft7), 1);
}

#[test]
fn schemas_that_are_none_are_the_components_fault() {
    let mut doubling = String::from(r#"{"$defs": {"d0": {}"#);
    for level in 1..40 {
        let below = level - 1;
        doubling.push_str(&format!(
            r##", "d{level}": {{"allOf": [{{"$ref": "#/$defs/d{below}"}}, {{"$ref": "#/$defs/d{below}"}}]}}"##
        ));
    }
    doubling.push_str(r##"}, "$ref": "#/$defs/d39"}"##);
    let long = format!(r#"{{"title": "{}"}}"#, "x".repeat(2 << 20));
    let deep = format!("{}{}", r#"{"not":"#.repeat(5000), "}".repeat(5000));
    for schema in [
        "{",
        "[]",
        "7",
        r#"{"type": "text"}"#,
        r#"{"pattern": "("}"#,
        r##"{"$ref": "#"}"##,
        r##"{"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}"##,
        r##"{"properties": {"a": {"not": {"$ref": "#/properties/a"}}}}"##,
        r##"{"$ref": "#/$defs/none"}"##,
        r#"{"$ref": "https://example.com/schema.json"}"#,
        r#"{"$ref": "file:///etc/passwd"}"#,
        r##"{"properties": {"a": {"$id": "https://x/", "$ref": "#/properties/a"}}}"##,
        r##"{"$dynamicRef": "#x"}"##,
        &doubling,
        &long,
        &deep,
    ] {
        let head = &schema[..schema.len().min(80)];
        let error = check_sink_config(&json!({ "a": 1 }), schema).expect_err(head);
        assert_eq!(error.blame(), Blame::Component, "{head}");
    }
}

#[test]
fn schemas_that_recur_by_value_are_fine() {
    let tree = r##"{"properties": {"child": {"$ref": "#"}}}"##;
    let config = json!({"child": {"child": {}}, "chidl": 1});
    let problems = check_sink_config(&config, tree).unwrap();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].path, ["chidl"]);
    assert_eq!(problems[0].help.as_deref(), Some("did you mean `child`?"));
    let name = r#"{"properties": {"$id": {"type": "string"}, "not": {"type": "string"}}}"#;
    assert_eq!(
        check_sink_config(&json!({"$id": "x", "not": "y"}), name).unwrap(),
        []
    );
}

#[test]
fn patterns_that_explode_do_not_hang() {
    let schema = r#"{"properties": {"a": {"pattern": "^(?=(a+)+$)(a+)+\\1$"}}}"#;
    let value = format!("{}b", "a".repeat(64));
    let problems = check_sink_config(&json!({ "a": value }), schema).unwrap();
    assert_eq!(problems.len(), 1);
}
