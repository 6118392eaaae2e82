//! Several pipelines in one process: they share it, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use wasm_sink_tests::{Binary, DeltaTable, Invocation, Outcome, duckdb, hostile_component};

/// A folder of pipelines, each from a generator into a table of its own.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = TempDir::with_prefix("wasm-sink-").unwrap();
        fs::create_dir(folder.path().join("pipelines")).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn table(&self, name: &str) -> DeltaTable {
        DeltaTable::local(&self.path(name))
    }

    /// `rest` holds what [source] has beside its type, and more tables.
    fn write(&self, name: &str, component: &str, rest: &str) {
        let text = format!(
            "name = \"{name}\"\n[connections.lake]\ntype = \"delta\"\npath = \"../{name}\"\n\
             [sink]\ncomponent = \"{component}\"\nconnection = \"lake\"\n\
             [source]\ntype = \"generator\"\n{rest}\n"
        );
        fs::write(self.path("pipelines").join(format!("{name}.toml")), text).unwrap();
    }

    fn run(&self) -> Invocation {
        Binary::find().run(&self.path("pipelines"))
    }
}

#[track_caller]
fn expect_rows(table: &DeltaTable, rows: u64) {
    let found = table.query_one(
        "select count(*)::int as n, count(distinct (partition, \"offset\"))::int as m from t",
    );
    assert_eq!(found, json!({ "n": rows, "m": rows }));
}

const HOSTILE: &str =
    "rows = 50_000\n[sink.config]\nfault = \"trap-on-every-row\"\ntable_name = \"\"\n";

/// One component traps on every row, another never answers; the third pipeline delivers all the same.
#[test]
fn what_fails_ends_alone() {
    let folder = Folder::new();
    let hostile = hostile_component("delta");
    let hostile = hostile.display().to_string();
    folder.write("traps", &hostile, HOSTILE);
    let spins = HOSTILE.replace("trap-on-every-row", "spin");
    folder.write(
        "spins",
        &hostile,
        &format!("{spins}[limits]\ncall_deadline_ms = 50\n"),
    );
    folder.write(
        "good",
        "delta",
        "rows = 200_000\n[epoch]\nmax_rows = 10_000\n",
    );
    let outcome = folder.run().finish().expect_code(1);
    expect_rows(&folder.table("good"), 200_000);
    assert!(
        outcome.stdout.contains("good: done: 200,000 rows in"),
        "{}",
        outcome.said()
    );
    for failed in ["traps", "spins"] {
        assert!(
            outcome.stderr.contains(&format!("pipeline `{failed}`: ")),
            "{}",
            outcome.said()
        );
        assert!(!outcome.stdout.contains(&format!("{failed}: done")));
    }
    // Every line of the log of what has one says whose it is.
    let retries = outcome
        .stderr
        .lines()
        .filter(|line| line.contains("\"level\":\"WARN\""));
    for line in retries {
        assert!(line.contains("\"pipeline\":\""), "{line}");
    }
}

/// What one does is its own: killed at any time and started again, each row is there once.
#[test]
fn killed_together_each_goes_on_where_it_was() {
    let folder = Folder::new();
    for name in ["one", "two", "three"] {
        let rest = "rows = 120_000\npartitions = 3\nrate = 40_000\n[epoch]\nmax_ms = 100\nmin_commit_ms = 20\n";
        folder.write(name, "delta", rest);
    }
    for round in 0..3 {
        let process = folder.run().start();
        // Some commits of each.
        wait_for(|| {
            ["one", "two", "three"].iter().all(|name| {
                let log = folder.path(name).join("_delta_log");
                fs::read_dir(log).is_ok_and(|files| files.count() > 4 * (round + 1))
            })
        });
        process.kill();
    }
    folder.run().finish().expect_code(0);
    for name in ["one", "two", "three"] {
        expect_rows(&folder.table(name), 120_000);
    }
}

#[track_caller]
fn wait_for(is_done: impl Fn() -> bool) {
    let started = std::time::Instant::now();
    while !is_done() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "it takes too long"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Two pipelines into one DuckDB file, which one process alone may open.
#[test]
fn two_pipelines_share_a_duckdb_file() {
    let folder = Folder::new();
    for name in ["one", "two"] {
        let text = format!(
            "name = \"{name}\"\n[connections.db]\ntype = \"duckdb\"\npath = \"../all.duckdb\"\n\
             [sink]\ncomponent = \"duckdb\"\nconnection = \"db\"\n[sink.config]\ntable_name = \"{name}\"\n\
             [source]\ntype = \"generator\"\nrows = 50_000\n[epoch]\nmax_rows = 5_000\n"
        );
        fs::write(folder.path("pipelines").join(format!("{name}.toml")), text).unwrap();
    }
    folder.run().finish().expect_code(0);
    for name in ["one", "two"] {
        let sql =
            format!("select count(*)::int as n, count(distinct \"offset\")::int as m from {name}");
        let rows = duckdb::read(&folder.path("all.duckdb"), &sql);
        assert_eq!(rows, [json!({ "n": 50_000, "m": 50_000 })]);
    }
}

fn said(outcome: Outcome, pieces: &[&str]) {
    let outcome = outcome.expect_code(2);
    for piece in pieces {
        outcome.expect_said(piece);
    }
}

#[test]
fn the_mistakes_of_all_are_told_at_once_and_nothing_starts() {
    let folder = Folder::new();
    folder.write("good", "delta", "rows = 10\n");
    folder.write("one", "delta", "rwos = 10\n");
    folder.write("two", "dleta", "rows = 10\n");
    let outcome = folder.run().finish();
    said(
        outcome,
        &["nothing reads `rwos`", "one.toml", "`dleta`", "two.toml"],
    );
    assert!(!folder.path("good").exists());
}

#[test]
fn what_would_mix_them_up_is_refused() {
    let folder = Folder::new();
    folder.write("one", "delta", "rows = 10\n");
    let one = folder.path("pipelines/one.toml");
    let text = fs::read_to_string(&one).unwrap();
    let two = folder.path("pipelines/two.toml");
    fs::write(&two, &text).unwrap();
    said(folder.run().finish(), &["the same name, \"one\""]);
    let both = |text: &str, name: &str, file: &Path| {
        let text = text.replace(
            "name = \"one\"",
            &format!("name = \"{name}\"\nstate_dir = \"s\""),
        );
        fs::write(file, text).unwrap();
    };
    both(&text, "one", &one);
    both(&text, "two", &two);
    said(folder.run().finish(), &["the same state_dir"]);
    fs::write(&one, &text).unwrap();
    let restart = folder.run().arg("--restart").finish();
    said(restart, &["--restart is for one pipeline"]);
    fs::remove_file(&one).unwrap();
    fs::remove_file(&two).unwrap();
    said(
        folder.run().finish(),
        &["there is no .toml file in the folder"],
    );
    assert!(!folder.path("one").exists());
}
