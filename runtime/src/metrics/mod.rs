//! What a pipeline has done so far, for `/metrics`, `/health`, `wasm-sink status` and the progress line.

mod exposition;
mod live;
mod rates;
mod refusals;
mod report;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use serde::{Deserialize, Serialize};
use wasm_sink_core::lag::Standings;
use wasm_sink_core::{DeadLetter, Error, PartitionKey, Position};

use crate::engine::Usage;
use crate::pipeline::{Committed, Observer};

pub use exposition::encode;
pub use live::Live;
pub(crate) use refusals::kind;

use rates::{Amounts, Rates};
use refusals::Refusals;

/// Commits that are remembered one by one.
const COMMITS: usize = 20;

/// Counters and histograms of one pipeline. Cheap enough to be told of every batch.
pub struct Metrics {
    pipeline: String,
    records_read: Counter,
    bytes_read: Counter,
    records_written: Counter,
    bytes_written: Counter,
    batches_committed: Counter,
    dead_letters: Counter,
    retries: Counter,
    commit_duration: Histogram,
    records_per_batch: Histogram,
    started: Instant,
    started_at: DateTime<Utc>,
    state: Mutex<State>,
    usage: Arc<Usage>,
    live: OnceLock<Live>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    last_commit: Option<Instant>,
    last_error: Option<String>,
    rates: Rates,
    /// The latest last.
    commits: VecDeque<(DateTime<Utc>, Committed)>,
    refusals: Refusals,
    partitions: Standings,
}

/// How a pipeline is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing was read yet.
    #[default]
    Starting,
    /// Nothing is wrong.
    Running,
    /// Something failed and is tried again; nothing was committed since.
    Retrying,
    /// It stopped with an error.
    Failed,
    /// It delivered everything, or was shut down.
    Finished,
}

impl Phase {
    /// As `/health` names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Failed => "failed",
            Self::Finished => "finished",
        }
    }

    /// Whether somebody should look.
    pub fn is_failing(self) -> bool {
        matches!(self, Self::Retrying | Self::Failed)
    }
}

/// The numbers at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// How it is doing.
    pub phase: Phase,
    /// Rows that came from the source.
    pub records_read: u64,
    /// Bytes that came from the source.
    pub bytes_read: u64,
    /// Rows that are visible in the destination.
    pub records_written: u64,
    /// Bytes that are visible in the destination.
    pub bytes_written: u64,
    /// Commits.
    pub commits: u64,
    /// Rows that became dead letters.
    pub dead_letters: u64,
    /// Attempts that failed and were made again.
    pub retries: u64,
    /// Since the pipeline was started.
    pub elapsed: Duration,
    /// Since the last commit; None before the first.
    pub since_commit: Option<Duration>,
    /// What failed last, if nothing was committed since.
    pub last_error: Option<String>,
}

impl Metrics {
    /// All at zero.
    pub fn new(pipeline: &str) -> Self {
        let started = Instant::now();
        Self {
            pipeline: pipeline.to_owned(),
            records_read: Counter::default(),
            bytes_read: Counter::default(),
            records_written: Counter::default(),
            bytes_written: Counter::default(),
            batches_committed: Counter::default(),
            dead_letters: Counter::default(),
            retries: Counter::default(),
            // 5 ms to 82 s.
            commit_duration: Histogram::new(exponential_buckets(0.005, 2.0, 15)),
            // 1 to 4 million rows.
            records_per_batch: Histogram::new(exponential_buckets(1.0, 4.0, 12)),
            started,
            started_at: Utc::now(),
            state: Mutex::new(State {
                phase: Phase::default(),
                last_commit: None,
                last_error: None,
                rates: Rates::new(started),
                commits: VecDeque::new(),
                refusals: Refusals::default(),
                partitions: BTreeMap::new(),
            }),
            usage: Arc::default(),
            live: OnceLock::new(),
        }
    }

    /// The pipeline's name.
    pub fn pipeline(&self) -> &str {
        &self.pipeline
    }

    /// Where its instances count what they take.
    pub fn usage(&self) -> &Arc<Usage> {
        &self.usage
    }

    /// It is open. Said once.
    pub fn opened(&self, live: Live) {
        // A run opens its pipeline once.
        let _ = self.live.set(live);
    }

    /// Notes that the pipeline has stopped.
    pub fn stopped(&self, error: Option<&Error>) {
        let mut state = self.state();
        state.phase = match error {
            Some(_) => Phase::Failed,
            None => Phase::Finished,
        };
        state.last_error = error.map(ToString::to_string);
    }

    /// The numbers now.
    pub fn snapshot(&self) -> Snapshot {
        let state = self.state();
        Snapshot {
            phase: state.phase,
            records_read: self.records_read.get(),
            bytes_read: self.bytes_read.get(),
            records_written: self.records_written.get(),
            bytes_written: self.bytes_written.get(),
            commits: self.batches_committed.get(),
            dead_letters: self.dead_letters.get(),
            retries: self.retries.get(),
            elapsed: self.started.elapsed(),
            since_commit: state.last_commit.map(|at| at.elapsed()),
            last_error: state.last_error.clone(),
        }
    }

