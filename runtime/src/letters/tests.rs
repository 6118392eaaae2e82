//! Files of letters that lose some of them.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;

/// A file of an epoch with these lines, an hour old.
fn file(folder: &Path, lines: &[String]) -> LetterFile {
    let header = "{\"pipeline\":\"p\",\"commit\":\"00000000000000b1\",\"begins\":[]}";
    let path = folder.join("00000000000000b1.jsonl");
    fs::write(&path, format!("{header}\n{}\n", lines.join("\n"))).unwrap();
    fs::write(path.with_extension("arrow"), "").unwrap();
    let written = SystemTime::now() - Duration::from_secs(3600);
    let options = File::options().write(true).open(&path).unwrap();
    options.set_modified(written).unwrap();
    files(folder).unwrap().remove(0)
}

fn line(number: Option<u64>, reason: &str) -> String {
    let number = number.map(|number| format!("\"letter\":{number},"));
    format!(
        "{{{}\"source\":\"s\",\"partition\":\"0\",\"name\":\"n\",\"by\":\"host\",\"reason\":\"{reason}\",\"record_base64\":\"/w==\"}}",
        number.unwrap_or_default()
    )
}

fn letters(file: &LetterFile) -> Vec<(u64, String)> {
    let letters = file.open("p").unwrap().unwrap();
    letters
        .map(|letter| letter.unwrap())
        .map(|letter| (letter.number, letter.reason))
        .collect()
}

fn numbered(of: &[(u64, &str)]) -> Vec<(u64, String)> {
    of.iter()
        .map(|(number, reason)| (*number, (*reason).to_owned()))
        .collect()
}

#[test]
fn letters_keep_their_numbers_when_others_go() {
    let folder = tempfile::tempdir().unwrap();
    // As an earlier version wrote them.
    let lines = ["a", "b", "c", "d"].map(|reason| line(None, reason));
    let file = file(folder.path(), &lines);
    for _ in 0..2 {
        file.remove("p", |number| number == 1).unwrap();
        assert_eq!(letters(&file), numbered(&[(0, "a"), (2, "c"), (3, "d")]));
    }
    file.remove("p", |number| number == 0).unwrap();
    assert_eq!(letters(&file), numbered(&[(2, "c"), (3, "d")]));
    let again = files(folder.path()).unwrap().remove(0);
    let moved = again.written.duration_since(file.written);
    assert!(
        moved.is_ok_and(|moved| moved < Duration::from_secs(1)),
        "{again:?}"
    );
    let record = file
        .open("p")
        .unwrap()
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .record;
    assert_eq!(record, Record::Base64("/w==".to_owned()));
    assert_eq!(record.bytes().unwrap(), &b"\xFF"[..]);
}

#[test]
fn a_file_without_letters_is_gone_with_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let file = file(folder.path(), &[line(Some(7), "a"), line(Some(9), "b")]);
    // That is another pipeline's business.
    file.remove("another", |_| true).unwrap();
    file.remove("p", |_| false).unwrap();
    assert_eq!(letters(&file), numbered(&[(7, "a"), (9, "b")]));
    file.remove("p", |_| true).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(files(folder.path()).unwrap(), []);
}
