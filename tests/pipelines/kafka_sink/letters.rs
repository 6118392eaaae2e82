//! Dead letters in a topic, whatever the destination is.

use serde_json::{Value, json};
use wasm_sink_tests::Case;
use wasm_sink_tests::kafka::{Kafka, fresh};

use super::To;

/// Files into the component that keeps none; dead letters go to a topic.
fn letters_of(topic: &str, to: To, lines: &[u8]) -> Case {
    let text = format!(
        "name = {0}\n[source]\ntype = \"files\"\npath = \"rows.jsonl\"\n[sink]\ncomponent = \"discard\"\n\
         [dead_letters]\nconnection = \"out\"\ntopic = {1}\n",
        json!(topic.replace(' ', "-")),
        json!(topic)
    );
    let case = Case::new(&text, to);
    case.write("rows.jsonl", lines);
    case
}

/// The headers of a record, as an object.
fn headers(record: &Value) -> Value {
    let headers = record["headers"].as_array().expect("headers");
    headers
        .iter()
        .map(|pair| {
            (
                pair[0].as_str().expect("a name").to_owned(),
                pair[1].clone(),
            )
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[test]
fn they_are_records_that_say_what_went_wrong() {
    let topic = fresh("letters");
    let lines = b"{\"n\": 1}\n{\"n\": \n{\"n\": 2}\nno json\n";
    let case = letters_of(&topic, To::shared(), lines);
    let said = case.run().finish().expect_code(0).said();
    assert!(
        said.contains(&format!("topic `{topic}` of `out`")),
        "{said}"
    );
    assert_eq!(case.dead_letters(&topic), [], "none is in a file");

    let mut records = Kafka::shared().consume(&topic);
    records.sort_by_key(|record| headers(record)["wasm_sink.errors.line"].to_string());
    let values: Vec<_> = records.iter().map(|record| &record["value"]).collect();
    assert_eq!(values, [&json!("{\"n\": "), &json!("no json")]);
    for (record, line) in records.iter().zip(["2", "4"]) {
        let headers = headers(record);
        let of = |name: &str| &headers[&format!("wasm_sink.errors.{name}")];
        assert_eq!(of("line"), line);
        assert_eq!(of("by"), "decoder");
        assert_eq!(of("pipeline"), &topic);
        assert_eq!(of("id"), &record["key"]);
        assert!(
            of("topic").as_str().unwrap().ends_with("rows.jsonl"),
            "{headers}"
        );
        assert!(!of("reason").as_str().unwrap().is_empty());
        assert_eq!(of("truncated"), &Value::Null);
    }

    case.run()
        .finish()
        .expect_code(0)
        .expect_said("nothing new");
    assert_eq!(Kafka::shared().consume(&topic).len(), 2);
}

#[test]
fn one_that_is_too_large_is_cut() {
    let topic = fresh("cut");
    let kafka = Kafka::shared();
    kafka.create_with(&topic, 1, json!({ "max.message.bytes": "40000" }));
    let case = letters_of(
        &topic,
        To::shared(),
        &[&[b'x'; 100_000][..], b"\n{\"n\": 1}\n"].concat(),
    );
    case.run().finish().expect_code(0);
    let records = kafka.consume(&topic);
    assert_eq!(records.len(), 1);
    let value = records[0]["value"].as_str().unwrap();
    assert!((10_000..40_000).contains(&value.len()), "{}", value.len());
    assert_eq!(headers(&records[0])["wasm_sink.errors.truncated"], "true");
}

/// Where they cannot go, nothing of their epoch is committed.
#[test]
fn who_may_not_send_them_commits_nothing() {
    let case = letters_of(
        "not a topic",
        To {
            servers: Kafka::shared().servers(),
            properties: String::new(),
        },
        b"{\"n\": 1}\nno json\n",
    );
    case.run()
        .finish()
        .expect_code(1)
        .expect_said("`not a topic` is no name of a topic");
}
