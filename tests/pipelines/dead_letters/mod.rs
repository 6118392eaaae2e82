//! Dead letters after their epoch: the rows that are kept beside them, and the commands that read them.

mod retry;

use serde_json::{Value, json};
use wasm_sink_tests::kafka::{Kafka, fresh};
use wasm_sink_tests::sha256;

use crate::case::{Case, Lake};
use crate::kafka::{Ends, LATEST, Out, pipeline};

const PIPELINE: &str = include_str!("pipeline.toml");

/// Text for a column of whole numbers, among rows that fit and a line that is none.
fn refused(folder: &std::path::Path) -> Case {
    let case = Case::new(PIPELINE, Lake::Disk(folder));
    let lines = "{\"n\": \"1\"}\n{\"n\": \"x\", \"of\": {\"a\": [1, null]}}\nnone\n\
                 {\"n\": \"y\", \"of\": null}\n{\"n\": null}\n";
    case.write("in.jsonl", lines);
    case
}

/// Each row is there once with its letter, and the file is the one that the letters name.
#[track_caller]
fn expect_rows_kept(case: &Case) {
    case.expect_no_pending_dead_letters("letters");
    let letters = case.dead_letters("letters");
    let mut lines: Vec<_> = letters.iter().map(|letter| letter.number("line")).collect();
    lines.sort();
    assert_eq!(lines, [Some(2), Some(3), Some(4)], "{letters:?}");
    let commit = &letters[0].commit;
    let folder = case.path(".wasm-sink/letters/dead-letters");
    let header = std::fs::read_to_string(folder.join(format!("{commit}.jsonl"))).unwrap();
    let header: Value = serde_json::from_str(header.lines().next().unwrap()).unwrap();
    let rows = folder.join(format!("{commit}.arrow"));
    assert_eq!(header["rows"], sha256(&rows));
    let kept: Vec<_> = case
        .kept_rows("letters", commit)
        .into_iter()
        .map(|row| {
            let letter = row["letter"].as_u64().unwrap() as usize;
            (
                letters[letter].number("line"),
                row["row"].clone(),
                row["types"].clone(),
            )
        })
        .collect();
    let types = json!({ "n": "string", "of": "struct<a: list<item: int64>>" });
    let expected = [
        // It did not decode: what is kept of it is where it stood.
        (Some(3), Value::Null, Value::Null),
        (
            Some(2),
            json!({ "n": "x", "of": { "a": [1, null] } }),
            types.clone(),
        ),
        (Some(4), json!({ "n": "y", "of": null }), types),
    ];
    assert_eq!(kept, expected);
}

#[test]
fn rows_are_kept_as_they_were_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let case = refused(folder.path());
    case.run().finish().expect_code(0);
    expect_rows_kept(&case);
}

#[test]
fn rows_are_kept_once_wherever_the_process_is_killed() {
    for step in [
        "staged",
        "dead-letter-rows-written",
        "dead-letters-written",
        "attempting",
        "attempted",
        "dead-letters-published",
        "acknowledged",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let case = refused(folder.path());
        let killed = case.run().env("WASM_SINK_CRASH_AT", step).finish();
        assert_eq!(killed.code(), None, "{step}: {}", killed.said());
        case.run().finish().expect_code(0);
        expect_rows_kept(&case);
    }
}

#[test]
fn what_kafka_knows_of_a_record_is_kept_with_its_row() {
    let (kafka, topic) = (Kafka::shared(), fresh("letters"));
    let folder = tempfile::tempdir().unwrap();
    let out = Out::Lake(folder.path());
    kafka.create(&topic, 1);
    kafka.produce(
        &topic,
        &[
            json!({ "value": "{\"n\": \"0\"}" }),
            json!({ "key": "k", "value": "{\"n\": \"one\"}", "timestamp": 1_700_000_000_123_i64,
                    "headers": [["trace", "a1"], ["raw", {"base64": "/w=="}]] }),
        ],
    );
    let more =
        "schema = [{ name = \"n\", data_type = \"int64\" }]\n[limits]\nmax_rejected = 10_000\n";
    let text = pipeline(&topic, LATEST, out, more);
    let case = Case::new(&text, Ends::new(kafka, out));
    case.run().finish().expect_code(0);
    let letters = case.dead_letters(&topic);
    assert_eq!(letters.len(), 1, "{letters:?}");
    let kept = case.kept_rows(&topic, &letters[0].commit);
    let expected = json!({
        "letter": 0, "row": { "n": "one" }, "types": { "n": "string" }, "key": "k", "topic": topic,
        "partition": "0", "offset": 1, "timestamp": "2023-11-14 22:13:20.123000+00:00",
        "headers": "[[\"trace\",\"a1\"],[\"raw\",\"/w==\"]]",
    });
    assert_eq!(kept, [expected]);
}

#[test]
fn letters_are_listed_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let case = refused(folder.path());
    let list = |more: &[&str]| {
        let command = case.commands(&["dead-letters", "list"]);
        let listed = more.iter().fold(command, |command, word| command.arg(word));
        listed.finish().expect_code(0).stdout
    };
    let show = |more: &[&str]| {
        let command = case.commands(&["dead-letters", "show"]);
        let shown = more.iter().fold(command, |command, word| command.arg(word));
        shown.finish().expect_code(0).stdout
    };
    assert!(list(&[]).contains("has no dead letters"));
    case.run().finish().expect_code(0);
    let listed = list(&[]);
    assert!(listed.contains("3 dead letters of 1 epoch"), "{listed}");
    let listed: Value = serde_json::from_str(&list(&["--json"])).unwrap();
    let kinds = listed["kinds"].as_array().unwrap();
    let counted = |by: &str| -> u64 {
        let of = kinds.iter().filter(|kind| kind["by"] == by);
        of.filter_map(|kind| kind["letters"].as_u64()).sum()
    };
    assert_eq!((counted("host"), counted("decoder")), (2, 1), "{listed}");

    let letters = case.dead_letters("letters");
    let shown = show(&["--json"]);
    let shown: Vec<Value> = shown
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let expected: Vec<Value> = letters
        .iter()
        .map(|letter| {
            let mut line = letter.value.clone();
            line["commit"] = json!(letter.commit);
            line
        })
        .collect();
    assert_eq!(shown, expected);
    let shown = show(&["--by", "decoder"]);
    assert!(
        shown.contains("line 3") && !shown.contains("line 2"),
        "{shown}"
    );
    assert_eq!(show(&["--epoch", "1"]), "");
    let limited = show(&["--limit", "1", "--json"]);
    assert_eq!(limited.lines().count(), 1);
}

#[test]
fn those_in_a_topic_are_read_there() {
    let text = format!(
        "{PIPELINE}[dead_letters]\nconnection = \"broker\"\ntopic = \"failed\"\n\
         [connections.broker]\ntype = \"kafka\"\n\"bootstrap.servers\" = \"localhost:1\"\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let case = Case::new(&text, Lake::Disk(folder.path()));
    let outcome = case.commands(&["dead-letters", "list"]).finish();
    let outcome = outcome.expect_code(2);
    outcome.expect_said("topics = [\"failed\"]");
}
