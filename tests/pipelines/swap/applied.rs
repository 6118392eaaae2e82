//! Another configuration in the place of the one that works: rows go on, each once, and each commit names it.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use wasm_sink_tests::kafka::fresh;
use wasm_sink_tests::{Case, DeltaTable, Outcome, Process};

use super::{Versions, swap};
use crate::case::Lake;
use crate::kafka::{await_that, end};

const PIPELINE: &str = include_str!("pipeline.toml");
/// What a variable of the process has, that nobody is to be shown.
const SECRET: &str = "HUNTER2";

struct Running {
    case: Case,
    process: Process,
    versions: Versions,
    lake: tempfile::TempDir,
    name: String,
}

impl Running {
    fn start() -> Self {
        Self::named(&fresh("applied"), PIPELINE)
    }

    fn named(name: &str, pipeline: &str) -> Self {
        let lake = tempfile::tempdir().unwrap();
        let text = pipeline.replace("\"refused\"", &format!("\"{name}\""));
        let case = Case::new(&text, Lake::Disk(lake.path()));
        let versions = Versions::of("delta");
        versions.write(&case, "one");
        let running = Self {
            process: case.run().env("STAGE", SECRET).start(),
            case,
            versions,
            lake,
            name: name.to_owned(),
        };
        running.await_version("one");
        running
    }

    /// Changes the file.
    fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.case.path("pipeline.toml")).unwrap();
        assert!(text.contains(from), "{text}");
        self.case.write("pipeline.toml", text.replace(from, to));
    }

    /// Has rows written under another name.
    fn call(&self, version: &str) {
        let text = std::fs::read_to_string(self.case.path("pipeline.toml")).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("version"));
        let text: Vec<_> = lines
            .map(|line| match line {
                "[sink.config]" => format!("[sink.config]\nversion = \"{version}\""),
                line => line.to_owned(),
            })
            .collect();
        self.case.write("pipeline.toml", text.join("\n"));
    }

    /// `wasm-sink apply pipeline.toml`; the pipeline runs, so it can be asked.
    fn apply(&self, arguments: &[&str]) -> Outcome {
        let command = self.case.command("apply");
        let command = arguments
            .iter()
            .fold(command, |command, argument| command.arg(argument));
        command.finish()
    }

    fn table(&self) -> DeltaTable {
        DeltaTable::local(&self.lake.path().join("t"))
    }

    /// What rows are called, in the order of their names.
    fn versions(&self) -> Vec<String> {
        if !self.table().exists() {
            return Vec::new();
        }
        let found = self
            .table()
            .query("select distinct version from t order by version");
        let names = found.iter().map(|row| row["version"].as_str().unwrap());
        names.map(str::to_owned).collect()
    }

    #[track_caller]
    fn await_version(&self, name: &str) {
        await_that(name, || {
            let found = self.versions();
            (found.iter().any(|found| found == name), found)
        });
    }

    /// Further rows of a version.
    #[track_caller]
    fn await_more(&self, version: &str) {
        let count = || {
            let query = format!("select count(*)::int as rows from t where version = '{version}'");
            self.table().query_one(&query)["rows"].as_u64().unwrap()
        };
        let before = count();
        await_that("further rows", || {
            let now = count();
            (now > before, now)
        });
    }

    /// The lines of the journal.
    fn journal(&self) -> Vec<Value> {
        let path = format!(".wasm-sink/{}/swaps.jsonl", self.name);
        let text = std::fs::read_to_string(self.case.path(&path)).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// All rows once, from the first to the last, and of these versions.
    #[track_caller]
    fn expect(self, versions: &[&str]) {
        let table = self.table();
        let found = self.versions();
        end(self.process).expect_code(0);
        let rows = table.query_one(
            "select count(*)::int = max(\"offset\")::int + 1 as all_there, \
             count(*)::int = count(distinct \"offset\")::int as once from t",
        );
        assert_eq!(rows, json!({ "all_there": true, "once": true }));
        assert_eq!(found, versions);
        assert_eq!(self.case.dead_letters(&self.name), []);
        self.case.expect_no_pending_dead_letters(&self.name);
    }
}

/// The component and configuration that commits name, and the versions in their files.
fn written(table: &Path) -> BTreeSet<(String, String, String)> {
    let mut written = BTreeSet::new();
    for entry in std::fs::read_dir(table.join("_delta_log")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let actions: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let info = actions.iter().find_map(|action| action.get("commitInfo"));
        let ours = &info.unwrap()["wasmSink"];
        for add in actions.iter().filter_map(|action| action.get("add")) {
            let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
            let (least, most) = (
                &stats["minValues"]["version"],
                &stats["maxValues"]["version"],
            );
            assert_eq!(least, most, "a commit of two configurations");
            let word = |value: &Value| value.as_str().unwrap().to_owned();
            written.insert((
                word(&ours["component"]),
                word(&ours["configuration"]),
                word(least),
            ));
        }
    }
    written
}

