//! Dead letters that are delivered again after what kept them was mended: each once, wherever that is killed.

use std::path::Path;

use serde_json::{Value, json};
use wasm_sink_tests::kafka::{Kafka, fresh};
use wasm_sink_tests::{Connected, Outcome};

use crate::case::{Case, Lake};
use crate::kafka::{Ends, OFTEN, Out, await_that, end};

const BROKEN: &str = include_str!("broken.toml");
const MENDED: &str = include_str!("mended.toml");

/// Lines 2 and 3 become letters by a mistake in pipeline.toml, line 4 by its own.
const LINES: &str = "{\"id\": 1, \"n\": 1, \"m\": \"1\"}\n\
                     {\"id\": 2, \"n\": \"x\", \"m\": \"2\"}\n\
                     {\"id\": 3, \"n\": 3, \"m\": \"three\"}\n\
                     none\n\
                     {\"id\": 5, \"n\": 5, \"m\": \"5\"}\n";

/// Two rows of it are letters, and what had kept them is mended.
fn mended(folder: &Path) -> Case {
    let case = Case::new(BROKEN, Lake::Disk(folder));
    case.write("in.jsonl", LINES);
    case.run().finish().expect_code(0);
    assert_eq!(case.dead_letters("letters").len(), 3);
    case.rewrite(MENDED, Lake::Disk(folder));
    case
}

fn retry(case: &Case, more: &[&str]) -> Outcome {
    let command = case.commands(&["dead-letters", "retry"]);
    let command = more.iter().fold(command, |command, word| command.arg(word));
    command.finish()
}

/// Each row once with what was to be done with it, and one letter left.
#[track_caller]
fn expect_mended(case: &Case, folder: &Path, step: &str) {
    let table = Lake::Disk(folder).table();
    let rows = table.query("select id, word, _topic, _offset from t order by id");
    let row = |id: u64, word: Option<&str>| json!({ "id": id, "word": word, "_topic": "in.jsonl", "_offset": id });
    let expected = [
        row(1, None),
        row(2, Some("2")),
        row(3, Some("three")),
        row(5, None),
    ];
    assert_eq!(rows, expected, "{step}");
    case.expect_no_pending_dead_letters("letters");
    let letters = case.dead_letters("letters");
    let left: Vec<_> = letters
        .iter()
        .map(|letter| {
            (
                letter.text("name"),
                letter.number("line"),
                letter.text("by"),
            )
        })
        .collect();
    assert_eq!(left, [("in.jsonl", Some(4), "decoder")], "{step}");
    let folder = case.path(".wasm-sink/letters/dead-letters/letters.retry");
    let orders: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name != "lock" && name != "identity.json")
        .collect();
    assert_eq!(orders, Vec::<std::ffi::OsString>::new(), "{step}");
}

#[test]
fn what_was_mended_arrives_and_what_was_not_is_a_letter_again() {
    let folder = tempfile::tempdir().unwrap();
    let case = mended(folder.path());
    let nothing = retry(&case, &["--reason", "no such reason"]).expect_code(0);
    nothing.expect_said("no such dead letters");
    let done = retry(&case, &["--json"]).expect_code(1);
    let done: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(
        done,
        json!({ "chosen": 3, "resumed": 0, "rows": 2, "skipped": 0, "refused_again": 1,
                "left": { "without_row": 0, "undecodable": 0 }, "commits": done["commits"],
                "finished": true })
    );
    expect_mended(&case, folder.path(), "once");
    // The letter is another one each time, and what stands in it is the same.
    retry(&case, &[])
        .expect_code(1)
        .expect_said("1 letter refused again");
    expect_mended(&case, folder.path(), "twice");
    // The source itself has nothing new, and knows of nothing.
    case.run()
        .finish()
        .expect_code(0)
        .expect_said("nothing new");
}

