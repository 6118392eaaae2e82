//! The uncompressed content of one file.

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use chrono::{DateTime, Utc};
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};
use wasm_sink_core::{Blame, Error, Kind, Result};
use wasm_sink_formats::{CheckedOffset, Original, check};

/// So many bytes before a position are checked, and so many of the first line are the fingerprint.
const CHECKED_BYTES: usize = 4 << 10;

const GZIP_BUFFER_BYTES: usize = 256 << 10;

/// The bytes of a file, uncompressed.
#[derive(Debug)]
pub(crate) enum Content {
    Plain {
        file: File,
        /// How many bytes the file still has to have, by its length when it was opened.
        missing: u64,
    },
    Gzip(Box<MultiGzDecoder<BufReader<File>>>),
}

impl Content {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if is_gzip(path) {
            let compressed = BufReader::with_capacity(GZIP_BUFFER_BYTES, file);
            return Ok(Self::Gzip(Box::new(MultiGzDecoder::new(compressed))));
        }
        let missing = file.metadata()?.len();
        Ok(Self::Plain { file, missing })
    }

    /// What is still to be read, as far as that is known.
    pub(crate) fn missing_bytes(&self) -> Option<u64> {
        match self {
            Self::Plain { missing, .. } => Some(*missing),
            Self::Gzip(_) => None,
        }
    }

    /// Where what is read can be read again: in a plain file.
    pub(crate) fn original(&self) -> Option<Original> {
        match self {
            Self::Plain { file, .. } => file.try_clone().ok().map(Original::new),
            Self::Gzip(_) => None,
        }
    }

    /// Passes `offset` bytes; how many there were, and the last of them.
    fn pass(&mut self, offset: u64) -> io::Result<(u64, Vec<u8>)> {
        let from = offset.saturating_sub(CHECKED_BYTES as u64);
        let passed = match self {
            Self::Plain { file, missing } => {
                let length = *missing;
                if length < offset {
                    return Ok((length, Vec::new()));
                }
                file.seek(SeekFrom::Start(from))?;
                *missing -= from;
                from
            }
            Self::Gzip(_) => io::copy(&mut self.by_ref().take(from), &mut io::sink())?,
        };
        let mut before = Vec::with_capacity(CHECKED_BYTES);
        self.by_ref().take(offset - from).read_to_end(&mut before)?;
        Ok((passed + before.len() as u64, before))
    }
}

impl Read for Content {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain { file, missing } => {
                let read = file.read(out)?;
                if read == 0 && *missing > 0 && !out.is_empty() {
                    return Err(io::Error::other(Shrank));
                }
                *missing = missing.saturating_sub(read as u64);
                Ok(read)
            }
            Self::Gzip(decoder) => decoder.read(out),
        }
    }
}

/// A file became shorter while it was being read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shrank;

impl std::fmt::Display for Shrank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the file became shorter while it was being read")
    }
}

impl std::error::Error for Shrank {}

/// Whether the name says gzip.
pub(crate) fn is_gzip(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

/// The first bytes, at most `length` of them; fewer where the content ends or breaks off.
pub(crate) fn beginning(path: &Path, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = Content::open(path)?.take(length).read_to_end(&mut bytes);
    match read {
        Err(error) if bytes.is_empty() => Err(error),
        _ => Ok(bytes),
    }
}

/// What tells a file from another one of the same name: its first line, at most 4 KiB of it.
pub(crate) fn fingerprint(path: &Path) -> io::Result<String> {
    let bytes = beginning(path, CHECKED_BYTES as u64)?;
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let digest = Sha256::digest(line);
    Ok(digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// When a file was last written.
pub(crate) fn modified(path: &Path) -> io::Result<DateTime<Utc>> {
    Ok(std::fs::metadata(path)?.modified()?.into())
}

/// Content that stands at a position.
#[derive(Debug)]
pub(crate) struct Resumed {
    pub(crate) content: Chain<Cursor<Vec<u8>>, Content>,
    /// Where `content` begins. Past the position by a line end that came after a last line without
    /// one.
    pub(crate) offset: u64,
    pub(crate) lines: u64,
    pub(crate) before: Vec<u8>,
}

/// Opens a file where a position says, once it is sure that this is the file the position is of.
pub(crate) fn resume(path: &Path, name: &str, at: CheckedOffset) -> Result<Resumed> {
    let failed = |error| unreadable(name, error);
    let mut content = Content::open(path).map_err(failed)?;
    let (length, mut before) = content.pass(at.offset).map_err(failed)?;
    if length < at.offset {
        return Err(changed(format!(
            "{name} has {length} bytes, and {} of it have been delivered: it became shorter",
            at.offset
        )));
    }
    if check(&before) != at.check {
        return Err(changed(format!(
            "{name} was rewritten: what stands before byte {} is not what has been delivered",
            at.offset
        )));
    }
    let mut offset = at.offset;
    let mut ahead = Vec::new();
    if before.last().is_some_and(|byte| *byte != b'\n') {
        content
            .by_ref()
            .take(2)
            .read_to_end(&mut ahead)
            .map_err(failed)?;
        let line_end = match ahead.as_slice() {
            [b'\n', ..] => 1,
            b"\r\n" => 2,
            [] => 0,
            _ => {
                return Err(changed(format!(
                    "line {} of {name} was delivered without a line end, and now goes on: it was \
                     read while it was being written",
                    at.lines
                )));
            }
        };
        before.extend(ahead.drain(..line_end));
        offset += line_end as u64;
    }
    Ok(Resumed {
        content: Cursor::new(ahead).chain(content),
        offset,
        lines: at.lines,
        before,
    })
}

fn changed(what: String) -> Error {
    Error::new(
        Kind::Invalid,
        Blame::Source,
        format!(
            "{what}. Put the file back as it was, give the changed one another name, or begin \
             anew with --restart"
        ),
    )
}

/// A file that cannot be opened or read.
pub(crate) fn unreadable(name: &str, error: io::Error) -> Error {
    let (kind, message) = match error.kind() {
        io::ErrorKind::NotFound => (
            Kind::Invalid,
            format!(
                "{name} is gone: it was there when the files were listed. Put it back and run again"
            ),
        ),
        io::ErrorKind::PermissionDenied => (
            Kind::Denied,
            format!("{name} may not be read: give this user the right to"),
        ),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            (
                Kind::Invalid,
                format!("{name} is no whole gzip file: replace it and run again"),
            )
        }
        _ => (Kind::Other, format!("{name} cannot be read")),
    };
    Error::new(kind, Blame::Source, message).with_source(error)
}

/// Reading stopped in the middle, after `offset` bytes of content.
pub(crate) fn broke_off(name: &str, offset: u64, error: io::Error) -> Error {
    let why = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the gzip file is cut off",
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => "the gzip file is damaged",
        _ if error.get_ref().is_some_and(|inner| inner.is::<Shrank>()) => {
            "the file became shorter while it was being read"
        }
        _ => "the file cannot be read on",
    };
    Error::new(
        Kind::Invalid,
        Blame::Source,
        format!(
            "{name}: {why}, after {offset} bytes of content; the lines before were read. Replace \
             it by the whole file and run again"
        ),
    )
    .with_source(error)
}
