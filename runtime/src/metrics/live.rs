//! What of a running pipeline is asked for only when somebody looks.

use std::path::PathBuf;
use std::sync::Arc;

use wasm_sink_core::budget::Budget;
use wasm_sink_core::lag::Ends;

use crate::pipeline::{Limits, Logic};

/// Open, and running.
#[derive(Clone)]
pub struct Live {
    /// The source's connector.
    pub source: &'static str,
    /// Where rows go, without secrets.
    pub destinations: Vec<String>,
    /// Its component.
    pub logic: Logic,
    /// Where partitions end, where the source can tell.
    pub ends: Option<Arc<dyn Ends>>,
    /// What it holds in memory.
    pub budget: Budget,
    /// What its instances may take.
    pub limits: Limits,
    /// The file in which swaps are noted down.
    pub swaps: PathBuf,
    /// Where dead letters go.
    pub dead_letters: String,
}
