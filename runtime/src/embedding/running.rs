//! A pipeline that runs.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::BrokenOff;
use crate::control::{Event, Handler as _, Request, SwapExtent};
use crate::desk::Desk;
use crate::launch::Outcome;
use crate::metrics::Metrics;
use crate::status::Status;

/// A pipeline that runs, beside whoever holds this. Dropped, it is told to stop, and finishes what it has begun as long
/// as the tokio runtime is there.
#[must_use = "a pipeline is told to stop when this is dropped"]
pub struct Running {
    name: String,
    pub(super) metrics: Arc<Metrics>,
    desk: Arc<Desk>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<Outcome>>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("name", &self.name)
            .field("has_ended", &self.task.is_finished())
            .finish_non_exhaustive()
    }
}

impl Running {
    pub(super) fn new(
        name: String,
        metrics: Arc<Metrics>,
        desk: Arc<Desk>,
        stop: watch::Sender<bool>,
        task: JoinHandle<Result<Outcome>>,
    ) -> Self {
        Self {
            name,
            metrics,
            desk,
            stop,
            task,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is doing. Asks the source where it ends.
    pub async fn status(&self) -> Status {
        self.metrics.status().await
    }

    /// Tells it to finish what it has begun, and to end: what was read and is not committed is read again the next time.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits for its end. Not polled any further, it is told to stop.
    ///
    /// # Errors
    /// Whatever stopped it. What was committed before stays committed.
    pub async fn wait(mut self) -> Result<Outcome> {
        let ended = (&mut self.task).await;
        ended.unwrap_or_else(|error| Err(BrokenOff::error().with_source(error)))
    }

    /// Puts another component in the place of its own, while records flow: between two epochs, with nothing lost and
    /// nothing twice. `component` is what `[sink] component` takes. Done once it has committed `trial_epochs`; 0: once it
    /// has taken over. The next start takes what the configuration names.
    ///
    /// # Errors
    /// It does not fit here; it failed on trial, and the former one is back; another swap is under way; the pipeline has
    /// ended.
    pub async fn swap(&self, component: &str, trial_epochs: u64) -> Result<()> {
        let (events, mut happened) = mpsc::unbounded_channel();
        let request = Request::Swap {
            component: component.to_owned(),
            trial_epochs,
            extent: SwapExtent::All,
        };
        let desk = Arc::clone(&self.desk);
        // What has begun ends, also where nobody waits for it.
        tokio::spawn(async move { desk.handle(request, events).await });
        let refused = |message: String| Error::new(Kind::Invalid, Blame::Configuration, message);
        while let Some(event) = happened.recv().await {
            match event {
                Event::Kept | Event::Same => return Ok(()),
                Event::Reverted { error } => {
                    let message = format!("it failed, and the former one is back: {error}");
                    return Err(Error::new(Kind::Other, Blame::Component, message));
                }
                Event::Refused(refusal) => return Err(refused(refusal.told())),
                Event::Ended => {
                    let message = "the pipeline ended before the swap was settled";
                    return Err(Error::new(Kind::Unavailable, Blame::Host, message));
                }
                Event::Busy => return Err(refused("another swap is under way".to_owned())),
                _ => {}
            }
        }
        Err(refused("nobody answered whether it was swapped".to_owned()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}
