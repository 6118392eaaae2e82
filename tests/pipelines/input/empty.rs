//! Input without a single row.

use wasm_sink_tests::files_below;

use super::{append, expect_numbers_below, gzip, reading, rows};
use crate::case::{Case, Lake};

/// Nothing is delivered; once there are rows, they are.
#[track_caller]
fn expect_nothing_then_rows(name: &str, contents: &str, more: &str) {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let partitioned = "\n[sink.config]\npartition_by = [\"text\"]\n";
    let case = Case::new(&format!("{}{partitioned}", reading(name, "")), lake);
    case.write(name, contents);
    case.run().finish().expect_code(0);
    case.run()
        .finish()
        .expect_code(0)
        .expect_said("nothing new");
    assert_eq!(case.dead_letters("input"), []);

    append(&case.path(name), more.as_bytes());
    case.run().finish().expect_code(0);
    expect_numbers_below(lake, 10);
    // Where positions came first, the table is still made as it should be.
    let files = files_below(folder.path());
    let is_partitioned = files.iter().any(|name| name.starts_with("text="));
    assert!(is_partitioned, "{files:?}");
}

#[test]
fn an_empty_file() {
    expect_nothing_then_rows("input.jsonl", "", &rows(0..10));
}

#[test]
fn a_file_of_empty_lines() {
    expect_nothing_then_rows("input.jsonl", "\n\r\n\n", &rows(0..10));
}

#[test]
fn a_header_alone() {
    let numbers: String = (0..10).map(|n| format!("{n},row {n}\n")).collect();
    expect_nothing_then_rows("input.csv", "n,text\n", &numbers);
    expect_nothing_then_rows("input.csv", "n,text", &format!("\n{numbers}"));
}

#[test]
fn an_empty_gzip() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let case = Case::new(&reading("*.gz", ""), lake);
    case.write("a.jsonl", "");
    gzip(&case, "a.jsonl");
    case.run()
        .finish()
        .expect_code(0)
        .expect_said("nothing new");
    assert!(!lake.table().exists(), "a table without columns");

    case.write("b.jsonl", rows(0..10));
    gzip(&case, "b.jsonl");
    case.run().finish().expect_code(0);
    expect_numbers_below(lake, 10);
}

#[test]
fn a_gzip_without_a_byte_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let case = Case::new(&reading("*.gz", ""), lake);
    case.write("a.jsonl.gz", "");
    case.write("b.jsonl", rows(0..10));
    gzip(&case, "b.jsonl");
    case.run()
        .finish()
        .expect_code(1)
        .expect_said("a.jsonl.gz is no whole gzip file");

    std::fs::remove_file(case.path("a.jsonl.gz")).unwrap();
    case.run().finish().expect_code(0);
    expect_numbers_below(lake, 10);
}

#[test]
fn no_file_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let case = Case::new(&reading("*.jsonl", ""), lake);
    case.run()
        .finish()
        .expect_code(1)
        .expect_said("there is no file at");
    assert!(!lake.table().exists());
}
