//! Sends what waits, one request after the other, and says once when that does not work.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use super::FAREWELL;
use super::client::{Client, Refusal};
use super::exposed;
use super::queue::{CAPACITY, Queue};
use crate::metrics::{self, Metrics};

/// Spans wait so long for others.
const SPANS_WAIT: Duration = Duration::from_secs(1);
/// After a failure; twice as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How the collector is.
#[derive(Debug)]
enum Collector {
    There,
    /// Nothing is sent before this moment.
    Away {
        pause: Duration,
        until: Instant,
    },
}

pub(super) struct Exporter {
    client: Client,
    queue: Arc<Queue>,
    metrics: Arc<Metrics>,
    interval: Duration,
    /// Taken from the queue, and not sent yet.
    batch: Vec<Span>,
    collector: Collector,
    started: SystemTime,
    /// Dropped spans that the log knows of.
    told: u64,
    /// Whether the log knows that spans are dropped until the collector is back.
    has_told: bool,
}

impl Exporter {
    pub(super) fn new(
        client: Client,
        queue: Arc<Queue>,
        metrics: Arc<Metrics>,
        interval: Duration,
    ) -> Self {
        Self {
            client,
            queue,
            metrics,
            interval,
            batch: Vec::new(),
            collector: Collector::There,
            started: SystemTime::now(),
            told: 0,
            has_told: false,
        }
    }

    /// Works until it is told to stop, and a little longer.
    pub(super) async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        tokio::select! {
            // What is under way is sent again below.
            _ = &mut stopped => {}
            () = self.work() => {}
        }
        let _ = timeout(FAREWELL, self.farewell()).await;
        let left = (self.batch.len() + self.queue.len()) as u64;
        let lost = self.queue.dropped() + left;
        if lost > 0 {
            tracing::warn!(spans = lost, "telemetry: spans of this run did not get out");
        }
    }

    async fn work(&mut self) {
        let mut metrics_due = Instant::now() + self.interval;
        let mut spans_due = Instant::now() + SPANS_WAIT;
        loop {
            let not_before = match self.collector {
                Collector::There => None,
                Collector::Away { until, .. } => Some(until),
            };
            let due = spans_due.min(metrics_due);
            let queue = Arc::clone(&self.queue);
            tokio::select! {
                () = sleep_until(not_before.map_or(due, |at| at.max(due))) => {}
                () = queue.filled(), if not_before.is_none() => spans_due = Instant::now(),
            }
            self.tell_of_drops();
            let now = Instant::now();
            if now >= spans_due {
                while self.send_spans().await {}
                spans_due = Instant::now() + SPANS_WAIT;
            }
            if now >= metrics_due {
                // While it is away, spans alone ask whether it is back, if there are any.
                if self.may_send() {
                    self.send_metrics().await;
                }
                metrics_due = Instant::now() + self.interval;
            }
        }
    }

    async fn farewell(&mut self) {
        self.collector = match std::mem::replace(&mut self.collector, Collector::There) {
            Collector::There => Collector::There,
            // One more try.
            Collector::Away { pause, .. } => Collector::Away {
                pause,
                until: Instant::now(),
            },
        };
        while self.send_spans().await {}
        if self.may_send() {
            self.send_metrics().await;
        }
    }

    fn may_send(&self) -> bool {
        match self.collector {
            Collector::There => true,
            Collector::Away { until, .. } => Instant::now() >= until,
        }
    }

    /// Whether there is more to send, and somebody who takes it.
    async fn send_spans(&mut self) -> bool {
        if !self.may_send() {
            return false;
        }
        if self.batch.is_empty() {
            self.batch = self.queue.take();
        }
        if self.batch.is_empty() {
            return false;
        }
        match self.client.spans(self.batch.clone()).await {
            Ok(unwanted) => {
                self.queue.refused(unwanted);
                self.batch.clear();
                self.is_there();
            }
            Err(Refusal::Refused(why)) => {
                self.queue.refused(self.batch.len() as u64);
                self.batch.clear();
                self.is_away(&why);
            }
            Err(Refusal::Away(why)) => self.is_away(&why),
        }
        matches!(self.collector, Collector::There) && !self.queue.is_empty()
    }

    async fn send_metrics(&mut self) {
        let Ok(text) = metrics::encode(&[Arc::clone(&self.metrics)]).await else {
            return;
        };
        let span = exposed::Span {
            started: self.started,
            now: SystemTime::now(),
        };
        match self.client.metrics(exposed::metrics(&text, span)).await {
            Ok(()) => self.is_there(),
            // The next ones say the same and more.
            Err(Refusal::Away(why) | Refusal::Refused(why)) => self.is_away(&why),
        }
    }

    fn is_there(&mut self) {
        if let Collector::There = self.collector {
            return;
        }
        self.collector = Collector::There;
        self.has_told = false;
        let dropped = self.queue.dropped() - self.told;
        self.told += dropped;
        tracing::info!(dropped_spans = dropped, "telemetry gets out again");
    }

    fn is_away(&mut self, why: &str) {
        let pause = match self.collector {
            Collector::There => {
                tracing::warn!(
                    "telemetry does not get out, and the pipeline goes on: {why}. It is tried \
                     again; {CAPACITY} spans wait at most"
                );
                FIRST_PAUSE
            }
            Collector::Away { pause, .. } => (pause * 2).min(LONGEST_PAUSE),
        };
        let until = Instant::now() + pause;
        self.collector = Collector::Away { pause, until };
    }

    /// Once, until the collector is back.
    fn tell_of_drops(&mut self) {
        let dropped = self.queue.dropped() - self.told;
        if dropped > 0 && !self.has_told {
            self.has_told = true;
            tracing::warn!(
                dropped_spans = dropped,
                "telemetry: spans are dropped from here on, until the collector takes them"
            );
        }
    }
}
