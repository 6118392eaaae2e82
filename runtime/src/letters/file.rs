//! Files of dead letters, a line at a time.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use wasm_sink_core::dead_letter::RowOrigin;
use wasm_sink_core::{Blame, CommitId, Error, Kind, Result};

use super::rows::{self, Digest, Rows};
use crate::durable;

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
    /// Its number in its epoch, from 0; those of its file may have gaps.
    pub number: u64,
    /// The line, as it stands.
    pub text: String,
    /// Where the row stood.
    pub origin: RowOrigin,
    /// Who refused it, by the word of [`RefusedBy`](wasm_sink_core::dead_letter::RefusedBy).
    pub by: String,
    /// Why.
    pub reason: String,
    /// The record.
    pub record: Record,
}

/// The bytes of a record, as a line has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// They are UTF-8.
    Text(String),
    /// They are not.
    Base64(String),
}

impl Record {
    /// For a person.
    pub fn shown(&self) -> &str {
        match self {
            Self::Text(text) | Self::Base64(text) => text,
        }
    }

    /// The bytes; None where the line was damaged.
    pub fn bytes(&self) -> Option<Bytes> {
        match self {
            Self::Text(text) => Some(Bytes::copy_from_slice(text.as_bytes())),
            Self::Base64(text) => STANDARD.decode(text).ok().map(Bytes::from),
        }
    }
}

/// The letters of a file, in order.
#[derive(Debug)]
pub struct Letters {
    path: PathBuf,
    lines: BufReader<File>,
    line: u64,
    header: Header,
    /// The number of the next letter, where its line has none.
    next: u64,
}

#[derive(Debug, Default, Deserialize)]
struct Header {
    pipeline: String,
    rows: Option<Digest>,
}

#[derive(Deserialize)]
struct Line {
    letter: Option<u64>,
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
            header: Header::default(),
            next: 0,
        };
        let first = letters.next_line()?.unwrap_or_default();
        letters.header = serde_json::from_str(&first).map_err(|error| letters.wrong(error))?;
        Ok((letters.header.pipeline == pipeline).then_some(letters))
    }

    /// What is kept of its letters beside their lines.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn rows(&self, letters: &Letters) -> Result<Option<Rows>> {
        let Some(digest) = &letters.header.rows else {
            return Ok(None);
        };
        let path = self.path.with_extension("arrow");
        rows::read(&path, digest).map_err(|error| unreadable(&path, error))
    }

    /// Takes letters out: the file is written anew without them, or removed where none is left. What is kept of
    /// the others stays as it is. Done already: no effect.
    ///
    /// # Errors
    /// The disk's.
    pub fn remove(&self, pipeline: &str, is_removed: impl Fn(u64) -> bool) -> Result<()> {
        let Some(letters) = self.open(pipeline)? else {
            return Ok(());
        };
        let (mut rest, mut removed) = (Vec::new(), false);
        for letter in letters {
            let letter = letter?;
            match is_removed(letter.number) {
                true => removed = true,
                false => rest.push(letter.numbered()),
            }
        }
        if !removed {
            return Ok(());
        }
        if rest.is_empty() {
            // The letters first: rows without letters are removed at a later start.
            for path in [self.path.clone(), self.path.with_extension("arrow")] {
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(durable::disk("remove", &path, error));
                    }
                    _ => {}
                }
            }
            return durable::sync_directory(self.path.parent().unwrap_or(Path::new(".")));
        }
        let mut header = String::new();
        File::open(&self.path)
            .and_then(|file| BufReader::new(file).read_line(&mut header))
            .map_err(|error| unreadable(&self.path, error))?;
        durable::write_synced_by(&self.path, |file| {
            let mut out = io::BufWriter::new(&mut *file);
            out.write_all(header.as_bytes())
                .and_then(|()| rest.iter().try_for_each(|line| writeln!(out, "{line}")))
                .and_then(|()| out.flush())
                .map_err(|error| durable::disk("write", &self.path, error))?;
            Ok(())
        })?;
        // They are as old as they were. A file that looks newer does no harm.
        let rewritten = File::options().write(true).open(&self.path);
        let _ = rewritten.and_then(|file| file.set_modified(self.written));
        Ok(())
    }
}

impl Letter {
    /// The line, with the number that older ones lack.
    fn numbered(&self) -> String {
        let has_number = serde_json::from_str::<Line>(&self.text).is_ok_and(|l| l.letter.is_some());
        match self.text.trim_start().strip_prefix('{') {
            Some(rest) if !has_number => format!("{{\"letter\":{},{rest}", self.number),
            _ => self.text.clone(),
        }
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
        let number = line.letter.unwrap_or(self.next);
        self.next = number + 1;
        let record = match (line.record, line.record_base64) {
            (None, Some(text)) => Record::Base64(text),
            (text, _) => Record::Text(text.unwrap_or_default()),
        };
        Ok(Some(Letter {
            number,
            text,
            origin: RowOrigin {
                name: line.name,
                line: line.line,
                offset: line.offset,
            },
            by: line.by,
            reason: line.reason,
            record,
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
