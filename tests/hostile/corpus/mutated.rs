//! What comes from outside as bytes: it is taken or refused, and nothing panics. The kept inputs of the targets in
//! `tests/fuzz`, each as it is and changed at random from seeds; beside them pipeline.toml and recordings.
//!
//! `WASM_SINK_MUTATIONS` says how often each is changed; the seed of a failure is in its message.

use std::fs;
use std::hash::Hasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use chrono::DateTime;
use serde_json::Value;
use twox_hash::XxHash64;
use wasm_sink::config::{Registry, Style, read};
use wasm_sink::recording::{
    FORMAT, Header, Line, RecordedComponent, RecordedLimits, Recorder, RecorderSettings, Recording,
};
use wasm_sink_core::epoch::CommitId;

use super::ipc;
use super::rows::rows;
use super::targets::TARGETS;

/// Kept inputs, a folder for each target.
const KEPT: &str = "fuzz/corpus";
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
    mutations.map_or(2_000, |mutations| mutations.parse().unwrap())
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

/// The kept inputs of a target, in the order of their names.
fn kept(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(KEPT).join(target);
    let files = fs::read_dir(&folder).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn kept_inputs_are_taken_or_refused() {
    for folder in fs::read_dir(KEPT).unwrap() {
        let folder = folder.unwrap().file_name();
        let is_known = TARGETS.iter().any(|(name, _)| folder == *name);
        assert!(is_known, "{folder:?} has no target");
    }
    for (name, take) in TARGETS {
        for input in kept(name) {
            let outcome = catch_unwind(|| take(&input));
            assert!(
                outcome.is_ok(),
                "{name}: {:?}",
                String::from_utf8_lossy(&input)
            );
        }
    }
}

#[test]
fn changed_inputs_are_taken_or_refused() {
    for (name, take) in TARGETS {
        let mut seeds = kept(name);
        if *name == "ipc" {
            seeds.extend(ipc::honest());
        }
        survive(name, &seeds, |bytes| take(&bytes));
    }
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

fn header() -> Header {
    Header {
        recording: FORMAT,
        wasm_sink: "0".to_owned(),
        at: DateTime::UNIX_EPOCH,
        process: "a test".to_owned(),
        pipeline: "p".to_owned(),
        component: RecordedComponent {
            name: "c".to_owned(),
            hash: "00".to_owned(),
        },
        instance: 1,
        config: "{}".to_owned(),
        connections: Default::default(),
        limits: RecordedLimits {
            memory_bytes: 1,
            call_deadline_ms: 1,
            log_lines_per_second: 1,
            handles: 1,
            dead_letters: 1,
            split_parts: 1,
            derived_bytes: 1,
        },
    }
}

/// The lines and the rows of a recording.
async fn recorded(directory: &Path) -> PathBuf {
    let settings = RecorderSettings {
        directory: directory.to_owned(),
        max_bytes: 1 << 20,
    };
    let recorder = Recorder::open(&settings).unwrap();
    let mut tape = recorder.tape(header(), || None);
    tape.opened(Vec::new(), None).await;
    tape.began(CommitId::from_random(7));
    tape.wrote(rows("0", 0, 20), Vec::new(), None).await;
    tape.close().await.unwrap()
}

/// All that stands in a recording.
fn take_recording(path: &Path) {
    if let Ok(recording) = Recording::open(path) {
        for line in recording.lines() {
            if let Line::Batch(batch) = line {
                drop(recording.batch(batch));
            }
        }
    }
}

/// With the digest that the rows have, as somebody would write who means harm.
fn signed(lines: &str, rows: &[u8]) -> String {
    let mut hash = XxHash64::with_seed(0);
    hash.write(rows);
    let sign = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        if let Some(digest) = line.get_mut("digest") {
            *digest = format!("{:016x}", hash.finish()).into();
        }
        format!("{line}\n")
    };
    lines.lines().map(sign).collect()
}

#[tokio::test]
async fn recordings() {
    let directory = tempfile::tempdir().unwrap();
    let path = recorded(directory.path()).await;
    let rows_path = path.with_extension("arrows");
    let (lines, rows) = (fs::read(&path).unwrap(), fs::read(&rows_path).unwrap());
    tokio::task::spawn_blocking(move || {
        survive(
            "lines of a recording",
            std::slice::from_ref(&lines),
            |bytes| {
                fs::write(&path, bytes).unwrap();
                take_recording(&path);
            },
        );
        let lines = String::from_utf8(lines).unwrap();
        survive("rows of a recording", &[rows], |bytes| {
            fs::write(&path, signed(&lines, &bytes)).unwrap();
            fs::write(&rows_path, bytes).unwrap();
            take_recording(&path);
        });
    })
    .await
    .unwrap();
}
