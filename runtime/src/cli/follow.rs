//! `run --watch`: the component's file is looked at, and swapped in whenever it has changed.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use wasm_sink_core::{Blame, Error, Kind, Result};

use super::trial::{TRIAL_EPOCHS, strange};
use crate::config::{ComponentRef, Pipeline};
use crate::control::{self, Event, Request, SwapExtent};

/// How often the file is looked at. Whoever writes it is done when it is the same twice.
const LOOK: Duration = Duration::from_millis(300);

/// What became of a swap.
pub(super) enum Swapped {
    /// It is on trial, and the log says if it fails.
    Now,
    /// Another one is on trial.
    Later,
}

/// A file as it stands: its length, and when it was last written.
type Stand = Option<(u64, SystemTime)>;

/// The component of a pipeline, as a file.
pub(super) struct Watched {
    pipeline: String,
    path: PathBuf,
}

impl Watched {
    /// # Errors
    /// The component is part of the binary.
    pub(super) fn of(pipeline: &Pipeline) -> Result<Self> {
        match &pipeline.sink.component {
            ComponentRef::File(path) => Ok(Self {
                pipeline: pipeline.name.as_str().to_owned(),
                path: pipeline.directory.join(path),
            }),
            ComponentRef::Oci(reference) => Err(Error::new(
                Kind::Invalid,
                Blame::Configuration,
                format!(
                    "--watch looks at the component's file, and {reference} is in a registry: leave it out, or \
                     write the path of a .wasm file under [sink] component"
                ),
            )),
            ComponentRef::BuiltIn(name) => Err(Error::new(
                Kind::Invalid,
                Blame::Configuration,
                format!(
                    "--watch looks at the component's file, and `{name}` is part of wasm-sink: leave it out, \
                     or write the path of a .wasm file under [sink] component"
                ),
            )),
        }
    }

    /// What is in the file now; None where it cannot be read.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        std::fs::read(&self.path).ok()
    }

    /// Swaps for ever. What goes wrong is logged, and the component that works goes on.
    pub(super) async fn follow(self) {
        let mut running = stand(&self.path);
        let mut before = running;
        loop {
            tokio::time::sleep(LOOK).await;
            let now = stand(&self.path);
            let is_settled = now == before;
            before = now;
            if now.is_none() || now == running || !is_settled {
                continue;
            }
            match self.swap(&|_| {}).await {
                Ok(Swapped::Later) => continue,
                Ok(Swapped::Now) => {}
                Err(error) => tracing::error!("{error}"),
            }
            running = now;
        }
    }

    /// Has this process take what is in the file now; `told` sees what happens.
    ///
    /// # Errors
    /// It is refused; the component that works goes on.
    pub(super) async fn swap(&self, told: &(dyn Fn(&Event) + Sync)) -> Result<Swapped> {
        let all = control::find(&self.pipeline).await?;
        let own = all
            .iter()
            .find(|running| running.process == std::process::id());
        let own = own.ok_or_else(|| {
            let message = "the component has changed, and there is no control socket to swap it by";
            Error::new(Kind::Other, Blame::Host, message)
        })?;
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        let request = Request::Swap {
            component: path.display().to_string(),
            trial_epochs: TRIAL_EPOCHS,
            extent: SwapExtent::All,
        };
        let mut events = control::ask(own, &request).await?;
        loop {
            let event = events.next().await?;
            told(&event);
            match event {
                Event::Compiled { .. } => {}
                // Its trial goes on; if it fails, the log says so.
                Event::TakenOver { .. } | Event::Kept | Event::Reverted { .. } | Event::Ended => {
                    return Ok(Swapped::Now);
                }
                Event::Busy => return Ok(Swapped::Later),
                Event::Refused(refusal) => {
                    let message = format!(
                        "the component's file has changed, and is not swapped in: {}",
                        refusal.told()
                    );
                    return Err(Error::new(Kind::Invalid, Blame::Component, message));
                }
                _ => return Err(strange()),
            }
        }
    }
}

fn stand(path: &Path) -> Stand {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}
