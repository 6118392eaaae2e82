//! Disks that are full or read-only: the run says which, and goes on where it was once they are not.

use std::time::Duration;

use wasm_sink_tests::{DeltaTable, Volume, files_below};

use super::{PIPELINE, rows};
use crate::case::{Case, Lake};

const FULL: &str = "the disk is full";
const READ_ONLY: &str = "the file system is read-only";
/// What the system calls it, where it says that itself.
const NO_SPACE: &str = "No space left on device";
const BIG_ROWS: u32 = 4_000;

/// Rows that compress to about a third of a kilobyte each.
fn big_rows() -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        format!("{state:016x}")
    };
    (0..BIG_ROWS)
        .map(|n| {
            let text: String = (0..40).map(|_| word()).collect();
            format!("{{\"n\": {n}, \"text\": \"{text}\"}}\n")
        })
        .collect()
}

/// A pipeline into `table` of the volume, with epochs of some hundred kilobytes.
fn big_case(volume: &Volume, give_up: &str) -> Case {
    let pipeline = PIPELINE.replace("give_up_ms = 1_500", give_up).replace(
        "path = \"input.jsonl\"",
        "path = \"input.jsonl\"\nbatch_rows = 500",
    );
    let case = Case::new(
        &format!("{pipeline}\n[epoch]\nmax_rows = 500\n"),
        Lake::Disk(&volume.path().join("table")),
    );
    case.write("input.jsonl", big_rows());
    case
}

#[track_caller]
fn expect_in_volume(volume: &Volume, rows: u32) {
    let copy = volume.copy("table");
    let found = DeltaTable::local(copy.path())
        .query_one("select count(*) as rows, count(distinct n) as ns from t");
    assert_eq!(found, serde_json::json!({ "rows": rows, "ns": rows }));
}

/// Half-written files would keep a full disk full.
#[track_caller]
fn expect_no_half_files(volume: &Volume) {
    let files = files_below(&volume.path());
    let half: Vec<_> = files.iter().filter(|name| name.contains('#')).collect();
    assert!(half.is_empty(), "{half:?}");
}

#[test]
fn a_disk_that_fills_up() {
    let mut volume = Volume::mount("1m");
    let case = big_case(&volume, "give_up_ms = 1_500");
    let outcome = case.run().finish().expect_code(1);
    outcome.expect_said(FULL);
    outcome.expect_said(&volume.path().join("table").display().to_string());
    expect_no_half_files(&volume);

    // What was committed before stays readable and is not delivered again.
    let copy = volume.copy("table");
    let before = DeltaTable::local(copy.path()).query_one("select count(*) as rows from t");
    let before = before["rows"].as_u64().unwrap();
    assert!(
        before > 0 && before < BIG_ROWS.into(),
        "{before} rows fitted on the disk"
    );
    volume.remount("size=64m");
    case.run().finish().expect_code(0);
    expect_in_volume(&volume, BIG_ROWS);
    expect_no_half_files(&volume);
}

#[test]
fn a_disk_that_is_given_room_while_the_run_waits() {
    let mut volume = Volume::mount("1m");
    let case = big_case(&volume, "");
    let mut process = case.run().start();
    process.await_stderr(FULL, Duration::from_secs(60));
    assert!(process.is_running(), "it waits");
    volume.remount("size=64m");
    process.wait(Duration::from_secs(120)).expect_code(0);
    expect_in_volume(&volume, BIG_ROWS);
    expect_no_half_files(&volume);
}

#[test]
fn a_disk_that_is_full_before_there_is_a_table() {
    let volume = Volume::mount("1m");
    volume.fill("filler");
    let case = Case::new(PIPELINE, Lake::Disk(&volume.path().join("table")));
    case.write("input.jsonl", rows(0..100));
    let outcome = case.run().finish().expect_code(1);
    outcome.expect_said(FULL);
    outcome.expect_said(&volume.path().join("table").display().to_string());

    std::fs::remove_file(volume.path().join("filler")).unwrap();
    case.run().finish().expect_code(0);
    expect_in_volume(&volume, 100);
}

/// A pipeline whose own folder is on the volume, and its table is not.
fn case_with_state(volume: &Volume, lake: Lake<'_>) -> Case {
    let state = volume.path().join("state");
    let named = format!("name = \"faults\"\nstate_dir = \"{}\"", state.display());
    let case = Case::new(&PIPELINE.replace("name = \"faults\"", &named), lake);
    case.write("input.jsonl", format!("{}broken\n", rows(0..100)));
    case
}

/// Rows are not committed while their epoch's dead letters cannot be written.
#[test]
fn no_room_for_dead_letters() {
    let volume = Volume::mount("1m");
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let case = case_with_state(&volume, lake);
    volume.fill("filler");
    let outcome = case.run().finish().expect_code(1);
    outcome.expect_said(NO_SPACE);
    outcome.expect_said(&volume.path().join("state").display().to_string());
    outcome.expect_said("dead letters");
    if lake.table().exists() {
        super::expect_delivered(lake, 0);
    }

    std::fs::remove_file(volume.path().join("filler")).unwrap();
    case.run().finish().expect_code(0);
    super::expect_delivered(lake, 100);
    let letters = wasm_sink_tests::dead_letters(&volume.path().join("state/dead-letters"));
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0].text("record"), "broken");
}

#[test]
fn a_read_only_disk() {
    let mut volume = Volume::mount("4m");
    let case = Case::new(PIPELINE, Lake::Disk(&volume.path().join("table")));
    case.write("input.jsonl", rows(0..100));
    let place = volume.path().join("table").display().to_string();
    let mut expect_refused = || {
        volume.remount("ro");
        let outcome = case.run().finish().expect_code(1);
        outcome.expect_said(READ_ONLY);
        outcome.expect_said(&place);
        volume.remount("rw");
    };
    expect_refused();
    case.run().finish().expect_code(0);
    case.write("input.jsonl", rows(0..200));
    expect_refused();
    case.run().finish().expect_code(0);
    expect_in_volume(&volume, 200);
}

#[test]
fn a_read_only_folder_for_the_state() {
    let mut volume = Volume::mount("4m");
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let case = case_with_state(&volume, lake);
    volume.remount("ro");
    let outcome = case.run().finish().expect_code(1);
    outcome.expect_said("Read-only file system");
    outcome.expect_said(&volume.path().join("state").display().to_string());
    assert!(!lake.table().exists(), "nothing is written");

    volume.remount("rw");
    case.run().finish().expect_code(0);
    super::expect_delivered(lake, 100);
}
