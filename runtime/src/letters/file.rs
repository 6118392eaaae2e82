//! Files of dead letters, a line at a time.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;
use wasm_sink_core::dead_letter::RowOrigin;
use wasm_sink_core::{Blame, CommitId, Error, Kind, Result};

/// The letters of a committed epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterFile {
    /// The epoch.
    pub commit: CommitId,
    /// When they were written.
    pub written: SystemTime,
    path: PathBuf,
}

/// One letter, as its line has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The line, as it stands.
    pub text: String,
    /// Where the row stood.
    pub origin: RowOrigin,
    /// Who refused it, by the word of [`RefusedBy`](wasm_sink_core::dead_letter::RefusedBy).
    pub by: String,
    /// Why.
    pub reason: String,
    /// The record as text; base64 where it is none.
    pub record: String,
}

/// The letters of a file, in order.
#[derive(Debug)]
pub struct Letters {
    path: PathBuf,
    lines: BufReader<File>,
    line: u64,
}

#[derive(Deserialize)]
struct Header {
    pipeline: String,
}

#[derive(Deserialize)]
struct Line {
    name: String,
    line: Option<u64>,
    offset: Option<u64>,
    by: String,
    reason: String,
    record: Option<String>,
    record_base64: Option<String>,
}

/// The files in a folder, the oldest first. A folder that is not there has none. Those of other pipelines are
/// among them.
///
/// # Errors
/// The folder cannot be read.
pub fn files(folder: &Path) -> Result<Vec<LetterFile>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(folder, error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        let stem = path.file_stem().and_then(OsStr::to_str);
        let commit = stem.and_then(|stem| stem.parse::<CommitId>().ok());
        let (Some(commit), Some("jsonl")) = (commit, path.extension().and_then(OsStr::to_str))
        else {
            continue;
        };
        let written = std::fs::metadata(&path).and_then(|metadata| metadata.modified());
        let written = written.map_err(|error| unreadable(&path, error))?;
        files.push(LetterFile {
            commit,
            written,
            path,
        });
    }
    files.sort_by_key(|file| (file.written, file.commit));
    Ok(files)
}

impl LetterFile {
    /// Opens it; None where it is another pipeline's.
    ///
    /// # Errors
    /// It cannot be read, or is no file of dead letters.
    pub fn open(&self, pipeline: &str) -> Result<Option<Letters>> {
        let file = File::open(&self.path).map_err(|error| unreadable(&self.path, error))?;
        let mut letters = Letters {
            path: self.path.clone(),
            lines: BufReader::new(file),
            line: 0,
        };
        let first = letters.next_line()?.unwrap_or_default();
        let header: Header = serde_json::from_str(&first).map_err(|error| letters.wrong(error))?;
        Ok((header.pipeline == pipeline).then_some(letters))
    }
}

impl Letters {
    fn next_line(&mut self) -> Result<Option<String>> {
        let mut text = String::new();
        let read = self.lines.read_line(&mut text);
        let read = read.map_err(|error| unreadable(&self.path, error))?;
        self.line += 1;
        text.truncate(text.trim_end().len());
        Ok((read > 0).then_some(text))
    }

    fn letter(&mut self) -> Result<Option<Letter>> {
        let Some(text) = self.next_line()? else {
            return Ok(None);
        };
        let line: Line = serde_json::from_str(&text).map_err(|error| self.wrong(error))?;
        Ok(Some(Letter {
            text,
            origin: RowOrigin {
                name: line.name,
                line: line.line,
                offset: line.offset,
            },
            by: line.by,
            reason: line.reason,
            record: line.record.or(line.record_base64).unwrap_or_default(),
        }))
    }

    fn wrong(&self, error: serde_json::Error) -> Error {
        let (path, line) = (self.path.display(), self.line);
        let message = format!(
            "line {line} of {path} is not what wasm-sink wrote; move the file away to see the other letters"
        );
        Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error)
    }
}

impl Iterator for Letters {
    type Item = Result<Letter>;

    fn next(&mut self) -> Option<Self::Item> {
        self.letter().transpose()
    }
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    let message = format!("cannot read {}", path.display());
    Error::new(Kind::Other, Blame::Configuration, message).with_source(error)
}
