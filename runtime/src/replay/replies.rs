//! Answers in place of a destination: those of the recording as long as the same is asked, else those of a table
//! that is known from there.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasm_sink_core::Rows;
use wasm_sink_core::guest::calls::{Answered, Asked, Replies};

use crate::recording::{Line, RecordedCall, Recording};
use crate::stand_in::{StandIn, function};

/// What is answered.
#[derive(Debug)]
pub(super) struct Script {
    /// What the recorded one asked in this call of the host, and was not asked yet.
    expected: VecDeque<RecordedCall>,
    /// What answers otherwise.
    tables: StandIn,
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
        let roles = recording.header().connections.keys().cloned();
        let mut tables = StandIn::new(roles);
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
                    tables.begin_with(target, fields);
                }
            }
        }
        Self {
            expected: VecDeque::new(),
            tables,
        }
    }

    fn reply(&mut self, asked: &Asked, rows: Option<&Rows>) -> Option<Answered> {
        let place = self.expected.iter().position(|call| call.asked == *asked);
        let recorded = place.and_then(|place| self.expected.drain(..=place).next_back());
        let answer = match recorded {
            Some(recorded) if is_of_these(&recorded, rows) => recorded.answer,
            _ => self.tables.answer(asked)?,
        };
        if let Ok(answer) = &answer {
            self.tables.learn(asked, answer);
        }
        Some(answer)
    }
}

/// What a table refused of other rows says nothing of these.
fn is_of_these(recorded: &RecordedCall, rows: Option<&Rows>) -> bool {
    match (&recorded.rows, rows) {
        (Some(recorded), Some(rows)) => recorded.count == rows.len(),
        _ => true,
    }
}
