//! What may not take over, or may not stay: the old one goes on, no row is lost, and the command says why.

use serde_json::json;
use wasm_sink_tests::kafka::fresh;
use wasm_sink_tests::{Binary, Case, Process};

use super::{Versions, swap};
use crate::case::Lake;
use crate::kafka::{await_that, end};

const PIPELINE: &str = include_str!("pipeline.toml");

/// What every sink exports.
const CONTRACT: &[u8] = b"wasm-sink:sink/sink@0.1.0";

/// The same bytes with others of the same number wherever these stand.
fn replaced(bytes: &[u8], these: &[u8], others: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for at in 0..bytes.len() - these.len() {
        if bytes[at..].starts_with(these) {
            bytes[at..at + these.len()].copy_from_slice(others);
        }
    }
    bytes
}

struct Running {
    case: Case,
    process: Process,
    versions: Versions,
    lake: tempfile::TempDir,
    name: String,
}

impl Running {
    fn start() -> Self {
        Self::named(&fresh("refused"))
    }

    fn named(name: &str) -> Self {
        let lake = tempfile::tempdir().unwrap();
        let text = PIPELINE.replace("\"refused\"", &format!("\"{name}\""));
        let case = Case::new(&text, Lake::Disk(lake.path()));
        let versions = Versions::of("delta");
        versions.write(&case, "one");
        Self {
            process: case.run().start(),
            case,
            versions,
            lake,
            name: name.to_owned(),
        }
    }

    fn table(&self) -> wasm_sink_tests::DeltaTable {
        wasm_sink_tests::DeltaTable::local(&self.lake.path().join("t"))
    }

    fn rows(&self) -> u64 {
        if !self.table().exists() {
            return 0;
        }
        let rows = self
            .table()
            .query_one("select count(*)::int as rows from t");
        rows["rows"].as_u64().unwrap()
    }

    #[track_caller]
    fn await_more(&self) {
        let before = self.rows();
        await_that("further rows", || {
            let now = self.rows();
            (now > before, now)
        });
    }

    /// All rows once, from the first to the last, and all of the one that it began with.
    #[track_caller]
    fn expect_all_of_the_first(self) {
        self.await_more();
        let table = self.table();
        end(self.process).expect_code(0);
        let found = table.query_one(
            "select count(*)::int = max(\"offset\")::int + 1 as all_there, \
             count(*)::int = count(distinct \"offset\")::int as once, \
             list(distinct version) as versions from t",
        );
        assert_eq!(
            found,
            json!({ "all_there": true, "once": true, "versions": ["one"] })
        );
        assert_eq!(self.case.dead_letters(&self.name), []);
        self.case.expect_no_pending_dead_letters(&self.name);
    }
}

#[test]
fn what_cannot_run_here_is_refused_before_it_takes_over() {
    let running = Running::start();
    running.await_more();
    for (name, why) in [
        ("never-opens", "`open` failed: this version never opens"),
        ("elsewhere", "it writes to `lake/t_elsewhere`"),
    ] {
        let path = running.versions.write(&running.case, name);
        let outcome = swap(&running.case, &path, &[]).expect_code(1);
        outcome.expect_said("nothing has changed");
        outcome.expect_said(why);
    }
    let whole = std::fs::read(running.case.path("never-opens.wasm")).unwrap();
    let postgres = Versions::of("postgres").write(&running.case, "postgres");
    for (name, bytes, why) in [
        ("cut", &whole[..whole.len() / 2], "truncated"),
        ("text", &b"name = 1"[..], "not WebAssembly"),
        ("module", &b"\0asm\x01\0\0\0"[..], "module"),
    ] {
        let path = running.case.path(&format!("{name}.wasm"));
        std::fs::write(&path, bytes).unwrap();
        let outcome = swap(&running.case, &path, &[]).expect_code(1);
        outcome.expect_said("nothing has changed");
        outcome.expect_said(why);
    }
    let other = String::from_utf8_lossy(CONTRACT).replace("0.1.0", "0.9.0");
    let path = running.case.path("newer.wasm");
    std::fs::write(&path, replaced(&whole, CONTRACT, other.as_bytes())).unwrap();
    let outcome = swap(&running.case, &path, &[]).expect_code(1);
    outcome.expect_said("0.9.0");
    outcome.expect_said("0.1.0");
    let outcome = swap(&running.case, &postgres, &[]).expect_code(1);
    outcome.expect_said("it uses the capability `wasm-sink:postgres`");
    let outcome = running.case.command("swap").arg("discard").finish();
    outcome.expect_code(1).expect_said("`table_name`");
    let one = running.case.path("one.wasm");
    swap(&running.case, &one, &[])
        .expect_code(1)
        .expect_said("already");
    running.expect_all_of_the_first();
}

