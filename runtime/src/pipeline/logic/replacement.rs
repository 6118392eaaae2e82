//! One component in the place of another, as whoever asked for it sees it go.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;
use wasm_sink_core::{PartitionKey, Position};

use super::{Logic, Part, State};

/// How a replacement ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The new component stays.
    Kept,
    /// It failed, and the former one is back. Why.
    Reverted(String),
    /// As a canary it has committed its first epochs, and goes on.
    Going,
    /// It is a canary no more, and the other one has its partitions.
    Withdrawn,
    /// It can be no canary. Why.
    Impossible(String),
    /// The pipeline has ended before there was anything to say.
    Ended,
}

/// A component that another one was replaced by, or that some partitions were given to.
#[derive(Debug)]
pub struct Replacement {
    pub(super) logic: Logic,
    pub(super) number: u64,
    pub(super) part: Part,
    pub(super) changes: watch::Receiver<u64>,
}

/// A component is in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenOver {
    /// Where partitions stood then; None: at their beginning.
    pub at: BTreeMap<PartitionKey, Option<Position>>,
    /// The longest that a task stood still, beside the commit that it waited for.
    pub pause: Duration,
}

impl Replacement {
    /// Waits until no task runs an older one, or for a canary until one runs it; where their partitions stood (None:
    /// at their beginning). Nowhere where it, or the pipeline, came to its end before.
    pub async fn taken_over(&mut self) -> TakenOver {
        let (number, part) = (self.number, self.part);
        self.wait(|state| {
            let mut tasks = state.tasks.values();
            let is_over = match part {
                Part::Current => tasks.all(|task| *task >= number),
                Part::Canary => tasks.any(|task| *task == number) || !state.is_canary(number),
            };
            (is_over || state.has_ended).then(|| TakenOver {
                at: state.turned.clone(),
                pause: state.pause,
            })
        })
        .await
    }

    /// Waits for the end of its trial; as a canary, for that of its first epochs.
    pub async fn verdict(&mut self) -> Verdict {
        let number = self.number;
        self.wait(|state| {
            let ended = || state.has_ended.then_some(Verdict::Ended);
            state.verdicts.get(&number).cloned().or_else(ended)
        })
        .await
    }

    /// Waits for the end of a canary: None where it was promoted.
    pub async fn end(&mut self) -> Option<Verdict> {
        let number = self.number;
        self.wait(|state| match state.verdicts.get(&number) {
            _ if state.is_canary(number) => state.has_ended.then_some(Some(Verdict::Ended)),
            // Kept or not, that is for who has promoted it.
            None | Some(Verdict::Going | Verdict::Kept) => Some(None),
            Some(verdict) => Some(Some(verdict.clone())),
        })
        .await
    }

    async fn wait<T>(&mut self, found: impl Fn(&State) -> Option<T>) -> T {
        loop {
            self.changes.mark_unchanged();
            if let Some(found) = found(&self.logic.0.state()) {
                return found;
            }
            // The sender is as old as `self.logic`.
            let _ = self.changes.changed().await;
        }
    }
}
