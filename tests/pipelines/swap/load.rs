//! Swaps, canaries and versions that fail, while records flow and processes are killed.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use wasm_sink_tests::kafka::{Kafka, fresh};
use wasm_sink_tests::postgres::Postgres;
use wasm_sink_tests::{Case, Connected, DeltaTable, Outcome, Process};

use super::{Versions, swap};
use crate::kafka::members::{chance, variable};
use crate::kafka::{Ends, Out, await_that, end};

const ROWS_PER_SECOND: usize = 2_000;
/// Versions that work; the wider one has one column more.
const WORKING: [&str; 4] = ["one", "two", "wider", "wider-still"];

/// Swaps as often as the environment says, now and then with a kill; the process that runs in the end, and which
/// version has which hash.
fn swap_often(
    case: &Case,
    name: &str,
    versions: &Versions,
    has_rows: impl Fn() -> bool,
) -> (Process, BTreeMap<String, String>) {
    let mut chance = chance();
    let files = WORKING.map(|name| (name, versions.write(case, name)));
    let mut hashes = BTreeMap::new();
    let mut process = case.run().start();
    // Two versions that make the table at once, with other columns, are not what this is about.
    await_that("write", || (has_rows(), ()));
    let failing = versions.write(case, "traps");
    let (mut current, mut kills) = ("one", 0);
    for number in 0..swaps() {
        let mut is_killed = chance.u32(..10) == 0;
        let others: Vec<_> = files.iter().filter(|(name, _)| *name != current).collect();
        let (version, path) = others[chance.usize(..others.len())];
        let trial = ["0", "1"][chance.usize(..2)];
        let mut asked = |outcome: Outcome, code: i32| {
            if outcome.code() == Some(code) {
                return outcome.said();
            }
            let said = std::mem::replace(&mut process, case.run().start())
                .kill()
                .said();
            panic!(
                "swap {number} exits with {:?}: {}\n{said}",
                outcome.code(),
                outcome.said()
            );
        };
        let mut is_named = |said: &str| {
            let words: Vec<_> = said.split_whitespace().collect();
            assert_eq!(words[0], "compiled", "{said}");
            hashes.insert(words[1].to_owned(), (*version).to_owned());
        };
        match chance.u32(..8) {
            0 => {
                let said = asked(swap(case, &failing, &[]), 1);
                assert!(said.contains("the old component is back"), "{said}");
            }
            1..3 => {
                let tried = ["--canary", "30%", "--trial-epochs", "1"];
                is_named(&asked(swap(case, path, &tried), 0));
                match chance.u32(..4) {
                    0..2 => {
                        asked(told(case, &["--promote", "--trial-epochs", trial]), 0);
                        current = version;
                    }
                    2 => drop(asked(told(case, &["--withdraw"]), 0)),
                    // A kill is what ends it.
                    _ => is_killed = true,
                }
            }
            _ => {
                is_named(&asked(swap(case, path, &["--trial-epochs", trial]), 0));
                current = version;
            }
        }
        if is_killed {
            // The next life begins with what pipeline.toml names.
            process.kill();
            process = case.run().start();
            current = "one";
            kills += 1;
        }
    }
    println!("{} swaps, {kills} kills", swaps());
    // A process that was just started knows no signals yet.
    await_that("answer", || {
        let status = case.command("status").arg("--json").finish();
        (status.said().contains("\"pipeline\""), status.said())
    });
    let swapped =
        std::fs::read_to_string(case.path(&format!(".wasm-sink/{name}/swaps.jsonl"))).unwrap();
    assert!(swapped.lines().count() as u64 >= swaps(), "{swapped}");
    // It began with this, which no command has compiled.
    hashes.insert(hash_of(&files[0].1), "one".to_owned());
    (process, hashes)
}

/// What becomes of a canary.
fn told(case: &Case, arguments: &[&str]) -> Outcome {
    let mut command = case.command("swap");
    for argument in arguments {
        command = command.arg(argument);
    }
    command.finish()
}

/// As commands show it.
fn hash_of(path: &Path) -> String {
    let digest = wasm_sink_tests::sha256(path);
    digest[..12].to_owned()
}

fn swaps() -> u64 {
    variable("WASM_SINK_SWAPS").unwrap_or(20)
}

