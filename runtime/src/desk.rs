//! Where a running pipeline is asked over its socket: how it is doing, from its start on, and for changes once it
//! is open.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};
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
    phase: watch::Sender<Phase>,
}

/// Whether a pipeline may be changed.
#[derive(Clone)]
enum Phase {
    Opening,
    Open(Arc<Swaps>),
    Ended,
}

/// Has the desk say that the pipeline has ended, once it is dropped: also where that breaks off.
pub(crate) struct UntilEnd<'a>(&'a Desk);

impl Drop for UntilEnd<'_> {
    fn drop(&mut self) {
        let phase = self.0.phase.borrow().clone();
        if let Phase::Open(swaps) = phase {
            swaps.ended();
        }
        self.0.phase.send_replace(Phase::Ended);
    }
}

impl Desk {
    pub(crate) fn of(pipeline: &Pipeline, metrics: &Arc<Metrics>) -> Self {
        Self {
            pipeline: pipeline.name.as_str().to_owned(),
            directory: pipeline.directory.clone(),
            metrics: Arc::clone(metrics),
            phase: watch::Sender::new(Phase::Opening),
        }
    }

    /// The pipeline is open, and may be changed.
    pub(crate) fn opened(&self, swaps: Swaps) {
        self.phase.send_replace(Phase::Open(Arc::new(swaps)));
    }

    /// Nothing can be changed once this is dropped, and whoever waits for a change is told so.
    pub(crate) fn until_end(&self) -> UntilEnd<'_> {
        UntilEnd(self)
    }

    fn component(&self) -> Option<String> {
        match &*self.phase.borrow() {
            Phase::Open(swaps) => Some(swaps.component()),
            Phase::Opening | Phase::Ended => None,
        }
    }

    /// What is left to say.
    async fn change(
        &self,
        request: Request,
        events: &mpsc::UnboundedSender<Event>,
    ) -> Option<Event> {
        let mut phase = self.phase.subscribe();
        let is_open = phase.wait_for(|phase| !matches!(phase, Phase::Opening));
        let open = match timeout(PATIENCE, is_open).await {
            Ok(open) => open.ok().map(|phase| phase.clone()),
            Err(_) => return Some(Event::Refused(self.not_open())),
        };
        let Some(Phase::Open(swaps)) = open else {
            return Some(Event::Refused(Refusal::new("the pipeline has ended")));
        };
        tokio::select! {
            biased;
            () = swaps.handle(request, events.clone()) => None,
            () = async { let _ = phase.wait_for(|phase| matches!(phase, Phase::Ended)).await; } => Some(Event::Ended),
        }
    }

    fn not_open(&self) -> Refusal {
        let error = self.metrics.snapshot().last_error;
        let why = error.map(|error| format!(": {error}")).unwrap_or_default();
        Refusal::new(format!(
            "the pipeline has not opened its destination so far, and cannot be changed before{why}"
        ))
    }
}

#[async_trait]
impl Handler for Desk {
    async fn handle(&self, request: Request, events: mpsc::UnboundedSender<Event>) {
        let answer = match request {
            Request::Hello => Event::Hello {
                pipeline: self.pipeline.clone(),
                directory: self.directory.clone(),
                component: self.component().unwrap_or_default(),
            },
            Request::Status => Event::Status(Box::new(self.metrics.status().await)),
            request => match self.change(request, &events).await {
                Some(event) => event,
                None => return,
            },
        };
        // Whoever asked may be gone.
        let _ = events.send(answer);
    }
}
