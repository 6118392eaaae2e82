//! The lines of a recording.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasm_sink_core::Account;
use wasm_sink_core::component::{Failure, FailureCause};
use wasm_sink_core::guest::calls::{Answered, Asked, Call, Told};

use super::digest::digest;

/// The version of this format; others are refused.
pub const FORMAT: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Header {
    /// [`FORMAT`].
    pub recording: u32,
    /// The version of wasm-sink.
    pub wasm_sink: String,
    /// When the instance began.
    pub at: DateTime<Utc>,
    /// Where.
    pub process: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// What ran.
    pub component: RecordedComponent,
    /// How manieth instance of its process, which its randomness depends on.
    pub instance: u64,
    /// As it was given to `open`.
    pub config: String,
    /// Connectors by role.
    pub connections: BTreeMap<String, String>,
    /// What it was let have.
    pub limits: RecordedLimits,
}

/// A component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedComponent {
    /// As the user calls it.
    pub name: String,
    /// SHA-256, hexadecimal.
    pub hash: String,
}

/// Limits of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "those of an instance")]
pub struct RecordedLimits {
    pub memory_bytes: usize,
    pub call_deadline_ms: u64,
    pub log_lines_per_second: u32,
    pub handles: usize,
    pub dead_letters: usize,
    pub split_parts: usize,
    pub derived_bytes: usize,
}

/// Each further line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Line {
    /// It was started, and `open` came back.
    Opened {
        /// What it asked for meanwhile.
        calls: Vec<RecordedCall>,
        /// How it ended.
        ended: Ending,
    },
    /// Rows of a source, for those that are written next.
    Batch(RecordedBatch),
    /// An epoch begins.
    Began {
        /// Its commit id.
        epoch: String,
    },
    /// `write` came back.
    Wrote {
        /// Which rows of the last batch: all of them where this is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rows: Option<Vec<u32>>,
        /// What it asked for meanwhile.
        calls: Vec<RecordedCall>,
        /// How it ended.
        ended: Ending,
    },
    /// `flush` came back.
    Flushed {
        /// What it asked for meanwhile.
        calls: Vec<RecordedCall>,
        /// How it ended.
        ended: Ending,
        /// What became of the epoch's rows.
        account: RecordedAccount,
    },
    /// The epoch is not to be.
    Forgotten,
    /// The instance is gone, and the recording whole.
    Ended,
}

/// Rows of a source, and where their bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecordedBatch {
    /// Identity of the source.
    pub source: String,
    /// Partition within it.
    pub partition: String,
    /// Position before the first row; none where the partition begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin: Option<String>,
    /// Position after the last row.
    pub end: String,
    /// What the clock showed.
    pub time: DateTime<Utc>,
    /// Number of rows.
    pub rows: usize,
    /// Where three streams are: the rows, what the source knows of each, and what it knows of all.
    pub at: u64,
    /// How long they are, in bytes.
    pub lengths: [u64; 3],
    /// XXH64 of all.
    pub digest: String,
}

impl RecordedBatch {
    /// Where its streams end; None where there can be no such byte.
    pub fn end_byte(&self) -> Option<u64> {
        let add = |end: u64, length: &u64| end.checked_add(*length);
        self.lengths.iter().try_fold(self.at, add)
    }
}

/// A call of the component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedCall {
    /// What was asked.
    #[serde(flatten)]
    pub asked: Asked,
    /// The rows that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<RecordedRows>,
    /// What it was answered.
    #[serde(
        default = "nothing",
        skip_serializing_if = "is_nothing",
        with = "answer"
    )]
    pub answer: Answered,
}

/// What is kept of rows that are a function of the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedRows {
    /// How many.
    pub count: usize,
    /// Of their values, names and types.
    pub digest: String,
}

fn nothing() -> Answered {
    Ok(Value::Null)
}

fn is_nothing(answer: &Answered) -> bool {
    matches!(answer, Ok(Value::Null))
}

mod answer {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use wasm_sink_core::guest::calls::Answered;

    use super::{Told, Value};

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Form {
        Ok(Value),
        Error(Told),
    }

    pub(super) fn serialize<S: Serializer>(answer: &Answered, to: S) -> Result<S::Ok, S::Error> {
        match answer.clone() {
            Ok(value) => Form::Ok(value),
            Err(told) => Form::Error(told),
        }
        .serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Answered, D::Error> {
        Ok(match Form::deserialize(from)? {
            Form::Ok(value) => Ok(value),
            Form::Error(told) => Err(told),
        })
    }
}

impl From<&Call> for RecordedCall {
    fn from(call: &Call) -> Self {
        Self {
            asked: call.asked.clone(),
            rows: call.rows.as_ref().map(|rows| RecordedRows {
                count: rows.len(),
                digest: digest(rows.values()),
            }),
            answer: call.answer.clone(),
        }
    }
}

/// How a call of the host ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Well.
    Ok,
    /// It trapped.
    Trap(Told),
    /// It ran for longer than it may.
    Deadline(Told),
    /// It failed.
    Answer(Told),
}

impl Ending {
    /// Why it failed, if it did.
    pub fn told(&self) -> Option<&Told> {
        match self {
            Self::Ok => None,
            Self::Trap(told) | Self::Deadline(told) | Self::Answer(told) => Some(told),
        }
    }
}

impl From<Option<&Failure>> for Ending {
    fn from(failure: Option<&Failure>) -> Self {
        let Some(Failure { cause, error }) = failure else {
            return Self::Ok;
        };
        let told = Told::from(error);
        match cause {
            FailureCause::Trap => Self::Trap(told),
            FailureCause::Deadline => Self::Deadline(told),
            FailureCause::Answer => Self::Answer(told),
        }
    }
}

/// What became of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "those of `Account`")]
pub struct RecordedAccount {
    pub taken: u64,
    pub staged: u64,
    pub rejected: u64,
    pub skipped: u64,
}

impl From<Account> for RecordedAccount {
    fn from(account: Account) -> Self {
        Self {
            taken: account.taken,
            staged: account.staged,
            rejected: account.rejected,
            skipped: account.skipped,
        }
    }
}
