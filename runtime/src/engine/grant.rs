//! A component with its configuration and what the pipeline lets it use.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use wasm_sink_core::component::{Component, Failure, Instance};
use wasm_sink_core::connection::Connection;
use wasm_sink_core::error::{Blame, Error, Kind, Result};
use wasm_sink_core::guest::Guest;
use wasm_sink_core::guest::calls::{Call, Replies};
use wasm_sink_core::stage::{Purpose, Stage};
use wasm_sink_core::{CommitId, Rows};

use super::instance::WasmInstance;
use super::log::LineRate;
use super::state::{Identity, State};
use super::{Configuration, InstanceLimits, Loaded, Usage};
use crate::recording::{FORMAT, Header, RecordedComponent, Recorder};

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
    /// What is kept of its runs.
    pub recordings: Recordings,
    /// What its instances take.
    pub usage: Arc<Usage>,
}

/// What is recorded of the instances of a pipeline.
#[derive(Clone, Debug, Default)]
pub struct Recordings {
    /// All that is to be committed.
    pub all: Option<Recorder>,
    /// Epochs that failed.
    pub failures: Option<Recorder>,
}

impl Grants {
    fn connectors(&self) -> impl Iterator<Item = &str> {
        self.connections
            .values()
            .map(|grant| grant.connector.as_str())
    }
}

impl Recordings {
    /// Waits until what was recorded is on the disk; the instances are gone.
    pub async fn finish(&self) {
        for recorder in [&self.all, &self.failures].into_iter().flatten() {
            recorder.finish().await;
        }
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
            lines: LineRate::new(pipeline.into(), limits.log_lines_per_second),
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
    /// Of all instances together.
    lines: LineRate,
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

impl WasmComponent {
    fn header(&self, instance: u64) -> Header {
        let connections = self.grants.connections.iter();
        let connections = connections.map(|(role, grant)| (role.clone(), grant.connector.clone()));
        Header {
            recording: FORMAT,
            wasm_sink: env!("CARGO_PKG_VERSION").to_owned(),
            at: Utc::now(),
            process: wasm_sink_core::process::describe(),
            pipeline: self.pipeline.to_string(),
            component: RecordedComponent {
                name: self.loaded.name().to_owned(),
                hash: self.loaded.hash().to_owned(),
            },
            instance,
            config: self.configuration.text().to_owned(),
            connections: connections.collect(),
            limits: (&self.limits).into(),
        }
    }

    async fn instance(
        &self,
        purpose: Purpose,
        recorder: Option<&Recorder>,
    ) -> Result<WasmInstance> {
        let instance = self.instances.fetch_add(1, Ordering::Relaxed);
        let tape =
            recorder.map(|recorder| recorder.tape(self.header(instance), || self.loaded.wasm()));
        let mut guest = Guest::new(self.stages(purpose)?, self.limits.guest);
        if tape.is_some() || purpose == Purpose::Preview {
            guest.listen();
        }
        let identity = Identity {
            pipeline: Arc::clone(&self.pipeline),
            component: self.loaded.shared_name(),
            instance,
        };
        let opened = WasmInstance::open(
            &self.loaded,
            State::logging(identity, guest, &self.limits, self.lines.clone())
                .counted(&self.grants.usage),
            self.configuration.text(),
            tape,
        );
        let instance = opened.await.map_err(|failure| failure.error)?;
        tracing::debug!(?purpose, "opened an instance");
        Ok(instance)
    }
}

#[async_trait]
impl Component for WasmComponent {
    fn name(&self) -> &str {
        self.loaded.name()
    }

    fn hash(&self) -> &str {
        self.loaded.hash()
    }

    fn configuration(&self) -> &str {
        self.configuration.hash()
    }

    fn wasm(&self) -> Option<Vec<u8>> {
        self.loaded.wasm()
    }

    async fn start(&self, purpose: Purpose) -> Result<Box<dyn Instance>> {
        let recorder = self.grants.recordings.all.as_ref();
        let recorder = recorder.filter(|_| purpose == Purpose::Commit);
        Ok(Box::new(self.instance(purpose, recorder).await?))
    }

    async fn keep_failure(&self, id: CommitId, rows: Vec<Rows>) -> Option<PathBuf> {
        let recorder = self.grants.recordings.failures.as_ref()?;
        let mut instance = self.instance(Purpose::Probe, Some(recorder)).await.ok()?;
        instance.begin(id);
        let mut failed = false;
        for rows in rows {
            failed = instance.write(rows).await.is_err();
            if failed {
                break;
            }
        }
        let is_refused = match failed {
            true => true,
            false => match instance.flush().await {
                Ok(sealed) => !sealed.dead_letters.is_empty(),
                Err(_) => true,
            },
        };
        instance.forget().await;
        let path = instance.close_tape().await?;
        if !is_refused {
            recorder.remove(&path);
        }
        is_refused.then_some(path)
    }
}

impl Loaded {
    /// An instance as it was when it was recorded, except that it may be another component's. Capabilities answer as
    /// `replies` say. And what it asked for in `open`.
    pub(crate) async fn offline(
        &self,
        header: &Header,
        call_deadline: Duration,
        replies: Box<dyn Replies>,
    ) -> (Vec<Call>, Result<Box<dyn Instance>, Failure>) {
        let limits = InstanceLimits {
            call_deadline,
            ..(&header.limits).into()
        };
        let mut guest = Guest::offline(replies, limits.guest);
        guest.listen();
        let identity = Identity {
            pipeline: header.pipeline.as_str().into(),
            component: header.component.name.as_str().into(),
            instance: header.instance,
        };
        let state = State::new(identity, guest, &limits);
        match WasmInstance::open(self, state, &header.config, None).await {
            Ok(mut instance) => (instance.take_calls(), Ok(Box::new(instance) as _)),
            Err(failure) => (Vec::new(), Err(failure)),
        }
    }
}
