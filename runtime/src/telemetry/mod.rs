//! Traces and metrics of a pipeline, sent to a collector by OTLP. A collector that is away costs what waits for it,
//! which is bounded, and nothing else.

mod attributes;
mod client;
mod exporter;
mod exposed;
mod life;
mod observer;
mod queue;
mod resource;
mod traces;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wasm_sink_core::{Error, Result};

use crate::config;
use crate::metrics::Metrics;
use crate::pipeline::Observer;

use client::Client;
use exporter::Exporter;
use observer::Traced;
use queue::Queue;
use traces::Traces;

/// At the end, so long is waited for the collector.
const FAREWELL: Duration = Duration::from_secs(3);

/// What is sent of one pipeline, while it runs.
#[derive(Debug)]
pub struct Telemetry {
    traces: Arc<Traces>,
    stop: oneshot::Sender<()>,
    exporting: JoinHandle<()>,
}

impl Telemetry {
    /// Begins to send.
    ///
    /// # Errors
    /// There is no client for that collector. One that is away is no error.
    pub fn start(settings: &config::Telemetry, metrics: &Arc<Metrics>) -> Result<Self> {
        let client = Client::new(settings, metrics.pipeline())?;
        let queue = Arc::new(Queue::default());
        let traces = Arc::new(Traces::new(settings.sample, Arc::clone(&queue)));
        let (stop, stopped) = oneshot::channel();
        let exporter = Exporter::new(client, queue, Arc::clone(metrics), settings.interval);
        Ok(Self {
            traces,
            stop,
            exporting: tokio::spawn(exporter.run(stopped)),
        })
    }

    /// Tells `metrics` everything, and traces it.
    pub fn observer(&self, metrics: Arc<Metrics>) -> Arc<dyn Observer> {
        Arc::new(Traced::new(metrics, Arc::clone(&self.traces)))
    }

    /// Sends what there is, for a few seconds at most. `error`: what stopped the pipeline.
    pub async fn finish(mut self, error: Option<&Error>) {
        self.traces.finish(error);
        // An exporter that is gone has said why.
        let _ = self.stop.send(());
        let told = timeout(FAREWELL + Duration::from_secs(1), &mut self.exporting).await;
        if told.is_err() {
            self.exporting.abort();
        }
    }
}