#[test]
fn only_what_is_chosen_is_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let case = mended(folder.path());
    retry(&case, &["--by", "host"]).expect_code(0);
    let letters = case.dead_letters("letters");
    let mut left: Vec<_> = letters.iter().map(|letter| letter.number("line")).collect();
    left.sort();
    assert_eq!(left, [Some(2), Some(4)]);
    let table = Lake::Disk(folder.path()).table();
    let ids = table.query("select id from t where word is not null");
    assert_eq!(ids, [json!({ "id": 3 })]);
    // Their file was written anew, and what is kept of the rest is still theirs.
    retry(&case, &["--reason", "line"]).expect_code(0);
    retry(&case, &[]).expect_code(1);
    expect_mended(&case, folder.path(), "in parts");
}

#[test]
fn each_arrives_once_wherever_the_retry_is_killed() {
    for step in [
        "retry-ordered",
        "batch-written",
        "file-written",
        "staged",
        "dead-letter-rows-written",
        "dead-letters-written",
        "attempting",
        "attempted",
        "dead-letters-published",
        "acknowledged",
        "retry-delivered",
        "retried-letters-removed",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let case = mended(folder.path());
        let killed = case
            .commands(&["dead-letters", "retry"])
            .env("WASM_SINK_CRASH_AT", step)
            .finish();
        assert_eq!(killed.code(), None, "{step}: {}", killed.said());
        // Between the two the pipeline itself may run.
        case.run().finish().expect_code(0);
        let listed = case
            .commands(&["dead-letters", "list"])
            .finish()
            .expect_code(0);
        if step != "retried-letters-removed" {
            listed.expect_said("3 of them are being delivered again");
        }
        // Other letters are chosen, and those that were begun with are finished first.
        let done = retry(&case, &["--json", "--reason", "no such reason"]);
        let done: Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!(
            (&done["resumed"], &done["chosen"]),
            (&json!(3), &json!(0)),
            "{step}"
        );
        expect_mended(&case, folder.path(), step);
    }
}

#[test]
fn one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let case = mended(folder.path());
    let first = case
        .commands(&["dead-letters", "retry"])
        .env("WASM_SINK_STALL_AT", "retry-ordered")
        .start();
    await_that("order", || {
        let letters = case.path(".wasm-sink/letters/dead-letters/letters.retry/identity.json");
        (letters.exists(), ())
    });
    let second = retry(&case, &[]).expect_code(1);
    second.expect_said("another process delivers dead letters of `letters` again");
    first.kill();
}

