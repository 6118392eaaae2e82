//! Another component beside the one that works: what it would do otherwise is reported, and nothing of it is done.

use serde_json::{Value, json};
use wasm_sink_tests::kafka::fresh;
use wasm_sink_tests::{Case, Outcome, Process};

use super::{Versions, soon};
use crate::case::Lake;
use crate::kafka::{await_that, end};

const PIPELINE: &str = include_str!("pipeline.toml");

struct Shadowed {
    case: Case,
    process: Process,
    versions: Versions,
    lake: tempfile::TempDir,
}

impl Shadowed {
    fn start() -> Self {
        let lake = tempfile::tempdir().unwrap();
        let name = fresh("shadowed");
        let text = PIPELINE.replace("\"refused\"", &format!("\"{name}\""));
        let text = text.replace("./one.wasm", "./one+plain.wasm");
        let case = Case::new(&text, Lake::Disk(lake.path()));
        let versions = Versions::of("delta");
        versions.write(&case, "one+plain");
        Self {
            process: case.run().start(),
            case,
            versions,
            lake,
        }
    }

    fn shadow(&self, version: &str, arguments: &[&str]) -> Outcome {
        let component = self.versions.write(&self.case, version);
        soon(&self.case, "shadow", &component, arguments)
    }

    /// Every row once, and all of the one that it began with.
    fn expect_untouched(self) {
        let table = wasm_sink_tests::DeltaTable::local(&self.lake.path().join("t"));
        let rows = || table.query_one("select count(*)::int as rows from t")["rows"].as_u64();
        let before = rows();
        await_that("further rows", || (rows() > before, rows()));
        end(self.process).expect_code(0);
        let found = table.query_one(
            "select count(*)::int = max(\"offset\")::int + 1 as all_there, \
             count(*)::int = count(distinct \"offset\")::int as once, \
             list(distinct mark) as marks from t",
        );
        assert_eq!(
            found,
            json!({ "all_there": true, "once": true, "marks": ["as ever"] })
        );
    }
}

#[test]
fn a_planted_difference_is_named_with_its_records() {
    let shadowed = Shadowed::start();
    let arguments = ["--epochs", "12", "--key", "offset", "--json"];
    let outcome = shadowed.shadow("one+planted", &arguments).expect_code(1);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["epochs"], json!(12));
    let fuel = &report["fuel"];
    assert!(
        fuel["old"].as_u64() > Some(0) && fuel["new"].as_u64() > Some(0),
        "{report}"
    );
    let table = &report["tables"][0];
    assert_eq!(
        table["table"],
        json!({ "connection": "default", "name": "t" })
    );
    assert_eq!(table["rows"]["old"], table["rows"]["new"]);
    let values = table["values"].as_array().unwrap();
    assert_eq!(values.len(), 1, "{report}");
    assert_eq!(values[0]["column"], json!("mark"));
    // One of a thousand.
    let share = values[0]["rows"].as_f64().unwrap() / report["rows"].as_f64().unwrap();
    assert!((0.000_5..0.002).contains(&share), "{share} of {report}");
    for example in values[0]["examples"].as_array().unwrap() {
        let record = example["record"].as_str().unwrap();
        let (_, offset) = record.rsplit_once(' ').unwrap();
        assert_eq!(offset.parse::<u64>().unwrap() % 1000, 7, "{record}");
    }
    let same = shadowed
        .shadow("one+same", &["--epochs", "2"])
        .expect_code(0);
    assert!(
        same.stdout.contains("the destination would be the same"),
        "{}",
        same.stdout
    );
    shadowed.expect_untouched();
}

#[test]
fn what_cannot_be_compared_says_why_and_what_fails_is_reported() {
    let shadowed = Shadowed::start();
    let outcome = shadowed
        .shadow("never-opens", &["--epochs", "1"])
        .expect_code(1);
    outcome.expect_said("this version never opens");
    let outcome = shadowed.shadow("traps", &["--epochs", "2"]).expect_code(1);
    assert!(
        outcome.stdout.contains("failed epochs: 0, then 2"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("this version traps"),
        "{}",
        outcome.stdout
    );
    let wide = shadowed
        .shadow("wider+plain", &["--epochs", "2"])
        .expect_code(1);
    assert!(
        wide.stdout.contains("+ column more utf8"),
        "{}",
        wide.stdout
    );
    assert!(
        wide.stdout.contains("delta.table.add-columns default/t"),
        "{}",
        wide.stdout
    );
    shadowed.expect_untouched();
}
