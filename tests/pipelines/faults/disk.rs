//! Disks that are full or read-only, as far as the kit does not try it: before there is a table, and for the
//! pipeline's own folder.

use wasm_sink_tests::{DeltaTable, Volume};

use super::{PIPELINE, rows};
use crate::case::{Case, Lake};

const FULL: &str = "the disk is full";
/// What the system calls it, where it says that itself.
const NO_SPACE: &str = "No space left on device";
#[track_caller]
fn expect_in_volume(volume: &Volume, rows: u32) {
    let copy = volume.copy("table");
    let found = DeltaTable::local(copy.path())
        .query_one("select count(*) as rows, count(distinct n) as ns from t");
    assert_eq!(found, serde_json::json!({ "rows": rows, "ns": rows }));
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
