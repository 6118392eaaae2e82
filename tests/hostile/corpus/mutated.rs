//! What comes from outside as bytes, changed at random from seeds: it is taken or refused, and nothing panics. Arrow
//! IPC of a guest, pipeline.toml, JSON lines and CSV.
//!
//! `WASM_SINK_MUTATIONS` says how often each is changed; the seed of a failure is in its message.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use wasm_sink::config::{Registry, Style, read};
use wasm_sink_core::guest::read_stream;
use wasm_sink_formats::{Block, BlockKind, Decoder, Dialect, Format, UnknownFields};

use super::ipc;

/// Numbers at which readers go wrong.
const EDGES: [u64; 9] = [
    0,
    1,
    0x7F,
    0xFF,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    0x7FFF_FFFF_FFFF_FFFF,
    u64::MAX,
];

fn mutations() -> u64 {
    let mutations = std::env::var("WASM_SINK_MUTATIONS").ok();
    mutations.map_or(5_000, |mutations| mutations.parse().unwrap())
}

fn mutated(seed: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..random.usize(1..=4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.usize(..bytes.len());
        let length = random.usize(1..=64.min(bytes.len() - at));
        match random.u8(..6) {
            0 => bytes[at] ^= 1 << random.u8(..8),
            1 => bytes[at] = random.u8(..),
            2 => {
                let edge = EDGES[random.usize(..EDGES.len())].to_le_bytes();
                let width = [1, 2, 4, 8][random.usize(..4)].min(bytes.len() - at);
                bytes[at..at + width].copy_from_slice(&edge[..width]);
            }
            3 => drop(bytes.drain(at..at + length)),
            4 => {
                let copy = bytes[at..at + length].to_vec();
                let to = random.usize(..bytes.len());
                bytes.splice(to..to, copy);
            }
            _ => bytes.truncate(at),
        }
    }
    bytes
}

fn survive(what: &str, seeds: &[Vec<u8>], take: impl Fn(Vec<u8>)) {
    let _machine = super::MACHINE.blocking_lock();
    for (number, seed) in seeds.iter().enumerate() {
        for round in 0..mutations() / seeds.len() as u64 {
            let bytes = mutated(seed, &mut fastrand::Rng::with_seed(round));
            let shown = bytes.clone();
            if catch_unwind(AssertUnwindSafe(|| take(bytes))).is_err() {
                panic!(
                    "{what}: seed {number}, round {round}: {}",
                    String::from_utf8_lossy(&shown)
                );
            }
        }
    }
}

#[test]
fn ipc_of_a_guest() {
    survive("IPC", &ipc::honest(), |bytes| drop(read_stream(bytes)));
}

#[test]
fn pipeline_toml() {
    let registry = Registry::of_this_build();
    let seeds = [
        include_str!("../../../examples/quickstart/pipeline.toml"),
        include_str!("../../../examples/kafka-to-delta/pipeline.toml"),
        include_str!("../../../examples/postgres/pipeline.toml"),
    ];
    let seeds = seeds.map(|seed| seed.as_bytes().to_vec());
    survive("pipeline.toml", &seeds, |bytes| {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let directory = PathBuf::from("/nowhere");
        if let Err(diagnostics) = read("p.toml".into(), text, directory, &registry, &|_| None) {
            let shown = diagnostics.render(Style::Plain);
            assert!(!shown.trim().is_empty(), "refused without a reason");
        }
    });
}

fn decode(format: Format, bytes: Vec<u8>) {
    let columns = [
        ("id", DataType::Int64),
        ("price", DataType::Float64),
        ("name", DataType::Utf8),
        ("day", DataType::Date32),
    ];
    let fields = columns.map(|(name, data_type)| Field::new(name, data_type, true));
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let Ok(decoder) = Decoder::new(format, &bytes, Some(&schema)) else {
        return;
    };
    let block = Block {
        bytes: bytes.into(),
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

#[test]
fn json_lines() {
    let seed = br#"{"id": 1, "price": 2.5e1, "name": "a\u00e9\ud83d\ude00\n", "day": "2026-01-31"}
{"id": null, "more": {"deep": [1, [2, {"x": true}]]}, "name": "\u00e4"}
{"id": -9223372036854775808, "price": 1e308, "day": "0001-01-01"}
"#;
    survive("JSON", &[seed.to_vec()], |bytes| {
        decode(Format::Json, bytes)
    });
}

#[test]
fn csv() {
    let seed =
        b"\xEF\xBB\xBFid,price,name,day\r\n1,2.5,\"a \"\"b\"\"\nc\",2026-01-31\r\n-1,,,\n,1e9,x,\n";
    survive("CSV", &[seed.to_vec()], |bytes| {
        decode(Format::Csv(Dialect::default()), bytes);
    });
}
