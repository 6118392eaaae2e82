//! The calls of a guest that leave its sandbox, as they were made and answered: for recordings, which are replayed
//! without a destination, and for holding two components against each other. What the host computes for a guest
//! (batches and plans) is not among them: that is computed again, except where it needs the source.

use std::collections::HashSet;
use std::time::Duration;

use arrow::array::{Array as _, ArrayData};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Access, Guest};
use crate::batch::Rows;
use crate::error::{Blame, Error, Kind, Result};

/// A call and its answer.
#[derive(Clone, Debug)]
pub struct Call {
    /// What was asked.
    pub asked: Asked,
    /// The rows that came with it.
    pub rows: Option<Rows>,
    /// What came of it.
    pub answer: Answered,
}

/// What a call answered: a value as JSON, or an error.
pub type Answered = Result<Value, Told>;

/// What a guest asked for, without rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Interface, resource and function: "delta.table.append", "epoch.skip".
    pub function: String,
    /// What a resource stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The arguments in their order, without handles.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub arguments: Value,
}

impl Asked {
    /// A question to the host itself.
    pub(super) fn of_host(function: &str) -> Self {
        Self {
            function: function.to_owned(),
            target: None,
            arguments: Value::Null,
        }
    }
}

/// A table, topic or the like.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The role of its connection.
    pub connection: String,
    /// Its name there.
    pub name: String,
}

/// An error as it was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What happened.
    pub kind: Word,
    /// Milliseconds to wait; only with `throttled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Whose fault it is.
    pub blame: Culprit,
    /// With all that stands around and below it.
    pub message: String,
}

/// [`Kind`] as a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "those of `Kind`")]
pub enum Word {
    Other,
    Unavailable,
    Throttled,
    Conflict,
    OutcomeUnknown,
    Rejected,
    Denied,
    Invalid,
}

/// [`Blame`] as a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "those of `Blame`")]
pub enum Culprit {
    Configuration,
    Component,
    Source,
    Destination,
    WasmSink,
}

impl From<&Error> for Told {
    fn from(error: &Error) -> Self {
        let (kind, retry_after) = match error.kind() {
            Kind::Other => (Word::Other, None),
            Kind::Unavailable => (Word::Unavailable, None),
            Kind::Throttled { retry_after } => (Word::Throttled, retry_after),
            Kind::Conflict => (Word::Conflict, None),
            Kind::OutcomeUnknown => (Word::OutcomeUnknown, None),
            Kind::Rejected => (Word::Rejected, None),
            Kind::Denied => (Word::Denied, None),
            Kind::Invalid => (Word::Invalid, None),
        };
        Self {
            kind,
            retry_after_ms: retry_after
                .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            blame: match error.blame() {
                Blame::Configuration => Culprit::Configuration,
                Blame::Component => Culprit::Component,
                Blame::Source => Culprit::Source,
                Blame::Destination => Culprit::Destination,
                Blame::Host => Culprit::WasmSink,
            },
            message: error.to_string(),
        }
    }
}

impl From<Told> for Error {
    fn from(told: Told) -> Self {
        let kind = match told.kind {
            Word::Other => Kind::Other,
            Word::Unavailable => Kind::Unavailable,
            Word::Throttled => Kind::Throttled {
                retry_after: told.retry_after_ms.map(Duration::from_millis),
            },
            Word::Conflict => Kind::Conflict,
            Word::OutcomeUnknown => Kind::OutcomeUnknown,
            Word::Rejected => Kind::Rejected,
            Word::Denied => Kind::Denied,
            Word::Invalid => Kind::Invalid,
        };
        let blame = match told.blame {
            Culprit::Configuration => Blame::Configuration,
            Culprit::Component => Blame::Component,
            Culprit::Source => Blame::Source,
            Culprit::Destination => Blame::Destination,
            Culprit::WasmSink => Blame::Host,
        };
        Self::new(kind, blame, told.message)
    }
}

/// Answers in place of destinations.
pub trait Replies: Send {
    /// What a call is answered; None where the host can tell by itself.
    fn reply(&mut self, asked: &Asked, rows: Option<&Rows>) -> Option<Answered>;
}

/// What the calls may take that are kept at a time, without rows. A guest can call without end.
const MAX_KEPT_BYTES: usize = 16 << 20;
/// What their rows may hold. A guest can drop what it has handed over, and make more of it.
const MAX_ROW_BYTES: usize = 512 << 20;
/// What a call takes beside its texts.
const CALL_BYTES: usize = 512;
/// Stands where calls are left out that would have been too many.
const LEFT_OUT: &str = "calls.left-out";

