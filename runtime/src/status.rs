//! What is told of a pipeline, as `wasm-sink status --json` and `/status` have it. Keys are only ever added.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasm_sink_core::Lag;

use crate::metrics::Phase;

/// Several pipelines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statuses {
    /// In the order in which they were named, or by their names.
    pub pipelines: Vec<Status>,
}

/// One pipeline of one process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Its name.
    pub pipeline: String,
    /// Number of the process.
    pub process: u32,
    /// Version of wasm-sink.
    pub version: String,
    /// How it is doing.
    pub status: Phase,
    /// What failed last, if nothing was committed since.
    pub error: Option<String>,
    /// When it was started.
    pub started: DateTime<Utc>,
    /// How long that is ago.
    pub uptime_ms: u64,
    /// Since the last commit; null before the first.
    pub last_commit_age_ms: Option<u64>,
    /// Since it was started.
    pub totals: Totals,
    /// Per second, over the last ten.
    pub rates: Rates,
    /// Dead letters since it was started, by reason; the most frequent first.
    pub dead_letters: Vec<Refusal>,
    /// The last commits, the latest first.
    pub commits: Vec<CommitStatus>,
    /// What is known once it is open.
    #[serde(flatten)]
    pub open: Option<OpenStatus>,
}

/// What is known of a pipeline that is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenStatus {
    /// The source's connector.
    pub source: String,
    /// Where rows go.
    pub destinations: Vec<String>,
    /// Where dead letters go.
    pub dead_letters_in: String,
    /// What it runs.
    pub component: ComponentStatus,
    /// What some of its partitions run.
    pub canary: Option<ComponentStatus>,
    /// Epochs that the component is still on trial for; null where it is not.
    pub trial_epochs_left: Option<u64>,
    /// Partitions that this process reads.
    pub partitions_total: usize,
    /// The first of them.
    pub partitions: Vec<PartitionStatus>,
    /// Of all partitions together, as far as that can be told.
    pub lag: LagStatus,
    /// The last swaps, the latest first, as they are noted down in the state directory.
    pub swaps: Vec<Value>,
    /// What is limited, and the most of it that was used.
    pub limits: Vec<LimitStatus>,
}

/// Counts since the pipeline was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Rows that came from the source.
    pub records_read: u64,
    /// Bytes that came from the source, as in memory.
    pub bytes_read: u64,
    /// Rows that are visible in the destination.
    pub records_written: u64,
    /// Bytes that are visible in the destination.
    pub bytes_written: u64,
    /// Commits.
    pub commits: u64,
    /// Rows that became dead letters and are committed.
    pub dead_letters: u64,
    /// Attempts that failed and were made again.
    pub retries: u64,
}

/// Per second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Rows that came from the source.
    pub records_read: f64,
    /// Bytes that came from the source.
    pub bytes_read: f64,
    /// Rows that became visible.
    pub records_written: f64,
}

/// A component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentStatus {
    /// As the user names it.
    pub name: String,
    /// SHA-256 of its bytes.
    pub hash: String,
    /// Hash of its configuration.
    pub configuration: String,
}

/// A source partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionStatus {
    /// The source's identity.
    pub source: String,
    /// The partition within it.
    pub partition: String,
    /// Up to where it is durable; null: nothing of it is.
    pub position: Option<String>,
    /// What lies behind that; null where it cannot be told.
    pub lag: Option<Lag>,
}

/// What is not delivered yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LagStatus {
    /// Records, where the source counts them.
    pub records: Option<u64>,
    /// Bytes, where it counts those.
    pub bytes: Option<u64>,
    /// Why it cannot be told now.
    pub error: Option<String>,
}

/// One commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitStatus {
    /// When it was known to be visible.
    pub at: DateTime<Utc>,
    /// Rows.
    pub records: u64,
    /// Bytes.
    pub bytes: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// Rows that the component left out.
    pub skipped: u64,
    /// Epochs that it joined.
    pub epochs: u64,
    /// From the attempt to the answer.
    pub took_ms: u64,
}

/// Dead letters of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Who refused them.
    pub by: String,
    /// What their reasons have in common.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// The latest one's own reason.
    pub last_reason: String,
    /// Where it stood.
    pub last: String,
    /// When it was committed.
    pub last_at: DateTime<Utc>,
}

/// A limit and what comes near to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitStatus {
    /// Its key under `[limits]`.
    pub key: String,
    /// What it is counted in: `bytes`, `ms` or `count`.
    pub unit: Unit,
    /// The limit.
    pub limit: u64,
    /// The most of it that was used at any time since the start; of `bytes`, now.
    pub used: u64,
}

/// What a limit is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Ms,
    /// Things.
    Count,
}
