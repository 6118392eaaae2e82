use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::problems::Place;
use super::shape::Shape;
use super::*;

#[derive(Debug, Deserialize)]
struct Own {
    #[serde(default)]
    partition_by: Vec<String>,
}

fn config(json: Value) -> Config<Own> {
    serde_json::from_value(json).unwrap()
}

/// Path and message of each problem.
fn problems(json: Value) -> Vec<String> {
    let problems = config(json).problems("table_name", None, |one, other| {
        one.eq_ignore_ascii_case(other)
    });
    let lines = problems.iter().map(|problem| {
        assert!(problem.help.is_some(), "{problem:?}");
        format!("{}: {}", problem.path.join("."), problem.message)
    });
    lines.collect()
}

#[test]
fn shared_keys_stand_beside_those_of_the_destination() {
    let own = r#"{"title": "t", "properties": { "own": {} } }"#;
    let joined: Value = serde_json::from_str(&joined(own, SHARED_KEYS).unwrap()).unwrap();
    let properties = joined["properties"].as_object().unwrap();
    assert_eq!(joined["title"], "t");
    assert!(properties.contains_key("own"));
    assert!(properties.contains_key("field_mappings"));
    assert!(properties.contains_key("routes"));
}

/// Every shared key with a value that is not its default.
fn everything() -> Value {
    json!({
        "write_mode": "upsert",
        "key_fields": ["id"],
        "schema": [{ "name": "id", "data_type": "int64" }],
        "field_mappings": [{ "json_path": "a.b", "column": "b" }],
        "leave_out": ["secret"],
        "metadata_columns": ["topic"],
        "schema_evolution": "strict",
    })
}

#[test]
fn a_route_may_have_every_shared_key() {
    let mut shared: Map<String, Value> = serde_json::from_str(SHARED_KEYS).unwrap();
    let routes = shared.remove("routes").unwrap();
    let mut of_route = routes["items"]["properties"].as_object().unwrap().clone();
    for key in ["topic", "pattern", "table"] {
        assert!(of_route.remove(key).is_some(), "{key}");
    }
    let everything = everything();
    let everything = everything.as_object().unwrap();
    for key in shared.keys() {
        let reference = format!("#/properties/{key}");
        assert_eq!(of_route.remove(key), Some(json!({ "$ref": reference })));
        assert!(everything.contains_key(key), "{key}");
    }
    assert!(of_route.is_empty(), "{of_route:?}");
}

#[test]
fn every_shared_key_counts_in_both_places() {
    let shape = |json: Value| {
        let config = config(json);
        let mut lanes = config.lanes(None);
        lanes.remove(0).shape
    };
    for (key, value) in everything().as_object().unwrap() {
        // Without a mode that looks at them, keys are none.
        let mut shared = json!({ "table_name": "t", key: value });
        let mut base = json!({ "table_name": "t" });
        if key == "key_fields" {
            shared["write_mode"] = json!("upsert");
            base["write_mode"] = json!("upsert");
        }
        let own = json!({ "routes": [{ "topic": "a", "table": "t", key: value }] });
        let mut routed = base.clone();
        routed["routes"] = own["routes"].clone();
        let inherited = json!({ "routes": [{ "topic": "a", "table": "t" }] });
        let mut shared_with_route = shared.clone();
        shared_with_route["routes"] = inherited["routes"].clone();

        let (expected, default) = (shape(shared), shape(base));
        assert_ne!(expected, default, "{key}");
        assert_eq!(shape(routed), expected, "{key} of the route");
        assert_eq!(shape(shared_with_route), expected, "{key} of all");
    }
}

#[test]
fn a_route_goes_before_what_all_have() {
    let mut all = everything();
    all["routes"] = json!([{
        "topic": "a", "table": "a",
        "write_mode": "append", "leave_out": [], "schema_evolution": "add_columns",
        "schema": [{ "name": "other", "data_type": "utf8" }],
    }]);
    let config = config(all);
    let lanes = config.lanes(Some("unused"));
    assert_eq!(lanes.len(), 1, "no table for the rest");
    let shared = Shape::new(None, &config.keys);
    let shape = &lanes[0].shape;
    assert_eq!(shape.write_mode, WriteMode::Append);
    assert_eq!(shape.schema[0].name, "other");
    assert_eq!(shape.schema_evolution, SchemaEvolution::AddColumns);
    assert!(shape.key_fields.is_empty() && shape.leave_out.is_empty());
    assert_eq!(shape.field_mappings, shared.field_mappings);
    assert_eq!(shape.metadata_columns, shared.metadata_columns);
}

#[test]
fn what_no_route_takes_has_the_last_lane() {
    let routes = json!([{ "topic": "a", "table": "x" }, { "pattern": "*", "table": "y" }]);
    let tables = |json: Value, default: Option<&str>| -> Vec<_> {
        let config = config(json);
        let lanes = config.lanes(default);
        lanes
            .iter()
            .map(|lane| (lane.route, lane.table.to_owned()))
            .collect()
    };
    let lane = |route, table: &str| (route, table.to_owned());
    assert_eq!(
        tables(json!({ "table_name": "rest", "routes": routes }), Some("")),
        [lane(Some(0), "x"), lane(Some(1), "y"), lane(None, "rest")]
    );
    assert_eq!(
        tables(json!({ "routes": routes }), Some("")),
        [lane(Some(0), "x"), lane(Some(1), "y")]
    );
    assert_eq!(
        tables(json!({ "table_name": "t" }), Some("")),
        [lane(None, "t")]
    );
    assert_eq!(tables(json!({}), Some("")), [lane(None, "")]);
    assert_eq!(tables(json!({}), None), []);
}

