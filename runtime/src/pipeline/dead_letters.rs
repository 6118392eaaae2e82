//! The dead-letter file of an epoch, and what becomes of it (commit protocol, rule 11).
//!
//! One JSON object per line. The first line names the pipeline, the epoch and where it began, and the digest of
//! the file of rows that belongs to these letters; the others are one dead letter each: `letter` (its number in the
//! epoch, from 0), `source`, `partition`, `name`, `line`, `offset`, `position`, `by`, `reason`, and the record as `record` (text) or
//! `record_base64` (bytes that are not UTF-8).

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use wasm_sink_core::home::{Base, History, Home};
use wasm_sink_core::{Blame, CommitId, DeadLetter, Error, Kind, PartitionKey, Result};

use super::state::{LocalState, PendingLetters};
use crate::letters::rows::Digest;

#[derive(Serialize, Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    pipeline: std::borrow::Cow<'a, str>,
    commit: String,
    begins: Vec<Begin>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rows: Option<Digest>,
}

#[derive(Serialize, Deserialize)]
struct Begin {
    source: String,
    partition: String,
    position: Option<String>,
}

#[derive(Serialize)]
struct Line<'a> {
    letter: u64,
    source: &'a str,
    partition: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<String>,
    by: &'a str,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_base64: Option<String>,
}

/// The file's text.
pub(super) fn encode(
    pipeline: &str,
    pending: &PendingLetters,
    letters: &[DeadLetter],
    rows: Option<Digest>,
) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let header = Header {
        pipeline: pipeline.into(),
        commit: pending.id.to_string(),
        begins: pending
            .begins
            .iter()
            .map(|(key, position)| Begin {
                source: key.source().to_owned(),
                partition: key.partition().to_owned(),
                position: position.as_ref().map(ToString::to_string),
            })
            .collect(),
        rows,
    };
    write_line(&mut text, &header)?;
    for (number, letter) in (0..).zip(letters) {
        let record = std::str::from_utf8(&letter.record).ok();
        let line = Line {
            letter: number,
            source: letter.key.source(),
            partition: letter.key.partition(),
            name: &letter.origin.name,
            line: letter.origin.line,
            offset: letter.origin.offset,
            position: letter.position.as_ref().map(ToString::to_string),
            by: letter.by.as_str(),
            reason: &letter.reason,
            record,
            record_base64: record.is_none().then(|| STANDARD.encode(&letter.record)),
        };
        write_line(&mut text, &line)?;
    }
    Ok(text)
}

fn write_line(text: &mut Vec<u8>, line: &impl Serialize) -> Result<()> {
    serde_json::to_writer(&mut *text, line).map_err(|error| {
        Error::new(Kind::Other, Blame::Host, "a dead letter did not encode").with_source(error)
    })?;
    text.push(b'\n');
    Ok(())
}

/// Where the epoch of a pending file began; None where it is another pipeline's.
pub(super) fn decode_begins(
    pipeline: &str,
    id: CommitId,
    text: &[u8],
    path: &Path,
) -> Result<Option<PendingLetters>> {
    let foreign = || {
        Error::new(
            Kind::Other,
            Blame::Configuration,
            format!(
                "{} is not a dead-letter file that wasm-sink wrote; move it away",
                path.display()
            ),
        )
    };
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let header: Header<'_> =
        serde_json::from_slice(first).map_err(|error| foreign().with_source(error))?;
    if header.pipeline != pipeline {
        return Ok(None);
    }
    let mut begins = super::Begins::new();
    for begin in header.begins {
        let position = begin
            .position
            .map(|text| text.parse())
            .transpose()
            .map_err(|error: wasm_sink_core::position::NotAPosition| {
                foreign().with_source(error)
            })?;
        begins.insert(PartitionKey::new(begin.source, begin.partition), position);
    }
    Ok(Some(PendingLetters { id, begins }))
}

/// Whether all partitions of an epoch stand where it began.
pub(super) fn stand_at_begin(pending: &PendingLetters, base: &Base) -> bool {
    pending.begins.iter().all(|(key, begin)| {
        base.positions.get(key).map(|stored| &stored.position) == begin.as_ref()
    })
}

/// Publishes, removes or keeps the dead letters of one epoch that is no longer at work.
pub(super) async fn settle(
    pending: &PendingLetters,
    base: &Base,
    home: &dyn Home,
    state: &dyn LocalState,
) -> Result<()> {
    let is_at_begin = stand_at_begin(pending, base);
    let is_stored = base
        .positions
        .values()
        .any(|stored| stored.commit == pending.id);
    if is_stored {
        return state.publish_letters(pending.id).await;
    }
    if is_at_begin {
        // An attempt may still land.
        return Ok(());
    }
    match home.history(pending.id).await {
        Ok(History::Holds) => state.publish_letters(pending.id).await,
        Ok(History::Lacks) => state.remove_letters(pending.id).await,
        Ok(History::Forgotten) | Err(_) => {
            tracing::warn!(
                commit = %pending.id,
                "dead letters of an old epoch are kept under their temporary name: the history of \
                 {} no longer says whether it was committed",
                home.describe()
            );
            Ok(())
        }
    }
}
