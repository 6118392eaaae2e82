//! The thread that writes a recording down, and the folder that all of them share.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::hash::Hasher;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};
use twox_hash::XxHash64;
use wasm_sink_core::{Rows, SourceBatch};

use super::batch;
use super::digest::hex;
use super::format::{Header, Line, RecordedBatch, RecordedCall};
use super::write::Entry;
use crate::durable::{remove_unfinished, unfinished};

/// How the files with lines end.
pub(super) const LINES: &str = "jsonl";
/// How the files with rows end.
pub(super) const ROWS: &str = "arrows";
/// Where components are.
pub(super) const COMPONENTS: &str = "components";
/// Recordings go, the oldest first, until they are of no more components than this.
const MAX_COMPONENTS: usize = 16;

/// Where recordings are, and how much of them.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    max_bytes: u64,
    /// One at a time looks for a free number, or for what can go.
    turn: Mutex<()>,
    /// Those that write.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Folder {
    pub(super) fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        // They hold what the source holds: nobody else's business.
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path.join(COMPONENTS))?;
        Ok(Self {
            path: path.to_owned(),
            max_bytes,
            turn: Mutex::new(()),
            threads: Mutex::default(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether all recordings are written whose tapes are gone.
    pub(super) fn is_at_rest(&self) -> bool {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| !thread.is_finished());
        threads.is_empty()
    }

    /// Makes the file of the next recording, and keeps its component.
    pub(super) fn begin(
        &self,
        hash: &str,
        wasm: impl FnOnce() -> Option<Vec<u8>>,
    ) -> io::Result<PathBuf> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let component = self.path.join(COMPONENTS).join(format!("{hash}.wasm"));
        if !component.exists() {
            match wasm() {
                Some(wasm) => {
                    let mut part = unfinished(&self.path.join(COMPONENTS))?;
                    part.write_all(&wasm)?;
                    part.persist(component)?;
                }
                None => tracing::warn!(
                    component = hash,
                    "a recording is kept without its component, whose file is not what it was"
                ),
            }
        }
        let mut number = self.numbers()?.last().copied().unwrap_or(0);
        loop {
            number += 1;
            let path = self.path.join(format!("{number:06}.{LINES}"));
            match private().create_new(true).open(&path) {
                Ok(_) => return Ok(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The numbers of the recordings that there are, in order.
    fn numbers(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == LINES) {
                let number: Option<u64> = path
                    .file_stem()
                    .and_then(|stem| stem.to_str()?.parse().ok());
                numbers.extend(number);
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Removes a recording, if it is there.
    pub(super) fn remove(&self, lines: &Path) {
        let _ = fs::remove_file(lines.with_extension(ROWS));
        let _ = fs::remove_file(lines);
    }

    /// Removes the oldest recordings that nobody writes to, until the rest is as much as there may be.
    fn trim(&self) -> io::Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held: Vec<(PathBuf, u64)> = Vec::new();
        for number in self.numbers()? {
            let lines = self.path.join(format!("{number:06}.{LINES}"));
            let bytes = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
            let all = bytes(&lines) + bytes(&lines.with_extension(ROWS));
            held.push((lines, all));
        }
        let mut all: u64 = held.iter().map(|(_, bytes)| bytes).sum();
        for (lines, bytes) in held {
            if all <= self.max_bytes && self.components()?.len() <= MAX_COMPONENTS {
                break;
            }
            let is_over = File::open(&lines).is_ok_and(|file| file.try_lock().is_ok());
            if is_over {
                self.remove(&lines);
                all = all.saturating_sub(bytes);
                self.remove_unused()?;
            }
        }
        Ok(())
    }

    /// The components that are kept.
    fn components(&self) -> io::Result<Vec<PathBuf>> {
        let mut components = Vec::new();
        for entry in fs::read_dir(self.path.join(COMPONENTS))? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "wasm") {
                components.push(path);
            }
        }
        Ok(components)
    }

    /// Removes the components that no recording is of.
    fn remove_unused(&self) -> io::Result<()> {
        let mut used = BTreeSet::new();
        for number in self.numbers()? {
            // One that is just begun says later whose it is.
            let Some(hash) = component_of(&self.path.join(format!("{number:06}.{LINES}"))) else {
                return Ok(());
            };
            used.insert(format!("{hash}.wasm"));
        }
        remove_unfinished(&self.path.join(COMPONENTS));
        for path in self.components()? {
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| !used.contains(name)) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

/// Whose recording it is.
fn component_of(lines: &Path) -> Option<String> {
    let mut first = String::new();
    let file = File::open(lines).ok()?;
    BufReader::new(file).read_line(&mut first).ok()?;
    let header: Header = serde_json::from_str(&first).ok()?;
    Some(header.component.hash)
}

/// Says that there is no recording from here on. The pipeline goes on.
pub(super) fn gave_up(path: &Path, error: &io::Error) {
    tracing::warn!(path = %path.display(), "recording stopped, and the pipeline goes on: {error}");
}

/// Starts the thread of a recording. `written` counts its bytes.
pub(super) fn start(
    folder: Arc<Folder>,
    path: PathBuf,
    header: Header,
    mut entries: mpsc::Receiver<Entry>,
    written: Arc<AtomicU64>,
) -> io::Result<()> {
    let threads = Arc::clone(&folder);
    let work = move || {
        let mut done = None;
        let recorded = (|| {
            let mut files = Files::open(&path, &header, written)?;
            while let Some(entry) = entries.blocking_recv() {
                if let Entry::Close(closed) = entry {
                    done = Some(closed);
                    break;
                }
                files.take(entry)?;
            }
            files.line(&Line::Ended)?;
            files.lines.flush()?;
            files.rows.flush()
        })();
        drop(entries);
        if let Err(error) = recorded.and_then(|()| folder.trim()) {
            gave_up(&path, &error);
        } else if let Some(done) = done {
            let _: Result<(), ()> = oneshot::Sender::send(done, ());
        }
    };
    let thread = std::thread::Builder::new().name("recording".to_owned());
    let thread = thread.spawn(work)?;
    let threads = threads.threads.lock();
    let mut threads = threads.unwrap_or_else(PoisonError::into_inner);
    threads.retain(|thread| !thread.is_finished());
    threads.push(thread);
    Ok(())
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

struct Files {
    lines: BufWriter<File>,
    rows: BufWriter<File>,
    /// Bytes in `rows`.
    at: u64,
    written: Arc<AtomicU64>,
    last: Option<Arc<SourceBatch>>,
}

impl Files {
    fn open(path: &Path, header: &Header, written: Arc<AtomicU64>) -> io::Result<Self> {
        let lines = OpenOptions::new().write(true).open(path)?;
        // As long as it is open, nobody removes it.
        lines.try_lock().map_err(io::Error::other)?;
        let rows = private().create(true).open(path.with_extension(ROWS))?;
        let mut files = Self {
            lines: BufWriter::new(lines),
            rows: BufWriter::new(rows),
            at: 0,
            written,
            last: None,
        };
        files.line(header)?;
        Ok(files)
    }

    fn line(&mut self, line: &impl serde::Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.written.fetch_add(text.len() as u64, Ordering::Relaxed);
        self.lines.write_all(&text)
    }

    fn take(&mut self, entry: Entry) -> io::Result<()> {
        let recorded = |calls: &[_]| calls.iter().map(RecordedCall::from).collect();
        match entry {
            Entry::Opened(calls, ended) => self.line(&Line::Opened {
                calls: recorded(&calls),
                ended,
            }),
            Entry::Began(id) => self.line(&Line::Began {
                epoch: id.to_string(),
            }),
            Entry::Wrote(rows, calls, ended) => {
                let rows = self.rows(&rows)?;
                self.line(&Line::Wrote {
                    rows,
                    calls: recorded(&calls),
                    ended,
                })
            }
            Entry::Flushed(calls, ended, account) => {
                self.last = None;
                self.line(&Line::Flushed {
                    calls: recorded(&calls),
                    ended,
                    account: account.into(),
                })?;
                // What was committed may be looked at.
                self.rows.flush()?;
                self.lines.flush()
            }
            Entry::Forgotten => self.line(&Line::Forgotten),
            Entry::Close(_) => Ok(()),
        }
    }

    /// Keeps the batch that these rows are of. Which they are, unless they are all.
    fn rows(&mut self, rows: &Rows) -> io::Result<Option<Vec<u32>>> {
        let (Some(batch), Some(numbers)) = (rows.source(), rows.source_rows()) else {
            return Err(io::Error::other("rows without a source were written"));
        };
        let is_last = |last: &Arc<SourceBatch>| Arc::ptr_eq(last, batch);
        if !self.last.as_ref().is_some_and(is_last) {
            self.batch(batch)?;
            self.last = Some(Arc::clone(batch));
        }
        let is_whole = rows.len() == batch.rows.num_rows();
        Ok((!is_whole).then(|| numbers.values().to_vec()))
    }

    fn batch(&mut self, batch: &SourceBatch) -> io::Result<()> {
        let [varying, same] = batch::lineage(batch).map_err(io::Error::other)?;
        let mut streams = Vec::with_capacity(3);
        let mut hash = XxHash64::with_seed(0);
        for rows in [&batch.rows, &varying, &same] {
            let stream = batch::encode(rows).map_err(io::Error::other)?;
            hash.write(&stream);
            streams.push(stream);
        }
        let mut lengths = [0; 3];
        for (length, stream) in lengths.iter_mut().zip(&streams) {
            *length = stream.len() as u64;
        }
        self.line(&Line::Batch(RecordedBatch {
            source: batch.key.source().to_owned(),
            partition: batch.key.partition().to_owned(),
            begin: batch.begin.as_ref().map(ToString::to_string),
            end: batch.end.to_string(),
            time: batch.at,
            rows: batch.rows.num_rows(),
            at: self.at,
            lengths,
            digest: hex(&hash),
        }))?;
        for stream in streams {
            self.rows.write_all(&stream)?;
        }
        let bytes: u64 = lengths.iter().sum();
        self.at += bytes;
        self.written.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}
