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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use opentelemetry_proto::tonic::trace::v1::Span;
    use wasm_sink_core::component::Writer;
    use wasm_sink_core::home::{Commit, CommitPurpose, EpochCommit};
    use wasm_sink_core::{Account, Blame, Kind};

    use super::*;
    use crate::pipeline::EpochEnd;

    fn writer() -> Writer {
        Writer {
            component: "c".to_owned(),
            configuration: "f".to_owned(),
        }
    }

    fn traced(share: Share) -> (Traces, Arc<Queue>) {
        let queue = Arc::new(Queue::default());
        (Traces::new(share, Arc::clone(&queue)), queue)
    }

    fn commit(ids: &[CommitId]) -> Commit {
        let epochs = ids.iter().map(|id| EpochCommit {
            id: *id,
            moves: Vec::new(),
            staged: Vec::new(),
            intent: None,
            account: Account::default(),
        });
        Commit {
            epochs: epochs.collect(),
            writer: writer(),
            purpose: CommitPurpose::Deliver,
        }
    }

    fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
        spans.iter().filter(|span| span.name == name).collect()
    }

    #[test]
    fn a_commit_of_two_epochs_is_in_one_trace_and_linked_from_the_other() {
        let (traces, queue) = traced(Share::ALL);
        let ids = [1, 2].map(CommitId::from_random);
        for id in ids {
            traces.epoch(id, EpochEvent::Begun(&writer()));
        }
        traces.attempted(&Attempt {
            commit: &commit(&ids),
            version: 3,
            took: Duration::from_millis(5),
            error: None,
        });
        for id in ids {
            traces.epoch(id, EpochEvent::Ended(EpochEnd::Committed));
        }
        let spans = queue.take();
        let [commit] = named(&spans, "commit")[..] else {
            panic!("{spans:#?}");
        };
        let [first, second] = named(&spans, "epoch")[..] else {
            panic!("{spans:#?}");
        };
        assert_eq!(commit.parent_span_id, first.span_id);
        assert_eq!(commit.trace_id, first.trace_id);
        assert_ne!(first.trace_id, second.trace_id);
        assert_eq!(commit.links[0].span_id, second.span_id);
        assert_eq!(second.links[0].span_id, commit.span_id);
        assert_eq!(second.links[0].trace_id, commit.trace_id);
    }

    /// Whatever happens to an epoch, its trace has an end to it.
    #[test]
    fn spans_of_an_epoch_are_few() {
        let (traces, queue) = traced(Share::ALL);
        let id = CommitId::from_random(7);
        traces.epoch(id, EpochEvent::Begun(&writer()));
        let error = Error::new(Kind::Unavailable, Blame::Destination, "away");
        for _ in 0..10_000 {
            let took = Duration::from_micros(1);
            let wrote = EpochEvent::Wrote {
                rows: 2,
                bytes: 3,
                took,
            };
            traces.epoch(id, wrote);
            traces.epoch(id, EpochEvent::Retrying(&error));
        }
        traces.epoch(id, EpochEvent::Ended(EpochEnd::Failed(&error)));
        let spans = queue.take();
        assert_eq!(spans.len(), 2, "{}", spans.len());
        let epoch = named(&spans, "epoch")[0];
        assert!(epoch.events.len() < 40);
        assert!(epoch.dropped_events_count > 9_900);
        assert_eq!(epoch.status.as_ref().unwrap().message, "away");
        // It is over: what is said of it later is not heard.
        traces.epoch(id, EpochEvent::Ended(EpochEnd::Committed));
        traces.finish(None);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_is_not_sampled_costs_nothing() {
        let (traces, queue) = traced(Share::new(0.0).unwrap());
        let id = CommitId::from_random(7);
        traces.epoch(id, EpochEvent::Begun(&writer()));
        assert!(traces.open().is_empty());
        traces.epoch(id, EpochEvent::Ended(EpochEnd::Committed));
        traces.finish(None);
        assert!(queue.is_empty());
    }
}
