//! What comes from outside as bytes: it is taken or refused, and nothing panics. The kept inputs of the targets in
//! `tests/fuzz`, each as it is and changed at random from seeds.
//!
//! `WASM_SINK_MUTATIONS` says how often each is changed; the seed of a failure is in its message.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use chrono::DateTime;
use wasm_sink::recording::{
    FORMAT, Header, RecordedComponent, RecordedLimits, Recorder, RecorderSettings,
};
use wasm_sink_core::epoch::CommitId;

use super::ipc;
use super::rows::rows;
use super::targets::{BORDER, TARGETS, Target};

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

fn survive(what: &str, seeds: &[Vec<u8>], take: Target) {
    let _machine = super::MACHINE.blocking_lock();
    for (number, seed) in seeds.iter().enumerate() {
        for round in 0..mutations() / seeds.len() as u64 {
            let bytes = mutated(seed, &mut fastrand::Rng::with_seed(round));
            if catch_unwind(|| take(&bytes)).is_err() {
                panic!(
                    "{what}: seed {number}, round {round}: {}",
                    String::from_utf8_lossy(&bytes)
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
        let mut is_one_taken = false;
        for input in kept(name) {
            let outcome = catch_unwind(|| take(&input));
            is_one_taken |= outcome.unwrap_or_else(|_| {
                panic!("{name}: {:?}", String::from_utf8_lossy(&input));
            });
        }
        assert!(is_one_taken, "{name} refuses every kept input");
    }
}

#[tokio::test]
async fn changed_inputs_are_taken_or_refused() {
    let recording = recorded().await;
    tokio::task::spawn_blocking(move || {
        for (name, take) in TARGETS {
            let mut seeds = kept(name);
            match name {
                "ipc" => seeds.extend(ipc::honest()),
                // Those of this version.
                "recordings" => seeds.push(recording.clone()),
                _ => {}
            }
            survive(name, &seeds, take);
        }
    })
    .await
    .unwrap();
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

/// A recording that is whole, as an input.
async fn recorded() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let settings = RecorderSettings {
        directory: directory.path().to_owned(),
        max_bytes: 1 << 20,
    };
    let recorder = Recorder::open(&settings).unwrap();
    let mut tape = recorder.tape(header(), || None);
    tape.opened(Vec::new(), None).await;
    tape.began(CommitId::from_random(7));
    tape.wrote(rows("0", 0, 20), Vec::new(), None).await;
    let path = tape.close().await.unwrap();
    let lines = fs::read(&path).unwrap();
    let rows = fs::read(path.with_extension("arrows")).unwrap();
    [lines, rows].join(BORDER)
}
