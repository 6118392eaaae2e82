//! The actions of a log entry, as far as we read or write them. Words and shapes are those of the
//! Delta protocol.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wasm_sink_core::{CommitId, Result};

use super::corrupt;

/// What a reader and a writer must be able to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Protocol {
    pub(crate) min_reader_version: i32,
    pub(crate) min_writer_version: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reader_features: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) writer_features: Option<Vec<String>>,
}

/// How the data files are written; always Parquet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Format {
    pub(crate) provider: String,
    #[serde(default)]
    pub(crate) options: BTreeMap<String, String>,
}

/// What the table is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) format: Format,
    pub(crate) schema_string: String,
    #[serde(default)]
    pub(crate) partition_columns: Vec<String>,
    #[serde(default)]
    pub(crate) configuration: BTreeMap<String, Option<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created_time: Option<i64>,
}

/// A number that a writer keeps under its own name. `lastUpdated` stays unset, so that
/// `delta.setTransactionRetentionDuration` never hides it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Txn {
    pub(crate) app_id: String,
    pub(crate) version: i64,
}

/// A data file that joins the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Add {
    /// Percent-encoded, relative to the table.
    pub(crate) path: String,
    pub(crate) partition_values: BTreeMap<String, Option<String>>,
    /// Bytes.
    pub(crate) size: u64,
    /// Milliseconds since 1970.
    pub(crate) modification_time: i64,
    pub(crate) data_change: bool,
    /// JSON text.
    pub(crate) stats: String,
}

/// A data file that stands in a table, as far as its removal needs it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LiveFile {
    /// As some writer encoded it: the identity of the file, so never decoded and encoded anew.
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) partition_values: BTreeMap<String, Option<String>>,
    #[serde(default)]
    pub(crate) size: Option<i64>,
    #[serde(default)]
    pub(crate) deletion_vector: Option<serde_json::Value>,
}

/// A file that left the table, as far as replaying needs it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GoneFile {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) deletion_vector: Option<serde_json::Value>,
}

/// A part of a checkpoint that holds files.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Sidecar {
    pub(crate) path: String,
}

/// Our own part of `commitInfo`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CommitNote {
    /// Whose positions moved.
    pub(crate) pipeline: String,
    /// The epochs that are in, as 16 hexadecimal digits each.
    #[serde(default)]
    pub(crate) commits: Vec<String>,
    /// Whether the pipeline had no position here before.
    #[serde(default)]
    pub(crate) first: bool,
    #[serde(default)]
    pub(crate) host: String,
    #[serde(default)]
    pub(crate) pid: u32,
}

impl CommitNote {
    /// Whether it names this commit.
    pub(crate) fn names(&self, commit: CommitId) -> bool {
        let text = commit.to_string();
        self.commits.contains(&text)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CommitInfo {
    /// Milliseconds since 1970.
    #[serde(default)]
    pub(crate) timestamp: Option<serde_json::Value>,
    #[serde(default)]
    wasm_sink: Option<serde_json::Value>,
}

impl CommitInfo {
    /// Our part of it; anybody else's words under our key are not ours.
    pub(crate) fn note(&self) -> Option<CommitNote> {
        CommitNote::deserialize(self.wasm_sink.as_ref()?).ok()
    }
}

/// One line of a log entry; other actions are passed over.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Line {
    pub(crate) protocol: Option<Protocol>,
    pub(crate) meta_data: Option<Metadata>,
    pub(crate) txn: Option<Txn>,
    pub(crate) commit_info: Option<CommitInfo>,
}

/// One line, read for the files in it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FileLine {
    pub(crate) add: Option<LiveFile>,
    pub(crate) remove: Option<GoneFile>,
    pub(crate) sidecar: Option<Sidecar>,
}

/// The lines of an entry or of a JSON checkpoint. `name` is for messages.
///
/// # Errors
/// A line that is no action.
pub(crate) fn parse_lines<'a, L: Deserialize<'a>>(bytes: &'a [u8], name: &str) -> Result<Vec<L>> {
    let mut lines = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let parsed = serde_json::from_slice(line)
            .map_err(|e| corrupt(&format!("line {} of {name} is no action", index + 1), e))?;
        lines.push(parsed);
    }
    if lines.is_empty() {
        return Err(corrupt(
            &format!("{name} is empty"),
            "a log entry has at least one action",
        ));
    }
    Ok(lines)
}
