//! Recording: what an instance does goes to a thread of its own, which writes it down.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use wasm_sink_core::component::Failure;
use wasm_sink_core::guest::calls::Call;
use wasm_sink_core::{Account, Blame, CommitId, Error, Kind, Result, Rows};

use super::format::{Ending, Header};
use super::thread::{self, Folder};

/// What may wait for the thread: each holds the rows of a batch.
const WAITING: usize = 8;
/// Of what a folder may hold, how much one recording gets.
const SHARE: u64 = 16;
/// A recording ends with the epoch in which it has become so large, whatever its share is.
const MAX_BYTES: u64 = 64 << 20;

/// How long the end of a process waits for what is to be written.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(5);

/// Where and how much.
#[derive(Clone, Debug)]
pub struct RecorderSettings {
    /// The folder, which is made.
    pub directory: PathBuf,
    /// What it may hold; recordings that ended go, the oldest first.
    pub max_bytes: u64,
}

/// Keeps recordings in a folder. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder {
    folder: Arc<Folder>,
    max_recording_bytes: u64,
}

impl Recorder {
    /// Makes the folder.
    ///
    /// # Errors
    /// Nothing can be written there.
    pub fn open(settings: &RecorderSettings) -> Result<Self> {
        let folder = Folder::open(&settings.directory, settings.max_bytes).map_err(|error| {
            let path = settings.directory.display();
            let message = format!("no recording can be kept in {path}");
            Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error)
        })?;
        Ok(Self {
            folder: Arc::new(folder),
            max_recording_bytes: (settings.max_bytes / SHARE).min(MAX_BYTES),
        })
    }

    /// The folder.
    pub fn directory(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until all is written whose instances are gone, for some seconds at most.
    pub async fn finish(&self) {
        let begun = Instant::now();
        while !self.folder.is_at_rest() && begun.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Removes one that is not needed.
    pub fn remove(&self, path: &Path) {
        self.folder.remove(path);
    }

    /// Begins the recording of an instance. `wasm`: the component, if it is not in the folder yet.
    pub fn tape(&self, header: Header, wasm: impl FnOnce() -> Option<Vec<u8>>) -> Tape {
        let path = self.folder.begin(&header.component.hash, wasm);
        let written = Arc::new(AtomicU64::new(0));
        let (entries, taken) = mpsc::channel(WAITING);
        let path = path.and_then(|path| {
            let (folder, counted) = (Arc::clone(&self.folder), Arc::clone(&written));
            thread::start(folder, path.clone(), header, taken, counted).map(|()| path)
        });
        match path {
            Ok(path) => Tape {
                entries,
                waiting: Vec::new(),
                path: Some(path),
                written,
                max_bytes: self.max_recording_bytes,
            },
            Err(error) => {
                thread::gave_up(self.directory(), &error);
                Tape {
                    entries,
                    waiting: Vec::new(),
                    path: None,
                    written,
                    max_bytes: u64::MAX,
                }
            }
        }
    }
}

/// What happened, for the thread.
#[derive(Debug)]
pub(super) enum Entry {
    Opened(Vec<Call>, Ending),
    Began(CommitId),
    Wrote(Rows, Vec<Call>, Ending),
    Flushed(Vec<Call>, Ending, Account),
    Forgotten,
    /// Tells when all is on the disk.
    Close(oneshot::Sender<()>),
}

/// The recording of one instance. It ends when this is dropped.
#[derive(Debug)]
pub struct Tape {
    entries: mpsc::Sender<Entry>,
    /// For the next time that one can wait.
    waiting: Vec<Entry>,
    /// None where nothing could be written.
    path: Option<PathBuf>,
    written: Arc<AtomicU64>,
    max_bytes: u64,
}

impl Tape {
    /// The instance was started, and `open` came back.
    pub async fn opened(&mut self, calls: Vec<Call>, failure: Option<&Failure>) {
        self.send(Entry::Opened(calls, failure.into())).await;
    }

    /// An epoch begins.
    pub fn began(&mut self, id: CommitId) {
        self.waiting.push(Entry::Began(id));
    }

    /// `write` came back.
    pub async fn wrote(&mut self, rows: Rows, calls: Vec<Call>, failure: Option<&Failure>) {
        self.send(Entry::Wrote(rows, calls, failure.into())).await;
    }

    /// `flush` came back.
    pub async fn flushed(&mut self, calls: Vec<Call>, failure: Option<&Failure>, account: Account) {
        self.send(Entry::Flushed(calls, failure.into(), account))
            .await;
    }

    /// The epoch is not to be.
    pub async fn forgotten(&mut self) {
        self.send(Entry::Forgotten).await;
    }

    /// Whether the instance is to be replaced, so that what happened before it can go some day.
    pub fn is_full(&self) -> bool {
        self.written.load(Ordering::Relaxed) >= self.max_bytes
    }

    /// Ends it. Where it is; None where it could not be written.
    pub async fn close(mut self) -> Option<PathBuf> {
        let (done, is_done) = oneshot::channel();
        self.send(Entry::Close(done)).await;
        is_done.await.ok()?;
        self.path
    }

    async fn send(&mut self, entry: Entry) {
        for entry in self.waiting.drain(..).chain([entry]) {
            // Gone where nothing more can be written, which was said then.
            if self.entries.send(entry).await.is_err() {
                break;
            }
        }
    }
}
