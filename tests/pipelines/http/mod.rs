//! A web service as a destination, on a bad day: a stand-in, since no real one fails when it is asked to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use wasm_sink_tests::{Outcome, WebService, author, dead_letters};

use crate::authors::examples;
use crate::kafka::await_that;
use crate::secrets::{ALL, Search};

const TOKEN: &str = "planted-token-91f0ad";
const ORDERS: usize = 600;
/// Nobody placed these, says the service.
const REFUSED: [usize; 3] = [7, 301, 302];
/// These are negative.
const REJECTED: [usize; 2] = [40, 599];

/// As examples/sinks/orders.jsonl has them.
fn orders(count: usize) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        let amount = match number {
            _ if REFUSED.contains(&number) => 666.0,
            _ if REJECTED.contains(&number) => -1.5,
            _ => number as f64 / 4.0,
        };
        let _ = writeln!(
            text,
            "{{\"id\": {number}, \"at\": \"2026-03-01T07:13:00Z\", \"country\": \"JP\", \
             \"email\": \"n{number}@example.org\", \"amount\": {amount}}}"
        );
        text
    })
}

/// What came of an example that was killed once, and then left alone.
fn delivers(language: &'static str, name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let project = examples::built(language, name, folder.path());
    std::fs::write(folder.path().join("orders.jsonl"), orders(ORDERS)).unwrap();
    let service = WebService::start(TOKEN);
    let file = project.join("pipeline.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let timeout = format!("url = \"{}\"\nrequest_timeout_ms = 1_000\n", service.url());
    let text = text
        .replace("url = \"http://localhost:8080/v1\"\n", &timeout)
        // More than the service takes at once.
        .replace("batch_rows = 10\n", "batch_rows = 64\n")
        + "\n[epoch]\nmax_rows = 150\nmin_commit_ms = 10\n";
    assert!(
        text.contains(&timeout) && text.contains("batch_rows = 64"),
        "{text}"
    );
    std::fs::write(&file, text).unwrap();

    let recorded = folder.path().join("recorded");
    let run = || {
        let command = author(language, &["run", "pipeline.toml", "--record"], &project);
        command
            .arg(&recorded)
            .env("ORDERS_TOKEN", TOKEN)
            .env(ALL.0, ALL.1)
    };
    let process = run().start();
    await_that("some orders", || {
        let taken = service.taken().len();
        (taken > 8, taken)
    });
    let killed = process.kill();
    let ended = run().finish_building().expect_code(0);

    all_arrived(&service);
    refused_are_kept(&project.join(format!(".wasm-sink/orders-{name}/dead-letters")));
    no_secret(&[&killed, &ended], &recorded, &project);
}

/// Each order at least once; whatever came twice, the same as before, under the same id and the same key.
fn all_arrived(service: &WebService) {
    let mut orders: BTreeMap<String, Value> = BTreeMap::new();
    let mut requests: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let (mut count, mut repeated) = (0, 0);
    for taken in service.taken() {
        assert_eq!(taken.key.len(), 32, "{taken:?}");
        count += taken.orders.len();
        for order in &taken.orders {
            let id = order["id"].as_str().unwrap().to_owned();
            let known = orders.entry(id).or_insert_with(|| order.clone());
            assert_eq!(known, order);
        }
        if let Some(known) = requests.insert(taken.key, taken.orders.clone()) {
            assert_eq!(known, taken.orders);
            repeated += 1;
        }
    }
    let arrived: BTreeSet<_> = orders
        .values()
        .map(|order| order["order"].as_u64().unwrap() as usize)
        .collect();
    let is_left_out = |number: &usize| REFUSED.contains(number) || REJECTED.contains(number);
    assert_eq!(
        arrived,
        (0..ORDERS).filter(|number| !is_left_out(number)).collect()
    );
    assert_eq!(arrived.len(), orders.len(), "an order has two ids");
    let answers: BTreeSet<_> = service.answers().into_iter().collect();
    for answer in [
        "well",
        "429",
        "500",
        "503",
        "413",
        "422",
        "late",
        "taken, then cut",
        "taken, then cut short",
    ] {
        assert!(answers.contains(answer), "{answers:?}");
    }
    assert!(repeated > 0, "nothing was sent twice with one key");
    println!(
        "{count} orders for {}, {repeated} requests came again",
        orders.len()
    );
}

fn refused_are_kept(directory: &Path) {
    let letters = dead_letters(directory);
    let kept = |reason: &str| {
        let letters = letters
            .iter()
            .filter(|letter| letter.text("reason").contains(reason));
        letters.count()
    };
    assert_eq!(kept("422"), REFUSED.len(), "{letters:?}");
    assert_eq!(kept("negative amount"), REJECTED.len(), "{letters:?}");
    assert_eq!(letters.len(), REFUSED.len() + REJECTED.len(), "{letters:?}");
}

/// The service repeats the token in each answer. What a component gets to see of it is in the recording.
fn no_secret(ran: &[&Outcome], recorded: &Path, project: &Path) {
    let mut search = Search::new(&[TOKEN]);
    for outcome in ran {
        search.look_at("the log", outcome, "orders");
    }
    let told = r#"\"you\": \"Bearer ***\""#;
    search.look_below("the recordings", recorded, told);
    search.look_below(
        "the state directory",
        &project.join(".wasm-sink"),
        "example.org",
    );
}

#[test]
fn from_python_all_arrive_with_stable_ids() {
    delivers("python", "python-http");
}

#[test]
fn from_typescript_all_arrive_with_stable_ids() {
    delivers("typescript", "typescript-http");
}

/// A probe asks no service, so that the row is found by sending ever fewer rows.
#[test]
fn a_row_that_only_the_service_refuses_is_found_and_kept() {
    const COUNT: usize = 30;
    let folder = tempfile::tempdir().unwrap();
    let raising = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/http/raising");
    let project = examples::copied("javascript", &raising, folder.path());
    std::fs::write(folder.path().join("orders.jsonl"), orders(COUNT)).unwrap();
    let service = WebService::start(TOKEN);
    let file = project.join("pipeline.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("http://localhost:8080/v1", &service.url());
    std::fs::write(&file, text).unwrap();
    let run = author("javascript", &["run", "pipeline.toml"], &project);
    run.env("ORDERS_TOKEN", TOKEN)
        .finish_building()
        .expect_code(0);

    let orders = service.taken().into_iter().flat_map(|taken| taken.orders);
    let arrived: BTreeSet<_> = orders
        .map(|order| order["order"].as_u64().unwrap() as usize)
        .collect();
    let refused = REFUSED[0];
    assert_eq!(
        arrived,
        (0..COUNT).filter(|number| *number != refused).collect()
    );
    let letters = dead_letters(&project.join(".wasm-sink/raising/dead-letters"));
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(
        letters[0]
            .text("reason")
            .contains("the service answered 422"),
        "{letters:?}"
    );
    assert!(
        letters[0]
            .text("record")
            .contains(&format!("\"id\": {refused},")),
        "{letters:?}"
    );
}
