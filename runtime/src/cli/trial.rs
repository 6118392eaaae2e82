//! What takes over in a running pipeline, as people are told.

use std::time::Duration;

use clap::Args;
use wasm_sink_core::{Blame, Error, Kind};

use super::numbers::count;
use super::terminal::Terminal;
use crate::control::Positions;

/// Committed epochs after which what is new stays.
pub(super) const TRIAL_EPOCHS: u64 = 10;
/// Partitions that are shown one by one.
const SHOWN_PARTITIONS: usize = 8;

/// How something new takes over, and in which process.
#[derive(Args, Debug)]
pub(super) struct TrialArgs {
    /// Committed epochs in which a failure puts back what ran before; 0: none
    #[arg(long, value_name = "N", default_value_t = TRIAL_EPOCHS)]
    pub(super) trial_epochs: u64,
    /// Which process, where several run the pipeline
    #[arg(long, value_name = "PID")]
    pub(super) process: Option<u32>,
    /// Do not wait for the end of the trial
    #[arg(long)]
    pub(super) no_wait: bool,
}

impl TrialArgs {
    /// Says that something has taken over, where, and for how long it is on trial. `what`: "payments runs …".
    pub(super) fn tell_taken_over(
        &self,
        what: &str,
        positions: &Positions,
        elapsed: Duration,
        pause: Duration,
        terminal: &Terminal,
    ) {
        let [elapsed, pause] = [elapsed, pause].map(|time| time.as_secs_f64() * 1e3);
        let mut said =
            format!("{what}, after {elapsed:.1} ms, {pause:.3} ms of them beside a commit\n");
        for (partition, at) in positions.iter().take(SHOWN_PARTITIONS) {
            said.push_str(&format!("  {partition} from {at} on\n"));
        }
        if let Some(more @ 1..) = positions.len().checked_sub(SHOWN_PARTITIONS) {
            said.push_str(&format!("  and {more} more partitions\n"));
        }
        if self.trial_epochs > 0 {
            said.push_str(&format!(
                "on trial for its first {}; the old one stands by\n",
                count(self.trial_epochs, "epoch")
            ));
        }
        terminal.note(&said);
    }
}

/// Something else is on trial.
pub(super) fn busy() -> Error {
    let message = "another swap is under way: wait for the end of its trial";
    Error::new(Kind::Invalid, Blame::Configuration, message)
}

/// The pipeline has ended, and with it what was tried there.
pub(super) fn ended() -> Error {
    let message = "the pipeline ended before that was settled; what it had committed stays, and its next start takes \
                   what its file says";
    Error::new(Kind::Unavailable, Blame::Host, message)
}

/// An event that does not belong to what was asked.
pub(super) fn strange() -> Error {
    let message = "the process that runs the pipeline answered another question";
    Error::new(Kind::Other, Blame::Host, message)
}
