//! How fast Avro records become columns on one core, messages as from a broker:
//! `cargo run --release -p wasm-sink-formats --example avro_speed`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use wasm_sink_core::settings::{Entry, Node, Table, Value};
use wasm_sink_formats::{MessageDecoder, MessageSettings, Messages, MessagesBuilder};

const ROWS: u64 = 200_000;
const ROUNDS: usize = 7;

const SMALL: &str = r#"{"type":"record","name":"Small","fields":[
    {"name":"id","type":"long"},
    {"name":"user","type":"string"},
    {"name":"amount","type":"double"},
    {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"ok","type":["null","boolean"]}]}"#;

const NESTED: &str = r#"{"type":"record","name":"Nested","fields":[
    {"name":"id","type":"long"},
    {"name":"user","type":"string"},
    {"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}},
    {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"tags","type":{"type":"array","items":"string"}},
    {"name":"detail","type":{"type":"record","name":"Detail","fields":[
        {"name":"country","type":"string"},
        {"name":"score","type":["null","int"]},
        {"name":"ok","type":"boolean"}]}}]}"#;

fn long(out: &mut Vec<u8>, value: u64) {
    let mut left = value << 1;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

fn string(out: &mut Vec<u8>, text: &str) {
    long(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn messages(schema: u32, body: impl Fn(&mut Vec<u8>, u64, u64)) -> Messages {
    let mut all = MessagesBuilder::default();
    let mut record = Vec::new();
    for row in 0..ROWS {
        let hash = row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        record.clear();
        record.push(0);
        record.extend(schema.to_be_bytes());
        body(&mut record, row, hash);
        assert!(all.push(Some(&record)));
    }
    all.finish()
}

fn small(out: &mut Vec<u8>, row: u64, hash: u64) {
    long(out, row);
    string(out, &format!("user-{:05}", hash % 10_000));
    out.extend((hash as f64 / 100.0).to_le_bytes());
    long(out, 1_769_860_800_000 + row);
    out.extend([2, (hash % 2) as u8]);
}

fn nested(out: &mut Vec<u8>, row: u64, hash: u64) {
    long(out, row);
    string(out, &format!("user-{:05}", hash % 10_000));
    long(out, 4);
    out.extend((hash as u32 % 100_000).to_be_bytes());
    long(out, 1_769_860_800_000 + row);
    long(out, 2);
    string(out, "web");
    string(out, "sale");
    out.push(0);
    string(out, "DE");
    out.push(2);
    long(out, hash % 1000);
    out.push((hash % 2) as u8);
}

/// Answers every question with the schema that its number stands for.
fn registry() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let length = stream.read(&mut head).unwrap();
            let is_small = String::from_utf8_lossy(&head[..length]).contains("/ids/1 ");
            let schema = if is_small { SMALL } else { NESTED };
            let body = serde_json::json!({ "schema": schema }).to_string();
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    format!("http://{address}")
}

fn decoder(url: &str) -> Box<dyn MessageDecoder> {
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
    let table = Table {
        entries: vec![entry("format", "avro"), entry("schema_registry_url", url)],
        span: 0..0,
    };
    let mut problems = Vec::new();
    let settings = MessageSettings::read(&mut table.reader(&mut problems));
    settings.open(Path::new(".")).unwrap().decoder()
}

fn main() {
    let url = registry();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    for (name, messages) in [
        ("small", messages(1, small)),
        ("nested", messages(2, nested)),
    ] {
        let mut decoder = decoder(&url);
        let mut fastest = Duration::MAX;
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let mut from = 0;
            while from < messages.len() {
                let decoded = runtime.block_on(decoder.decode(&messages, from)).unwrap();
                assert_eq!(decoded.undecodable, []);
                from = decoded.end;
                black_box(decoded.rows);
            }
            fastest = fastest.min(started.elapsed());
        }
        let seconds = fastest.as_secs_f64();
        println!(
            "{name:<8} {} B a record {:>7.0} MB/s {:>5.0} ns a record {:.2} M records/s",
            messages.memory_bytes() as u64 / ROWS - 4,
            messages.memory_bytes() as f64 / 1e6 / seconds,
            seconds * 1e9 / ROWS as f64,
            ROWS as f64 / 1e6 / seconds
        );
    }
}
