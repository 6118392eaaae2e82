//! A component put through what a pipeline will do to it, without server and network: rows as they should be and as they
//! should not, refusals at each of its calls, instances that are replaced between epochs.
//!
//! What is found is said in plain words, for whoever wrote the component.

mod checks;
mod destination;
mod finding;
mod life;
mod rows;
mod sample;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::DateTime;
use wasm_sink_core::{Result, SourceBatch};

use crate::engine::{InstanceLimits, Loaded};
use crate::recording::{FORMAT, Header, RecordedComponent};

pub use finding::{Check, Finding, Verdict};
pub(crate) use sample::sample;

/// What is rehearsed.
#[derive(Debug)]
pub struct Subject {
    /// The component.
    pub component: Loaded,
    /// Its name, for messages.
    pub name: String,
    /// `[sink.config]` as JSON, which it has accepted.
    pub config: String,
    /// Connectors by role.
    pub connections: BTreeMap<String, String>,
    /// What it is let have.
    pub limits: InstanceLimits,
}

/// Everything that was looked at, in order.
#[derive(Debug)]
pub struct Rehearsed {
    /// What was looked at, and what was seen.
    pub findings: Vec<Finding>,
    /// Rows of the sample.
    pub rows: u64,
    /// How they ended up: by table, rows that were written.
    pub written: BTreeMap<String, u64>,
    /// Rows that were rejected.
    pub rejected: u64,
    /// Rows that were left out.
    pub skipped: u64,
    /// Fuel for each row of the sample, about the instructions that the component ran; 0 where it was not counted.
    pub fuel_per_row: u64,
    /// How long all of it took.
    pub took: Duration,
}

impl Rehearsed {
    /// Whether nothing is wrong.
    pub fn is_well(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.all(|finding| finding.verdict != Verdict::Wrong)
    }
}

/// Rehearses a component with these rows, of which there is one at least.
///
/// # Errors
/// The rows cannot be varied: a fault of wasm-sink.
pub async fn rehearse(subject: &Subject, sample: SourceBatch) -> Result<Rehearsed> {
    checks::all(subject, sample).await
}

impl Subject {
    /// As the `instance`th of its process.
    fn header(&self, instance: u64) -> Header {
        Header {
            recording: FORMAT,
            wasm_sink: env!("CARGO_PKG_VERSION").to_owned(),
            at: DateTime::UNIX_EPOCH,
            process: String::new(),
            pipeline: "rehearsal".to_owned(),
            component: RecordedComponent {
                name: self.name.clone(),
                hash: self.component.hash().to_owned(),
            },
            instance,
            config: self.config.clone(),
            connections: self.connections.clone(),
            limits: (&self.limits).into(),
        }
    }
}
