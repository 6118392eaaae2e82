//! wasm-sink inside of another program: pipelines that are built in code or read from files, with connectors of the
//! program's own beside those of this build.
//!
//! ```no_run
//! # async fn example(key_of_your_vault: String) -> Result<(), Box<dyn std::error::Error>> {
//! use serde_json::json;
//! use wasm_sink::Runtime;
//!
//! let runtime = Runtime::new()?;
//! let orders = runtime
//!     .pipeline("orders")
//!     .directory("/var/lib/orders")
//!     .connection("lake", json!({
//!         "type": "delta",
//!         "path": "s3://lake/orders",
//!         "secret_access_key": "${KEY}",
//!     }))
//!     .variable("KEY", key_of_your_vault)
//!     .source(json!({ "type": "files", "path": "in/*.jsonl" }))
//!     .sink(json!({ "component": "delta", "connection": "lake" }))
//!     .table("epoch", json!({ "max_ms": 5_000 }))
//!     .build()?;
//! let running = runtime.start(orders).await?;
//! let outcome = running.wait().await?;
//! println!("{} rows", outcome.account.staged);
//! # Ok(())
//! # }
//! ```
//!
//! The keys are those of pipeline.toml, and so are the checks and their messages. Nothing is printed, no subscriber for
//! logs is set (`tracing` has what is logged), SIGINT and SIGTERM are left alone; Wasmtime handles the signals that traps
//! are, and passes on the others. It needs a multi-threaded tokio runtime. `wasm-sink status` and `swap` find pipelines
//! that run in this way like any other.
//!
//! A [`Connector`] of one's own is a source ([`SourceSpec`]), a destination ([`ConnectionSpec`], with a capability that
//! components import), or both; docs/embedding.md has one of each.
//!
//! [`SourceSpec`]: wasm_sink_core::source::SourceSpec
//! [`ConnectionSpec`]: wasm_sink_core::connection::ConnectionSpec

mod error;
mod running;
#[cfg(test)]
mod tests;
mod writing;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tracing::Instrument as _;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::admin;
use crate::config::{self, Pipeline, Registry};
use crate::connectors::Connector;
use crate::desk::Desk;
use crate::launch::{Beginning, Host as _, Launcher};
use crate::metrics::Metrics;

pub use error::PipelineError;
pub use running::Running;
pub use writing::PipelineBuilder;

/// What pipelines of a process share: the engine that compiles and runs components, and the connectors that there are.
/// Cheap to clone; a process needs one.
#[derive(Clone, Debug)]
pub struct Runtime {
    launcher: Launcher,
    running: Arc<Mutex<BTreeSet<String>>>,
}

/// The name of a pipeline that runs, until this is dropped.
struct Claim {
    name: String,
    running: Arc<Mutex<BTreeSet<String>>>,
}

impl Claim {
    /// None while another one has it.
    fn of(name: &str, running: &Arc<Mutex<BTreeSet<String>>>) -> Option<Self> {
        let mut names = running.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(name.to_owned()).then(|| Self {
            name: name.to_owned(),
            running: Arc::clone(running),
        })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let names = self.running.lock();
        let mut names = names.unwrap_or_else(PoisonError::into_inner);
        names.remove(&self.name);
    }
}

/// Shows a pipeline as failed that broke off, once it is dropped and nothing else was said.
struct BrokenOff(Option<Arc<Metrics>>);

impl BrokenOff {
    const MESSAGE: &str =
        "the pipeline broke off: a bug in wasm-sink, or in a connector of your own";

    fn error() -> Error {
        Error::new(Kind::Other, Blame::Host, Self::MESSAGE)
    }
}

impl Drop for BrokenOff {
    fn drop(&mut self) {
        if let Some(metrics) = &self.0 {
            metrics.stopped(Some(&Self::error()));
        }
    }
}

impl Runtime {
    /// With the connectors of this build.
    ///
    /// # Errors
    /// The machine cannot run compiled components.
    pub fn new() -> Result<Self> {
        Self::with_connectors([])
    }

    /// The same, and connectors of one's own.
    ///
    /// # Errors
    /// The machine cannot run compiled components, or a connector has the name of another.
    pub fn with_connectors(own: impl IntoIterator<Item = Connector>) -> Result<Self> {
        let mut registry = Registry::of_this_build();
        for connector in own {
            registry.add(connector)?;
        }
        // Each pipeline gets a word of its own.
        let (_, never) = watch::channel(false);
        Ok(Self {
            launcher: Launcher::with(registry, never)?,
            running: Arc::default(),
        })
    }

    /// A pipeline that is written in code. `name` is the identity of its positions in every destination.
    pub fn pipeline(&self, name: impl Into<String>) -> PipelineBuilder<'_> {
        PipelineBuilder::new(self, name.into())
    }

    /// Reads a pipeline.toml, with this process's environment.
    ///
    /// # Errors
    /// It cannot be read; all mistakes in it at once.
    pub fn load(&self, path: &Path) -> Result<Pipeline, PipelineError> {
        let lookup = |name: &str| std::env::var_os(name);
        Ok(config::load(path, self.launcher.registry(), &lookup)?)
    }

    /// Starts a pipeline where it ended.
    ///
    /// # Errors
    /// As of [`start_from`](Self::start_from).
    pub async fn start(&self, pipeline: Pipeline) -> Result<Running, PipelineError> {
        self.start_from(pipeline, Beginning::Stored).await
    }

    /// Starts a pipeline, once its component is compiled and takes its configuration. It runs until its source is
    /// delivered, or until it is told to stop; destinations that are away are waited for.
    ///
    /// # Errors
    /// What the component has against its configuration; it cannot be loaded; the address of `[admin]` is taken; a
    /// pipeline of this name runs.
    pub async fn start_from(
        &self,
        pipeline: Pipeline,
        beginning: Beginning,
    ) -> Result<Running, PipelineError> {
        let name = pipeline.name.as_str().to_owned();
        let claim = Claim::of(&name, &self.running).ok_or_else(|| {
            let message = format!(
                "a pipeline `{name}` runs in this process already: stop it, and wait for its end"
            );
            Error::new(Kind::Invalid, Blame::Configuration, message)
        })?;
        let (stop, stopped) = watch::channel(false);
        let launcher = self.launcher.until(stopped);
        let problems = launcher.check_component(&pipeline).await?;
        if !problems.is_empty() {
            let mistakes = pipeline.sink_config_diagnostics(&problems);
            return Err(PipelineError::Wrong(mistakes));
        }
        let metrics = Arc::new(Metrics::new(&name));
        let shown = [(pipeline, Arc::clone(&metrics))];
        let served = admin::serve(&shown).await?;
        let [(pipeline, _)] = shown;
        let desk = Arc::new(Desk::of(&pipeline, &metrics));
        let span = tracing::error_span!("run", pipeline = name);
        let (told, asked) = (Arc::clone(&metrics), Arc::clone(&desk));
        let delivering = async move {
            let mut broken_off = BrokenOff(Some(Arc::clone(&told)));
            let outcome = launcher
                .run_with(pipeline, beginning, None, Arc::clone(&told), asked)
                .await;
            broken_off.0 = None;
            told.stopped(outcome.as_ref().err());
            served.closed().await;
            drop(claim);
            outcome
        };
        let task = tokio::spawn(delivering.instrument(span));
        Ok(Running::new(name, metrics, desk, stop, task))
    }
}
