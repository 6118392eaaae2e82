//! Avro as messages: what other implementations write, what is broken, and a registry that fails.
//!
//! The registry here is a stub within the test, for schemas by number and for faults that are hard to
//! have of a real one. That we speak a real registry's language is shown by the pipelines' tests.
#![allow(clippy::unwrap_used)]

mod broken;
mod evolution;
mod faults;
mod register;
mod stub;
mod value;
mod vectors;

use std::path::Path;

use wasm_sink_core::settings::{Entry, Node, Table, Value};
use wasm_sink_formats::{
    MessageDecoder, MessageDecoders, MessageSettings, Messages, MessagesBuilder,
};

/// A string of pipeline.toml; with a `$` before it, from the environment.
fn text(text: &str) -> Value {
    Value::String {
        text: text.trim_start_matches('$').to_owned(),
        from_environment: text.starts_with('$'),
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

fn decoders(entries: Vec<(&str, Value)>) -> MessageDecoders {
    let table = table(entries);
    let mut problems = Vec::new();
    let mut reader = table.reader(&mut problems);
    let settings = MessageSettings::read(&mut reader);
    reader.finish();
    assert!(problems.is_empty(), "{problems:?}");
    settings.open(Path::new(".")).unwrap()
}

fn decoder_by(entries: Vec<(&str, Value)>) -> Box<dyn MessageDecoder> {
    decoders(entries).decoder()
}

/// A decoder of Avro with the registry at `url`.
fn decoder(url: &str) -> Box<dyn MessageDecoder> {
    decoder_by(vec![
        ("format", text("avro")),
        ("schema_registry_url", text(url)),
    ])
}

/// The same, with columns that the user named.
fn decoder_for(url: &str, columns: &[(&str, &str, bool)]) -> Box<dyn MessageDecoder> {
    let columns = columns.iter().map(|(name, data_type, nullable)| Node {
        value: Value::Table(table(vec![
            ("name", text(name)),
            ("data_type", text(data_type)),
            ("nullable", Value::Boolean(*nullable)),
        ])),
        span: 2..3,
    });
    decoder_by(vec![
        ("format", text("avro")),
        ("schema_registry_url", text(url)),
        ("schema", Value::List(columns.collect())),
    ])
}

fn messages<T: AsRef<[u8]>>(payloads: &[T]) -> Messages {
    let mut builder = MessagesBuilder::default();
    for payload in payloads {
        assert!(builder.push(Some(payload.as_ref())));
    }
    builder.finish()
}

/// A record with the number of its schema.
fn message(schema: u32, record: &[u8]) -> Vec<u8> {
    [&[0], schema.to_be_bytes().as_slice(), record].concat()
}

/// A `long`, as Avro writes it.
fn long(value: i64) -> Vec<u8> {
    let mut left = ((value << 1) ^ (value >> 63)) as u64;
    let mut bytes = Vec::new();
    while left >= 0x80 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
    bytes
}

/// A `string`, as Avro writes it.
fn string(text: &str) -> Vec<u8> {
    [long(text.len() as i64), text.as_bytes().to_vec()].concat()
}
