//! A table's log: what it says now, read anew each time, and cheaply.
//!
//! Entries never change, so what was read stays read; which version is the newest is asked each
//! time, and so is whether it is still the same log: a table may be dropped and made anew.

pub(crate) mod action;
mod checkpoint;
mod files;
mod listing;
mod note;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use object_store::ObjectMeta;
use object_store::path::Path;
use tokio::sync::Mutex;
use wasm_sink_core::{Blame, Error, Kind, Result};

use self::action::{Line, Metadata, Protocol, Txn, parse_lines};
pub(crate) use self::note::{Found, Noted};
use crate::schema::TableSchema;
use crate::storage::TableStorage;

/// The newest entries asked for at once when a log has grown.
const MAX_WINDOW: u64 = 16;
/// Entries whose `commitInfo` is remembered, for questions about the recent past.
const REMEMBERED_NOTES: usize = 512;

/// A table at one version.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) version: u64,
    pub(crate) protocol: Arc<Protocol>,
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) schema: Arc<TableSchema>,
    /// All `txn` actions by application.
    pub(crate) txns: Arc<BTreeMap<String, i64>>,
}

/// The log of one table, shared by its home and all stages of the process.
pub(crate) struct TableLog {
    pub(crate) storage: TableStorage,
    known: Mutex<Option<Known>>,
    latest: RwLock<Option<Arc<Snapshot>>>,
}

/// What was read of a log.
struct Known {
    snapshot: Arc<Snapshot>,
    /// Tells the newest entry from another one of the same name.
    tag: Option<Tag>,
    notes: VecDeque<Noted>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Tag {
    e_tag: Option<String>,
    size: u64,
    modified_ms: i64,
}

impl From<&ObjectMeta> for Tag {
    fn from(meta: &ObjectMeta) -> Self {
        Self {
            e_tag: meta.e_tag.clone(),
            size: meta.size,
            modified_ms: meta.last_modified.timestamp_millis(),
        }
    }
}

/// The path of a version's entry, below the table.
pub(crate) fn entry_path(version: u64) -> Path {
    Path::from(format!("_delta_log/{version:020}.json"))
}

/// The log is damaged; somebody has to look.
fn corrupt(what: &str, why: impl Display) -> Error {
    Error::new(
        Kind::Other,
        Blame::Destination,
        format!(
            "the table's log is damaged: {what}: {why}; restore that file from a backup, or write \
             to another table"
        ),
    )
}

/// An entry as read.
struct Entry {
    version: u64,
    meta: ObjectMeta,
    bytes: Bytes,
}

impl TableLog {
    pub(crate) fn new(storage: TableStorage) -> Self {
        Self {
            storage,
            known: Mutex::new(None),
            latest: RwLock::new(None),
        }
    }

    /// The newest version as of a moment after this call began; None where there is no table.
    ///
    /// # Errors
    /// The storage's, and a damaged log.
    pub(crate) async fn refresh(&self) -> Result<Option<Arc<Snapshot>>> {
        let mut known = self.known.lock().await;
        let is_current = match known.as_mut() {
            Some(current) => match self.advance(current).await {
                Ok(standing) => standing == Standing::Same,
                Err(error) => {
                    *known = None;
                    return Err(error);
                }
            },
            None => false,
        };
        if !is_current {
            *known = None;
            *known = self.load().await?;
        }
        let snapshot = known.as_ref().map(|known| Arc::clone(&known.snapshot));
        *self.latest.write().unwrap_or_else(PoisonError::into_inner) = snapshot.clone();
        Ok(snapshot)
    }

