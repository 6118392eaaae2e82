//! The destination refuses one row of 10,000: that one is a dead letter with the destination's own
//! words, the others are there, each once.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::json;
use wasm_sink_tests::Case;

use super::crash::variable;
use crate::destination::{Refusing, case};

const PIPELINE: &str = r#"
name = "refused"

[source]
type = "files"
path = "rows.jsonl"
"#;
const ROWS: usize = 10_000;

fn prepare<D: Refusing>(destination: &D) -> (Case, &'static str) {
    let word = destination.refuse_one_row("refused");
    let case = case(destination, PIPELINE, "refused", "");
    let mut text = String::new();
    for n in 0..ROWS {
        writeln!(text, "{{\"n\": {n}, \"text\": \"row {n}\"}}").unwrap();
    }
    case.write("rows.jsonl", text);
    (case, word)
}

fn expect_all_but_one<D: Refusing>(destination: &D, case: &Case, word: &str) {
    let rows = destination.query_one(
        "refused",
        "select count(*) as rows, count(distinct n) as distinct_rows from t",
    );
    assert_eq!(rows, json!({ "rows": ROWS - 1, "distinct_rows": ROWS - 1 }));
    let letters = case.dead_letters("refused");
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0].number("line"), Some(4_322));
    assert_eq!(letters[0].text("by"), "destination");
    let reason = letters[0].text("reason");
    assert!(reason.contains(word), "{reason}");
    case.expect_no_pending_dead_letters("refused");
}

pub fn one_row_of_ten_thousand<D: Refusing>() {
    let destination = D::start();
    let (case, word) = prepare(&destination);
    case.run().finish().expect_code(0);
    expect_all_but_one(&destination, &case, word);
}

pub fn one_row_under_kills<D: Refusing>() {
    let destination = D::start();
    let (case, word) = prepare(&destination);
    let seed = variable("WASM_SINK_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("WASM_SINK_SEED={seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    for _ in 0..variable("WASM_SINK_CRASHES").unwrap_or(20) {
        let process = case.run().start();
        std::thread::sleep(Duration::from_micros(chance.u64(0..=600_000)));
        process.kill();
    }
    case.run().finish().expect_code(0);
    expect_all_but_one(&destination, &case, word);
}
