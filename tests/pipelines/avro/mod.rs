//! Records in Avro from a broker, with a registry: written by Confluent's client, delivered, and read by
//! others.

mod arrow;

use std::time::Duration;

use serde_json::{Value, json};
use wasm_sink_tests::kafka::{Kafka, fresh};
use wasm_sink_tests::{Connected, DeltaTable, SchemaRegistry, Signal};

use crate::case::Case;

const PIPELINE: &str = include_str!("pipeline.toml");

/// A broker, and a lake in the case's folder.
struct Both;

impl Connected for Both {
    fn connection(&self) -> String {
        let servers = Kafka::shared().servers();
        format!(
            "[connections.broker]\ntype = \"kafka\"\n\"bootstrap.servers\" = \"{servers}\"\n\
             [connections.lake]\ntype = \"delta\"\npath = \"lake\"\n"
        )
    }

    fn environment(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// All that is in a topic now, to the lake. `source` is what `[source]` says of its format.
fn case(topic: &str, source: &str) -> Case {
    case_with(topic, source, "")
}

/// The same, with further tables.
fn case_with(topic: &str, source: &str, more: &str) -> Case {
    let pipeline = format!(
        "{PIPELINE}\n[source]\nconnection = \"broker\"\ntopics = [\"{topic}\"]\nuntil = \"latest\"\n\
         group_id = \"{topic}\"\n{source}\n{more}"
    );
    Case::new(&pipeline, Both)
}

fn avro(registry: &SchemaRegistry) -> String {
    format!(
        "format = \"avro\"\nschema_registry_url = \"{}\"",
        registry.url()
    )
}

fn table(case: &Case) -> DeltaTable {
    DeltaTable::local(&case.path("lake"))
}

fn record(name: &str, fields: Value) -> Value {
    json!({ "type": "record", "name": name, "namespace": "com.example", "fields": fields })
}

/// Bytes as they are; these ones are text, too.
fn raw(bytes: &[u8]) -> Value {
    json!({ "value": std::str::from_utf8(bytes).unwrap() })
}

#[test]
fn what_another_client_writes_is_delivered() {
    let (broker, registry) = (Kafka::shared(), SchemaRegistry::shared());
    let topic = fresh("avro");
    broker.create(&topic, 1);
    let amount = json!({ "type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2 });
    let first = record(
        "Payment",
        json!([
            { "name": "id", "type": "int" },
            { "name": "amount", "type": amount },
            { "name": "note", "type": ["null", "string"], "default": null },
        ]),
    );
    let second = record(
        "Payment",
        json!([
            { "name": "id", "type": "int" },
            { "name": "amount", "type": amount },
            { "name": "tags", "type": { "type": "array", "items": "string" }, "default": [] },
            { "name": "payer", "type": ["null", record("Payer", json!([
                { "name": "name", "type": "string" },
            ]))], "default": null },
        ]),
    );
    let value = |value: Value| json!({ "value": value });
    broker.produce_avro(
        &topic,
        registry,
        &first,
        &[
            value(json!({ "id": 1, "amount": { "decimal": "-0.05" }, "note": "grüße" })),
            value(json!({ "id": 2, "amount": { "decimal": "99999999.99" }, "note": null })),
        ],
    );
    // None of them has a schema, and nobody knows the last one's.
    broker.produce(
        &topic,
        &[
            raw(b"{\"id\": 3}"),
            raw(&[0, 0]),
            raw(&[0, 0x7f, 0x7f, 0x7f, 0x7f, 2]),
        ],
    );
    broker.produce_avro(
        &topic,
        registry,
        &second,
        &[value(json!({
            "id": 4, "amount": { "decimal": "1.50" }, "tags": ["a", "b"], "payer": { "name": "p" },
        }))],
    );
    let case = case(&topic, &avro(registry));
    case.run().finish().expect_code(0);
    let rows = table(&case).query(
        "select id, cast(amount as varchar) as amount, note, tags, payer.name as payer from t order by id",
    );
    assert_eq!(
        rows,
        [
            json!({ "id": 1, "amount": "-0.05", "note": "grüße", "tags": null, "payer": null }),
            json!({ "id": 2, "amount": "99999999.99", "note": null, "tags": null, "payer": null }),
            json!({ "id": 4, "amount": "1.50", "note": null, "tags": ["a", "b"], "payer": "p" }),
        ]
    );
    let letters = case.dead_letters("avro");
    let letters: Vec<_> = letters
        .iter()
        .map(|letter| (letter.number("offset"), letter.text("reason")))
        .collect();
    let begins = "a record begins with a byte 0 and the number of its schema in four";
    let first = format!("{begins}, and this begins with 123 (byte 1 of the record)");
    let second = format!("{begins}, and this ends after 2 (byte 3 of the record)");
    let third = "the registry has no schema 2139062143 (byte 2 of the record)";
    let expected = [
        (Some(2), first.as_str()),
        (Some(3), second.as_str()),
        (Some(4), third),
    ];
    assert_eq!(letters, expected);
    // Nothing is left to do.
    case.run().finish().expect_code(0);
    assert_eq!(table(&case).query("select id from t").len(), 3);
}

#[test]
fn a_schema_refers_to_others() {
    let (broker, registry) = (Kafka::shared(), SchemaRegistry::shared());
    let topic = fresh("references");
    broker.create(&topic, 1);
    let subject = |name: &str| format!("{topic}-{name}");
    let inner = record("Street", json!([{ "name": "name", "type": "string" }]));
    let outer = record(
        "Home",
        json!([{ "name": "street", "type": "com.example.Street" }]),
    );
    let whole = record(
        "Person",
        json!([{ "name": "home", "type": "com.example.Home" }]),
    );
    registry.register_with(&subject("street"), "AVRO", &inner.to_string(), json!([]));
    let reference = |name: &str, of: &str| json!([[name, subject(of), 1]]);
    let street = reference("com.example.Street", "street");
    registry.register_with(&subject("home"), "AVRO", &outer.to_string(), street);
    let home = reference("com.example.Home", "home");
    let id = registry.register_with(&subject("value"), "AVRO", &whole.to_string(), home);
    let id = u32::try_from(id).unwrap().to_be_bytes();
    broker.produce(&topic, &[raw(&[&[0], &id[..], &[6], b"Elm"].concat())]);
    let case = case(&topic, &avro(registry));
    case.run().finish().expect_code(0);
    let street = table(&case).query_one("select home.street.name as name from t");
    assert_eq!(street, json!({ "name": "Elm" }));
}

#[test]
fn a_registry_that_is_away_holds_records_back() {
    let (broker, mut registry) = (Kafka::shared(), SchemaRegistry::start());
    let topic = fresh("outage");
    broker.create(&topic, 1);
    let schema = record("Event", json!([{ "name": "n", "type": "long" }]));
    let records: Vec<_> = (0..100).map(|n| json!({ "value": { "n": n } })).collect();
    broker.produce_avro(&topic, &registry, &schema, &records);
    let id = registry.latest(&format!("{topic}-value"))["id"].clone();
    let case = case(&topic, &avro(&registry));
    registry.stop();
    // Who waits can be told to end.
    let run = case.run().start();
    run.await_stderr("is away, and records wait for it", Duration::from_secs(60));
    run.signal(Signal::TERM);
    run.wait(Duration::from_secs(20)).expect_code(0);
    let mut run = case.run().start();
    run.await_stderr("is away, and records wait for it", Duration::from_secs(60));
    assert!(run.is_running());
    assert!(!table(&case).exists());
    // It comes back empty, and gets the same schema first.
    registry.resume();
    let again = registry.register(&format!("{topic}-value"), &schema);
    assert_eq!(json!(again), id);
    run.wait(Duration::from_secs(60)).expect_code(0);
    let rows = table(&case).query_one("select count(*) as rows, sum(n) as sum from t");
    assert_eq!(rows, json!({ "rows": 100, "sum": 4950 }));
    assert_eq!(case.dead_letters("avro").len(), 0);
}

#[test]
fn json_may_have_the_number_of_its_schema() {
    let broker = Kafka::shared();
    let topic = fresh("json");
    broker.create(&topic, 1);
    let numbered = |json: &str| raw(&[&[0, 0, 0, 0, 1], json.as_bytes()].concat());
    broker.produce(&topic, &[numbered(r#"{"id": 1}"#), raw(br#"{"id": 2}"#)]);
    let source = "format = \"json\"\nschema_registry_url = \"http://127.0.0.1:1\"";
    let case = case(&topic, source);
    case.run().finish().expect_code(0);
    assert_eq!(table(&case).query("select id from t"), [json!({ "id": 1 })]);
    let letters = case.dead_letters("avro");
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].text("record"), r#"{"id": 2}"#);
}

#[test]
fn an_address_of_no_registry_stops() {
    let (broker, registry) = (Kafka::shared(), SchemaRegistry::shared());
    let topic = fresh("elsewhere");
    broker.create(&topic, 1);
    broker.produce(&topic, &[raw(&[0, 0, 0, 0, 1, 2])]);
    let elsewhere = format!(
        "format = \"avro\"\nschema_registry_url = \"http://{}\"",
        registry.address()
    );
    let case = case(&topic, &elsewhere);
    for command in [case.run(), case.command("check").arg("--connect")] {
        let outcome = command.finish().expect_code(1);
        outcome
            .expect_said("is it a schema registry, with the right path in `schema_registry_url`?");
    }
}
