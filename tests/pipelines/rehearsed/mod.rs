//! `wasm-sink test`: components are put through what pipelines do, without any server.

mod bad_input;
mod languages;

use serde_json::{Value, json};
use wasm_sink_tests::{Binary, Outcome, careless_component};

const ROWS: &str = "{\"id\": 1, \"name\": \"a\"}\n{\"id\": 2, \"name\": \"b\"}\n{\"id\": 3, \"name\": \"c\"}\n\
                    {\"id\": 4, \"name\": \"d\"}\n{\"id\": 5, \"name\": \"e\"}\n";

/// A pipeline with this component and `[sink.config]`, whose servers are nowhere.
fn test(sink: &str, more: &[&str]) -> (tempfile::TempDir, Outcome) {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "name = \"tried\"\n[source]\ntype = \"files\"\npath = \"rows.jsonl\"\n[sink]\n{sink}\n\
         [limits]\ncall_deadline_ms = 1_000\n"
    );
    std::fs::write(folder.path().join("pipeline.toml"), text).unwrap();
    std::fs::write(folder.path().join("rows.jsonl"), ROWS).unwrap();
    let command = Binary::find()
        .command(["test", "--json"])
        .current_dir(folder.path());
    let outcome = more
        .iter()
        .fold(command, |command, word| command.arg(word))
        .finish();
    (folder, outcome)
}

fn careless(mistake: &str) -> (Option<i32>, Value) {
    let component = careless_component();
    let sink = format!(
        "component = \"{}\"\nconnection = \"out\"\n[sink.config]\nmistake = \"{mistake}\"\n\
         [connections.out]\ntype = \"delta\"\npath = \"lake\"\n",
        component.display()
    );
    let (_folder, outcome) = test(&sink, &[]);
    let found =
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{}", outcome.said()));
    (outcome.code(), found)
}

/// What is wrong, and what is said of it.
fn wrong(found: &Value) -> Vec<(&str, &str)> {
    let findings = found["findings"].as_array().unwrap().iter();
    let wrong = findings.filter(|finding| finding["verdict"] == "wrong");
    wrong
        .map(|finding| {
            (
                finding["check"].as_str().unwrap(),
                finding["seen"].as_str().unwrap(),
            )
        })
        .collect()
}

/// The mistake is found, by this check first, in words that hold this.
#[track_caller]
fn expect_found(mistake: &str, check: &str, says: &str) {
    let (code, found) = careless(mistake);
    assert_eq!(code, Some(1), "{mistake}: {found:#}");
    let wrong = wrong(&found);
    let (first, seen) = wrong.first().unwrap();
    assert_eq!(*first, check, "{mistake}: {found:#}");
    assert!(seen.contains(says), "{mistake}: {seen}");
    for finding in found["findings"].as_array().unwrap() {
        let has_help = finding["help"]
            .as_str()
            .is_some_and(|help| !help.is_empty());
        assert_eq!(finding["verdict"] == "wrong", has_help, "{finding}");
    }
}

#[test]
fn a_careful_one_has_nothing_wrong() {
    let (code, found) = careless("none");
    assert_eq!((code, wrong(&found)), (Some(0), vec![]), "{found:#}");
    assert_eq!(found["written"], json!({ "t": 5 }));
}

#[test]
fn errors_that_are_swallowed_are_found() {
    expect_found("swallows-errors", "passes-errors-on", "and it answered ok");
}

#[test]
fn panics_on_errors_are_found() {
    expect_found("panics-on-errors", "passes-errors-on", "trapped");
}

#[test]
fn rows_that_are_lost_are_found() {
    expect_found(
        "loses-rows",
        "accounts-for-rows",
        "of 5 rows 2 were written",
    );
}

#[test]
fn rows_that_flush_forgets_are_found() {
    expect_found(
        "forgets-flush",
        "accounts-for-rows",
        "of 5 rows 4 were written",
    );
}

#[test]
fn chance_is_found() {
    expect_found("takes-chance", "repeats", "other values in `number`");
}

#[test]
fn numbers_across_epochs_are_found() {
    expect_found("counts-rows", "forgets-nothing", "other values in `number`");
}

#[test]
fn batches_that_are_kept_too_long_are_found() {
    expect_found("keeps-batches", "forgets-nothing", "a second epoch failed");
}

#[test]
fn panics_without_rows_are_found() {
    expect_found("panics-without-rows", "takes-nothing", "there are rows");
}

#[test]
fn panics_on_nulls_are_found() {
    expect_found(
        "panics-on-nulls",
        "takes-nulls",
        "nothing but nulls in `id`",
    );
}

#[test]
fn columns_that_are_needed_are_found() {
    expect_found(
        "needs-a-column",
        "takes-other-columns",
        "without the column `name`",
    );
}

#[test]
fn work_that_grows_too_fast_is_found() {
    expect_found("is-slow", "takes-many", "call_deadline_ms");
}

#[test]
fn tables_that_are_made_blindly_are_found() {
    expect_found(
        "makes-tables-blindly",
        "forgets-nothing",
        "is there, with other columns",
    );
}

#[test]
fn built_in_components_have_nothing_wrong() {
    let connections = [
        ("delta", "path = \"lake\""),
        ("duckdb", "path = \"one.duckdb\""),
        (
            "postgres",
            "connection_string = \"postgresql://nobody@localhost:1/none\"",
        ),
        ("kafka", "\"bootstrap.servers\" = \"localhost:1\""),
    ];
    for (connector, settings) in connections {
        let key = match connector {
            "kafka" => "topic",
            _ => "table_name",
        };
        let sink = format!(
            "component = \"{connector}\"\nconnection = \"out\"\n[sink.config]\n{key} = \"t\"\n\
             [connections.out]\ntype = \"{connector}\"\n{settings}\n"
        );
        let (_folder, outcome) = test(&sink, &[]);
        let said = outcome.said();
        assert_eq!(outcome.code(), Some(0), "{connector}: {said}");
    }
}

#[test]
fn a_source_that_needs_a_server_is_not_asked() {
    let folder = tempfile::tempdir().unwrap();
    let text = "name = \"tried\"\n[source]\nconnection = \"broker\"\ntopics = [\"t\"]\n[sink]\n\
                component = \"discard\"\n[connections.broker]\ntype = \"kafka\"\n\
                \"bootstrap.servers\" = \"localhost:1\"\n";
    std::fs::write(folder.path().join("pipeline.toml"), text).unwrap();
    std::fs::write(folder.path().join("rows.jsonl"), ROWS).unwrap();
    let command = || Binary::find().command(["test"]).current_dir(folder.path());
    let refused = command().finish().expect_code(1);
    refused.expect_said("--rows sample.jsonl");
    let done = command()
        .args(["--rows", "rows.jsonl"])
        .finish()
        .expect_code(0);
    assert!(done.stdout.contains("nothing is wrong"), "{}", done.stdout);
}
