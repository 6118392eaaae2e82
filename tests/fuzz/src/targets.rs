//! What takes bytes from outside, one function each. They may refuse; a panic is a fault.
//!
//! `tests/hostile/corpus` runs them over the inputs in `tests/fuzz/corpus`, and over changes of these.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema};
use wasm_sink_core::guest::read_stream;
use wasm_sink_core::settings::{Entry, Node, Table, Value};
use wasm_sink_formats::{
    Block, BlockKind, Decoder, Dialect, Format, MessageDecoders, MessageSettings, MessagesBuilder,
    UnknownFields,
};

/// A function that takes bytes.
pub type Target = fn(&[u8]);

/// All, with the name of the folder that has their inputs.
pub const TARGETS: &[(&str, Target)] = &[
    ("ipc", ipc),
    ("json", json),
    ("csv", csv),
    ("avro", avro),
    ("messages", messages),
];

/// Arrow that a component made.
pub fn ipc(bytes: &[u8]) {
    drop(read_stream(bytes.to_vec()));
}

/// JSON lines.
pub fn json(bytes: &[u8]) {
    lines(Format::Json, bytes);
}

/// CSV with a header.
pub fn csv(bytes: &[u8]) {
    lines(Format::Csv(Dialect::default()), bytes);
}

fn lines(format: Format, bytes: &[u8]) {
    let columns = [
        ("id", DataType::Int64),
        ("price", DataType::Float64),
        ("name", DataType::Utf8),
        ("day", DataType::Date32),
    ];
    let fields = columns.map(|(name, data_type)| Field::new(name, data_type, true));
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let Ok(decoder) = Decoder::new(format, bytes, Some(&schema)) else {
        return;
    };
    let block = Block {
        bytes: bytes.to_vec().into(),
        offset: 0,
        before: Default::default(),
        kind: BlockKind::Records,
    };
    for unknown in [
        UnknownFields::Ignore,
        UnknownFields::Report,
        UnknownFields::Refuse,
    ] {
        drop(decoder.decode(&schema, &block, unknown));
    }
}

/// The schema of every number.
const AVRO: &str = r#"{"type": "record", "name": "r", "fields": [
    {"name": "id", "type": "long"},
    {"name": "name", "type": "string"},
    {"name": "price", "type": ["null", "double"]},
    {"name": "raw", "type": "bytes"},
    {"name": "cents", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "side", "type": {"type": "enum", "name": "s", "symbols": ["buy", "sell"]}},
    {"name": "id16", "type": {"type": "fixed", "name": "f", "size": 4}},
    {"name": "tags", "type": {"type": "array", "items": "string"}},
    {"name": "more", "type": {"type": "map", "values": {"type": "record", "name": "m", "fields": [
        {"name": "nothing", "type": "null"}, {"name": "is_it", "type": "boolean"}]}}}]}"#;

/// Avro of one schema. The registry's prefix is put before each message, so that nobody is asked for numbers by chance.
pub fn avro(bytes: &[u8]) {
    static REGISTRY: LazyLock<MessageDecoders> =
        LazyLock::new(|| decoders("avro", Some(&registry())));
    let prefixed = pieces(bytes).map(|piece| [&[0, 0, 0, 0, 1], piece].concat());
    take(&REGISTRY, prefixed);
}

/// Records that come as messages, in each format that asks nobody. The first byte says which; an empty piece is absent.
pub fn messages(bytes: &[u8]) {
    static DECODERS: LazyLock<Vec<MessageDecoders>> = LazyLock::new(|| {
        vec![
            decoders("json", None),
            decoders("json", Some("http://127.0.0.1:9")),
            decoders("arrow", None),
            decoders("string", None),
            decoders("int64", None),
            decoders("bytes", None),
        ]
    });
    if let Some((which, rest)) = bytes.split_first() {
        let decoders = &DECODERS[usize::from(*which) % DECODERS.len()];
        take(decoders, pieces(rest).map(<[u8]>::to_vec));
    }
}

/// What stands between three bytes that are rare.
fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    const BORDER: &[u8] = b"~#~";
    let mut is_over = false;
    std::iter::from_fn(move || {
        let border = bytes.windows(BORDER.len()).position(|at| at == BORDER);
        let piece = match border {
            Some(at) => {
                let piece = &bytes[..at];
                bytes = &bytes[at + BORDER.len()..];
                piece
            }
            None if is_over => return None,
            None => {
                is_over = true;
                bytes
            }
        };
        Some(piece)
    })
}

fn take(decoders: &MessageDecoders, pieces: impl Iterator<Item = Vec<u8>>) {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("threads")
    });
    let mut messages = MessagesBuilder::with_capacity(0, 0);
    for piece in pieces {
        if !messages.push((!piece.is_empty()).then_some(piece.as_slice())) {
            break;
        }
    }
    let messages = messages.finish();
    let mut decoder = decoders.decoder();
    let mut from = 0;
    while from < messages.len() {
        match RUNTIME.block_on(decoder.decode(&messages, from)) {
            Ok(decoded) => {
                assert!(decoded.end > from, "it goes on");
                from = decoded.end;
            }
            Err(_) => break,
        }
    }
}

fn decoders(format: &str, registry: Option<&str>) -> MessageDecoders {
    let entry = |key: &str, text: &str| Entry {
        key: key.to_owned(),
        key_span: 0..0,
        node: Node {
            value: Value::String {
                text: text.to_owned(),
                from_environment: false,
            },
            span: 0..0,
        },
    };
    let mut entries = vec![entry("format", format)];
    entries.extend(registry.map(|url| entry("schema_registry_url", url)));
    let table = Table {
        entries,
        span: 0..0,
    };
    let mut problems = Vec::new();
    let settings = MessageSettings::read(&mut table.reader(&mut problems));
    assert!(problems.is_empty(), "{problems:?}");
    settings
        .open(Path::new("."))
        .expect("settings that are right")
}

/// A registry that has one schema.
fn registry() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let body = format!(r#"{{"schema": {}}}"#, quoted(AVRO));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\\\"").replace('\n', " "))
}
