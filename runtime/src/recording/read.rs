//! Reading a recording: nothing in it is trusted.

use std::fs::{self, File};
use std::hash::Hasher;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use sha2::{Digest, Sha256};
use twox_hash::XxHash64;
use wasm_sink_core::error::Context;
use wasm_sink_core::{Blame, Error, Kind, PartitionKey, Position, Result, SourceBatch};

use super::batch::{RecordedLineage, decode};
use super::digest::hex;
use super::format::{FORMAT, Header, Line, RecordedBatch};
use super::thread::{COMPONENTS, LINES, ROWS};

/// The life of an instance, as far as it is there.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    header: Header,
    lines: Vec<Line>,
    /// Why there is no more of it.
    damage: Option<String>,
}

/// The recordings that a path stands for: one, or those in a folder, the oldest first.
///
/// # Errors
/// There are none.
pub fn list(path: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |error: std::io::Error| {
        invalid(format!("{} cannot be read", path.display())).with_source(error)
    };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        let is_named = path.extension().is_some_and(|end| end == LINES);
        return match is_named {
            true => Ok(vec![path.to_owned()]),
            false => Err(invalid(format!(
                "{} is no recording: name a folder that `run --record` wrote to, or a .{LINES} file in it",
                path.display()
            ))),
        };
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        found.extend(
            path.extension()
                .is_some_and(|end| end == LINES)
                .then_some(path.clone()),
        );
    }
    found.sort();
    match found.is_empty() {
        true => Err(invalid(format!(
            "{} has no recordings: name a folder that `run --record` wrote to",
            path.display()
        ))),
        false => Ok(found),
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, Blame::Configuration, message)
}

impl Recording {
    /// Reads the lines. One that is cut off is read as far as it goes.
    ///
    /// # Errors
    /// It is none, or one of another version.
    pub fn open(path: &Path) -> Result<Self> {
        Self::read(path).context(|| format!("recording {}", path.display()))
    }

    fn read(path: &Path) -> Result<Self> {
        let unreadable = |error: std::io::Error| invalid("it cannot be read").with_source(error);
        let text = fs::read_to_string(path).map_err(unreadable)?;
        let mut texts = text.split_inclusive('\n');
        let header = header(texts.next().unwrap_or_default())?;
        // A process that was killed had more in mind; what is written to rows comes before its line, but
        // not onto the disk.
        let rows = fs::metadata(path.with_extension(ROWS)).map_or(0, |metadata| metadata.len());
        let mut lines = Vec::new();
        let mut damage = None;
        for (number, text) in (2..).zip(texts) {
            let line = match serde_json::from_str(text) {
                Ok(line) if text.ends_with('\n') => line,
                Ok(_) | Err(_) if !text.ends_with('\n') => {
                    damage = Some(format!("it is cut off in line {number}"));
                    break;
                }
                Ok(line) => line,
                Err(error) => {
                    damage = Some(format!("line {number} is damaged: {error}"));
                    break;
                }
            };
            if let Line::Batch(batch) = &line
                && batch.end_byte().is_none_or(|end| end > rows)
            {
                damage = Some(format!("the rows of line {number} are cut off"));
                break;
            }
            lines.push(line);
        }
        if damage.is_none() && lines.last() != Some(&Line::Ended) {
            damage = Some("its end is missing".to_owned());
        }
        Ok(Self {
            path: path.to_owned(),
            header,
            lines,
            damage,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What ran, and how.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What happened.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Why there is no more of it; None where it is whole.
    pub fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// The component that was recorded; None where it is not in the folder.
    ///
    /// # Errors
    /// It is not the one that ran.
    pub fn component(&self) -> Result<Option<Vec<u8>>> {
        let hash = &self.header.component.hash;
        let is_hash = !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let path = folder.join(COMPONENTS).join(format!("{hash}.wasm"));
        let Some(wasm) = is_hash.then(|| fs::read(&path).ok()).flatten() else {
            return Ok(None);
        };
        let found: String = Sha256::digest(&wasm)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        match found == *hash {
            true => Ok(Some(wasm)),
            false => Err(invalid(format!(
                "{} has been changed since it was recorded: name the component with --component",
                path.display()
            ))),
        }
    }

    /// The rows of a line.
    ///
    /// # Errors
    /// They are damaged.
    pub fn batch(&self, line: &RecordedBatch) -> Result<Arc<SourceBatch>> {
        let path = self.path.with_extension(ROWS);
        self.read_batch(&path, line)
            .context(|| format!("the rows at byte {} of {}", line.at, path.display()))
    }

    fn read_batch(&self, path: &Path, line: &RecordedBatch) -> Result<Arc<SourceBatch>> {
        let damaged = || invalid("they are damaged");
        let length = line.end_byte().unwrap_or(line.at).saturating_sub(line.at);
        let length = usize::try_from(length).map_err(|_| damaged())?;
        let mut bytes = vec![0; length];
        let read = File::open(path).and_then(|file| file.read_exact_at(&mut bytes, line.at));
        read.map_err(|error| damaged().with_source(error))?;
        let mut hash = XxHash64::with_seed(0);
        hash.write(&bytes);
        if hex(&hash) != line.digest {
            return Err(damaged());
        }
        let mut rest = bytes.as_slice();
        let mut batches = Vec::with_capacity(line.lengths.len());
        for length in line.lengths {
            let length = usize::try_from(length).map_err(|_| damaged())?;
            let (stream, further) = rest.split_at_checked(length).ok_or_else(damaged)?;
            batches.push(decode(stream).map_err(|error| damaged().with_source(error))?);
            rest = further;
        }
        let Ok([rows, varying, same]) = <[RecordBatch; 3]>::try_from(batches) else {
            return Err(damaged());
        };
        let is_whole = varying.num_rows() == rows.num_rows() && same.num_rows() == line.rows.min(1);
        if rows.num_rows() != line.rows || !is_whole {
            return Err(damaged());
        }
        let position = |text: &str| text.parse::<Position>().map_err(|_| damaged());
        Ok(Arc::new(SourceBatch {
            key: PartitionKey::new(line.source.as_str(), line.partition.as_str()),
            begin: line.begin.as_deref().map(position).transpose()?,
            end: position(&line.end)?,
            bytes: rows.get_array_memory_size(),
            rows,
            lineage: Arc::new(RecordedLineage { varying, same }),
            undecodable: Vec::new(),
            at: line.time,
            reservation: None,
        }))
    }
}

fn header(text: &str) -> Result<Header> {
    let is_ours = serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .and_then(|header| header.get("recording")?.as_u64());
    match is_ours {
        Some(version) if version == u64::from(FORMAT) => {}
        Some(version) => {
            return Err(invalid(format!(
                "it is of format {version}, and this version of wasm-sink reads format {FORMAT}: replay it \
                 with the version that recorded it"
            )));
        }
        None => return Err(invalid("it is no recording of wasm-sink")),
    }
    serde_json::from_str(text)
        .map_err(|error| invalid("its first line is damaged").with_source(error))
}
