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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Array as _, ArrayRef, Int64Array, RecordBatch};
    use serde_json::json;

    use super::*;
    use crate::guest::fixture::guest;

    fn functions(calls: &[Call]) -> Vec<&str> {
        let functions = calls.iter().map(|call| call.asked.function.as_str());
        functions.collect()
    }

    #[test]
    fn calls_without_end_are_kept_up_to_a_limit() {
        let mut guest = guest();
        guest.listen();
        for (text, times) in [(String::new(), 100_000), ("x".repeat(1 << 20), 100)] {
            for _ in 0..times {
                guest.note("log.write", || json!([text.as_str()]), None, Ok(()));
            }
            let calls = guest.take_calls();
            assert!((15..40_000).contains(&calls.len()), "{}", calls.len());
            let functions = functions(&calls);
            let (last, others) = functions.split_last().unwrap();
            assert_eq!(*last, LEFT_OUT);
            assert!(others.iter().all(|function| *function == "log.write"));
        }
        // What comes after they were taken is kept again.
        guest.note("epoch.skip", || json!([1, ""]), None, Ok(()));
        assert_eq!(functions(&guest.take_calls()), ["epoch.skip"]);
    }

    #[test]
    fn rows_count_once_however_often_they_are_handed_over() {
        let made = || {
            let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7; 4 << 20]));
            RecordBatch::try_from_iter([("n", numbers)]).unwrap()
        };
        let mut guest = guest();
        guest.listen();
        let one = made();
        for part in 0..1_000 {
            let rows = Rows::made_up(one.slice(part, 1_000));
            guest.note("t.append", || Value::Null, Some(&rows), Ok(()));
        }
        assert_eq!(guest.take_calls().len(), 1_000);
        for _ in 0..30 {
            let rows = Rows::made_up(made());
            guest.note("t.append", || Value::Null, Some(&rows), Ok(()));
        }
        let calls = guest.take_calls();
        let held = calls.iter().filter_map(|call| call.rows.as_ref());
        let bytes: usize = held
            .flat_map(|rows| rows.values().columns())
            .map(|column| column.get_buffer_memory_size())
            .sum();
        assert!(bytes <= MAX_ROW_BYTES, "{bytes}");
        assert_eq!(functions(&calls).last(), Some(&LEFT_OUT));
    }
}