/// Calls in their order, until they are taken.
#[derive(Debug, Default)]
pub(super) struct Kept {
    calls: Vec<Call>,
    bytes: usize,
    row_bytes: usize,
    /// The addresses of what the rows of these calls refer to, which nothing else has as long as they are kept.
    buffers: HashSet<usize>,
}

impl Kept {
    /// Beyond the limit, one says that there were more: at the same place each time that a component does the same.
    fn push(&mut self, call: Call) {
        if self.is_full() {
            return;
        }
        let answer = match &call.answer {
            Ok(value) => text_bytes(value),
            Err(told) => told.message.len(),
        };
        let texts = call.asked.function.len() + text_bytes(&call.asked.arguments) + answer;
        self.bytes += CALL_BYTES + texts;
        for column in call.rows.iter().flat_map(|rows| rows.values().columns()) {
            self.count(&column.to_data());
        }
        self.calls.push(match self.is_full() {
            true => Call {
                asked: Asked::of_host(LEFT_OUT),
                rows: None,
                answer: Ok(Value::Null),
            },
            false => call,
        });
    }

    fn is_full(&self) -> bool {
        self.bytes > MAX_KEPT_BYTES || self.row_bytes > MAX_ROW_BYTES
    }

    fn count(&mut self, values: &ArrayData) {
        let nulls = values.nulls().map(|nulls| nulls.buffer());
        for buffer in values.buffers().iter().chain(nulls) {
            if self.buffers.insert(buffer.data_ptr().addr().get()) {
                self.row_bytes = self.row_bytes.saturating_add(buffer.capacity());
            }
        }
        for inside in values.child_data() {
            self.count(inside);
        }
    }
}

/// What the texts of a value take, and about what the rest does.
fn text_bytes(value: &Value) -> usize {
    let inside = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(text_bytes).sum(),
        Value::Object(members) => {
            let members = members.iter();
            members
                .map(|(key, value)| key.len() + text_bytes(value))
                .sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    size_of::<Value>() + inside
}

impl Guest {
    /// Keeps calls from now on, until they are taken.
    pub fn listen(&mut self) {
        self.calls.get_or_insert_default();
    }

    /// The calls since they were taken last; none where nobody listens.
    pub fn take_calls(&mut self) -> Vec<Call> {
        let kept = self.calls.as_mut().map(std::mem::take);
        kept.unwrap_or_default().calls
    }

    /// Keeps a call that answers nothing.
    pub fn note(
        &mut self,
        function: &str,
        arguments: impl FnOnce() -> Value,
        rows: Option<&Rows>,
        answer: Result<(), &Error>,
    ) {
        if let Some(calls) = &mut self.calls {
            calls.push(Call {
                asked: Asked {
                    function: function.to_owned(),
                    target: None,
                    arguments: arguments(),
                },
                rows: rows.cloned(),
                answer: answer.map(|()| Value::Null).map_err(Told::from),
            });
        }
    }

    /// What is asked, where somebody wants to know.
    pub(super) fn asked(&self, asked: impl FnOnce() -> Asked) -> Option<Asked> {
        (self.calls.is_some() || self.replies.is_some()).then(asked)
    }

    /// The answer of a recording, where there is no destination.
    pub(super) fn replied<T: DeserializeOwned>(
        &mut self,
        asked: Option<&Asked>,
        rows: Option<&Rows>,
    ) -> Option<Result<T>> {
        let (replies, asked) = self.replies.as_mut().zip(asked)?;
        if self.access == Access::Denied {
            return Some(Err(super::denied()));
        }
        let reply = replies.reply(asked, rows)?.map_err(Error::from);
        Some(reply.and_then(|reply| {
            serde_json::from_value(reply).map_err(|error| {
                let message = format!("the recorded answer to `{}` is none", asked.function);
                Error::new(Kind::Other, Blame::Host, message).with_source(error)
            })
        }))
    }

    /// Keeps a call that was answered.
    pub(super) fn heard<T: Serialize>(
        &mut self,
        asked: Option<Asked>,
        rows: Option<&Rows>,
        done: &Result<T>,
    ) {
        if let (Some(calls), Some(asked)) = (&mut self.calls, asked) {
            let answer = done.as_ref().map_err(Told::from);
            calls.push(Call {
                asked,
                rows: rows.cloned(),
                answer: answer.map(|done| serde_json::to_value(done).unwrap_or_default()),
            });
        }
    }
}
