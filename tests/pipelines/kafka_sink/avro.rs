//! Avro with a registry: what we write, Confluent's client reads by the schema that we registered.

use serde_json::{Value, json};
use wasm_sink_tests::kafka::{Kafka, fresh};
use wasm_sink_tests::{Case, SchemaRegistry};

use super::{To, case_to};

/// By a connection that has a registry.
fn to(registry: &SchemaRegistry) -> To {
    To {
        properties: format!("schema_registry_url = \"{}\"\n", registry.url()),
        ..To::shared()
    }
}

fn case(topic: &str, config: &str, rows: &[Value]) -> Case {
    let config = format!("format = \"avro\"\n{config}");
    case_to(to(SchemaRegistry::shared()), topic, &config, rows)
}

/// The values as the client reads them, in their order.
fn values(topic: &str) -> Vec<Value> {
    let records = Kafka::shared().consume_avro(topic, SchemaRegistry::shared());
    records
        .iter()
        .map(|record| record["value"].clone())
        .collect()
}

#[test]
fn another_client_reads_what_we_write() {
    let topic = fresh("avro");
    let columns = [
        ("id", "int64", json!(i64::MIN), json!(i64::MIN)),
        ("small", "int8", json!(-128), json!(-128)),
        (
            "large",
            "uint64",
            json!(u64::MAX),
            json!(u64::MAX.to_string()),
        ),
        ("yes", "boolean", json!(true), json!(true)),
        ("half", "float64", json!(0.1), json!(0.1)),
        (
            "money",
            "decimal(10,2)",
            json!("-99999999.99"),
            json!("-99999999.99"),
        ),
        (
            "nines",
            "decimal(38,10)",
            json!("-1234567890123456789012345678.0123456789"),
            json!("-1234567890123456789012345678.0123456789"),
        ),
        ("text", "utf8", json!("grüße 🦀"), json!("grüße 🦀")),
        ("bytes", "binary", json!("abc"), json!({ "base64": "YWJj" })),
        ("day", "date32", json!("1969-12-31"), json!("1969-12-31")),
        (
            "at",
            "timestamp(us,+00:00)",
            json!("2026-01-01T01:00:00.123456+01:00"),
            json!("2026-01-01T00:00:00.123456+00:00"),
        ),
        (
            "millis",
            "timestamp(ms,+00:00)",
            json!("1969-12-31T23:59:59.999Z"),
            json!("1969-12-31T23:59:59.999000+00:00"),
        ),
        (
            "list",
            "list<int32>",
            json!([1, null, 3]),
            json!([1, null, 3]),
        ),
        (
            "deep",
            "list<struct<a: list<int64>, b: struct<c: utf8>>>",
            json!([{ "a": [1, null], "b": { "c": "x" } }, null]),
            json!([{ "a": [1, null], "b": { "c": "x" } }, null]),
        ),
    ];
    let schema = columns.iter().map(|(name, kind, ..)| {
        format!("{{ name = {}, data_type = {} }}", json!(name), json!(kind))
    });
    let schema = format!(
        "schema = [{}]\nkey = \"id\"",
        schema.collect::<Vec<_>>().join(", ")
    );
    let part = |place: fn(&(&'static str, &'static str, Value, Value)) -> Value| -> Value {
        let parts = columns
            .iter()
            .map(|column| (column.0.to_owned(), place(column)));
        Value::Object(parts.collect())
    };
    let row = part(|column| column.2.clone());
    let case = case(&topic, &schema, &[row, json!({})]);
    case.run().finish().expect_code(0);
    assert_eq!(case.dead_letters(&topic), []);
    let (full, nulls) = (part(|column| column.3.clone()), part(|_| Value::Null));
    assert_eq!(values(&topic), [full, nulls]);

    let registered = SchemaRegistry::shared().latest(&format!("{topic}-value"));
    assert_eq!(registered["version"], 1);
    let schema: Value = serde_json::from_str(registered["schema"].as_str().unwrap()).unwrap();
    assert_eq!(schema["type"], "record");
    let fields = schema["fields"].as_array().unwrap().iter();
    let names: Vec<_> = fields
        .map(|field| field["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, columns.map(|(name, ..)| name));
    assert_eq!(schema["fields"][0]["type"], json!(["null", "long"]));
    assert_eq!(schema["fields"][0]["default"], json!(null));
}

/// A column that comes later is one more version of the subject, which old readers get by.
#[test]
fn columns_come_later() {
    let topic = fresh("grows");
    let registry = SchemaRegistry::shared();
    registry.check(&format!("{topic}-value"), "BACKWARD");
    let case = case(&topic, "", &[json!({"n": 1})]);
    case.run().finish().expect_code(0);
    let more = r#"{"n":2,"city":"Wien"}"#;
    case.write("rows.jsonl", format!("{{\"n\":1}}\n{more}\n{{\"n\":3}}\n"));
    case.run().finish().expect_code(0);
    let expected = [
        json!({"n": 1}),
        json!({"n": 2, "city": "Wien"}),
        json!({"n": 3, "city": null}),
    ];
    assert_eq!(values(&topic), expected);
    assert_eq!(registry.latest(&format!("{topic}-value"))["version"], 2);
}

/// What no reader of older records could read, the registry refuses, and nothing is written.
#[test]
fn a_schema_that_is_refused_stops() {
    let topic = fresh("breaks");
    let registry = SchemaRegistry::shared();
    let subject = format!("{topic}-value");
    let other = json!({ "type": "record", "name": "Other", "fields": [{ "name": "must", "type": "string" }] });
    registry.register(&subject, &other);
    registry.check(&subject, "FULL");
    let case = case(&topic, "", &[json!({"n": 1})]);
    let outcome = case.run().finish().expect_code(1);
    outcome.expect_said(&subject);
    outcome.expect_said("incompatible");
    assert_eq!(Kafka::shared().columns(&topic), [""; 0]);
}

#[test]
fn names_that_avro_does_not_have_are_named() {
    let topic = fresh("names");
    let outcome = case(&topic, "", &[json!({"two words": 1})]).run().finish();
    let outcome = outcome.expect_code(1);
    outcome.expect_said("`two words`");
    outcome.expect_said("field_mappings");
}

#[test]
fn avro_wants_a_registry() {
    let topic = fresh("alone");
    let case = super::case(&topic, "format = \"avro\"", &[json!({"n": 1})]);
    let outcome = case.run().finish();
    assert!(matches!(outcome.code(), Some(1 | 2)), "{}", outcome.said());
    outcome.expect_said("schema_registry_url");
}

/// What is written waits for the registry, and is there once.
#[test]
fn a_registry_that_is_away_is_waited_for() {
    let (topic, mut registry) = (fresh("outage"), SchemaRegistry::start());
    let rows: Vec<_> = (0..100).map(|n| json!({ "n": n })).collect();
    let case = case_to(to(&registry), &topic, "format = \"avro\"", &rows);
    registry.stop();
    let run = case.run().start();
    run.await_stderr("is away", std::time::Duration::from_secs(60));
    registry.resume();
    run.wait(std::time::Duration::from_secs(120)).expect_code(0);
    let counts = Kafka::shared().query_avro(
        &topic,
        &registry,
        "select count(*) as rows, count(distinct n) as ns from t",
    );
    assert_eq!(counts, [json!({ "rows": 100, "ns": 100 })]);
}
