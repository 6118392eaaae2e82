//! What the commands need from the engine and the pipeline.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use wasm_sink_core::stage::TablePreview;
use wasm_sink_core::{Account, Position, Result};

use crate::config::{ComponentRef, Pipeline, SinkConfigProblem};
use crate::letters::Selection;
use crate::letters::retry::Left;
use crate::metrics::Metrics;
use crate::recording::RecorderSettings;
use crate::rehearsal::Rehearsed;
use crate::replay::{Replayed, Request, Watcher};

/// Where a run begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Beginning {
    /// At the stored positions.
    #[default]
    Stored,
    /// As above; a partition that was known and has no position any more begins at its beginning.
    MissingFromBeginning,
    /// As above, but here.
    MissingFrom(Position),
    /// Every partition goes back to its beginning, whatever is stored.
    Restart,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ended {
    /// The source is delivered.
    Delivered,
    /// Told to stop: what was begun is finished.
    Stopped,
    /// Told to stop while it still waited for its destination.
    #[default]
    NotBegun,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Where the rows went.
    pub account: Account,
    /// Bytes that became visible.
    pub bytes: u64,
    /// Commits.
    pub commits: u64,
    /// How it ended.
    pub ended: Ended,
    /// From the start to the end.
    pub took: Duration,
    /// Places that the user may want to look at: the tables, without secrets.
    pub tables: Vec<String>,
}

/// What became of dead letters that were to be delivered again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redelivered {
    /// Letters that an interrupted retry had begun with.
    pub resumed: u64,
    /// Letters that were chosen now.
    pub chosen: u64,
    /// Letters that were chosen and stay where they are.
    pub left: Left,
    /// What was done with the others; None where there were none.
    pub outcome: Option<Outcome>,
}

/// What a run would do with the beginning of its source.
#[derive(Clone, Debug)]
pub struct Preview {
    /// As it comes from the source.
    pub source_schema: SchemaRef,
    /// The first rows as they come from the source.
    pub source_rows: RecordBatch,
    /// What the component made of them.
    pub tables: Vec<TablePreview>,
    /// Rows that would become dead letters, each with its reason.
    pub dead_letters: Vec<String>,
}

/// What a component says of itself, and what its bytes say of it.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// SHA-256, in hexadecimal digits.
    pub hash: String,
    /// Its size.
    pub bytes: u64,
    /// The version of the contract that it was built for.
    pub contract: String,
    /// Interfaces that it imports.
    pub imports: Vec<String>,
    /// Interfaces that it exports.
    pub exports: Vec<String>,
    /// Capabilities, by the one word of their connector.
    pub capabilities: Vec<String>,
    /// JSON Schema of its configuration.
    pub schema: serde_json::Value,
}

/// The engine and the pipeline, as the command line sees them.
#[async_trait]
pub trait Host: Send + Sync {
    /// The same for components that change often: the next version of one is compiled faster, and the first one slower.
    ///
    /// # Errors
    /// The machine cannot run compiled components.
    fn compiling_often(self) -> Result<Self>
    where
        Self: Sized;

    /// Loads the component, checks `[sink.config]` against its schema and calls its `validate`.
    ///
    /// # Errors
    /// The component cannot be loaded, or its schema is none.
    async fn check_component(&self, pipeline: &Pipeline) -> Result<Vec<SinkConfigProblem>>;

    /// What a component is; a relative path counts from the present directory.
    ///
    /// # Errors
    /// It cannot be loaded, or its schema is none.
    async fn inspect(&self, component: &ComponentRef) -> Result<Inspection>;

    /// Runs until the source is delivered or the process is told to stop.
    ///
    /// # Errors
    /// Whatever stopped it. What was committed before stays committed.
    async fn run(
        &self,
        pipeline: Pipeline,
        beginning: Beginning,
        record: Option<RecorderSettings>,
        metrics: Arc<Metrics>,
    ) -> Result<Outcome>;

    /// Delivers dead letters again, each once: what an interrupted retry has left, and what is chosen.
    ///
    /// # Errors
    /// Whatever stopped it. The next one goes on where it stopped.
    async fn redeliver(
        &self,
        pipeline: Pipeline,
        selection: &Selection,
        metrics: Arc<Metrics>,
    ) -> Result<Redelivered>;

    /// Puts the component of a pipeline through what pipelines do to components, with the rows of a file, or the first
    /// ones of its source where that needs no connection; see [`crate::rehearsal`].
    ///
    /// # Errors
    /// There are no rows.
    async fn rehearse(&self, pipeline: Pipeline, rows: Option<PathBuf>) -> Result<Rehearsed>;

    /// Replays recordings; see [`crate::replay::replay`].
    ///
    /// # Errors
    /// There are none, or the component cannot run.
    async fn replay(
        &self,
        request: &Request,
        watcher: Watcher<'_>,
        done: &mut (dyn FnMut(Replayed) + Send),
    ) -> Result<()>;

    /// Shows what a run would do with the first `rows`, and writes nothing.
    ///
    /// # Errors
    /// The source cannot be read, or the component refuses.
    async fn preview(&self, pipeline: Pipeline, rows: usize) -> Result<Preview>;

    /// What `--restart` will double or overwrite, in one sentence.
    ///
    /// # Errors
    /// The destination cannot be reached.
    async fn restart_consequence(&self, pipeline: &Pipeline) -> Result<String>;
}
