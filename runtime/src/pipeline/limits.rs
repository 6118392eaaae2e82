//! The numbers of `[epoch]`, `[limits]` and `[retry]`, with their defaults.

use std::num::NonZeroUsize;
use std::time::Duration;

/// `[epoch]`: what closes one.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochLimits {
    /// Rows.
    pub max_rows: u64,
    /// Bytes of retained batches.
    pub max_bytes: u64,
    /// Time since the epoch's first row.
    pub max_age: Duration,
    /// Never sooner than this after the epoch's first row, whatever the component wishes.
    pub min_age: Duration,
    /// How long a revoked partition may take to finish.
    pub revoke: Duration,
    /// How long a shutdown may take to finish.
    pub shutdown: Duration,
}

impl Default for EpochLimits {
    fn default() -> Self {
        Self {
            max_rows: 500_000,
            max_bytes: 96 << 20,
            max_age: Duration::from_secs(5),
            min_age: Duration::from_millis(100),
            revoke: Duration::from_secs(30),
            shutdown: Duration::from_secs(30),
        }
    }
}

/// `[limits]`: what the process and each instance may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Linear memory of one instance.
    pub memory_bytes: usize,
    /// A guest's own running time per call.
    pub call_deadline: Duration,
    /// Retained, staged and prefetched bytes of the process.
    pub budget_bytes: usize,
    /// Instances side by side.
    pub tasks: NonZeroUsize,
    /// Dead letters per 10,000 rows before the pipeline stops.
    pub max_rejected: u64,
    /// Dead letters that one epoch of an instance may hold.
    pub epoch_dead_letters: usize,
    /// Handles of one instance, dead or alive.
    pub handles: usize,
    /// What batches that the host makes for one instance may hold at once.
    pub derived_bytes: usize,
    /// How long one staging call may wait for its destination.
    pub stage_wait: Duration,
    /// Lines of a component that reach the log, of all its instances together.
    pub log_lines_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            call_deadline: Duration::from_secs(10),
            budget_bytes: 104 << 20,
            tasks: NonZeroUsize::MIN,
            max_rejected: 100,
            epoch_dead_letters: 100_000,
            handles: 100_000,
            derived_bytes: 256 << 20,
            stage_wait: Duration::from_secs(60),
            log_lines_per_second: 100,
        }
    }
}

/// `[retry]`: how long to wait between attempts at what may succeed later.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// The first wait; each further one is twice as long.
    pub initial: Duration,
    /// The longest wait.
    pub max: Duration,
    /// After so long without success the pipeline stops. None: it never gives up.
    pub give_up: Option<Duration>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(100),
            max: Duration::from_secs(30),
            give_up: None,
        }
    }
}
