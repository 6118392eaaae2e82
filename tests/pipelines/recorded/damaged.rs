//! Recordings that are not whole, not ours, or do not fit on the disk.

use std::fs;

use serde_json::json;
use wasm_sink_tests::{DeltaTable, Volume};

use super::{Recorded, recordings, replay, replayed};

#[test]
fn one_that_is_cut_off_is_replayed_as_far_as_it_goes() {
    let recorded = Recorded::new();
    recorded.run().expect_code(0);
    let folder = recorded.folder();
    let lines = recordings(&folder).remove(0);
    let rows = lines.with_extension("arrows");
    let (all_lines, all_rows) = (fs::read(&lines).unwrap(), fs::read(&rows).unwrap());

    for part in [1, 4, 7] {
        fs::write(&lines, &all_lines[..all_lines.len() * part / 8]).unwrap();
        let outcome = replay(&lines, &[]);
        match outcome.code() {
            Some(0) => assert!(outcome.stdout.contains("not whole"), "{}", outcome.said()),
            // In the first line.
            _ => outcome.expect_said("it is no recording"),
        }
    }
    fs::write(&lines, &all_lines).unwrap();
    fs::write(&rows, &all_rows[..all_rows.len() / 2]).unwrap();
    let cut = replayed(&lines, &[], 0);
    assert!(cut[0]["damage"].as_str().unwrap().contains("are cut off"));
    let rows_of = |replayed: &[serde_json::Value]| replayed[0]["verdict"]["rows"].as_u64().unwrap();
    assert!((1..20_000).contains(&rows_of(&cut)), "{cut:?}");

    // Not whole because the process was killed.
    fs::write(&rows, &all_rows).unwrap();
    let without_end = all_lines.len() - "{\"event\":\"ended\"}\n".len();
    fs::write(&lines, &all_lines[..without_end]).unwrap();
    let killed = replayed(&lines, &[], 0);
    assert_eq!(killed[0]["damage"], json!("its end is missing"));
    assert_eq!(rows_of(&killed), 20_000);
}

#[test]
fn damage_is_found_and_nothing_panics() {
    let recorded = Recorded::new();
    recorded.run().expect_code(0);
    let folder = recorded.folder();
    let lines = recordings(&folder).remove(0);
    let rows = lines.with_extension("arrows");
    let (all_lines, all_rows) = (
        fs::read_to_string(&lines).unwrap(),
        fs::read(&rows).unwrap(),
    );

    let mut other = all_rows.clone();
    other[all_rows.len() / 2] ^= 1;
    fs::write(&rows, other).unwrap();
    replay(&lines, &[])
        .expect_code(1)
        .expect_said("they are damaged");
    fs::write(&rows, &all_rows).unwrap();

    let chance = fastrand::Rng::with_seed(7);
    replay_damaged(chance, &lines, &all_lines);

    let newer = all_lines.replacen("{\"recording\":1,", "{\"recording\":2,", 1);
    fs::write(&lines, newer).unwrap();
    let outcome = replay(&lines, &[]).expect_code(1);
    outcome.expect_said("it is of format 2, and this version of wasm-sink reads format 1");
    fs::write(&lines, "{\"level\":\"info\"}\n").unwrap();
    replay(&lines, &[])
        .expect_code(1)
        .expect_said("it is no recording");

    fs::write(&lines, &all_lines).unwrap();
    let component = folder.join("components");
    let component = fs::read_dir(component).unwrap().next().unwrap().unwrap();
    fs::write(component.path(), "changed").unwrap();
    let outcome = replay(&lines, &[]).expect_code(1);
    outcome.expect_said("has been changed since it was recorded");
    fs::remove_file(component.path()).unwrap();
    replay(&lines, &[])
        .expect_code(1)
        .expect_said("--component");
    let empty = tempfile::tempdir().unwrap();
    replay(empty.path(), &[])
        .expect_code(1)
        .expect_said("has no recordings");
}

/// Lines with a byte changed anywhere: an answer, whichever, and no panic.
fn replay_damaged(mut chance: fastrand::Rng, lines: &std::path::Path, all: &str) {
    for _ in 0..3 {
        let mut bytes = all.as_bytes().to_vec();
        let at = chance.usize(..bytes.len());
        bytes[at] = chance.u8(b' '..b'~');
        fs::write(lines, bytes).unwrap();
        let outcome = replay(lines, &[]);
        assert!(matches!(outcome.code(), Some(0 | 1)), "{}", outcome.said());
        assert!(!outcome.said().contains("panicked"), "{}", outcome.said());
    }
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_pipeline() {
    let recorded = Recorded::with(|text| text.replace("20_000", "200_000"));
    let volume = Volume::mount("1m");
    let run = recorded.case.run().arg("--record");
    let outcome = run.arg(volume.path().join("recorded")).finish();
    outcome
        .expect_code(0)
        .expect_said("recording stopped, and the pipeline goes on");
    let table = DeltaTable::local(&recorded.lake.path().join("t"));
    let found = table.query_one("select count(*)::int as rows from t");
    assert_eq!(found, json!({ "rows": 200_000 }));
}
