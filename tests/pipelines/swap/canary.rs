//! A component that gets some partitions, for real, and gives them back.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasm_sink_tests::kafka::fresh;
use wasm_sink_tests::{Binary, Case, DeltaTable, Outcome, Process};

use super::{Versions, swap};
use crate::case::Lake;
use crate::kafka::{await_that, end};

const PIPELINE: &str = include_str!("pipeline.toml");

struct Tried {
    case: Case,
    process: Option<Process>,
    versions: Versions,
    lake: tempfile::TempDir,
    name: String,
}

impl Tried {
    /// With so many partitions.
    fn start(partitions: usize) -> Self {
        let lake = tempfile::tempdir().unwrap();
        let name = fresh("canary");
        let text = PIPELINE
            .replace("\"refused\"", &format!("\"{name}\""))
            .replace("[sink]", &format!("partitions = {partitions}\n\n[sink]"));
        let case = Case::new(&text, Lake::Disk(lake.path()));
        let versions = Versions::of("delta");
        versions.write(&case, "one");
        Self {
            process: Some(case.run().start()),
            case,
            versions,
            lake,
            name,
        }
    }

    fn table(&self) -> DeltaTable {
        DeltaTable::local(&self.lake.path().join("t"))
    }

    fn canary(&self, version: &str, share: &str) -> Outcome {
        let component = self.versions.write(&self.case, version);
        let arguments = ["--canary", share, "--trial-epochs", "3"];
        swap(&self.case, &component, &arguments)
    }

    fn told(&self, what: &str) -> Outcome {
        Binary::find().command(["swap", &self.name, what]).finish()
    }

    /// How many partitions each version has written to since a row had this number.
    fn partitions(&self, since: u64) -> BTreeMap<String, u64> {
        let found = self.table().query(&format!(
            "select version, count(distinct partition)::int as partitions from t \
             where \"offset\" >= {since} group by 1"
        ));
        let of = |row: &Value| row["version"].as_str().unwrap().to_owned();
        let count = |row: &Value| row["partitions"].as_u64().unwrap();
        found.iter().map(|row| (of(row), count(row))).collect()
    }

    /// The highest number that every partition has by now.
    fn so_far(&self) -> u64 {
        let found = self
            .table()
            .query_one("select max(\"offset\")::int as highest from t");
        found["highest"].as_u64().unwrap() + 1
    }

    /// Waits until all partitions have rows beyond this number.
    #[track_caller]
    fn await_all_beyond(&self, number: u64, partitions: u64) {
        await_that("rows of all partitions", || {
            let found = self.table().query_one(&format!(
                "select count(distinct partition)::int as found from t where \"offset\" >= {number}"
            ));
            (found["found"].as_u64() == Some(partitions), found)
        });
    }

    fn journal(&self) -> String {
        let path = format!(".wasm-sink/{}/swaps.jsonl", self.name);
        std::fs::read_to_string(self.case.path(&path)).unwrap()
    }

    /// Each row of each partition once, and each commit by the one that it names.
    #[track_caller]
    fn expect_all_once(self) {
        let table = self.table();
        end(self.process.unwrap()).expect_code(0);
        let found = table.query(
            "select partition, count(*)::int = max(\"offset\")::int + 1 as all_there, \
             count(*)::int = count(distinct \"offset\")::int as once from t group by 1",
        );
        for row in &found {
            assert_eq!(
                (&row["all_there"], &row["once"]),
                (&json!(true), &json!(true)),
                "{row}"
            );
        }
        assert_eq!(self.case.dead_letters(&self.name), []);
    }
}

#[test]
fn a_canary_gets_its_share_and_then_all() {
    let tried = Tried::start(8);
    let said = tried.canary("two", "25%").expect_code(0).said();
    assert!(said.contains("on some partitions"), "{said}");
    assert!(said.contains("--promote"), "{said}");
    let since = tried.so_far();
    tried.await_all_beyond(since, 8);
    let found = tried.partitions(since);
    assert_eq!(
        found,
        BTreeMap::from([("one".to_owned(), 6), ("two".to_owned(), 2)])
    );

    let three = tried.versions.write(&tried.case, "three");
    let outcome = swap(&tried.case, &three, &[]).expect_code(1);
    outcome.expect_said("some partitions are tried with");

    tried.told("--promote").expect_code(0).expect_said("stays");
    let since = tried.so_far();
    tried.await_all_beyond(since, 8);
    assert_eq!(
        tried.partitions(since),
        BTreeMap::from([("two".to_owned(), 8)])
    );
    tried
        .told("--promote")
        .expect_code(1)
        .expect_said("there is no canary");
    let journal = tried.journal();
    for event in [
        "\"asked\":\"canary\"",
        "\"event\":\"going\"",
        "\"asked\":\"promote\"",
        "\"event\":\"kept\"",
    ] {
        assert!(journal.contains(event), "{event} in {journal}");
    }
    tried.expect_all_once();
}

#[test]
fn a_canary_that_fails_gives_its_partitions_back() {
    let tried = Tried::start(4);
    let outcome = tried.canary("traps-later", "50%").expect_code(1);
    outcome.expect_said("this version traps later");
    outcome.expect_said("the old component is back");
    let since = tried.so_far();
    tried.await_all_beyond(since, 4);
    assert_eq!(
        tried.partitions(since),
        BTreeMap::from([("one".to_owned(), 4)])
    );
    // And again, by the task that is there from the last time.
    let outcome = tried.canary("rejects", "50%").expect_code(1);
    outcome.expect_said("this version takes no rows");
    let since = tried.so_far();
    tried.await_all_beyond(since, 4);
    tried.expect_all_once();
}

#[test]
fn a_canary_that_is_withdrawn_or_killed_leaves_nothing_behind() {
    let mut tried = Tried::start(4);
    tried.canary("two", "1%").expect_code(0);
    tried
        .told("--withdraw")
        .expect_code(0)
        .expect_said("withdrawn");
    let since = tried.so_far();
    tried.await_all_beyond(since, 4);
    assert_eq!(
        tried.partitions(since),
        BTreeMap::from([("one".to_owned(), 4)])
    );
    assert!(tried.journal().contains("\"event\":\"withdrawn\""));

    tried.canary("three", "99%").expect_code(0);
    tried.process.take().unwrap().kill();
    tried.process = Some(tried.case.run().start());
    let since = tried.so_far();
    tried.await_all_beyond(since, 4);
    tried.expect_all_once();
}

#[test]
fn one_partition_is_no_place_for_a_canary() {
    let tried = Tried::start(1);
    let outcome = tried.canary("two", "50%").expect_code(1);
    outcome.expect_said("this process has one source partition");
    outcome.expect_said("wasm-sink shadow");
    for share in ["0%", "100%", "5", "many"] {
        let outcome = tried.canary("two", share).expect_code(2);
        outcome.expect_said("5%");
    }
    tried.expect_all_once();
}