/// Records of two topics that lead to two tables, while the pipeline runs and takes further ones.
#[test]
fn beside_the_pipeline_with_all_that_kafka_knew() {
    let (kafka, [orders, returns]) = (Kafka::shared(), ["orders", "returns"].map(fresh));
    let folder = tempfile::tempdir().unwrap();
    let out = Out::Lake(folder.path());
    for topic in [&orders, &returns] {
        kafka.create(topic, 1);
    }
    let text = |schema: &str, config: &str, tombstones: &str| {
        format!(
            "name = \"{orders}\"\n[source]\nconnection = \"broker\"\ntopics = [\"{orders}\", \"{returns}\"]\n\
             tombstones = \"{tombstones}\"\nschema = [{{ name = \"n\", data_type = \"int64\" }}, {{ name = \"of\", \
             data_type = \"{schema}\" }}]\n[sink]\ncomponent = \"delta\"\nconnection = \"out\"\n[sink.config]\n\
             metadata_columns = [\"key\", \"topic\", \"partition\", \"offset\", \"timestamp\", \"headers\"]\n{config}\n\
             [[routes]]\ntopic = \"{orders}\"\ntable = \"orders\"\n\
             [[routes]]\ntopic = \"{returns}\"\ntable = \"returns\"\n[limits]\nmax_rejected = 10_000\n{OFTEN}"
        )
    };
    let at = 1_700_000_000_123_i64;
    let record = |n: u64, of: Value| {
        let value = json!({ "n": n, "of": of }).to_string();
        json!({ "key": format!("k{n}"), "value": value, "timestamp": at, "headers": [["trace", "a1"]] })
    };
    kafka.produce(
        &orders,
        &[
            record(0, json!(0)),
            record(1, json!("one")),
            json!({ "key": "gone", "timestamp": at, "headers": [["trace", "a1"]] }),
        ],
    );
    kafka.produce(&returns, &[record(0, json!(0)), record(7, json!("seven"))]);
    let broken = text("int64", "leave_out = [\"of\"]", "reject");
    let case = crate::kafka::case(kafka, &broken, out);
    let process = case.run().start();
    await_that("letters", || {
        let letters = case.dead_letters(&orders);
        (letters.len() == 3, letters)
    });
    let mended = "leave_out = [\"of\"]\n\
                  field_mappings = [{ json_path = \"of\", column = \"word\", data_type = \"utf8\" }]";
    case.rewrite(
        &text("utf8", mended, "row"),
        Ends::new(kafka, out).with(crate::kafka::HASTY),
    );
    retry(&case, &[]).expect_code(0);
    assert_eq!(case.dead_letters(&orders), []);
    // The pipeline has not noticed.
    kafka.produce(&orders, &[record(3, json!(3))]);
    let table = |name: &str| wasm_sink_tests::DeltaTable::local(&folder.path().join(name));
    let sql = "select n, word, _key, _topic, _partition, _offset, epoch_ms(_timestamp) as at, _headers \
               from t order by _offset";
    await_that("four records", || {
        let rows = table("orders").query(sql);
        (rows.len() >= 4, rows)
    });
    end(process).expect_code(0);
    let row = |topic: &str, n: Option<u64>, word: Option<&str>, key: &str, offset: u64| {
        json!({ "n": n, "word": word, "_key": key, "_topic": topic, "_partition": "0", "_offset": offset,
                "at": at, "_headers": "[[\"trace\",\"a1\"]]" })
    };
    assert_eq!(
        table("orders").query(sql),
        [
            row(&orders, Some(0), None, "k0", 0),
            row(&orders, Some(1), Some("one"), "k1", 1),
            row(&orders, None, None, "gone", 2),
            row(&orders, Some(3), None, "k3", 3),
        ]
    );
    assert_eq!(
        table("returns").query(sql),
        [
            row(&returns, Some(0), None, "k0", 0),
            row(&returns, Some(7), Some("seven"), "k7", 1),
        ]
    );
}

/// A database of DuckDB is one process's.
#[test]
fn where_the_destination_takes_one_process_it_is_the_pipeline_that_has_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let text = |source: &str, config: &str| {
        format!(
            "name = \"alone\"\n[source]\n{source}\n[sink]\ncomponent = \"duckdb\"\nconnection = \"out\"\n\
             [sink.config]\ntable_name = \"t\"\n{config}\n[limits]\nmax_rejected = 10_000\n[connections.out]\n\
             type = \"duckdb\"\npath = \"{}/one.duckdb\"\n",
            folder.path().display()
        )
    };
    let files = "type = \"files\"\npath = \"in.jsonl\"\n";
    let broken = text(files, "schema = [{ name = \"m\", data_type = \"int64\" }]");
    let case = Case::new(&broken, Nothing);
    case.write("in.jsonl", "{\"m\": \"1\"}\n{\"m\": \"two\"}\n");
    case.run().finish().expect_code(0);
    let mended = "leave_out = [\"m\"]\nfield_mappings = [{ json_path = \"m\", column = \"word\", data_type = \"utf8\" }]";
    case.rewrite(&text("type = \"generator\"\nrate = 10\n", mended), Nothing);
    let process = case.run().start();
    await_that("run", || {
        let status = case.command("status").arg("--json").finish();
        (status.said().contains("\"running\""), status.said())
    });
    let refused = retry(&case, &[]).expect_code(1);
    refused.expect_said("another process");
    end(process).expect_code(0);
    case.rewrite(&text(files, mended), Nothing);
    retry(&case, &[]).expect_code(0);
    assert_eq!(case.dead_letters("alone"), []);
    let rows = wasm_sink_tests::duckdb::read(
        &folder.path().join("one.duckdb"),
        "select word from t where word is not null",
    );
    assert_eq!(rows, [json!({ "word": "two" })]);
}

/// The connection is in the text.
struct Nothing;

impl Connected for Nothing {
    fn connection(&self) -> String {
        String::new()
    }

    fn environment(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}