#[test]
fn from_kafka_to_delta_each_commit_names_who_wrote_it() {
    let (kafka, topic) = (Kafka::shared(), fresh("swapped"));
    let name = &topic;
    let folder = tempfile::tempdir().unwrap();
    let out = Out::Lake(folder.path());
    kafka.create(&topic, 4);
    let enough = folder.path().join("enough");
    let text = format!(
        "name = \"{name}\"\n[source]\nconnection = \"broker\"\ntopics = [\"{topic}\"]\n\
         group_id = \"{topic}\"\n[sink]\ncomponent = \"./one.wasm\"\nconnection = \"out\"\n\
         [sink.config]\ntable_name = \"t\"\n[epoch]\nmax_ms = 200\nmin_commit_ms = 50\n"
    );
    let case = Case::new(&text, Ends::new(kafka, out).with(crate::kafka::HASTY));
    let producer = kafka.generate_until(&topic, &enough, 4, ROWS_PER_SECOND);
    let table = DeltaTable::local(&folder.path().join("t"));
    let numbers = |table: &DeltaTable| {
        let found = table.query_one("select count(distinct n)::int as numbers from t");
        found["numbers"].as_u64().unwrap()
    };
    let has_rows = || table.exists() && numbers(&table) > 0;
    let (process, hashes) = swap_often(&case, name, &Versions::of("delta"), has_rows);
    std::fs::write(&enough, "").unwrap();
    let count = producer.wait().as_u64().unwrap();
    await_that("end", || (numbers(&table) == count, ()));
    end(process).expect_code(0);
    let found =
        table.query_one("select count(*)::int as rows, count(distinct n)::int as numbers from t");
    assert_eq!(found, json!({ "rows": count, "numbers": count }));
    let mut written = BTreeMap::new();
    for entry in std::fs::read_dir(folder.path().join("t/_delta_log")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let actions: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let component = actions
            .iter()
            .find_map(|action| action["commitInfo"]["wasmSink"]["component"].as_str());
        for add in actions.iter().filter_map(|action| action.get("add")) {
            let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
            let versions = [
                &stats["minValues"]["version"],
                &stats["maxValues"]["version"],
            ];
            let named = &hashes[&component.unwrap()[..12]];
            assert_eq!(versions, [&json!(named), &json!(named)]);
            *written.entry(named.clone()).or_insert(0) += 1;
        }
    }
    println!("{written:?} files");
    assert!(written.len() > 2, "{written:?}");
}

/// A server, and where its table is.
struct Database<'a>(&'a Postgres);

impl Connected for Database<'_> {
    fn connection(&self) -> String {
        let (user, database) = (Postgres::USER, Postgres::DATABASE);
        format!(
            "[connections.out]\ntype = \"postgres\"\nconnection_string = \"postgresql://{user}@{}/{database}\"\n\
             password = \"${{DATABASE_PASSWORD}}\"\n",
            self.0.address()
        )
    }

    fn environment(&self) -> Vec<(String, String)> {
        vec![(
            "DATABASE_PASSWORD".to_owned(),
            Postgres::PASSWORD.to_owned(),
        )]
    }
}

#[test]
fn from_a_generator_to_postgres_each_commit_names_who_wrote_it() {
    let server = Postgres::start();
    let name = &fresh("swapped");
    let text = format!(
        "name = \"{name}\"\n[source]\ntype = \"generator\"\nrate = {ROWS_PER_SECOND}\n\
         partitions = 2\n[limits]\ntasks = 2\n[sink]\ncomponent = \"./one.wasm\"\nconnection = \"out\"\n\
         [sink.config]\ntable_name = \"t\"\n[epoch]\nmax_ms = 200\nmin_commit_ms = 50\n"
    );
    let case = Case::new(&text, Database(&server));
    let has_rows = || {
        let found = server.query("select to_regclass('t') is not null as is_there");
        found[0]["is_there"] == json!(true)
            && !server.query("select 1 as one from t limit 1").is_empty()
    };
    let (process, hashes) = swap_often(&case, name, &Versions::of("postgres"), has_rows);
    end(process).expect_code(0);
    let found = server.query(
        "select sum(rows)::int as rows, bool_and(rows = places and rows = highest + 1) as all_once from \
         (select count(*) as rows, count(distinct \"offset\") as places, max(\"offset\") as highest \
         from t group by partition) as of_each",
    );
    assert_eq!(found[0]["all_once"], json!(true));
    let count = found[0]["rows"].as_u64().unwrap() as usize;
    let found = server.query(
        "select left(component, 12) as hash, version, count(*)::int as rows \
         from t join _wasm_sink_commits c on t.xmin = c.xmin group by 1, 2 order by 3 desc",
    );
    let mut rows = 0;
    for row in &found {
        let hash = row["hash"].as_str().unwrap();
        assert_eq!(row["version"], json!(hashes[hash]), "{found:?}");
        rows += row["rows"].as_u64().unwrap() as usize;
    }
    assert_eq!(rows, count, "{found:?}");
    assert!(found.len() > 2, "{found:?}");
}
