//! Questions about past commits, answered from their `commitInfo`.

use wasm_sink_core::{CommitId, Result};

use super::action::{CommitInfo, CommitNote, Line, parse_lines};
use super::{MAX_WINDOW, TableLog, entry_path};

/// What an entry says about how it came to be.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    pub(crate) version: u64,
    /// Milliseconds since 1970.
    pub(crate) timestamp: Option<i64>,
    pub(crate) note: Option<CommitNote>,
}

impl Noted {
    pub(super) fn new(version: u64) -> Self {
        Self {
            version,
            timestamp: None,
            note: None,
        }
    }

    pub(super) fn take(&mut self, info: &CommitInfo) {
        self.timestamp = info.timestamp.as_ref().and_then(serde_json::Value::as_i64);
        self.note = info.note();
    }

    fn is_start_of(&self, pipeline: &str) -> bool {
        self.note
            .as_ref()
            .is_some_and(|note| note.first && note.pipeline == pipeline)
    }
}

/// Where a commit is in the history.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// In this entry.
    At(Noted),
    /// In none, back to the pipeline's or the table's beginning.
    Nowhere,
    /// The history does not reach back far enough.
    BeyondHistory,
}

impl TableLog {
    /// Looks for a commit of a pipeline, from the newest entry back.
    ///
    /// # Errors
    /// The storage's, and a damaged log.
    pub(crate) async fn find_commit(&self, pipeline: &str, commit: CommitId) -> Result<Found> {
        if self.refresh().await?.is_none() {
            return Ok(Found::Nowhere);
        }
        let is_it = |noted: &Noted| noted.note.as_ref().is_some_and(|note| note.names(commit));
        let mut below = {
            let known = self.known.lock().await;
            let Some(known) = known.as_ref() else {
                return Ok(Found::Nowhere);
            };
            for noted in known.notes.iter().rev() {
                if is_it(noted) {
                    return Ok(Found::At(noted.clone()));
                }
                if noted.is_start_of(pipeline) {
                    return Ok(Found::Nowhere);
                }
            }
            match known.notes.front() {
                Some(oldest) => oldest.version,
                None => known.snapshot.version + 1,
            }
        };
        while below > 0 {
            let from = below.saturating_sub(MAX_WINDOW);
            let entries = futures::future::join_all((from..below).map(|v| self.entry(v))).await;
            for entry in entries.into_iter().rev() {
                let Some(entry) = entry? else {
                    return Ok(Found::BeyondHistory);
                };
                let mut noted = Noted::new(entry.version);
                let name = entry_path(entry.version);
                for line in parse_lines::<Line>(&entry.bytes, name.as_ref())? {
                    if let Some(info) = &line.commit_info {
                        noted.take(info);
                    }
                }
                if is_it(&noted) {
                    return Ok(Found::At(noted));
                }
                if noted.is_start_of(pipeline) {
                    return Ok(Found::Nowhere);
                }
            }
            below = from;
        }
        Ok(Found::Nowhere)
    }
}