    /// What the last `refresh` found, without asking.
    pub(crate) fn last_known(&self) -> Option<Arc<Snapshot>> {
        self.latest
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Reads on from what is known.
    async fn advance(&self, known: &mut Known) -> Result<Standing> {
        let Some(tag) = known.tag.clone() else {
            return Ok(Standing::Another);
        };
        let version = known.snapshot.version;
        let path = entry_path(version);
        let (newest, next) = tokio::join!(self.storage.head(&path), self.entry(version + 1));
        if newest?.is_none_or(|meta| Tag::from(&meta) != tag) {
            return Ok(Standing::Another);
        }
        let Some(next) = next? else {
            return Ok(Standing::Same);
        };
        let mut replay = Replay::from(&*known);
        replay.entry(&next)?;
        let mut at = version + 2;
        let mut window = 1;
        loop {
            let entries = self.entries(at..at + window).await?;
            let got = entries.len() as u64;
            for entry in &entries {
                replay.entry(entry)?;
            }
            if got < window {
                break;
            }
            at += window;
            window = (window * 2).min(MAX_WINDOW);
        }
        *known = replay.finish()?;
        Ok(Standing::Same)
    }

    /// Reads a log from its newest checkpoint on.
    async fn load(&self) -> Result<Option<Known>> {
        let Some(listing) = listing::list(&self.storage).await? else {
            return Ok(None);
        };
        let mut replay = Replay::default();
        if let Some(checkpoint) = &listing.checkpoint {
            for line in checkpoint::read_state(&self.storage, checkpoint).await? {
                replay.line(line);
            }
            replay.version = Some(checkpoint.version);
        }
        let mut at = listing.first_entry;
        while at < listing.end {
            let until = (at + MAX_WINDOW).min(listing.end);
            let entries = self.entries(at..until).await?;
            if (entries.len() as u64) < until - at {
                let missing = at + entries.len() as u64;
                return Err(corrupt(
                    &format!("_delta_log/{missing:020}.json is missing"),
                    "later versions are there",
                ));
            }
            for entry in &entries {
                replay.entry(entry)?;
            }
            at = until;
        }
        // The entry of a checkpoint's version may be gone, and then nothing can tell this log from
        // a later one of the same name: it is read anew each time.
        if replay.tag.is_none()
            && let Some(version) = replay.version
        {
            replay.tag = self
                .storage
                .head(&entry_path(version))
                .await?
                .as_ref()
                .map(Tag::from);
        }
        replay.finish().map(Some)
    }

    async fn entry(&self, version: u64) -> Result<Option<Entry>> {
        let found = self.storage.read(&entry_path(version)).await?;
        Ok(found.map(|(meta, bytes)| Entry {
            version,
            meta,
            bytes,
        }))
    }

    /// The entries of a range up to the first that is not there. One that is there behind it was
    /// either written in the meantime, or the log has a hole.
    async fn entries(&self, versions: std::ops::Range<u64>) -> Result<Vec<Entry>> {
        let all = futures::future::join_all(versions.clone().map(|v| self.entry(v))).await;
        let mut entries = Vec::with_capacity(all.len());
        let mut missing = None;
        for (version, entry) in versions.zip(all) {
            match (entry?, missing) {
                (Some(entry), None) => entries.push(entry),
                (None, None) => missing = Some(version),
                (None, Some(_)) => {}
                (Some(later), Some(version)) => match self.entry(version).await? {
                    Some(_) => break,
                    None => {
                        return Err(corrupt(
                            &format!("_delta_log/{version:020}.json is missing"),
                            format!("version {} is there", later.version),
                        ));
                    }
                },
            }
        }
        Ok(entries)
    }
}

/// Whether the log is the one that was read before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Same,
    Another,
}

/// Actions applied one after the other.
#[derive(Default)]
struct Replay {
    version: Option<u64>,
    protocol: Option<Arc<Protocol>>,
    metadata: Option<Arc<Metadata>>,
    schema: Option<Arc<TableSchema>>,
    txns: Arc<BTreeMap<String, i64>>,
    tag: Option<Tag>,
    notes: VecDeque<Noted>,
}

impl From<&Known> for Replay {
    fn from(known: &Known) -> Self {
        let snapshot = &known.snapshot;
        Self {
            version: Some(snapshot.version),
            protocol: Some(Arc::clone(&snapshot.protocol)),
            metadata: Some(Arc::clone(&snapshot.metadata)),
            schema: Some(Arc::clone(&snapshot.schema)),
            txns: Arc::clone(&snapshot.txns),
            tag: known.tag.clone(),
            notes: known.notes.clone(),
        }
    }
}

impl Replay {
    fn entry(&mut self, entry: &Entry) -> Result<()> {
        let name = entry_path(entry.version);
        let mut noted = Noted::new(entry.version);
        for line in parse_lines::<Line>(&entry.bytes, name.as_ref())? {
            if let Some(info) = &line.commit_info {
                noted.take(info);
            }
            self.line(line);
        }
        if self.notes.len() == REMEMBERED_NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back(noted);
        self.version = Some(entry.version);
        self.tag = Some(Tag::from(&entry.meta));
        Ok(())
    }

    fn line(&mut self, line: Line) {
        if let Some(protocol) = line.protocol {
            self.protocol = Some(Arc::new(protocol));
        }
        if let Some(metadata) = line.meta_data {
            self.metadata = Some(Arc::new(metadata));
            self.schema = None;
        }
        if let Some(Txn { app_id, version }) = line.txn {
            Arc::make_mut(&mut self.txns).insert(app_id, version);
        }
    }

    fn finish(self) -> Result<Known> {
        let missing = |what| corrupt(&format!("it has no {what}"), "every table has one");
        let version = self.version.ok_or_else(|| missing("entry"))?;
        let metadata = self.metadata.ok_or_else(|| missing("metaData action"))?;
        let schema = match self.schema {
            Some(schema) => schema,
            None => Arc::new(TableSchema::from_metadata(&metadata)?),
        };
        Ok(Known {
            snapshot: Arc::new(Snapshot {
                version,
                protocol: self.protocol.ok_or_else(|| missing("protocol action"))?,
                metadata,
                schema,
                txns: self.txns,
            }),
            tag: self.tag,
            notes: self.notes,
        })
    }
}
