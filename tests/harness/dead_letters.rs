//! The dead-letter files that a pipeline leaves.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::python;

/// One dead letter, as its line says.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// Commit id of the epoch that it came with: the name of its file.
    pub commit: String,
    /// The line.
    pub value: Value,
}

impl DeadLetter {
    /// A text field; "" where there is none.
    pub fn text(&self, field: &str) -> &str {
        self.value[field].as_str().unwrap_or_default()
    }

    /// A number; None where there is none.
    pub fn number(&self, field: &str) -> Option<u64> {
        self.value[field].as_u64()
    }
}

/// The published dead letters in a folder, in order of file name and line. A missing folder has none.
pub fn dead_letters(directory: &Path) -> Vec<DeadLetter> {
    let mut letters = Vec::new();
    for path in files(directory, "jsonl") {
        let commit = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = std::fs::read_to_string(&path).expect("a dead-letter file");
        // The first line is the header.
        letters.extend(text.lines().skip(1).map(|line| DeadLetter {
            commit: commit.clone().into_owned(),
            value: serde_json::from_str(line).expect("a line of JSON"),
        }));
    }
    letters
}

/// The rows in a file of them, each with the number of its letter, its metadata and the types of its columns.
pub(crate) fn kept_rows(path: &Path) -> Vec<Value> {
    match python::ask("read_letters.py", &json!({ "path": path })) {
        Value::Array(rows) => rows,
        other => panic!("no list of rows: {other}"),
    }
}

/// Files of epochs that were never settled.
pub fn pending_dead_letters(directory: &Path) -> Vec<PathBuf> {
    files(directory, "tmp")
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("a folder's entry").path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}
