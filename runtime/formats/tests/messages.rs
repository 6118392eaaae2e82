//! Records that come as messages: what becomes rows, what does not, and columns that come later.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use wasm_sink_core::settings::{Entry, Node, Table, Value};
use wasm_sink_formats::{
    DecodedMessages, MessageDecoder, MessageSettings, Messages, MessagesBuilder,
};

fn text(text: &str) -> Value {
    Value::String {
        text: text.to_owned(),
        from_environment: false,
    }
}

fn table(entries: Vec<(&str, Value)>) -> Table {
    let entries = entries.into_iter().map(|(key, value)| Entry {
        key: key.to_owned(),
        key_span: 0..1,
        node: Node { value, span: 2..3 },
    });
    Table {
        entries: entries.collect(),
        span: 0..0,
    }
}

fn column(name: &str, data_type: &str, nullable: bool) -> Node {
    Node {
        value: Value::Table(table(vec![
            ("name", text(name)),
            ("data_type", text(data_type)),
            ("nullable", Value::Boolean(nullable)),
        ])),
        span: 2..3,
    }
}

fn decoder(entries: Vec<(&str, Value)>) -> Box<dyn MessageDecoder> {
    let table = table(entries);
    let mut problems = Vec::new();
    let mut reader = table.reader(&mut problems);
    let settings = MessageSettings::read(&mut reader);
    reader.finish();
    assert!(problems.is_empty(), "{problems:?}");
    settings.open(Path::new(".")).unwrap().decoder()
}

fn messages(payloads: &[Option<&str>]) -> Messages {
    let mut builder = MessagesBuilder::default();
    for payload in payloads {
        assert!(builder.push(payload.map(str::as_bytes)));
    }
    builder.finish()
}

