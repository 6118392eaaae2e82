//! Compressed files that are cut off or damaged.

use std::process::Command;

use super::{append, count, expect_numbers_below, gzip, reading, rows};
use crate::case::{Case, Lake};

const FILE: &str = "input.jsonl.gz";
const ROWS: u64 = 20_000;

/// A case with whole numbered rows in its file, and the bytes of that.
fn case(lake: Lake<'_>) -> (Case, Vec<u8>) {
    let case = Case::new(&reading(FILE, ""), lake);
    case.write("input.jsonl", rows(0..ROWS));
    gzip(&case, "input.jsonl");
    let whole = std::fs::read(case.path(FILE)).unwrap();
    (case, whole)
}

/// How many whole lines gzip itself still gets out of the file.
fn readable_lines(case: &Case) -> u64 {
    let output = Command::new("gzip")
        .args(["--decompress", "--stdout"])
        .arg(case.path(FILE))
        .output()
        .expect("gzip starts");
    assert!(!output.status.success(), "gzip finds nothing wrong with it");
    output.stdout.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[test]
fn what_stands_before_the_cut_is_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let (case, whole) = case(lake);
    case.write(FILE, &whole[..whole.len() / 2]);
    let outcome = case.run().finish().expect_code(1);
    outcome.expect_said(FILE);
    outcome.expect_said("the gzip file is cut off");
    let delivered = count(lake);
    assert!(delivered >= readable_lines(&case), "{delivered} rows");
    expect_numbers_below(lake, delivered);
    assert_eq!(
        case.dead_letters("input"),
        [],
        "the line in the cut may be a good one"
    );

    // As long as it is cut off, each run says so, and delivers nothing twice.
    case.run().finish().expect_code(1).expect_said("cut off");
    expect_numbers_below(lake, delivered);

    case.write(FILE, &whole);
    case.run().finish().expect_code(0);
    expect_numbers_below(lake, ROWS);
    assert_eq!(case.dead_letters("input"), []);
}

#[test]
fn a_cut_in_the_first_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let (case, whole) = case(lake);
    case.write(FILE, &whole[..5]);
    case.run()
        .finish()
        .expect_code(1)
        .expect_said(&format!("{FILE} is no whole gzip file"));
    case.write(FILE, &whole);
    case.run().finish().expect_code(0);
    expect_numbers_below(lake, ROWS);
}

#[test]
fn a_wrong_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let (case, whole) = case(lake);
    let mut damaged = whole.clone();
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    case.write(FILE, &damaged);
    let outcome = case.run().finish().expect_code(1);
    outcome.expect_said(FILE);
    outcome.expect_said("the gzip file is damaged");

    case.write(FILE, &whole);
    case.run().finish().expect_code(0);
    expect_numbers_below(lake, ROWS);
}

#[test]
fn another_gzip_behind_the_first_one() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let (case, _) = case(lake);
    case.run().finish().expect_code(0);
    expect_numbers_below(lake, ROWS);

    case.write("more.jsonl", rows(ROWS..ROWS + 500));
    gzip(&case, "more.jsonl");
    let more = std::fs::read(case.path("more.jsonl.gz")).unwrap();
    append(&case.path(FILE), &more);
    case.run().finish().expect_code(0);
    expect_numbers_below(lake, ROWS + 500);
}
