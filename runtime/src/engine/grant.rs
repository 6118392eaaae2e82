//! A component with its configuration and what the pipeline lets it use.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use wasm_sink_core::component::{Component, Instance};
use wasm_sink_core::connection::Connection;
use wasm_sink_core::error::{Blame, Error, Kind, Result};
use wasm_sink_core::guest::Guest;
use wasm_sink_core::stage::{Purpose, Stage};

use super::instance::WasmInstance;
use super::sandbox::Sandbox;
use super::state::{Identity, Phase, State};
use super::{Configuration, InstanceLimits, Loaded};

/// A connection that a component may use.
#[derive(Clone)]
pub struct Grant {
    /// The connector's one word: `type` in `[connections.<label>]`.
    pub connector: String,
    /// The connection, open.
    pub connection: Arc<dyn Connection>,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.connector, self.connection.describe())
    }
}

/// What a pipeline lets a component use.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// By role: the keys of `[sink] connections`; `default` for `[sink] connection`.
    pub connections: BTreeMap<String, Grant>,
}

impl Grants {
    fn connectors(&self) -> impl Iterator<Item = &str> {
        self.connections
            .values()
            .map(|grant| grant.connector.as_str())
    }
}

/// A capability that a component imports and no connection offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingCapability<'a>(&'a str);

impl MissingCapability<'_> {
    /// What is wrong.
    pub fn message(&self) -> String {
        let Self(connector) = self;
        format!(
            "it uses the capability `wasm-sink:{connector}`, and none of its connections has that type"
        )
    }

    /// What to write.
    pub fn help(&self) -> String {
        let Self(connector) = self;
        format!(
            "write `connection = \"<label>\"` under [sink], the label of a [connections.<label>] with \
             `type = \"{connector}\"`"
        )
    }
}

impl Loaded {
    /// What it imports beyond these connectors.
    pub fn missing<'a>(
        &'a self,
        connectors: &'a BTreeSet<&str>,
    ) -> impl Iterator<Item = MissingCapability<'a>> {
        self.capabilities()
            .iter()
            .filter(|capability| !connectors.contains(capability.as_str()))
            .map(|capability| MissingCapability(capability))
    }

    /// Makes it a component that can be started. `pipeline` is the pipeline's name.
    ///
    /// # Errors
    /// It imports a capability for which there is no connection.
    pub fn grant(
        &self,
        pipeline: &str,
        grants: Grants,
        configuration: Configuration,
        limits: InstanceLimits,
    ) -> Result<Arc<dyn Component>> {
        let connectors: BTreeSet<&str> = grants.connectors().collect();
        if let Some(missing) = self.missing(&connectors).next() {
            let message = format!("{}: {}", missing.message(), missing.help());
            return Err(Error::new(Kind::Denied, Blame::Configuration, message)
                .context(format!("component `{}`", self.name())));
        }
        Ok(Arc::new(WasmComponent {
            loaded: self.clone(),
            pipeline: pipeline.into(),
            grants,
            configuration,
            limits,
            instances: AtomicU64::new(0),
        }))
    }
}

/// Loaded, configured, granted.
struct WasmComponent {
    loaded: Loaded,
    pipeline: Arc<str>,
    grants: Grants,
    configuration: Configuration,
    limits: InstanceLimits,
    /// Instances started so far.
    instances: AtomicU64,
}

impl WasmComponent {
    /// A stage for each connection that the component has a capability for.
    fn stages(&self, purpose: Purpose) -> Result<BTreeMap<String, Box<dyn Stage>>> {
        self.grants
            .connections
            .iter()
            .filter(|(_, grant)| self.loaded.capabilities().contains(&grant.connector))
            .map(|(role, grant)| {
                let stage = grant.connection.stage(purpose).ok_or_else(|| {
                    Error::new(
                        Kind::Denied,
                        Blame::Configuration,
                        format!(
                            "the connection with the role `{role}` ({}) is for sources only",
                            grant.connection.describe()
                        ),
                    )
                })?;
                Ok((role.clone(), stage))
            })
            .collect()
    }
}

#[async_trait]
impl Component for WasmComponent {
    fn hash(&self) -> &str {
        self.loaded.hash()
    }

    fn configuration(&self) -> &str {
        self.configuration.hash()
    }

    async fn start(&self, purpose: Purpose) -> Result<Box<dyn Instance>> {
        let identity = Identity {
            pipeline: Arc::clone(&self.pipeline),
            component: self.loaded.shared_name(),
            instance: self.instances.fetch_add(1, Ordering::Relaxed),
        };
        let guest = Guest::new(self.stages(purpose)?, self.limits.guest);
        let state = State::new(identity, guest, &self.limits);
        let mut sandbox =
            Sandbox::start(self.loaded.engine(), self.loaded.pre(), state, Phase::Open)
                .await
                .map_err(|failure| failure.error)?;
        sandbox
            .open(self.configuration.text())
            .await
            .map_err(|failure| failure.error)?;
        tracing::debug!(?purpose, "opened an instance");
        Ok(Box::new(WasmInstance::new(sandbox)))
    }
}