fn as_json(decoded: &DecodedMessages) -> Vec<String> {
    let mut out = Vec::new();
    let mut writer = arrow::json::LineDelimitedWriter::new(&mut out);
    writer.write(&decoded.rows).unwrap();
    writer.finish().unwrap();
    String::from_utf8(out)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn reasons(decoded: &DecodedMessages) -> Vec<(u32, u32, &str)> {
    let letters = decoded.undecodable.iter();
    letters
        .map(|letter| (letter.after_rows, letter.message, letter.reason.as_str()))
        .collect()
}

#[tokio::test]
async fn json_may_be_spread_over_lines_and_one_message_harms_no_other() {
    let all = messages(&[
        Some("{\n  \"id\": 1,\r\n  \"name\": \"a\\nb\"\n}\n"),
        Some("{\"id\": 2"),
        Some(""),
        None,
        Some("{\"id\": 3}{\"id\": 4}"),
        Some("[1]"),
        Some(" {\"id\": 5} "),
    ]);
    let decoded = decoder(vec![]).decode(&all, 0).await.unwrap();
    assert_eq!(
        as_json(&decoded),
        [r#"{"id":1,"name":"a\nb"}"#, "{}", r#"{"id":5}"#]
    );
    assert_eq!(decoded.messages, [0, 3, 6]);
    assert_eq!(decoded.end, 7);
    let reasons = reasons(&decoded);
    let places: Vec<_> = reasons.iter().map(|(rows, at, _)| (*rows, *at)).collect();
    assert_eq!(places, [(1, 1), (1, 2), (2, 4), (2, 5)]);
    assert!(reasons[1].2.contains("the record ends"), "{reasons:?}");
    assert!(reasons[3].2.contains("this is a list"), "{reasons:?}");
}

#[tokio::test]
async fn columns_come_later_and_stay() {
    let mut decoder = decoder(vec![]);
    let first = messages(&[Some(r#"{"a": 1}"#)]);
    let first = decoder.decode(&first, 0).await.unwrap();
    let second = messages(&[
        Some(r#"{"a": 2}"#),
        Some(r#"{"a": 1.5}"#),
        Some(r#"{"b": {"c": true}}"#),
    ]);
    let second = decoder.decode(&second, 0).await.unwrap();
    let third = messages(&[Some(r#"{"b": {"c": false}}"#)]);
    let third = decoder.decode(&third, 0).await.unwrap();
    assert_eq!(first.rows.schema().fields().len(), 1);
    assert_eq!(
        as_json(&second),
        [r#"{"a":2.0}"#, r#"{"a":1.5}"#, r#"{"b":{"c":true}}"#]
    );
    assert!(Arc::ptr_eq(&second.rows.schema(), &third.rows.schema()));
    assert_eq!(as_json(&third), [r#"{"b":{"c":false}}"#]);
}

#[tokio::test]
async fn whole_numbers_become_fractions_while_types_are_learnt() {
    let wide = r#"{"list": [9007199254740993]}"#;
    let mut decoder = decoder(vec![]);
    for (payloads, expected) in [
        ([r#"{"in": {"a": 1}}"#, r#"{"list": [1]}"#], 0),
        ([r#"{"in": {"a": 1.5}}"#, r#"{"in": {"a": 2}}"#], 0),
        // As among the first records: together they would be no numbers.
        ([wide, r#"{"list": [0.5]}"#], 1),
    ] {
        let all = messages(&payloads.map(Some));
        let decoded = decoder.decode(&all, 0).await.unwrap();
        assert_eq!(decoded.undecodable.len(), expected, "{decoded:?}");
    }
    let long = format!(r#"{{"text": "{}"}}"#, "x".repeat(2 << 20));
    let long = messages(&[Some(&long), Some(r#"{"late": 1}"#)]);
    decoder.decode(&long, 0).await.unwrap();
    let late = messages(&[Some(r#"{"late": 1.5}"#), Some(r#"{"in": {"a": 0.5}}"#)]);
    let late = decoder.decode(&late, 0).await.unwrap();
    assert_eq!(as_json(&late), [r#"{"in":{"a":0.5}}"#]);
    let [letter] = &late.undecodable[..] else {
        panic!("{late:?}");
    };
    assert!(
        letter.reason.starts_with("`late` takes int64"),
        "{letter:?}"
    );

    let mut csv = self::decoder(vec![("format", text("csv"))]);
    for payload in ["1,a", "1.5,b"] {
        let one = messages(&[Some(payload)]);
        let decoded = csv.decode(&one, 0).await.unwrap();
        assert_eq!(decoded.undecodable, [], "{payload}");
    }
    let list = vec![column("a", "int64", true)];
    let mut named = self::decoder(vec![("schema", Value::List(list))]);
    let one = messages(&[Some(r#"{"a": 1.5}"#)]);
    let decoded = named.decode(&one, 0).await.unwrap();
    assert_eq!(decoded.undecodable.len(), 1);
}

#[tokio::test]
async fn a_named_schema_is_all_there_is() {
    let schema = Value::List(vec![
        column("id", "int8", false),
        column("name", "utf8", true),
    ]);
    let mut decoder = decoder(vec![("schema", schema)]);
    let all = messages(&[
        Some(r#"{"id": 1, "other": 2}"#),
        Some(r#"{"id": 300}"#),
        None,
        Some(r#"{"id": 2, "name": "x"}"#),
    ]);
    let decoded = decoder.decode(&all, 0).await.unwrap();
    assert_eq!(as_json(&decoded), [r#"{"id":1}"#, r#"{"id":2,"name":"x"}"#]);
    let reasons = reasons(&decoded);
    assert!(reasons[1].2.contains("`id` allows no null"), "{reasons:?}");
}

#[tokio::test]
async fn a_character_cut_in_two_is_none() {
    let mut builder = MessagesBuilder::default();
    assert!(builder.push(Some(b"{\"a\":\"\xc3")));
    assert!(builder.push(Some(b"\xa4\"}")));
    let all = builder.finish();
    let decoded = decoder(vec![]).decode(&all, 0).await.unwrap();
    assert_eq!(decoded.rows.num_rows(), 0);
    assert_eq!(decoded.undecodable.len(), 2);
}

#[tokio::test]
async fn csv_has_a_record_a_message() {
    let all = messages(&[
        Some("1,\"x\ny\"\n"),
        Some("2,a\n3,b\n"),
        Some(""),
        Some("4"),
        Some("5,\"z"),
        Some("6,"),
    ]);
    let mut csv = decoder(vec![("format", text("csv"))]);
    let decoded = csv.decode(&all, 0).await.unwrap();
    assert_eq!(
        as_json(&decoded),
        [r#"{"column_1":1,"column_2":"x\ny"}"#, r#"{"column_1":6}"#]
    );
    assert_eq!(decoded.messages, [0, 5]);
    let reasons = reasons(&decoded);
    assert!(reasons[0].2.contains("another one follows"), "{reasons:?}");
    assert!(reasons[1].2.contains("empty"), "{reasons:?}");
}

#[tokio::test]
async fn few_bytes_that_ask_for_much_come_in_parts() {
    let wide: Vec<_> = (0..900).map(|n| format!("\"f{n}\":1")).collect();
    let wide = format!("{{{}}}", wide.join(","));
    let mut payloads = vec![Some("{}"); 3000];
    payloads.insert(0, Some(&wide));
    let all = messages(&payloads);
    let mut decoder = decoder(vec![]);
    let (mut from, mut rows, mut parts) = (0, 0, 0);
    while from < all.len() {
        let decoded = decoder.decode(&all, from).await.unwrap();
        assert_eq!(decoded.messages[0] as usize, from);
        rows += decoded.rows.num_rows();
        from = decoded.end;
        parts += 1;
    }
    assert_eq!(rows, 3001);
    assert!(parts > 1);
}

#[test]
fn keys_of_another_format_are_refused() {
    let table = table(vec![
        ("format", text("bytes")),
        ("delimiter", text(";")),
        ("schema", Value::List(vec![column("a", "int64", true)])),
    ]);
    let mut problems = Vec::new();
    let mut reader = table.reader(&mut problems);
    MessageSettings::read(&mut reader);
    reader.finish();
    let messages: Vec<_> = problems.iter().map(|problem| &problem.message).collect();
    assert_eq!(
        messages,
        [
            "`delimiter` is for CSV, and the format is another one",
            "`schema` is for records with fields, and the format is another one"
        ]
    );
}
