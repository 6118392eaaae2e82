//! The same component does the same; another one is held against it.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use wasm_sink_tests::files_below;

use super::{Recorded, recordings, replay, replayed};

#[test]
fn the_recorded_component_does_the_same_again() {
    let recorded = Recorded::with(|text| text.replace("[limits]", "[limits]\ntasks = 2"));
    recorded.run().expect_code(0);
    let folder = recorded.folder();
    assert_eq!(recordings(&folder).len(), 2, "one for each task");
    for name in files_below(&folder) {
        let mode = std::fs::metadata(folder.join(&name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{name} is for others, too: {mode:o}");
    }
    let all = replayed(&folder, &[], 0);
    let rows: u64 = all
        .iter()
        .map(|one| one["verdict"]["rows"].as_u64().unwrap())
        .sum();
    assert_eq!(rows, 20_000);
    for one in &all {
        let verdict = &one["verdict"];
        assert_eq!(verdict["otherwise"], json!(0), "{one}");
        assert!(verdict["calls"].as_u64().unwrap() >= 20, "{one}");
        assert!(verdict["epochs"].as_u64().unwrap() >= 3, "{one}");
        assert_eq!(one["header"]["pipeline"], json!("recorded"));
        let fuel = verdict["fuel"].as_u64().unwrap();
        // A row costs some instructions, if its batch has many.
        assert!(fuel > verdict["rows"].as_u64().unwrap(), "{one}");
    }
    // The same each time, unlike time.
    let fuel = |all: &[serde_json::Value]| -> Vec<_> {
        all.iter()
            .map(|one| one["verdict"]["fuel"].clone())
            .collect()
    };
    assert_eq!(fuel(&replayed(&folder, &[], 0)), fuel(&all));
    let said = replay(&folder, &["--debug"]).expect_code(0).stdout;
    assert!(
        said.contains("delta.table.append default/t 1,000 rows"),
        "{said}"
    );
    assert!(said.contains("all as it was recorded"), "{said}");
}

#[test]
fn the_built_in_component_does_the_same_again() {
    // What it says of where rows are from is the source's own.
    let from = "table_name = \"t\"\nmetadata_columns = [\"offset\", \"partition\", \"timestamp\"]";
    let recorded = Recorded::with(|text| {
        text.replace("./one.wasm", "delta")
            .replace("table_name = \"t\"", from)
    });
    recorded.run().expect_code(0);
    let folder = recorded.folder();
    let all = replayed(&folder, &[], 0);
    assert_eq!(all[0]["verdict"]["rows"], json!(20_000));
    let components = files_below(&folder.join("components"));
    assert_eq!(components.len(), 1, "{components:?}");
}

#[test]
fn another_component_is_held_against_the_recorded_one() {
    let recorded = Recorded::with(|text| text.replace("./one.wasm", "./one+plain.wasm"));
    recorded.versions.write(&recorded.case, "one+plain");
    recorded.run().expect_code(0);
    let planted = recorded.versions.write(&recorded.case, "one+planted");
    let wider = recorded.versions.write(&recorded.case, "wider");
    let folder = recorded.folder();

    let other = ["--component", planted.to_str().unwrap(), "--key", "offset"];
    let all = replayed(&folder, &other, 1);
    let report = &all[0]["report"];
    let table = &report["tables"][0];
    assert_eq!(report["rows"], json!(20_000));
    let fuel = |side: &str| report["fuel"][side].as_u64().unwrap();
    assert!(fuel("old") > 20_000 && fuel("new") > 20_000, "{report}");
    assert_eq!(table["rows"], json!({ "old": 20_000, "new": 20_000 }));
    let values = table["values"].as_array().unwrap();
    assert_eq!(values.len(), 1, "{table}");
    assert_eq!(values[0]["column"], json!("mark"));
    assert_eq!(values[0]["rows"], json!(20), "{table}");
    let example = &values[0]["examples"][0];
    assert_eq!(example["old"], json!("as ever"));
    assert_eq!(example["new"], json!("planted"));
    let record = example["record"].as_str().unwrap();
    assert!(
        record.ends_with("007") || record.ends_with("offset 7"),
        "{record}"
    );
    let said = replay(&folder, &other).expect_code(1).stdout;
    assert!(said.contains("column mark: 20 rows differ"), "{said}");
    assert!(said.contains("fuel per row: "), "{said}");

    let all = replayed(&folder, &["--component", wider.to_str().unwrap()], 1);
    let columns = &all[0]["report"]["tables"][0]["columns"];
    assert_eq!(columns["only-old"], json!([["mark", "utf8"]]));
    assert_eq!(columns["only-new"], json!([["more", "utf8"]]));
}

#[test]
fn the_folder_stays_as_large_as_it_may_be() {
    let many = |text: String| {
        text.replace("20_000", "2_000_000")
            .replace("3_000", "100_000")
    };
    let recorded = Recorded::with(|text| many(text).replace("./one.wasm", "delta"));
    let folder = recorded.case.path("recorded");
    let run = recorded.case.run().arg("--record").arg(&folder);
    run.arg("--record-size")
        .arg("16MiB")
        .finish()
        .expect_code(0);
    let bytes = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |it| it.len());
    let all: u64 = recordings(&folder)
        .iter()
        .map(|lines| bytes(lines) + bytes(&lines.with_extension("arrows")))
        .sum();
    println!("{} recordings of {all} bytes", recordings(&folder).len());
    // The one that is written may take it over the limit until it ends.
    assert!(all < 24 << 20, "{all}");
    assert!(recordings(&folder)[0] > folder.join("000001.jsonl"));
    // What is left begins with `open`, and so can be lived again.
    let last = recordings(&folder).pop().unwrap();
    replay(&last, &[]).expect_code(0);
}
