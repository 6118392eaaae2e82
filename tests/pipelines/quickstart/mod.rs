//! The example that `make demo` runs, in a folder of its own.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use serde_json::json;
use wasm_sink_tests::{Binary, DeltaTable, dead_letters};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/quickstart");

#[test]
fn the_quick_start_delivers_rows_and_dead_letters_once() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    for file in ["pipeline.toml", "orders.jsonl"] {
        std::fs::copy(Path::new(EXAMPLE).join(file), place(file)).unwrap();
    }
    let run = || {
        Binary::find()
            .run(&place("pipeline.toml"))
            .finish()
            .expect_code(0)
    };
    let table = DeltaTable::local(&place("lake/orders"));
    let letters = || dead_letters(&place(".wasm-sink/quickstart/dead-letters"));

    run();
    let delivered = table.query_one(
        "select count(*) as rows, count(distinct id) as ids, count(distinct day) as days,
                count(*) filter (strftime(day, '%Y-%m-%d') <> \"at\"[:10]) as wrong_days,
                count(customer.address.city) > 0 as cities,
                count(*) filter (customer.name = '山田 花子') > 0 as unicode
         from t",
    );
    assert_eq!(
        delivered,
        json!({ "rows": 3000, "ids": 3000, "days": 5, "wrong_days": 0, "cities": true, "unicode": true })
    );
    let mut lines: Vec<_> = letters()
        .iter()
        .filter_map(|letter| letter.number("line"))
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, [701, 1503, 2242]);
    for letter in letters() {
        assert!(letter.text("name").ends_with("orders.jsonl"), "{letter:?}");
        assert!(!letter.text("reason").is_empty(), "{letter:?}");
        assert!(!letter.text("record").is_empty(), "{letter:?}");
    }

    run().expect_said("nothing new");
    assert_eq!(
        table.query_one("select count(*) as rows from t"),
        json!({ "rows": 3000 })
    );
    assert_eq!(letters().len(), 3);

    // A file that grew: the new row alone is delivered.
    let mut file = OpenOptions::new()
        .append(true)
        .open(place("orders.jsonl"))
        .unwrap();
    writeln!(file, r#"{{"id":"o-99999","at":"2026-03-09T00:00:00Z"}}"#).unwrap();
    run();
    let after = table.query_one("select count(*) as rows, count(distinct id) as ids from t");
    assert_eq!(after, json!({ "rows": 3001, "ids": 3001 }));
}
