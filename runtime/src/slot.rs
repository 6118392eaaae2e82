//! The place of a component in a pipeline: how any component there is configured, and what it may use.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use wasm_sink_core::component::Component;
use wasm_sink_core::guest::GuestLimits;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::config::{self, ComponentRef, SinkConfigProblem, check_sink_config};
use crate::engine::{
    Configuration, Engine, Grant, Grants, InstanceLimits, Loaded, Recordings, Usage, code_directory,
};
use crate::launch::Connections;
use crate::oci;
use crate::pipeline::Limits;
use crate::rehearsal::Subject;

/// What a component gets, whichever it is.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pipeline: String,
    /// Paths of components count from here.
    directory: PathBuf,
    cache: PathBuf,
    /// Connectors that connections of `[sink]` have.
    connectors: BTreeSet<String>,
    config: serde_json::Value,
    limits: InstanceLimits,
}

impl Slot {
    pub(crate) fn of(pipeline: &config::Pipeline) -> Self {
        let granted = pipeline.sink.connections.values();
        let connectors =
            granted.filter_map(|label| Some(pipeline.connections.get(label)?.connector));
        Self {
            pipeline: pipeline.name.as_str().to_owned(),
            directory: pipeline.directory.clone(),
            cache: code_directory(&pipeline.state_dir),
            connectors: connectors.map(str::to_owned).collect(),
            config: pipeline.sink.config.json.clone(),
            limits: limits(&pipeline.limits),
        }
    }

    /// What a component is told.
    pub(crate) fn configuration(&self) -> Configuration {
        Configuration::new(&self.config)
    }

    /// Compiles a component, or takes what was compiled before. Blocks.
    ///
    /// # Errors
    /// There is none, or it cannot run here.
    pub(crate) fn load(&self, engine: &Engine, component: &ComponentRef) -> Result<Loaded> {
        match component {
            ComponentRef::File(path) => {
                engine.load_file(&self.directory.join(path), Some(&self.cache))
            }
            ComponentRef::BuiltIn(name) => {
                engine.load_builtin(name, builtin(name)?, Some(&self.cache))
            }
            ComponentRef::Oci(reference) => {
                let fetched = oci::fetch_blocking(reference, engine.max_component_bytes())?;
                fetched.load(engine, Some(&self.cache))
            }
        }
    }

    /// The same for bytes that are at hand. Blocks.
    ///
    /// # Errors
    /// They cannot run here.
    pub(crate) fn load_bytes(&self, engine: &Engine, name: &str, wasm: &[u8]) -> Result<Loaded> {
        engine.load(name, wasm, Some(&self.cache))
    }

    /// What a component has against its place.
    ///
    /// # Errors
    /// It does not say.
    pub(crate) async fn problems(&self, loaded: &Loaded) -> Result<Vec<SinkConfigProblem>> {
        let connectors = self.connectors.iter().map(String::as_str).collect();
        let missing: Vec<_> = loaded
            .missing(&connectors)
            .map(|missing| SinkConfigProblem {
                path: Vec::new(),
                message: missing.message(),
                help: Some(missing.help()),
            })
            .collect();
        if !missing.is_empty() {
            return Ok(missing);
        }
        let schema = loaded.config_schema(&self.limits).await?;
        let problems = check_sink_config(&self.config, &schema)?;
        if !problems.is_empty() {
            return Ok(problems);
        }
        let config = self.config.to_string();
        let problems = loaded.validate(&config, &self.limits).await?;
        Ok(problems
            .into_iter()
            .map(|problem| SinkConfigProblem {
                path: problem.path,
                message: problem.message,
                help: problem.help,
            })
            .collect())
    }

    /// A component as it is rehearsed.
    pub(crate) fn subject(&self, component: Loaded, pipeline: &config::Pipeline) -> Subject {
        let connections = pipeline.sink.connections.iter();
        let connections = connections.filter_map(|(role, label)| {
            let connector = pipeline.connections.get(label)?.connector;
            Some((role.as_str().to_owned(), connector.to_owned()))
        });
        Subject {
            component,
            name: pipeline.sink.component.to_string(),
            config: self.config.to_string(),
            connections: connections.collect(),
            limits: self.limits.clone(),
        }
    }

    /// Lets a component use the connections that are its place's.
    ///
    /// # Errors
    /// It wants more.
    pub(crate) fn grant(&self, loaded: &Loaded, grants: &Grants) -> Result<Arc<dyn Component>> {
        loaded.grant(
            &self.pipeline,
            grants.clone(),
            self.configuration(),
            self.limits.clone(),
        )
    }
}

fn limits(limits: &Limits) -> InstanceLimits {
    let own = InstanceLimits::default();
    InstanceLimits {
        memory_bytes: limits.memory_bytes,
        call_deadline: limits.call_deadline,
        log_lines_per_second: limits.log_lines_per_second,
        guest: GuestLimits {
            handles: limits.handles,
            dead_letters: limits.epoch_dead_letters,
            derived_bytes: limits.derived_bytes,
            stage_wait: limits.stage_wait,
            ..own.guest
        },
    }
}

/// The bytes of a component that is part of the binary.
///
/// # Errors
/// There is none of that name.
pub(crate) fn builtin(name: &str) -> Result<&'static [u8]> {
    let found = wasm_sink_builtin::find(name).map(|builtin| builtin.wasm);
    found.ok_or_else(|| {
        Error::new(
            Kind::Invalid,
            Blame::Configuration,
            format!("this build has no component `{name}`"),
        )
    })
}

/// The connections of `[sink]`, open.
pub(crate) fn grants(
    pipeline: &config::Pipeline,
    connections: &Connections,
    recordings: Recordings,
    usage: &Arc<Usage>,
) -> Grants {
    let mut grants = Grants {
        recordings,
        usage: Arc::clone(usage),
        ..Grants::default()
    };
    for (role, label) in &pipeline.sink.connections {
        let connection = connections.get(label.as_str());
        let connector = pipeline.connections.get(label).map(|spec| spec.connector);
        if let (Some(connection), Some(connector)) = (connection, connector) {
            let grant = Grant {
                connector: connector.to_owned(),
                connection: Arc::clone(connection),
            };
            grants.connections.insert(role.as_str().to_owned(), grant);
        }
    }
    grants
}
