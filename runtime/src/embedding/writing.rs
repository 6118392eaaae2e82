//! A pipeline that is written in code.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use toml::{Table, Value};
use wasm_sink_core::{Blame, Error, Kind};

use super::{PipelineError, Runtime};
use crate::config::{self, Pipeline};

/// A pipeline that is written in code, with the tables and keys of pipeline.toml. A table is anything that serde can
/// write: `json!({…})`, a struct, a map. One that is given twice counts as it was given last.
#[must_use = "nothing is checked before `build`"]
pub struct PipelineBuilder<'r> {
    runtime: &'r Runtime,
    name: String,
    directory: PathBuf,
    tables: Table,
    connections: Table,
    variables: BTreeMap<String, OsString>,
    /// What could not be written, in words.
    unwritten: Option<String>,
}

impl fmt::Debug for PipelineBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipelineBuilder")
            .field("name", &self.name)
            .field("directory", &self.directory)
            .field("variables", &self.variables.keys())
            .finish_non_exhaustive()
    }
}

impl<'r> PipelineBuilder<'r> {
    pub(super) fn new(runtime: &'r Runtime, name: String) -> Self {
        Self {
            runtime,
            name,
            directory: PathBuf::from("."),
            tables: Table::new(),
            connections: Table::new(),
            variables: BTreeMap::new(),
            unwritten: None,
        }
    }

    /// Relative paths count from here, also that of the pipeline's state; otherwise from the present directory.
    pub fn directory(self, directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            ..self
        }
    }

    /// `[connections.<label>]`.
    pub fn connection(mut self, label: &str, settings: impl Serialize) -> Self {
        if let Some(table) = self.written(&format!("connections.{label}"), settings) {
            self.connections.insert(label.to_owned(), table);
        }
        self
    }

    /// `[source]`.
    pub fn source(self, settings: impl Serialize) -> Self {
        self.table("source", settings)
    }

    /// `[sink]`, with its `config`.
    pub fn sink(self, settings: impl Serialize) -> Self {
        self.table("sink", settings)
    }

    /// Any other table: `epoch`, `limits`, `retry`, `dead_letters`, `admin`, `telemetry`; and the list `routes`, and the
    /// key `state_dir`.
    pub fn table(mut self, name: &str, settings: impl Serialize) -> Self {
        if let Some(table) = self.written(name, settings) {
            self.tables.insert(name.to_owned(), table);
        }
        self
    }

    /// What `${NAME}` stands for: the way in for secrets, which no table may hold as they are. A variable that is not
    /// given is looked up in the environment of the process.
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    fn written(&mut self, what: &str, settings: impl Serialize) -> Option<Value> {
        Value::try_from(settings)
            .inspect_err(|error| {
                self.unwritten
                    .get_or_insert_with(|| format!("[{what}] cannot be written as TOML: {error}"));
            })
            .ok()
    }

    /// Checks all of it.
    ///
    /// # Errors
    /// All mistakes at once, in the lines that a pipeline.toml of this would have.
    pub fn build(self) -> Result<Pipeline, PipelineError> {
        let invalid = |message: String| Error::new(Kind::Invalid, Blame::Configuration, message);
        if let Some(unwritten) = self.unwritten {
            return Err(invalid(unwritten).into());
        }
        let mut document = Table::new();
        document.insert("name".to_owned(), self.name.clone().into());
        // Keys of the top level stand before its tables.
        let (keys, tables): (Vec<_>, Vec<_>) = self
            .tables
            .into_iter()
            .partition(|(_, value)| !value.is_table());
        document.extend(keys);
        if !self.connections.is_empty() {
            document.insert("connections".to_owned(), self.connections.into());
        }
        document.extend(tables);
        let text = toml::to_string(&document).map_err(|error| {
            let message = format!("the pipeline `{}` cannot be written as TOML", self.name);
            invalid(message).with_source(error)
        })?;
        let directory = self.directory.canonicalize().map_err(|error| {
            let message = format!("there is no folder {}", self.directory.display());
            invalid(message).with_source(error)
        })?;
        let variables = self.variables;
        let lookup = |name: &str| match variables.get(name) {
            Some(value) => Some(value.clone()),
            None => std::env::var_os(name),
        };
        let registry = self.runtime.launcher.registry();
        let read = config::read(self.name, text, directory, registry, &lookup);
        read.map_err(PipelineError::Wrong)
    }
}