    /// The state is whole after every assignment, so that a panic elsewhere cannot spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Metrics {
    fn read(&self, rows: u64, bytes: u64) {
        self.records_read.inc_by(rows);
        self.bytes_read.inc_by(bytes);
        let amounts = Amounts {
            read_rows: rows as f64,
            read_bytes: bytes as f64,
            written_rows: 0.0,
        };
        let mut state = self.state();
        state.rates.add(amounts, Instant::now());
        if state.phase == Phase::Starting {
            state.phase = Phase::Running;
        }
    }

    fn committed(&self, commit: &Committed) {
        self.records_written.inc_by(commit.account.staged);
        self.bytes_written.inc_by(commit.bytes);
        self.dead_letters.inc_by(commit.account.rejected);
        self.batches_committed.inc();
        self.commit_duration.observe(commit.took.as_secs_f64());
        self.records_per_batch.observe(commit.account.staged as f64);
        let now = Instant::now();
        let amounts = Amounts {
            written_rows: commit.account.staged as f64,
            ..Amounts::default()
        };
        let mut state = self.state();
        state.rates.add(amounts, now);
        state.phase = Phase::Running;
        state.last_commit = Some(now);
        state.last_error = None;
        if state.commits.len() >= COMMITS {
            state.commits.pop_front();
        }
        state.commits.push_back((Utc::now(), *commit));
    }

    fn refused(&self, letters: &[DeadLetter]) {
        self.state().refusals.add(letters, Utc::now());
    }

    fn retrying(&self, error: &Error, wait: Duration) {
        self.retries.inc();
        tracing::warn!(
            blame = %error.blame(),
            wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            "{error}"
        );
        let mut state = self.state();
        state.phase = Phase::Retrying;
        state.last_error = Some(error.to_string());
    }

    fn assigned(&self, key: &PartitionKey, at: Option<&Position>) {
        self.state().partitions.insert(key.clone(), at.cloned());
    }

    fn released(&self, keys: &[PartitionKey]) {
        let mut state = self.state();
        for key in keys {
            state.partitions.remove(key);
        }
    }

    fn durable(&self, positions: &[(PartitionKey, Position)]) {
        let mut state = self.state();
        for (key, position) in positions {
            // What was given back meanwhile is somebody else's.
            if let Some(at) = state.partitions.get_mut(key) {
                *at = Some(position.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wasm_sink_core::{Account, Blame, Kind};

    use super::*;

    fn commit(staged: u64, rejected: u64) -> Committed {
        Committed {
            epochs: 2,
            account: Account {
                taken: staged + rejected,
                staged,
                rejected,
                skipped: 0,
            },
            bytes: 4096,
            took: Duration::from_millis(20),
        }
    }

    #[tokio::test]
    async fn every_promised_metric_is_there_with_its_pipeline() {
        let metrics = Metrics::new("payments");
        metrics.read(110, 5000);
        metrics.committed(&commit(100, 3));
        metrics.committed(&commit(7, 0));
        let error = Error::new(Kind::Unavailable, Blame::Destination, "the lake is away");
        metrics.retrying(&error, Duration::from_millis(100));
        let text = encode(&[Arc::new(metrics)]).await.unwrap();
        for line in [
            "records_read_total{pipeline=\"payments\"} 110",
            "bytes_read_total{pipeline=\"payments\"} 5000",
            "records_written_total{pipeline=\"payments\"} 107",
            "bytes_written_total{pipeline=\"payments\"} 8192",
            "batches_committed_total{pipeline=\"payments\"} 2",
            "dead_letters_total{pipeline=\"payments\"} 3",
            "retries_total{pipeline=\"payments\"} 1",
            "# TYPE commit_duration_seconds histogram",
            "commit_duration_seconds_bucket{le=\"0.02\",pipeline=\"payments\"} 2",
            "commit_duration_seconds_count{pipeline=\"payments\"} 2",
            "records_per_batch_sum{pipeline=\"payments\"} 107.0",
            "records_per_batch_bucket{le=\"16.0\",pipeline=\"payments\"} 1",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_commit_ends_a_time_of_retries() {
        let metrics = Metrics::new("p");
        assert_eq!(metrics.snapshot().phase, Phase::Starting);
        metrics.read(1, 1);
        assert_eq!(metrics.snapshot().phase, Phase::Running);
        let error = Error::new(Kind::Unavailable, Blame::Destination, "away");
        metrics.retrying(&error, Duration::ZERO);
        metrics.read(1, 1);
        let snapshot = metrics.snapshot();
        assert!(snapshot.phase.is_failing());
        assert_eq!(snapshot.last_error.as_deref(), Some("away"));
        assert_eq!(snapshot.since_commit, None);
        metrics.committed(&commit(1, 0));
        let snapshot = metrics.snapshot();
        assert_eq!(
            (snapshot.phase, snapshot.last_error),
            (Phase::Running, None)
        );
        assert!(snapshot.since_commit.is_some());
        metrics.stopped(Some(&error));
        assert_eq!(metrics.snapshot().phase, Phase::Failed);
    }
}
