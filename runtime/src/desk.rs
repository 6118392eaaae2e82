//! Where a running pipeline is asked over its socket: how it is doing, from its start on, and for changes once it
//! is open.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{SetOnce, mpsc};
use tokio::time::timeout;

use crate::config::Pipeline;
use crate::control::{Event, Handler, Refusal, Request};
use crate::metrics::Metrics;
use crate::swap::Swaps;

/// Whoever wants a change waits for so long until the pipeline is open.
const PATIENCE: Duration = Duration::from_secs(5);

/// One pipeline's.
pub(crate) struct Desk {
    pipeline: String,
    /// The folder of its pipeline.toml.
    directory: PathBuf,
    metrics: Arc<Metrics>,
    /// Once it is open.
    swaps: SetOnce<Swaps>,
}

impl Desk {
    pub(crate) fn of(pipeline: &Pipeline, metrics: &Arc<Metrics>) -> Self {
        Self {
            pipeline: pipeline.name.as_str().to_owned(),
            directory: pipeline.directory.clone(),
            metrics: Arc::clone(metrics),
            swaps: SetOnce::new(),
        }
    }

    /// The pipeline is open, and may be changed. Said once.
    pub(crate) fn opened(&self, swaps: Swaps) {
        // A run opens its pipeline once.
        let _ = self.swaps.set(swaps);
    }

    fn refusal(&self) -> Refusal {
        let error = self.metrics.snapshot().last_error;
        let why = error.map(|error| format!(": {error}")).unwrap_or_default();
        Refusal {
            message: format!(
                "the pipeline has not opened its destination so far, and cannot be changed before{why}"
            ),
            problems: Vec::new(),
        }
    }
}

#[async_trait]
impl Handler for Desk {
    async fn handle(&self, request: Request, events: mpsc::UnboundedSender<Event>) {
        let answer = match request {
            Request::Hello => Event::Hello {
                pipeline: self.pipeline.clone(),
                directory: self.directory.clone(),
                component: self.swaps.get().map(Swaps::component).unwrap_or_default(),
            },
            Request::Status => Event::Status(Box::new(self.metrics.status().await)),
            request => match timeout(PATIENCE, self.swaps.wait()).await {
                Ok(swaps) => return swaps.handle(request, events).await,
                Err(_) => Event::Refused(self.refusal()),
            },
        };
        // Whoever asked may be gone.
        let _ = events.send(answer);
    }
}
