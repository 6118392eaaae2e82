//! Answers in place of a destination: those of the recording as long as the same is asked, else those of a table
//! that is known from there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use wasm_sink_core::Rows;
use wasm_sink_core::guest::calls::{Answered, Asked, Culprit, Replies, Target, Told, Word};

use crate::recording::{Line, RecordedCall, Recording};

/// What is answered.
#[derive(Debug)]
pub(super) struct Script {
    /// What the recorded one asked in this call of the host, and was not asked yet.
    expected: VecDeque<RecordedCall>,
    /// The columns of tables, as far as they are known.
    tables: BTreeMap<Target, Value>,
    roles: BTreeSet<String>,
}

/// The answers as a guest gets them. Clones of the script are one.
#[derive(Clone, Debug)]
pub(super) struct Scripted(pub(super) Arc<Mutex<Script>>);

impl Scripted {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next call of the host begins.
    pub(super) fn expect(&self, recorded: &[RecordedCall]) {
        self.script().expected = recorded.iter().cloned().collect();
    }
}

impl Replies for Scripted {
    fn reply(&mut self, asked: &Asked, rows: Option<&Rows>) -> Option<Answered> {
        self.script().reply(asked, rows)
    }
}

impl Script {
    /// Tables begin with the columns that they had when the recorded one asked first.
    pub(super) fn of(recording: &Recording) -> Self {
        let mut tables = BTreeMap::new();
        for line in recording.lines() {
            let (Line::Opened { calls, .. }
            | Line::Wrote { calls, .. }
            | Line::Flushed { calls, .. }) = line
            else {
                continue;
            };
            for call in calls {
                if let (Some(target), "fields", Ok(fields)) =
                    (&call.asked.target, function(&call.asked), &call.answer)
                {
                    tables
                        .entry(target.clone())
                        .or_insert_with(|| fields.clone());
                }
            }
        }
        Self {
            expected: VecDeque::new(),
            tables,
            roles: recording.header().connections.keys().cloned().collect(),
        }
    }

    fn reply(&mut self, asked: &Asked, rows: Option<&Rows>) -> Option<Answered> {
        let place = self.expected.iter().position(|call| call.asked == *asked);
        let recorded = place.and_then(|place| self.expected.drain(..=place).next_back());
        let answer = match recorded {
            Some(recorded) if is_of_these(&recorded, rows) => recorded.answer,
            _ => self.made_up(asked)?,
        };
        if let Ok(answer) = &answer {
            self.learn(asked, answer);
        }
        Some(answer)
    }

    /// What a table would answer to which nothing happens.
    fn made_up(&self, asked: &Asked) -> Option<Answered> {
        let target = asked.target.as_ref()?;
        if !self.roles.contains(&target.connection) {
            return Some(Err(Told {
                kind: Word::Denied,
                retry_after_ms: None,
                blame: Culprit::Configuration,
                message: format!(
                    "no connection with the role `{}` is granted for this; granted: {}",
                    target.connection,
                    self.roles.iter().cloned().collect::<Vec<_>>().join(", ")
                ),
            }));
        }
        Some(Ok(match function(asked) {
            "fields" => self.tables.get(target).cloned().unwrap_or_default(),
            "append" => json!({}),
            _ => Value::Null,
        }))
    }

    fn learn(&mut self, asked: &Asked, answer: &Value) {
        let Some(target) = &asked.target else {
            return;
        };
        let given = asked.arguments.get(0).cloned().unwrap_or_default();
        let known = self.tables.entry(target.clone()).or_default();
        match function(asked) {
            "fields" => *known = answer.clone(),
            "create" if known.is_null() => *known = given,
            "add-columns" | "widen-columns" => {
                let mut fields = known.as_array().cloned().unwrap_or_default();
                for field in given.as_array().into_iter().flatten() {
                    match fields
                        .iter_mut()
                        .find(|known| known["name"] == field["name"])
                    {
                        Some(known) => *known = field.clone(),
                        None => fields.push(field.clone()),
                    }
                }
                *known = Value::Array(fields);
            }
            _ => {}
        }
    }
}

/// What a table refused of other rows says nothing of these.
fn is_of_these(recorded: &RecordedCall, rows: Option<&Rows>) -> bool {
    match (&recorded.rows, rows) {
        (Some(recorded), Some(rows)) => recorded.count == rows.len(),
        _ => true,
    }
}

fn function(asked: &Asked) -> &str {
    let function = asked.function.as_str();
    function.rsplit_once('.').map_or(function, |(_, last)| last)
}
