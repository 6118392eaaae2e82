//! What examples/kafka-to-delta/README.md says; the broker alone is another.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wasm_sink_tests::kafka::Kafka;
use wasm_sink_tests::{Binary, DeltaTable, Process, Signal, dead_letters, pending_dead_letters};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/kafka-to-delta");
const GROUP: &str = "kafka-to-delta";
const LIMIT: Duration = Duration::from_secs(120);

fn example(file: &str) -> String {
    std::fs::read_to_string(Path::new(EXAMPLE).join(file)).unwrap()
}

/// What a script of the example says.
#[track_caller]
fn script(name: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(Path::new(EXAMPLE).join(name));
    let output = command.args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}{complained}");
    said
}

#[track_caller]
fn await_that(what: &str, mut is_so: impl FnMut() -> Result<(), Value>) {
    let started = Instant::now();
    while let Err(found) = is_so() {
        assert!(started.elapsed() < LIMIT, "no {what}: {found}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[track_caller]
fn await_rows(table: &DeltaTable, rows: u64) {
    await_that(&format!("{rows} rows"), || {
        let found = match table.exists() {
            true => table.query_one("select count(*) as rows from t"),
            false => json!({ "rows": 0 }),
        };
        let is_enough = found["rows"].as_u64() >= Some(rows);
        is_enough.then_some(()).ok_or(found)
    });
}

/// How many partitions each member has, when nothing moves.
#[track_caller]
fn await_shares(kafka: &Kafka, shares: &[usize]) {
    await_that(&format!("shares of {shares:?}"), || {
        let group = kafka.group(GROUP);
        let members = group["members"].as_array().into_iter().flatten();
        let found: Vec<_> = members
            .map(|member| member["partitions"].as_array().map_or(0, Vec::len))
            .collect();
        let is_so = group["state"] == "STABLE" && found == shares;
        is_so.then_some(()).ok_or(group)
    });
}

/// Its end, which is a good one, and after something was delivered.
#[track_caller]
fn stop(process: Process) {
    process.signal(Signal::TERM);
    let outcome = process.wait(LIMIT).expect_code(0);
    let said = outcome.said();
    assert!(
        said.contains("stopped: ") && !said.contains("nothing new"),
        "{said}"
    );
}

#[test]
fn two_processes_share_the_topic_of_the_example() {
    let kafka = Kafka::shared();
    let servers = kafka.servers();
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let written = example("pipeline.toml").replace("localhost:9092", &servers);
    assert!(written.contains(&servers), "{written}");
    std::fs::write(place("pipeline.toml"), &written).unwrap();
    let run = || Binary::find().run(&place("pipeline.toml"));
    let table = DeltaTable::local(&place("lake/orders"));

    script("fill.sh", &[&servers]);
    let first = run().start();
    await_rows(&table, 3_000);
    let delivered = table.query_one(
        "select count(*) as rows, count(distinct id) as ids, count(distinct (_partition, _offset)) as places,
                count(distinct _partition) as partitions, count(_key) as keys,
                count(distinct _key) = count(distinct (_key, _partition)) as keys_stay_together,
                count(distinct day) as days, bool_and(total > 0) as totals,
                count(*) filter (customer.name = '山田 花子') > 0 as unicode
         from t",
    );
    let expected = json!({
        "rows": 3_000, "ids": 3_000, "places": 3_000, "partitions": 4, "keys": 3_000,
        "keys_stay_together": true, "days": 5, "totals": true, "unicode": true,
    });
    assert_eq!(delivered, expected);

    let second = run().start();
    await_shares(kafka, &[2, 2]);
    script("fill.sh", &[&servers]);
    await_rows(&table, 6_000);
    stop(first);
    await_shares(kafka, &[4]);
    stop(second);
    let after = table.query_one(
        "select count(*) as rows, count(distinct id) as ids, count(distinct (_partition, _offset)) as places from t",
    );
    assert_eq!(
        after,
        json!({ "rows": 6_000, "ids": 3_000, "places": 6_000 })
    );

    let letters = place(".wasm-sink/kafka-to-delta/dead-letters");
    let mut places: Vec<_> = dead_letters(&letters)
        .iter()
        .map(|letter| (letter.text("name").to_owned(), letter.number("offset")))
        .collect();
    places.sort();
    places.dedup();
    assert_eq!(places.len(), 6, "{places:?}");
    assert!(pending_dead_letters(&letters).is_empty());

    let described = script(
        "kafka.sh",
        &[
            "groups",
            "--bootstrap-server",
            &servers,
            "--describe",
            "--group",
            GROUP,
        ],
    );
    let lags: Vec<_> = described
        .lines()
        .filter(|line| line.starts_with(GROUP))
        .filter_map(|line| line.split_whitespace().nth(5))
        .collect();
    assert_eq!(lags, ["0"; 4], "{described}");

    let bounded = written.replace("\ntopics = ", "\nuntil = \"latest\"\ntopics = ");
    std::fs::write(place("pipeline.toml"), bounded).unwrap();
    run().finish().expect_code(0).expect_said("nothing new");
}

/// The pipeline of the manifest is one; its other parts are Kubernetes' and KEDA's.
#[test]
fn the_pipeline_for_kubernetes_has_no_mistakes() {
    let manifest = example("kubernetes.yaml");
    let (_, rest) = manifest.split_once("  pipeline.toml: |\n").unwrap();
    let lines = rest.lines();
    let lines = lines.take_while(|line| line.is_empty() || line.starts_with("    "));
    let text: String = lines
        .map(|line| format!("{}\n", line.trim_start()))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let state = "/var/lib/wasm-sink";
    assert!(text.contains(state) && text.contains("[admin]"), "{text}");
    let pipeline = folder.path().join("pipeline.toml");
    std::fs::write(
        &pipeline,
        text.replace(state, &folder.path().display().to_string()),
    )
    .unwrap();
    let check = Binary::find().command(["check".as_ref(), pipeline.as_os_str()]);
    check
        .env("LAKE_SECRET", "only-for-tests")
        .finish()
        .expect_code(0)
        .expect_said("no mistakes");
}
