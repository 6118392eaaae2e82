use std::fs;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, UInt32Array};
use bytes::Bytes;
use serde_json::json;
use wasm_sink_core::dead_letter::RowOrigin;
use wasm_sink_core::guest::calls::{Asked, Call, Target};
use wasm_sink_core::{
    Account, CommitId, Lineage, MetadataKey, PartitionKey, Position, Rows, SourceBatch,
};

use super::batch::{decode, encode};
use super::*;

/// Rows with keys, two to a position.
#[derive(Debug)]
struct Keyed;

impl Lineage for Keyed {
    fn position_after(&self, row: u32) -> Option<Position> {
        (row % 2 == 1).then(|| Position::from_offset(u64::from(row) + 101))
    }

    fn origin(&self, row: u32) -> RowOrigin {
        RowOrigin {
            name: "topic".to_owned(),
            line: None,
            offset: Some(u64::from(row)),
        }
    }

    fn raw(&self, _: u32) -> Option<Bytes> {
        None
    }

    fn metadata(&self, key: MetadataKey, rows: &UInt32Array) -> Option<ArrayRef> {
        let texts = rows.values().iter().map(|row| format!("key {row}"));
        (key == MetadataKey::Key)
            .then(|| Arc::new(StringArray::from_iter_values(texts)) as ArrayRef)
    }
}

fn batch(begin: u64) -> Arc<SourceBatch> {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
    let rows = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
    Arc::new(SourceBatch {
        key: PartitionKey::new("source", "0"),
        begin: Some(Position::from_offset(begin)),
        end: Position::from_offset(begin + 100),
        bytes: rows.get_array_memory_size(),
        rows,
        lineage: Arc::new(Keyed),
        undecodable: Vec::new(),
        at: chrono::DateTime::UNIX_EPOCH,
        reservation: None,
    })
}

fn header() -> Header {
    Header {
        recording: FORMAT,
        wasm_sink: "0".to_owned(),
        at: chrono::DateTime::UNIX_EPOCH,
        process: "a test".to_owned(),
        pipeline: "p".to_owned(),
        component: RecordedComponent {
            name: "c".to_owned(),
            hash: "00".to_owned(),
        },
        instance: 3,
        config: "{}".to_owned(),
        connections: [("default".to_owned(), "delta".to_owned())].into(),
        limits: RecordedLimits {
            memory_bytes: 1,
            call_deadline_ms: 2,
            log_lines_per_second: 3,
            handles: 4,
            dead_letters: 5,
            split_parts: 6,
            derived_bytes: 7,
        },
    }
}

/// A recording of two batches, of which the second is written in part.
async fn recorded(folder: &std::path::Path) -> std::path::PathBuf {
    let settings = RecorderSettings {
        directory: folder.to_owned(),
        max_bytes: 1 << 20,
    };
    let recorder = Recorder::open(&settings).unwrap();
    let mut tape = recorder.tape(header(), || Some(b"wasm".to_vec()));
    tape.opened(Vec::new(), None).await;
    tape.began(CommitId::from_random(7));
    let whole = Rows::whole(batch(0));
    let call = Call {
        asked: Asked {
            function: "delta.table.append".to_owned(),
            target: Some(Target {
                connection: "default".to_owned(),
                name: "t".to_owned(),
            }),
            arguments: json!(null),
        },
        rows: Some(whole.clone()),
        answer: Ok(json!({})),
    };
    tape.wrote(whole, vec![call], None).await;
    tape.wrote(Rows::range(batch(100), 10..20), Vec::new(), None)
        .await;
    tape.flushed(Vec::new(), None, Account::default()).await;
    tape.close().await.unwrap()
}

#[tokio::test]
async fn what_was_recorded_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = recorded(folder.path()).await;
    let recording = Recording::open(&path).unwrap();
    assert_eq!(recording.header(), &header());
    assert_eq!(recording.damage(), None);
    let batches: Vec<_> = recording
        .lines()
        .iter()
        .filter_map(|line| match line {
            Line::Batch(batch) => Some(recording.batch(batch).unwrap()),
            _ => None,
        })
        .collect();
    let (one, first) = (&batches[0], batch(0));
    assert_eq!(one.rows, first.rows);
    assert_eq!(
        (&one.key, &one.begin, &one.end),
        (&first.key, &first.begin, &first.end)
    );
    for row in [0, 1, 98, 99] {
        assert_eq!(one.lineage.origin(row), Keyed.origin(row));
    }
    let some = UInt32Array::from(vec![3, 5]);
    for key in MetadataKey::ALL {
        let (found, known) = (one.lineage.metadata(key, &some), Keyed.metadata(key, &some));
        assert_eq!(
            found.map(|it| it.to_data()),
            known.map(|it| it.to_data()),
            "{key:?}"
        );
    }
    let written: Vec<_> = recording
        .lines()
        .iter()
        .filter_map(|line| match line {
            Line::Wrote { rows, calls, .. } => Some((rows.clone(), calls.len())),
            _ => None,
        })
        .collect();
    assert_eq!(written, [(None, 1), (Some((10..20).collect()), 0)]);
}

