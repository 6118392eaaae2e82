//! Files that change between two runs, or while they are read.

use std::sync::atomic::{AtomicBool, Ordering};

use wasm_sink_tests::{Fate, Proxy, Versitygw};

use super::{append, count, expect_numbers_below, reading, rows};
use crate::case::{Case, Lake};

/// A proxy that does something at the first commit of rows, and holds that until it is done.
fn at_the_first_commit(server: &Versitygw, change: impl Fn() + Send + Sync + 'static) -> Proxy {
    let is_done = AtomicBool::new(false);
    Proxy::start(server.address(), move |request| {
        let adds_rows = String::from_utf8_lossy(&request.body).contains("\"add\"");
        if request.is_delta_commit() && adds_rows && !is_done.swap(true, Ordering::AcqRel) {
            change();
        }
        Fate::Pass
    })
}

#[test]
fn a_file_that_vanishes_before_its_turn() {
    let folder = tempfile::tempdir().unwrap();
    let second = folder.path().join("b.jsonl");
    std::fs::write(folder.path().join("a.jsonl"), rows(0..3_000)).unwrap();
    std::fs::write(&second, rows(3_000..3_500)).unwrap();
    let server = Versitygw::start();
    let vanishing = second.clone();
    let proxy = at_the_first_commit(&server, move || {
        std::fs::remove_file(&vanishing).unwrap();
    });
    let lake = Lake::S3 {
        server: &server,
        endpoint: &proxy.endpoint(),
        prefix: "vanished",
    };
    let pattern = folder.path().join("*.jsonl").display().to_string();
    let case = Case::new(&reading(&pattern, ""), lake);
    case.run()
        .finish()
        .expect_code(1)
        .expect_said("b.jsonl is gone");
    // What was read before is delivered.
    expect_numbers_below(lake, 3_000);

    std::fs::write(&second, rows(3_000..3_500)).unwrap();
    case.run().finish().expect_code(0);
    expect_numbers_below(lake, 3_500);
}

#[test]
fn a_file_that_shrinks_while_it_is_read() {
    const PADDED: u64 = 16_000;
    let padding = "x".repeat(1_500);
    let text: String = (0..PADDED)
        .map(|n| format!("{{\"n\": {n}, \"padding\": \"{padding}\"}}\n"))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input.jsonl");
    std::fs::write(&file, &text).unwrap();
    let server = Versitygw::start();
    let (shrinking, shorter) = (file.clone(), text.len() as u64 * 3 / 4);
    let proxy = at_the_first_commit(&server, move || {
        let file = std::fs::File::options().write(true).open(&shrinking);
        file.unwrap().set_len(shorter).unwrap();
    });
    let lake = Lake::S3 {
        server: &server,
        endpoint: &proxy.endpoint(),
        prefix: "shrank",
    };
    // Little memory, so that the end has not been read when the first rows are committed.
    let pipeline = reading(&file.display().to_string(), "")
        .replace("batch_rows = 100", "")
        .replace("max_rows = 100", "max_rows = 1_000");
    let case = Case::new(&format!("{pipeline}\n[limits]\nbytes = \"8MiB\"\n"), lake);
    let outcome = case.run().finish().expect_code(1);
    outcome.expect_said("input.jsonl");
    outcome.expect_said("became shorter while it was being read");
    assert_eq!(
        case.dead_letters("input"),
        [],
        "the line in the cut may be a good one"
    );
    let delivered = count(lake);
    assert!(delivered > 0 && delivered < PADDED, "{delivered}");
    expect_numbers_below(lake, delivered);

    std::fs::write(&file, &text).unwrap();
    case.run().finish().expect_code(0);
    expect_numbers_below(lake, PADDED);
}

#[test]
fn a_file_that_vanishes_between_runs() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let case = Case::new(&reading("*.jsonl", ""), lake);
    case.write("a.jsonl", rows(0..250));
    case.run().finish().expect_code(0);

    std::fs::remove_file(case.path("a.jsonl")).unwrap();
    case.run()
        .finish()
        .expect_code(1)
        .expect_said("there is no file at");
    case.write("b.jsonl", rows(250..300));
    case.run().finish().expect_code(0);
    expect_numbers_below(lake, 300);

    // Back again, it goes on where it was.
    case.write("a.jsonl", rows(0..250));
    append(&case.path("a.jsonl"), rows(300..310).as_bytes());
    case.run().finish().expect_code(0);
    expect_numbers_below(lake, 310);
}

#[test]
fn a_file_that_shrinks_between_runs() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let case = Case::new(&reading("input.jsonl", ""), lake);
    case.write("input.jsonl", rows(0..250));
    case.run().finish().expect_code(0);

    case.write("input.jsonl", rows(0..100));
    let outcome = case.run().finish().expect_code(1);
    outcome.expect_said("input.jsonl has ");
    outcome.expect_said("it became shorter");
    expect_numbers_below(lake, 250);

    case.write("input.jsonl", rows(0..260));
    case.run().finish().expect_code(0);
    expect_numbers_below(lake, 260);
}

#[test]
fn a_file_that_is_rewritten_between_runs() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let case = Case::new(&reading("input.jsonl", ""), lake);
    case.write("input.jsonl", rows(0..250));
    case.run().finish().expect_code(0);

    // The same first line and as long; what stands before the stored position is something else.
    case.write("input.jsonl", rows(0..250).replace("row 249", "ROW 249"));
    case.run()
        .finish()
        .expect_code(1)
        .expect_said("input.jsonl was rewritten");
    expect_numbers_below(lake, 250);
}

#[test]
fn a_file_that_grows_between_runs() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let case = Case::new(&reading("input.jsonl", ""), lake);
    let first = rows(0..250);
    // The last line has no end yet.
    case.write("input.jsonl", first.trim_end());
    case.run().finish().expect_code(0);
    expect_numbers_below(lake, 250);

    append(&case.path("input.jsonl"), b"\nbroken\n");
    append(&case.path("input.jsonl"), rows(250..400).as_bytes());
    case.run().finish().expect_code(0);
    expect_numbers_below(lake, 400);
    let letters = case.dead_letters("input");
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0].number("line"), Some(251));
    assert_eq!(letters[0].number("offset"), Some(first.len() as u64));
    assert_eq!(letters[0].text("record"), "broken");
}

/// A line that was read while it was being written was delivered as it was then.
#[test]
fn a_last_line_that_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let case = Case::new(&reading("input.csv", ""), lake);
    case.write("input.csv", "n,text\n0,whole\n1,ha");
    case.run().finish().expect_code(0);
    append(&case.path("input.csv"), b"lf\n2,more\n");
    case.run()
        .finish()
        .expect_code(1)
        .expect_said("line 3 of input.csv was delivered without a line end, and now goes on");
    assert_eq!(count(lake), 2);
}
