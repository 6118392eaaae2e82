//! A configured connector instance, named by a label.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::dead_letter::DeadLetterTarget;
use crate::error::{Blame, Error, Kind, Result};
use crate::home::{Home, Unit};
use crate::source::Source;
use crate::stage::{Purpose, Stage, UnitId};

/// A validated `[connections.<label>]`, not opened yet.
#[async_trait]
pub trait ConnectionSpec: Send + Sync {
    /// Makes the connection ready. Touches the network only as far as it must.
    ///
    /// # Errors
    /// What a user can act on.
    async fn open(&self, context: ConnectionContext) -> Result<Arc<dyn Connection>>;
}

/// What a connection gets from the host when it is opened.
#[derive(Clone, Debug)]
pub struct ConnectionContext {
    /// Its label in pipeline.toml.
    pub label: Arc<str>,
    /// The pipeline's name: identity of its positions in every destination.
    pub pipeline: Arc<str>,
    /// Relative paths count from here.
    pub directory: PathBuf,
    /// The longest that an epoch waits for more rows.
    pub max_epoch: Duration,
}

/// An open connection. Shared by all tasks of a process.
#[async_trait]
pub trait Connection: Send + Sync {
    /// For messages: what and where, without secrets.
    fn describe(&self) -> String;

    /// Tries what the pipeline will need: reach it, be let in, be allowed to write.
    ///
    /// # Errors
    /// What a user can act on.
    async fn check(&self) -> Result<()>;

    /// A stage for one instance; None for a connector that only has sources.
    fn stage(&self, purpose: Purpose) -> Option<Box<dyn Stage>>;

    /// `unit` as a home; None where this connector cannot take positions. `source` is where the records
    /// come from, None where that is not open.
    ///
    /// # Errors
    /// A bad name.
    fn home(&self, unit: &UnitId, source: Option<&mut dyn Source>)
    -> Result<Option<Arc<dyn Home>>>;

    /// `unit` as one that follows another home.
    ///
    /// # Errors
    /// A connector that does not support this says so.
    fn unit(&self, unit: &UnitId) -> Result<Arc<dyn Unit>> {
        Err(Error::new(
            Kind::Invalid,
            Blame::Configuration,
            format!(
                "`{unit}` is a second table in the same pipeline, and {} commits each by itself: \
                 let [[routes]] say by their topics which records go where, or run one pipeline \
                 per table",
                self.describe()
            ),
        ))
    }

    /// A place by this name that takes dead letters; None where this connector has none.
    ///
    /// # Errors
    /// A bad name.
    fn dead_letters(&self, _name: &str) -> Result<Option<Arc<dyn DeadLetterTarget>>> {
        Ok(None)
    }

    /// What it keeps in memory of rows that are staged, beside the batches that they come from: a part of
    /// the process's byte budget (commit protocol, rule 18).
    fn staged_bytes(&self) -> usize {
        0
    }

    /// The pipeline has ended: a time for what is best done once, such as putting a database's log where
    /// it belongs. Nothing may depend on it.
    async fn close(&self) {}

    /// For the connector's own source, which knows the type behind this.
    fn as_any(&self) -> &dyn std::any::Any;
}
