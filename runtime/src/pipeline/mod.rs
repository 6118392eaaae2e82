//! Source → task → epoch → commit, by the commit protocol (docs/commit-protocol.md).
//!
//! One [`driver`] per pipeline owns the source and hands its batches to [`task`]s; each task feeds
//! one component instance and turns batches into epochs; one [`committer`] joins the tasks' epochs
//! and makes them visible. All of it runs inside the future of [`run`]: dropping that future is a
//! crash, which is how the simulation kills it.

mod assign;
mod backoff;
mod canary;
mod committer;
mod context;
mod dead_letters;
mod destination;
mod driver;
mod elsewhere;
mod entropy;
mod epoch;
pub mod limits;
mod local_home;
mod logic;
mod observe;
mod ownership;
#[cfg(feature = "planted")]
pub mod planted;
mod poison;
mod quota;
mod roll_forward;
mod route;
mod samples;
mod start;
mod state;
mod task;
mod totals;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;
use wasm_sink_core::budget::Budget;
use wasm_sink_core::source::Source;
use wasm_sink_core::{Position, Result};

pub use backoff::persist;
pub use destination::{Destination, Destinations};
pub use elsewhere::LettersElsewhere;
pub use entropy::{Entropy, OsEntropy};
pub use limits::{EpochLimits, Limits, Retry};
pub use local_home::LocalHome;
pub use logic::{Logic, Replacement, Share, TakenOver, Verdict};
pub use observe::{Attempt, Committed, EpochEnd, EpochEvent, Observer};
pub use route::{Route, Topics};
pub use samples::Samples;
pub use state::{Begins, LocalState, PendingLetters, StateDirectory};

/// Where a run begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// At the stored positions. A partition that was known and has none stops the pipeline.
    #[default]
    Resume,
    /// As above, but a known partition without a position begins at its beginning.
    MissingFromBeginning,
    /// As above, but a known partition without a position begins here.
    MissingFrom(Position),
    /// Every partition goes back to its beginning, whatever is stored.
    Restart,
}

/// Everything that one pipeline runs with.
pub struct Pipeline {
    /// Identity of its positions in the destination.
    pub name: Arc<str>,
    /// Opened, nothing read yet.
    pub source: Box<dyn Source>,
    /// Compiled, configured, granted; may be replaced.
    pub logic: Logic,
    /// Gives out epochs as they pass.
    pub samples: Samples,
    /// Where epochs go.
    pub destinations: Destinations,
    /// `[epoch]`.
    pub epoch: EpochLimits,
    /// `[limits]`.
    pub limits: Limits,
    /// `[retry]`.
    pub retry: Retry,
    /// Shared by everything in this process that holds rows.
    pub budget: Budget,
    /// What this process keeps on its own disk.
    pub state: Arc<dyn LocalState>,
    /// Commit ids and jitter.
    pub entropy: Arc<dyn Entropy>,
    /// Metrics and progress.
    pub observer: Arc<dyn Observer>,
    /// Where to begin.
    pub start: Start,
    /// True once the pipeline is to finish what it has and stop.
    pub shutdown: watch::Receiver<bool>,
    /// A fault that the simulation must find.
    #[cfg(feature = "planted")]
    pub planted: Option<planted::Fault>,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Commits; one may join the epochs of several tasks.
    pub commits: u64,
    /// Where their rows went.
    pub account: wasm_sink_core::Account,
    /// Bytes staged.
    pub bytes: u64,
    /// Where each partition stands now.
    pub positions: BTreeMap<wasm_sink_core::PartitionKey, Position>,
}

/// Runs until the source is delivered, `shutdown` turns true, or something fails that waiting
/// cannot mend.
///
/// # Errors
/// Whatever stopped the pipeline. What was committed before stays committed.
pub async fn run(pipeline: Pipeline) -> Result<Summary> {
    driver::drive(pipeline).await
}
