use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use wasm_sink_core::guest::calls::{Answered, Asked, Culprit, Replies, Target, Told, Word};

use super::replies::{Script, Scripted};
use crate::recording::{Ending, Line, RecordedCall, RecordedRows, Recording};

fn asked(function: &str, arguments: Value) -> Asked {
    Asked {
        function: format!("delta.table.{function}"),
        target: Some(Target {
            connection: "default".to_owned(),
            name: "t".to_owned(),
        }),
        arguments,
    }
}

fn call(function: &str, arguments: Value, answer: Answered) -> RecordedCall {
    RecordedCall {
        asked: asked(function, arguments),
        rows: (function == "append").then(|| RecordedRows {
            count: 3,
            digest: String::new(),
        }),
        answer,
    }
}

fn column(name: &str) -> Value {
    json!({ "name": name, "data_type": "int64", "nullable": true })
}

/// What a table answered in one `write`.
fn recording(folder: &Path, calls: Vec<RecordedCall>) -> Recording {
    let header = json!({
        "recording": 1, "wasm-sink": "0", "at": "2026-01-01T00:00:00Z", "process": "", "pipeline": "p",
        "component": { "name": "c", "hash": "00" }, "instance": 0, "config": "{}",
        "connections": { "default": "delta" },
        "limits": {
            "memory-bytes": 1, "call-deadline-ms": 1, "log-lines-per-second": 1, "handles": 1,
            "dead-letters": 1, "split-parts": 1, "derived-bytes": 1
        }
    });
    let wrote = Line::Wrote {
        rows: None,
        calls,
        ended: Ending::Ok,
    };
    let lines = [wrote, Line::Ended].map(|line| serde_json::to_string(&line).unwrap());
    let path = folder.join("000001.jsonl");
    fs::write(&path, format!("{header}\n{}\n", lines.join("\n"))).unwrap();
    Recording::open(&path).unwrap()
}

fn unavailable() -> Told {
    Told {
        kind: Word::Unavailable,
        retry_after_ms: None,
        blame: Culprit::Destination,
        message: "it is away".to_owned(),
    }
}

fn calls() -> Vec<RecordedCall> {
    vec![
        call("open", Value::Null, Ok(Value::Null)),
        call("fields", json!([]), Ok(json!([column("n")]))),
        call(
            "append",
            Value::Null,
            Ok(json!({ "refused": [[1, "too large"]] })),
        ),
        call("append", Value::Null, Err(unavailable())),
    ]
}

fn scripted(folder: &Path) -> (Recording, Scripted) {
    let recording = recording(folder, calls());
    assert_eq!(recording.damage(), None);
    let script = Scripted(Arc::new(Mutex::new(Script::of(&recording))));
    script.expect(&calls());
    (recording, script)
}

#[test]
fn the_same_questions_have_the_recorded_answers() {
    let folder = tempfile::tempdir().unwrap();
    let (_recording, mut script) = scripted(folder.path());
    for recorded in calls() {
        assert_eq!(script.reply(&recorded.asked, None), Some(recorded.answer));
    }
    // All is used up; a table to which nothing happens takes more.
    let more = script.reply(&asked("append", Value::Null), None);
    assert_eq!(more, Some(Ok(json!({}))));
}

#[test]
fn other_questions_are_answered_by_a_table_as_it_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let (_recording, mut script) = scripted(folder.path());
    let fields = |script: &mut Scripted| script.reply(&asked("fields", json!([])), None);
    assert_eq!(fields(&mut script), Some(Ok(json!([column("n")]))));
    let added = asked("add-columns", json!([[column("m")]]));
    assert_eq!(script.reply(&added, None), Some(Ok(Value::Null)));
    assert_eq!(
        fields(&mut script),
        Some(Ok(json!([column("n"), column("m")])))
    );
    let elsewhere = Asked {
        target: Some(Target {
            connection: "other".to_owned(),
            name: "t".to_owned(),
        }),
        ..asked("open", Value::Null)
    };
    let Some(Err(refused)) = script.reply(&elsewhere, None) else {
        panic!("a role that was not granted");
    };
    assert_eq!(refused.kind, Word::Denied);
    // What the host knows by itself.
    let origin = Asked {
        function: "types.batch.origin".to_owned(),
        target: None,
        arguments: Value::Null,
    };
    assert_eq!(script.reply(&origin, None), None);
}
