//! Kafka as a destination: records as others read them, each once, whoever is killed or stopped on the way.

mod avro;
mod cut;
mod letters;
mod members;
mod mistakes;
mod partitions;
mod positions;
mod records;
mod refused;
mod values;

use serde_json::{Value, json};
use wasm_sink_tests::kafka::Kafka;
use wasm_sink_tests::{Case, Connected};

/// The connection that records go by.
struct To {
    servers: String,
    properties: String,
}

impl To {
    /// The broker that all tests have.
    fn shared() -> Self {
        Self {
            servers: Kafka::shared().servers(),
            properties: String::new(),
        }
    }
}

impl Connected for To {
    fn connection(&self) -> String {
        let (servers, properties) = (&self.servers, &self.properties);
        format!(
            "[connections.out]\ntype = \"kafka\"\n\"bootstrap.servers\" = \"{servers}\"\n{properties}"
        )
    }

    fn environment(&self) -> Vec<(String, String)> {
        vec![("KAFKA_PASSWORD".to_owned(), Kafka::PASSWORD.to_owned())]
    }
}

/// A pipeline that is called after the topic that it fills, from the file `rows.jsonl`.
fn pipeline(topic: &str, config: &str) -> String {
    format!(
        "name = {}\n[source]\ntype = \"files\"\npath = \"rows.jsonl\"\n\
         [sink]\ncomponent = \"kafka\"\nconnection = \"out\"\n[sink.config]\ntopic = {}\n{config}\n",
        json!(topic),
        json!(topic),
    )
}

/// The same with these rows in its file.
fn case(topic: &str, config: &str, rows: &[Value]) -> Case {
    case_to(To::shared(), topic, config, rows)
}

fn case_to(to: To, topic: &str, config: &str, rows: &[Value]) -> Case {
    let case = Case::new(&pipeline(topic, config), to);
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    case.write("rows.jsonl", lines);
    case
}

/// The records that become of rows, in the order of the topic's one partition. No row is a dead letter.
#[track_caller]
fn delivered(topic: &str, config: &str, rows: &[Value]) -> Vec<Value> {
    let case = case(topic, config, rows);
    case.run().finish().expect_code(0);
    assert_eq!(case.dead_letters(topic), []);
    let records = Kafka::shared().consume(topic);
    assert_eq!(records.len(), rows.len(), "{records:?}");
    records
}