#[tokio::test]
async fn damage_anywhere_is_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = recorded(folder.path()).await;
    let rows = path.with_extension("arrows");
    let (all_lines, all_rows) = (fs::read(&path).unwrap(), fs::read(&rows).unwrap());
    let mut chance = fastrand::Rng::with_seed(5);
    for turn in 0..2_000 {
        let (mut lines, mut bytes) = (all_lines.clone(), all_rows.clone());
        match turn % 4 {
            0 => lines.truncate(chance.usize(..lines.len())),
            1 => {
                let at = chance.usize(..lines.len());
                lines[at] = chance.u8(b' '..b'~');
            }
            2 => bytes.truncate(chance.usize(..bytes.len())),
            _ => {
                // Numbers that are too large for a file, or for a machine.
                let text = String::from_utf8(lines).unwrap();
                let large = ["18446744073709551615", "9007199254740993"][chance.usize(..2)];
                let key = ["at", "rows"][chance.usize(..2)];
                let found = format!("\"{key}\":");
                let (before, behind) = text.split_once(&found).unwrap();
                let rest = behind.trim_start_matches(|c: char| c.is_ascii_digit());
                lines = format!("{before}{found}{large}{rest}").into_bytes();
            }
        }
        fs::write(&path, lines).unwrap();
        fs::write(&rows, bytes).unwrap();
        let Ok(recording) = Recording::open(&path) else {
            continue;
        };
        for line in recording.lines() {
            if let Line::Batch(batch) = line {
                let _ = recording.batch(batch);
            }
        }
    }
}

/// The reader would take other bytes for lengths, and make room for as much.
#[test]
fn messages_without_their_mark_are_refused() {
    let rows = batch(0).rows.clone();
    let stream = encode(&rows).unwrap();
    assert_eq!(decode(&stream).unwrap(), rows);
    let mut unmarked = stream.clone();
    unmarked[3] = 0x7F;
    assert!(decode(&unmarked).is_err());
    for length in 0..8 {
        assert!(decode(&[0x7F; 8][..length]).is_err(), "{length}");
    }
}

#[test]
fn equal_rows_have_equal_digests_whatever_they_are_slices_of() {
    let rows = batch(0).rows.clone();
    let again = RecordBatch::try_new(
        rows.schema(),
        vec![Arc::new(Int64Array::from_iter_values(40..60))],
    );
    assert_eq!(digest(&rows.slice(40, 20)), digest(&again.unwrap()));
    assert_ne!(digest(&rows.slice(40, 20)), digest(&rows.slice(41, 20)));
}

#[tokio::test]
async fn components_go_with_their_last_recording() {
    let folder = tempfile::tempdir().unwrap();
    let settings = RecorderSettings {
        directory: folder.path().to_owned(),
        max_bytes: 1 << 20,
    };
    let recorder = Recorder::open(&settings).unwrap();
    for version in 0..20 {
        // Two of each.
        for _ in 0..2 {
            let mut header = header();
            header.component.hash = format!("{version:02}");
            let mut tape = recorder.tape(header, || Some(b"wasm".to_vec()));
            tape.opened(Vec::new(), None).await;
            tape.close().await.unwrap();
        }
    }
    recorder.finish().await;
    let names = |directory: &std::path::Path, ending: &str| {
        let entries = fs::read_dir(directory).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let named = paths.filter(|path| path.extension().is_some_and(|end| end == ending));
        named
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect::<std::collections::BTreeSet<_>>()
    };
    let kept = names(&folder.path().join("components"), "wasm");
    let newest: Vec<String> = (4..20).map(|version| format!("{version:02}")).collect();
    assert_eq!(kept.into_iter().collect::<Vec<_>>(), newest);
    assert_eq!(names(folder.path(), "jsonl").len(), 32);
}
