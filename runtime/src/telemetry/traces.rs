//! From what the pipeline says of its epochs to spans.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasm_sink_core::{CommitId, Error};

use super::life::{Life, Place};
use super::queue::Queue;
use crate::config::Share;
use crate::pipeline::{Attempt, EpochEvent};

/// Epochs that are followed at once: more than tasks can have open or on their way.
const OPEN: usize = 4_096;

/// The epochs that are traced and have not ended.
pub(super) struct Traces {
    share: Share,
    /// Random, so that a run's traces are its own.
    run: u64,
    open: Mutex<BTreeMap<CommitId, Life>>,
    queue: Arc<Queue>,
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").finish_non_exhaustive()
    }
}

impl Traces {
    pub(super) fn new(share: Share, queue: Arc<Queue>) -> Self {
        Self {
            share,
            run: fastrand::u64(1..),
            open: Mutex::default(),
            queue,
        }
    }

    pub(super) fn epoch(&self, id: CommitId, event: EpochEvent<'_>) {
        // Its name is random, but for the sign.
        if !self.share.takes(id.slot().unsigned_abs() << 1) {
            return;
        }
        let mut open = self.open();
        match event {
            EpochEvent::Begun(writer) => {
                if open.len() < OPEN {
                    let life = Life::new(id, Place::of(id, self.run), writer);
                    open.insert(id, life);
                }
            }
            EpochEvent::Ended(end) => {
                if let Some(life) = open.remove(&id) {
                    drop(open);
                    self.queue.push(life.end(end));
                }
            }
            other => {
                if let Some(life) = open.get_mut(&id) {
                    happened(life, other);
                }
            }
        }
    }

    /// A commit is told once, in the trace of the first of its epochs that is traced.
    pub(super) fn attempted(&self, attempt: &Attempt<'_>) {
        let mut open = self.open();
        let traced = attempt.commit.epochs.iter().map(|epoch| epoch.id);
        let traced: Vec<CommitId> = traced.filter(|id| open.contains_key(id)).collect();
        let Some((first, joined)) = traced.split_first() else {
            return;
        };
        let joined_places: Vec<Place> = joined
            .iter()
            .filter_map(|id| open.get(id).map(|life| life.place))
            .collect();
        let Some(life) = open.get_mut(first) else {
            return;
        };
        let (span, place) = life.commit(attempt, &joined_places);
        for id in joined {
            if let Some(life) = open.get_mut(id) {
                life.joined(&place);
            }
        }
        drop(open);
        self.queue.push([span]);
    }

    /// The pipeline has stopped.
    pub(super) fn finish(&self, error: Option<&Error>) {
        let open = std::mem::take(&mut *self.open());
        for life in open.into_values() {
            self.queue.push(life.broken_off(error));
        }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<CommitId, Life>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn happened(life: &mut Life, event: EpochEvent<'_>) {
    match event {
        EpochEvent::Wrote { rows, bytes, took } => life.wrote(rows, bytes, took),
        EpochEvent::Flushed(took) => life.flushed(took),
        EpochEvent::Submitted(commit) => life.submitted(commit),
        EpochEvent::Retrying(error) => life.retrying(error),
        EpochEvent::Begun(_) | EpochEvent::Ended(_) => {}
    }
}
