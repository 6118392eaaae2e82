//! Spans that wait to be sent: so many, and no more.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::sync::Notify;

/// A span has about a kilobyte.
pub(super) const CAPACITY: usize = 4_096;
/// So many are sent at once.
pub(super) const BATCH: usize = 512;

/// Never blocks: what does not fit is dropped, and counted.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    spans: VecDeque<Span>,
    dropped: u64,
}

impl Queue {
    pub(super) fn push(&self, spans: impl IntoIterator<Item = Span>) {
        let mut waiting = self.waiting();
        for span in spans {
            match waiting.spans.len() < CAPACITY {
                true => waiting.spans.push_back(span),
                false => waiting.dropped += 1,
            }
        }
        if waiting.spans.len() >= BATCH {
            self.filled.notify_one();
        }
    }

    /// The oldest, as many as are sent at once.
    pub(super) fn take(&self) -> Vec<Span> {
        let mut waiting = self.waiting();
        let batch = waiting.spans.len().min(BATCH);
        waiting.spans.drain(..batch).collect()
    }

    /// Counts spans that were refused.
    pub(super) fn refused(&self, spans: u64) {
        self.waiting().dropped += spans;
    }

    /// Spans that nobody will see.
    pub(super) fn dropped(&self) -> u64 {
        self.waiting().dropped
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting().spans.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting().spans.len()
    }

    /// Until there is a batch.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let queue = Queue::default();
        let span = |number: usize| Span {
            name: number.to_string(),
            ..Span::default()
        };
        queue.push((0..CAPACITY + 10).map(span));
        assert_eq!((queue.len(), queue.dropped()), (CAPACITY, 10));
        let batch = queue.take();
        assert_eq!(batch.len(), BATCH);
        assert_eq!(batch[0].name, "0");
        queue.push([span(0)]);
        assert_eq!(queue.len(), CAPACITY - BATCH + 1);
        assert_eq!(queue.dropped(), 10);
    }
}
