//! Swaps that have to wait, and what they leave behind.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::json;
use wasm_sink_tests::kafka::fresh;
use wasm_sink_tests::{Case, DeltaTable, Signal};

use super::Versions;
use crate::case::Lake;
use crate::kafka::{await_that, end};

const PIPELINE: &str = include_str!("pipeline.toml");

fn case(name: &str, lake: &tempfile::TempDir) -> Case {
    let text = PIPELINE.replace("\"refused\"", &format!("\"{}\"", fresh(name)));
    let case = Case::new(&text, Lake::Disk(lake.path()));
    Versions::of("delta").write(&case, "one");
    case
}

/// The sockets of a pipeline, where a runtime directory of its own holds them.
fn sockets(folder: &std::path::Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("wasm-sink"))
        .into_iter()
        .flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn sockets_are_their_owners_alone_and_none_is_left() {
    let (lake, runtime) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let case = case("private", &lake);
    let run = || case.run().env("XDG_RUNTIME_DIR", runtime.path()).start();
    let process = run();
    await_that("socket", || (!sockets(runtime.path()).is_empty(), ()));
    let folder = runtime.path().join("wasm-sink");
    let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    end(process).expect_code(0);
    assert_eq!(sockets(runtime.path()), Vec::<PathBuf>::new());

    // A process that is killed leaves its own, which the next question removes.
    let process = run();
    await_that("socket", || (!sockets(runtime.path()).is_empty(), ()));
    process.kill();
    assert_eq!(sockets(runtime.path()).len(), 1);
    let two = Versions::of("delta").write(&case, "two");
    let outcome = case
        .command("swap")
        .arg(&two)
        .env("XDG_RUNTIME_DIR", runtime.path())
        .finish();
    outcome
        .expect_code(1)
        .expect_said("no process of this user");
    assert_eq!(sockets(runtime.path()), Vec::<PathBuf>::new());

    // Who could put something there could answer in a process's place.
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).unwrap();
    let process = case
        .run()
        .env("XDG_RUNTIME_DIR", runtime.path())
        .arg("--json")
        .start();
    process.await_stderr("cannot be asked for its status", super::LIMIT);
    end(process).expect_code(0);
}

#[test]
fn a_watched_component_is_swapped_whenever_its_file_changes() {
    let lake = tempfile::tempdir().unwrap();
    let case = case("watched", &lake);
    let file = case.path("one.wasm");
    let process = case.run().arg("--watch").arg("--json").start();
    let table = DeltaTable::local(&lake.path().join("t"));
    let versions = || match table.exists() {
        true => table.query("select distinct version from t order by version"),
        false => Vec::new(),
    };
    let await_version = |name: &str| {
        await_that(name, || {
            let found = versions();
            (found.contains(&json!({ "version": name })), found)
        });
    };
    let put = |name: &str| {
        let other = Versions::of("delta").write(&case, name);
        std::fs::rename(other, &file).unwrap();
    };
    await_version("one");
    put("two");
    await_version("two");
    std::fs::write(&file, "not yet").unwrap();
    process.await_stderr("is not swapped in", super::LIMIT);
    put("traps");
    process.await_stderr("the former one goes on", super::LIMIT);
    put("wider");
    await_version("wider");
    end(process).expect_code(0);
    let found =
        table.query_one("select count(*)::int = count(distinct \"offset\")::int as once from t");
    assert_eq!(found, json!({ "once": true }));
    assert_eq!(versions().len(), 3);
}

/// A new component waits for a commit that cannot be made, and a process that is told to stop waits for neither.
#[test]
fn a_swap_waits_for_the_commit_that_is_under_way() {
    let lake = tempfile::tempdir().unwrap();
    let case = case("waits", &lake);
    let process = case.run().env("WASM_SINK_STALL_AT", "attempting:3").start();
    let mut process = process;
    assert!(process.await_stop(super::LIMIT));
    let two = Versions::of("delta").write(&case, "two");
    let waiting = case
        .command("swap")
        .arg(&two)
        .arg("--trial-epochs")
        .arg("1")
        .start();
    process.signal(Signal::CONT);
    waiting
        .wait(super::LIMIT)
        .expect_code(0)
        .expect_said("stays");
    end(process).expect_code(0);
    let table = DeltaTable::local(&lake.path().join("t"));
    let found = table.query_one(
        "select count(*)::int = count(distinct \"offset\")::int as once, \
         count(distinct version)::int as versions from t",
    );
    assert_eq!(found, json!({ "once": true, "versions": 2 }));
}

/// Nor does a process that is told to stop wait for the end of a trial, or of a canary's.
#[test]
fn a_shutdown_ends_what_is_tried() {
    for arguments in [
        &["--trial-epochs", "1000000"][..],
        &["--canary", "50%", "--trial-epochs", "1000000"],
    ] {
        let lake = tempfile::tempdir().unwrap();
        let text = PIPELINE
            .replace("\"refused\"", &format!("\"{}\"", fresh("ends")))
            .replace("[sink]", "partitions = 2\n\n[sink]");
        let case = Case::new(&text, Lake::Disk(lake.path()));
        Versions::of("delta").write(&case, "one");
        let process = case.run().start();
        let table = DeltaTable::local(&lake.path().join("t"));
        await_that("rows", || (table.exists(), ()));
        let two = Versions::of("delta").write(&case, "two");
        let mut waiting = case.command("swap").arg(&two);
        for argument in arguments {
            waiting = waiting.arg(argument);
        }
        let waiting = waiting.start();
        let versions = || table.query_one("select count(distinct version)::int as versions from t");
        await_that("both versions", || {
            (versions() == json!({ "versions": 2 }), versions())
        });
        end(process).expect_code(0);
        let outcome = waiting.wait(super::LIMIT).expect_code(1);
        // The process may be gone before it has said so.
        let said = ["ended before that was settled", "does not answer"];
        assert!(
            said.iter().any(|said| outcome.stderr.contains(said)),
            "{}",
            outcome.stderr
        );
        let found = table.query_one(
            "select count(*)::int = count(distinct (partition, \"offset\"))::int as once from t",
        );
        assert_eq!(found, json!({ "once": true }));
    }
}