#[test]
fn what_fails_on_trial_gives_its_place_back() {
    let running = Running::start();
    running.await_more();
    for (name, why) in [
        ("traps", "this version traps"),
        ("rejects", "this version takes no rows"),
        ("spins", "call_deadline_ms"),
    ] {
        let path = running.versions.write(&running.case, name);
        let outcome = swap(&running.case, &path, &[]).expect_code(1);
        outcome.expect_said("the old component is back");
        outcome.expect_said(why);
    }
    let journal = format!(".wasm-sink/{}/swaps.jsonl", running.name);
    let journal = running.case.path(&journal);
    let journal = std::fs::read_to_string(journal).unwrap();
    assert_eq!(
        journal.matches("\"event\":\"reverted\"").count(),
        3,
        "{journal}"
    );
    running.expect_all_of_the_first();
}

#[test]
fn what_fails_after_some_epochs_gives_its_place_back() {
    let running = Running::start();
    running.await_more();
    let path = running.versions.write(&running.case, "traps-later");
    let outcome = swap(&running.case, &path, &["--trial-epochs", "50"]).expect_code(1);
    outcome.expect_said("this version traps later");
    running.await_more();
    let table = running.table();
    end(running.process).expect_code(0);
    let found = table.query_one(
        "select count(*)::int = max(\"offset\")::int + 1 as all_there, \
         count(*)::int = count(distinct \"offset\")::int as once, \
         list(distinct version order by version) as versions from t",
    );
    let versions = ["one", "traps-later"];
    assert_eq!(
        found,
        json!({ "all_there": true, "once": true, "versions": versions })
    );
}

#[test]
fn one_swap_at_a_time() {
    let running = Running::start();
    running.await_more();
    let two = running.versions.write(&running.case, "two");
    let lasting = ["--trial-epochs", "1000000", "--no-wait"];
    swap(&running.case, &two, &lasting).expect_code(0);
    let one = running.case.path("one.wasm");
    let outcome = swap(&running.case, &one, &[]).expect_code(1);
    outcome.expect_said("another swap is under way");
    end(running.process).expect_code(0);
}

#[test]
fn one_of_several_processes_is_swapped() {
    let name = fresh("several");
    let (running, other) = (Running::named(&name), Running::named(&name));
    running.await_more();
    other.await_more();
    let two = running.versions.write(&running.case, "two");
    let by_name = || Binary::find().command(["swap", &name]).arg(&two);
    let outcome = by_name().finish().expect_code(1);
    let number = running.process.id().to_string();
    outcome.expect_said(&format!("2 processes run `{name}` here"));
    outcome.expect_said(&format!("--process {number}"));
    let trial = ["--trial-epochs", "1"];
    let outcome = by_name()
        .arg("--process")
        .arg(&number)
        .arg(trial[0])
        .arg(trial[1])
        .finish();
    outcome.expect_code(0).expect_said("stays");
    // A file says by itself which process is meant.
    let one = running.case.path("one.wasm");
    swap(&running.case, &one, &trial).expect_code(0);
    end(running.process).expect_code(0);
    other.expect_all_of_the_first();
}
