//! pipeline.toml: text → spans and raw values → a validated [`Pipeline`].
//!
//! The text is parsed first and `${NAME}` is filled in afterwards, on the parsed strings, so that
//! no variable can add keys or lines. All mistakes are reported at once; each has a stable
//! [`Code`], points at its line and says what to write instead. No diagnostic shows a value from
//! the environment, or what looks like a secret in the file.

mod changes;
mod codes;
mod diagnostics;
mod environment;
mod load;
mod names;
mod parse;
mod redact;
mod reference;
mod registry;
mod schema;
mod sections;
mod sink_config;
mod telemetry;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use wasm_sink_core::connection::ConnectionSpec;
use wasm_sink_core::secret::Secret;
use wasm_sink_core::settings::Problem;
use wasm_sink_core::source::SourceSpec;

use crate::pipeline::limits::{EpochLimits, Limits, Retry};

pub use changes::{Change, Differences, Key, Written};
pub use codes::Code;
pub use diagnostics::{Diagnostics, SourceText, Style};
pub use environment::Lookup;
pub use load::{LoadError, load, read};
pub use names::{BadComponent, BadName, ComponentRef, Label, MAX_NAME_CHARS, PipelineName, Role};
pub(crate) use parse::parse;
pub use reference::{BadReference, Reference};
pub use registry::Registry;
pub use schema::check_sink_config;
pub use sink_config::{SinkConfig, SinkConfigProblem};
pub use telemetry::{Header, Share, Telemetry};

/// A pipeline that can be opened: every key is known and means something.
#[derive(Debug)]
pub struct Pipeline {
    /// Identity of its positions in every destination.
    pub name: PipelineName,
    /// Where pipeline.toml stands, absolute and without links; relative paths count from here.
    pub directory: PathBuf,
    /// What this process keeps on its own disk: compile cache, dead letters.
    pub state_dir: PathBuf,
    /// By label. Those that nothing uses are among them and need not be opened.
    pub connections: BTreeMap<Label, Connection>,
    /// `[source]`.
    pub source: Source,
    /// `[sink]`.
    pub sink: Sink,
    /// `[epoch]`.
    pub epoch: EpochLimits,
    /// `[limits]`.
    pub limits: Limits,
    /// `[retry]`.
    pub retry: Retry,
    /// `[dead_letters]`.
    pub dead_letters: DeadLetters,
    /// `[admin]`: where people and monitoring look.
    pub admin: Option<Admin>,
    /// `[telemetry]`: where traces and metrics are sent.
    pub telemetry: Option<Telemetry>,
    /// As it was written, to be compared with what the file says later.
    pub written: Written,
    /// For problems that are found later, and points at them.
    pub file: Arc<SourceText>,
    /// What is odd and does not keep it from running.
    pub warnings: Vec<Problem>,
}

impl Pipeline {
    /// What the component, or its schema, has against `[sink.config]` and `[[routes]]`, pointing at
    /// lines.
    pub fn sink_config_diagnostics(&self, problems: &[SinkConfigProblem]) -> Diagnostics {
        let problems = problems
            .iter()
            .map(|problem| self.sink.config.locate(problem))
            .collect();
        Diagnostics::new(Arc::clone(&self.file), problems)
    }

    /// What is odd, as people see it.
    pub fn warning_diagnostics(&self) -> Diagnostics {
        Diagnostics::new(Arc::clone(&self.file), self.warnings.clone())
    }

    /// Whether something is written over a connection.
    pub fn writes_to(&self, label: &Label) -> bool {
        let mut sinks = self.sink.connections.values();
        sinks.any(|used| used == label) || self.dead_letters.connection() == Some(label)
    }

    /// Labels of the connections that the source or the component uses, each once.
    pub fn used_connections(&self) -> impl Iterator<Item = &Label> {
        self.connections.keys().filter(|label| {
            self.source.connection.as_ref() == Some(label)
                || self.sink.connections.values().any(|used| used == *label)
                || self.dead_letters.connection() == Some(label)
        })
    }
}

/// Where status, metrics and health are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Loopback, unless there is a token.
    pub address: SocketAddr,
    /// What whoever looks must show.
    pub token: Option<Secret>,
}

/// Where dead letters go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadLetters {
    /// The directory of JSON-lines files, one per commit that has any.
    Directory(PathBuf),
    /// A topic.
    Topic {
        /// Of this connection.
        connection: Label,
        /// Its name.
        topic: String,
    },
}

impl DeadLetters {
    fn connection(&self) -> Option<&Label> {
        match self {
            Self::Directory(_) => None,
            Self::Topic { connection, .. } => Some(connection),
        }
    }
}

impl fmt::Display for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Topic { connection, topic } => write!(f, "topic `{topic}` of `{connection}`"),
        }
    }
}

/// A `[connections.<label>]`.
pub struct Connection {
    /// Its connector.
    pub connector: &'static str,
    /// What opens it.
    pub spec: Box<dyn ConnectionSpec>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("connector", &self.connector)
            .finish_non_exhaustive()
    }
}

/// `[source]`.
pub struct Source {
    /// Its connector.
    pub connector: &'static str,
    /// The connection it reads from, where the connector needs one.
    pub connection: Option<Label>,
    /// What opens it.
    pub spec: Box<dyn SourceSpec>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("connector", &self.connector)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

/// `[sink]`.
#[derive(Debug)]
pub struct Sink {
    /// What turns batches into rows of the destination.
    pub component: ComponentRef,
    /// Which connection each of the component's roles is.
    pub connections: BTreeMap<Role, Label>,
    /// `[sink.config]` and `[[routes]]`, as the component gets them.
    pub config: SinkConfig,
}

#[cfg(test)]
mod tests;
