//! What people see.

use std::time::{Duration, SystemTime};

use super::*;
use crate::letters::files;

/// Two epochs of one pipeline and one of another, and a file that is none of ours.
fn letters() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let header =
        |pipeline: &str| format!("{{\"pipeline\":\"{pipeline}\",\"commit\":\"\",\"begins\":[]}}\n");
    let letter = |line: u64, by: &str, reason: &str, record: &str| {
        let record = serde_json::json!(record);
        format!(
            "{{\"source\":\"s\",\"partition\":\"0\",\"name\":\"in.jsonl\",\"line\":{line},\"by\":\"{by}\",\
             \"reason\":\"{reason}\",\"record\":{record}}}\n"
        )
    };
    let write = |name: &str, text: String, after: u64| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        let written = SystemTime::UNIX_EPOCH + Duration::from_secs(after);
        file.set_modified(written).unwrap();
    };
    let long = "x".repeat(500);
    write(
        "00000000000000b1.jsonl",
        [
            header("mine"),
            letter(3, "host", "`n`: 2.5 does not fit int64", "{\\\"n\\\": 2.5}"),
            letter(4, "decoder", "not JSON\\u001b[31m at byte 7", &long),
        ]
        .concat(),
        1_000,
    );
    write(
        "00000000000000a2.jsonl",
        [
            header("mine"),
            letter(9, "host", "`n`: 7.25 does not fit int64", "two\nlines"),
        ]
        .concat(),
        100_000,
    );
    write(
        "00000000000000c3.jsonl",
        [header("another"), letter(1, "host", "no", "")].concat(),
        0,
    );
    write("00000000000000d4.tmp", header("mine"), 0);
    write("notes.jsonl", "mine".to_owned(), 0);
    directory
}

fn place(folder: &Path) -> Place<'_> {
    Place {
        pipeline: "mine",
        folder,
    }
}

fn listed(folder: &Path) -> list::Listed {
    let mut listing = list::Listing::default();
    for file in files(folder).unwrap() {
        for letter in file.open("mine").unwrap().into_iter().flatten() {
            listing.add(&file, &letter.unwrap());
        }
    }
    listing.finish()
}

#[test]
fn letters_are_counted_by_kind() {
    let directory = letters();
    let text = list::text(&listed(directory.path()), &place(directory.path()));
    let text = text.replace(&directory.path().display().to_string(), "<folder>");
    insta::assert_snapshot!("list", text);
    let nothing = directory.path().join("nothing");
    let text = list::text(&listed(&nothing), &place(Path::new("nothing")));
    assert_eq!(text, "`mine` has no dead letters in nothing\n");
}

fn shown(folder: &Path, chosen: &Chosen) -> String {
    let selection = chosen.selection();
    let mut shown = String::new();
    for file in files(folder).unwrap() {
        if !selection.takes_from(&file) {
            continue;
        }
        for letter in file.open("mine").unwrap().into_iter().flatten() {
            let letter = letter.unwrap();
            if selection.takes(&letter) {
                shown.push_str(&show::text(file.commit, &letter));
                let line = show::line(file.commit, &letter);
                let value: serde_json::Value = serde_json::from_str(&line).unwrap();
                assert_eq!(value["commit"], file.commit.to_string());
                assert_eq!(value["record"], letter.record.shown());
            }
        }
    }
    shown
}

#[test]
fn letters_are_shown_a_few_lines_each() {
    let directory = letters();
    let all = Chosen {
        reason: None,
        by: None,
        epoch: None,
    };
    insta::assert_snapshot!("show", shown(directory.path(), &all));
    let by_host = Chosen {
        reason: Some("2.5".to_owned()),
        by: Some(RefusedBy::Host),
        epoch: commit("00000000000000b1").ok(),
    };
    let shown_of_host = shown(directory.path(), &by_host);
    assert!(
        shown_of_host.starts_with("in.jsonl line 3\n"),
        "{shown_of_host}"
    );
    assert_eq!(shown_of_host.matches("epoch").count(), 1);
    for other in [
        Chosen {
            by: Some(RefusedBy::Trap),
            ..all
        },
        Chosen {
            epoch: commit("1").ok(),
            reason: None,
            by: None,
        },
    ] {
        assert_eq!(shown(directory.path(), &other), "");
    }
}

#[test]
fn a_line_that_is_none_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("00000000000000b1.jsonl");
    std::fs::write(&path, "{\"pipeline\":\"mine\"}\n{}\n").unwrap();
    let file = files(directory.path()).unwrap().remove(0);
    let error = file.open("mine").unwrap().unwrap().next().unwrap();
    let error = error.unwrap_err().to_string();
    assert!(error.contains("line 2 of"), "{error}");
}