#[test]
fn a_table_or_routes() {
    let none = json!({});
    assert_eq!(problems(none), ["table_name: `table_name` is missing"]);
    assert!(
        config(json!({}))
            .problems("table_name", Some(""), |a, b| a == b)
            .is_empty()
    );
    assert!(problems(json!({ "table_name": "t" })).is_empty());
    assert!(problems(json!({ "routes": [{ "topic": "a", "table": "t" }] })).is_empty());
}

#[test]
fn routes_that_say_too_little_or_too_much() {
    let routes = json!([
        { "table": "a" },
        { "topic": "x", "pattern": "x*", "table": "b" },
        { "topic": "x", "table": "c" },
        { "pattern": "e*", "table": "d" },
        { "topic": "x", "table": "e" },
        { "pattern": "eu.*", "table": "f" },
        { "topic": "eu", "table": "g" },
        { "pattern": "*", "table": "h" },
    ]);
    assert_eq!(
        problems(json!({ "routes": routes })),
        [
            "routes.0: the route does not say which topics it takes",
            "routes.1.pattern: a route has a `topic` or a `pattern`, and this one has both",
            "routes.2.topic: route 2 takes all of these topics before",
            "routes.4.topic: route 2 takes all of these topics before",
            "routes.5.pattern: route 4 takes all of these topics before",
            "routes.6.topic: route 4 takes all of these topics before",
        ]
    );
}

#[test]
fn rows_come_to_a_table_in_one_way() {
    let upsert = |topic: &str, table: &str, key: &str| json!({ "topic": topic, "table": table, "write_mode": "upsert", "key_fields": [key] });
    let routes = json!([
        upsert("a", "t", "id"),
        upsert("b", "T", "id"),
        upsert("c", "t", "n"),
        { "topic": "d", "table": "t", "leave_out": ["x"] },
        { "topic": "e", "table": "rest", "write_mode": "overwrite" },
        { "topic": "f", "table": "rest", "leave_out": ["x"] },
    ]);
    assert_eq!(
        problems(json!({ "table_name": "rest", "routes": routes })),
        [
            "routes.2.table: `t` has another `write_mode` or other `key_fields` in route 1",
            "routes.3.table: `t` has another `write_mode` or other `key_fields` in route 1",
            "routes.5.table: `rest` has another `write_mode` or other `key_fields` in route 5",
            "routes.4.table: `rest` has another `write_mode` or other `key_fields` in [sink.config]",
        ]
    );
}

#[test]
fn keys_are_needed_and_looked_at() {
    // By all tables, by none, by some.
    assert_eq!(
        problems(json!({ "table_name": "t", "write_mode": "upsert" })),
        ["write_mode: \"upsert\" needs `key_fields`"]
    );
    assert_eq!(
        problems(json!({ "table_name": "t", "key_fields": ["id"] })),
        ["key_fields: only \"upsert\" looks at `key_fields`"]
    );
    let routes = json!([
        { "topic": "a", "table": "a", "write_mode": "upsert" },
        { "topic": "b", "table": "b", "key_fields": ["n"] },
    ]);
    assert_eq!(
        problems(json!({ "table_name": "t", "key_fields": ["id"], "routes": routes })),
        ["routes.1.key_fields: only \"upsert\" looks at `key_fields`"]
    );
    assert_eq!(
        problems(json!({ "table_name": "t", "routes": routes })),
        [
            "routes.0.write_mode: \"upsert\" needs `key_fields`",
            "routes.1.key_fields: only \"upsert\" looks at `key_fields`",
        ]
    );
    let routes = json!([
        { "topic": "a", "table": "a", "key_fields": ["id"] },
        { "topic": "b", "table": "b", "write_mode": "append" },
    ]);
    let json = json!({ "write_mode": "upsert", "routes": routes });
    assert!(
        problems(json).is_empty(),
        "no row goes where `[sink.config]` alone counts"
    );
}

#[test]
fn problems_stand_where_the_key_was_written() {
    let routes = json!([
        { "topic": "a", "table": "a", "schema": [{ "name": "_topic", "data_type": "utf8" }] },
        { "topic": "b", "table": "b", "metadata_columns": ["topic", "all"],
          "field_mappings": [{ "json_path": "a..b", "column": "_metadata" }] },
        { "topic": "c", "table": "c", "write_mode": "upsert", "key_fields": ["id"] },
    ]);
    let json = json!({
        "metadata_columns": ["topic"],
        "schema": [{ "name": "n", "data_type": "int64" }],
        "routes": routes,
    });
    assert_eq!(
        problems(json.clone()),
        [
            "metadata_columns.0: there are two columns `_topic`",
            "routes.1.metadata_columns.1: there are two columns `_metadata`",
            "routes.2.key_fields.0: `id` is no column of `schema`",
            "routes.1.field_mappings.0.json_path: `a..b` has an empty step",
        ]
    );
    let config = config(json);
    let unknown = config.unknown_columns("partition_by", &["_topic".to_owned(), "n".to_owned()]);
    let paths: Vec<_> = unknown
        .iter()
        .map(|problem| problem.path.join("."))
        .collect();
    assert_eq!(paths, ["partition_by.1"], "the first route has no `n`");
    assert!(config.own.partition_by.is_empty());
    let places: Vec<_> = config
        .places()
        .map(|(place, _): (Place, _)| place.path(["x"]))
        .collect();
    assert_eq!(places[0], ["x"]);
    assert_eq!(places[3], ["routes", "2", "x"]);
}

#[test]
fn rows_that_go_nowhere_say_why() {
    let reason = unrouted("table_name", Some("eu.orders".to_owned()));
    assert!(
        reason.contains("`eu.orders`") && reason.contains("`table_name`"),
        "{reason}"
    );
    assert!(unrouted("table_name", None).contains("no topics"));
}