#[test]
fn another_configuration_takes_over_and_each_commit_names_its_own() {
    let running = Running::start();
    running.call("two");
    let shown = running.apply(&["--dry-run"]).expect_code(0);
    assert!(
        shown
            .stdout
            .ends_with("  [sink.config] version: unset → \"two\"\n"),
        "{shown:?}"
    );
    shown.expect_said("nothing has changed yet");
    assert_eq!(running.journal(), [] as [Value; 0]);

    let outcome = running.apply(&["--trial-epochs", "2"]).expect_code(0);
    assert_eq!(outcome.stdout, shown.stdout);
    outcome.expect_said("runs this file's configuration, after ");
    outcome.expect_said("the new configuration stays");
    running.await_more("two");
    let journal = running.journal();
    let events: Vec<_> = journal
        .iter()
        .map(|line| {
            (
                line["event"].as_str().unwrap(),
                line["asked"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(events, [("taken-over", "apply"), ("kept", "apply")]);
    let (from, to) = (&journal[0]["from"], &journal[0]["to"]);
    assert_eq!(from["component"], to["component"]);

    let written = written(&running.lake.path().join("t"));
    let named = |writer: &Value, version: &str| {
        let word = |key: &str| writer[key].as_str().unwrap().to_owned();
        (word("component"), word("configuration"), version.to_owned())
    };
    assert_eq!(
        written,
        BTreeSet::from([named(from, "one"), named(to, "two")])
    );
    running.expect(&["one", "two"]);
}

#[test]
fn what_is_wrong_is_shown_and_changes_nothing() {
    let running = Running::start();
    // Two mistakes, both found by the process that runs it, and shown with their lines.
    running.edit("table_name = \"t\"", "table_name = 7\nverzion = \"two\"");
    let outcome = running.apply(&[]).expect_code(2);
    for said in [
        "error[sink-config]",
        "table_name = 7",
        "verzion",
        "2 mistakes in ",
        "nothing has changed",
    ] {
        outcome.expect_said(said);
    }
    running.edit(
        "table_name = 7\nverzion = \"two\"",
        "table_name = \"t\"\nversion = \"${NOPE}\"",
    );
    let outcome = running.apply(&[]).expect_code(2);
    outcome.expect_said("error[variable-reaches-component]");
    // What opens nothing, or other tables, takes no place either.
    for (version, why) in [
        ("never-opens", "this version never opens"),
        ("elsewhere", "it writes to `lake/t_elsewhere`"),
    ] {
        running.call(version);
        let outcome = running.apply(&[]).expect_code(1);
        outcome.expect_said("nothing has changed");
        outcome.expect_said(why);
    }
    running.case.write("pipeline.toml", "name = \n");
    running
        .apply(&[])
        .expect_code(2)
        .expect_said("pipeline.toml: ");
    running.await_more("one");
    assert_eq!(running.journal(), [] as [Value; 0]);
    running.expect(&["one"]);
}

#[test]
fn what_is_settled_at_the_start_is_refused_by_its_name() {
    let running = Running::start();
    let unchanged = std::fs::read_to_string(running.case.path("pipeline.toml")).unwrap();
    running.call("two");
    for (from, to, key) in [
        ("rate = 5_000", "rate = 6_000", "`[source] rate`"),
        ("max_ms = 200", "max_ms = 300", "`[epoch] max_ms`"),
        (
            "[limits]",
            "[retry]\ngive_up_ms = 1\n[limits]",
            "`[retry] give_up_ms`",
        ),
        (
            "[limits]",
            "[[routes]]\ntopic = \"a\"\ntable = \"a\"\n[limits]",
            "`[[routes]]`",
        ),
        (
            "type = \"delta\"\npath = \"",
            "type = \"delta\"\npath = \"/elsewhere",
            "`[connections.lake] path`",
        ),
    ] {
        running.edit(from, to);
        let outcome = running.apply(&[]).expect_code(1);
        outcome.expect_said("nothing has changed");
        outcome.expect_said(key);
        outcome.expect_said("needs a restart");
        // Not even the part that could be changed.
        assert!(!outcome.said().contains("version"), "{}", outcome.said());
        running.edit(to, from);
    }
    // Nor is the same file another one for being written otherwise.
    running
        .case
        .write("pipeline.toml", unchanged.replace("5_000", "5000 # rows"));
    let outcome = running.apply(&[]).expect_code(0);
    outcome.expect_said("there is nothing to change");
    assert_eq!(outcome.stdout, "");
    running.await_more("one");
    running.expect(&["one"]);
}

#[test]
fn what_fails_on_trial_gives_its_place_back() {
    let running = Running::start();
    running.call("traps-later");
    let outcome = running.apply(&["--trial-epochs", "50"]).expect_code(1);
    outcome.expect_said("the old one is back");
    outcome.expect_said("this version traps later");
    running.await_more("one");
    // The former configuration is in force: what is swapped in now calls itself by its own name.
    let path = running.versions.write(&running.case, "two");
    swap(&running.case, &path, &["--trial-epochs", "1"]).expect_code(0);
    running.await_more("two");
    let journal = running.journal();
    let (former, failed) = (&journal[0]["from"], &journal[0]["to"]);
    assert_eq!(journal[1]["event"], "reverted");
    assert_eq!((&journal[1]["from"], &journal[1]["to"]), (failed, former));
    running.expect(&["one", "traps-later", "two"]);
}

#[test]
fn what_was_applied_is_in_force_for_what_is_swapped_in() {
    let running = Running::start();
    running.call("applied");
    running.apply(&["--trial-epochs", "1"]).expect_code(0);
    let path = running.versions.write(&running.case, "two");
    swap(&running.case, &path, &["--trial-epochs", "1"]).expect_code(0);
    running.await_more("applied");
    let journal = running.journal();
    let configurations: BTreeSet<_> = journal[1..]
        .iter()
        .map(|line| line["to"]["configuration"].to_string())
        .collect();
    assert_eq!(configurations.len(), 1, "{journal:?}");

    // The file still names the first component: it is what a restart would run.
    let outcome = running.apply(&["--trial-epochs", "1"]).expect_code(0);
    outcome.expect_said("[sink] component: ");
    outcome.expect_said("one.wasm");
    let outcome = running.apply(&[]).expect_code(0);
    outcome.expect_said("there is nothing to change");
    running.expect(&["applied", "one"]);
}

#[test]
fn one_change_at_a_time() {
    let running = Running::start();
    running.call("two");
    let lasting = ["--trial-epochs", "1000000", "--no-wait"];
    running.apply(&lasting).expect_code(0);
    running.call("three");
    let outcome = running.apply(&[]).expect_code(1);
    outcome.expect_said("another swap is under way");
    end(running.process).expect_code(0);
}

/// What the process has in its environment counts, and what it keeps to itself is not shown.
#[test]
fn variables_are_those_of_the_process_and_secrets_are_not_shown() {
    let granted = "connection = \"lake\"\nenv = [\"STAGE\"]";
    let text = PIPELINE.replace("connection = \"lake\"", granted);
    let running = Running::named(&fresh("applied"), &text);
    running.call("${STAGE}");
    let shown = running.apply(&["--dry-run"]).expect_code(0);
    shown.expect_said("[sink.config] version: unset → \"${STAGE}\"");
    let applied = running.apply(&["--trial-epochs", "1"]).expect_code(0);
    running.await_version(SECRET);
    running.edit("[sink.config]", "[sink.config]\napi_token = \"HUNTER2\"");
    let refused = running.apply(&[]).expect_code(2);
    refused.expect_said("[sink.config] api_token: unset → ***");
    running.edit(
        "type = \"delta\"\npath = \"",
        "type = \"delta\"\npath = \"/HUNTER2/${STAGE}",
    );
    running.edit("api_token = \"HUNTER2\"\n", "");
    let settled = running.apply(&[]).expect_code(1);
    settled.expect_said("`[connections.lake] path`");
    for outcome in [shown, applied, refused, settled] {
        assert!(!outcome.said().contains(SECRET), "{}", outcome.said());
    }
    end(running.process).expect_code(0);
}

/// A file says by itself which process is meant.
#[test]
fn the_process_that_runs_the_file_is_asked() {
    let name = fresh("applied");
    let (running, other) = (
        Running::named(&name, PIPELINE),
        Running::named(&name, PIPELINE),
    );
    running.call("two");
    let number = other.process.id().to_string();
    let outcome = running.apply(&["--process", &number]).expect_code(1);
    outcome.expect_said(&format!(
        "process {number} of this user does not run `{name}`"
    ));
    let outcome = running.apply(&["--trial-epochs", "1"]).expect_code(0);
    outcome.expect_said(&format!("(process {})", running.process.id()));
    running.await_more("two");
    other.await_more("one");
    other.expect(&["one"]);
    running.expect(&["one", "two"]);
}
