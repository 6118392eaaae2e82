//! From a validated pipeline.toml to a running pipeline: opens what it names, in the order in which
//! one thing needs the other.

mod deliver;
mod host;
mod open;

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use tokio::sync::{Mutex, watch};
use tokio::task::spawn_blocking;
use wasm_sink_core::component::Component;
use wasm_sink_core::stage::Purpose;
use wasm_sink_core::{Blame, CommitId, DeadLetter, Error, Kind, Result, Rows};

use crate::config::{self, ComponentRef, Registry, SinkConfigProblem};
use crate::connectors::capabilities;
use crate::control::{Handler, Server};
use crate::desk::Desk;
use crate::engine::{Compiling, Engine, EngineSettings, InstanceLimits, Loaded, Recordings, Usage};
use crate::letters::Selection;
use crate::metrics::Metrics;
use crate::oci;
use crate::pipeline::{Entropy, OsEntropy};
use crate::recording::{Recorder, RecorderSettings};
use crate::redeliver::redeliver;
use crate::rehearsal::{Rehearsed, rehearse, sample};
use crate::replay::{self, Replayed, Request, Watcher};
use crate::slot::{Slot, builtin, grants};
use crate::swap::{InForce, Journal, Swaps};

pub use deliver::{Changeable, deliver};
pub use host::{Beginning, Ended, Host, Inspection, Outcome, Preview, Redelivered};
pub use open::Connections;
pub(crate) use open::{BATCH_ROWS, first_batch, units};
use open::{connect, destinations, joined, open};

/// What recordings of failed epochs may hold, in bytes.
const FAILURES_BYTES: u64 = 256 << 20;

/// The engine of this process, what names in its configuration stand for, and the word that tells its pipelines to
/// stop.
#[derive(Clone, Debug)]
pub struct Launcher {
    engine: Engine,
    registry: Arc<Registry>,
    shutdown: watch::Receiver<bool>,
}

impl Launcher {
    /// With what this build has. `shutdown` turns true when the process is told to stop.
    ///
    /// # Errors
    /// The machine cannot run compiled components.
    pub fn new(shutdown: watch::Receiver<bool>) -> Result<Self> {
        Self::with(Registry::of_this_build(), shutdown)
    }

    /// The same with the connectors of a registry.
    ///
    /// # Errors
    /// The machine cannot run compiled components.
    pub(crate) fn with(registry: Registry, shutdown: watch::Receiver<bool>) -> Result<Self> {
        let capabilities = capabilities(&registry.connectors);
        Ok(Self {
            engine: Engine::new(&EngineSettings::default(), capabilities)?,
            registry: Arc::new(registry),
            shutdown,
        })
    }

    /// The same engine for pipelines that are told to stop by another word.
    pub(crate) fn until(&self, shutdown: watch::Receiver<bool>) -> Self {
        Self {
            shutdown,
            ..self.clone()
        }
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// As [`Host::run`]; the desk answers while it runs.
    pub(crate) async fn run_with(
        &self,
        pipeline: config::Pipeline,
        beginning: Beginning,
        record: Option<RecorderSettings>,
        metrics: Arc<Metrics>,
        desk: Arc<Desk>,
    ) -> Result<Outcome> {
        let loaded = self.load(&pipeline).await?;
        let recordings = recordings(&pipeline, record.as_ref())?;
        let [own, changed] = [(); 2].map(|()| recordings.clone());
        let usage = Arc::clone(metrics.usage());
        let until_end = desk.until_end();
        let server = control(pipeline.name.as_str(), &desk);
        let component =
            |pipeline: &_, connections: &_| granted(&loaded, pipeline, connections, own, &usage);
        let outcome = deliver(
            pipeline,
            beginning,
            metrics,
            self.shutdown.clone(),
            component,
            |changeable| desk.opened(self.swaps(changeable, changed, &usage)),
        )
        .await;
        drop((server, until_end));
        recordings.finish().await;
        outcome
    }

    /// Its component, compiled: on a thread that serves nobody else.
    async fn load(&self, pipeline: &config::Pipeline) -> Result<Loaded> {
        let (slot, engine) = (Slot::of(pipeline), self.engine.clone());
        let component = pipeline.sink.component.clone();
        let loaded = spawn_blocking(move || slot.load(&engine, &component)).await;
        loaded.map_err(|error| {
            Error::new(Kind::Other, Blame::Host, "loading the component broke off")
                .with_source(error)
        })?
    }

    /// What a pipeline that is open may be changed to.
    fn swaps(
        &self,
        changeable: Changeable<'_>,
        recordings: Recordings,
        usage: &Arc<Usage>,
    ) -> Swaps {
        let Changeable {
            pipeline,
            connections,
            logic,
            samples,
            units,
        } = changeable;
        Swaps {
            engine: self.engine.clone(),
            registry: Arc::clone(&self.registry),
            grants: grants(pipeline, connections, recordings, usage),
            logic,
            units,
            directory: pipeline.directory.clone(),
            journal: Journal::within(&pipeline.state_dir),
            in_force: Mutex::new(InForce::of(pipeline)),
            samples,
            comparing: Mutex::default(),
        }
    }
}

/// A component with what it may use.
fn granted(
    loaded: &Loaded,
    pipeline: &config::Pipeline,
    connections: &Connections,
    recordings: Recordings,
    usage: &Arc<Usage>,
) -> Result<Arc<dyn Component>> {
    let grants = grants(pipeline, connections, recordings, usage);
    Slot::of(pipeline).grant(loaded, &grants)
}

/// Opens the control socket. A pipeline runs without one as well.
fn control(pipeline: &str, desk: &Arc<Desk>) -> Option<Server> {
    let server = Server::open(pipeline, Arc::clone(desk) as Arc<dyn Handler>);
    server
        .inspect_err(|error| {
            tracing::warn!(
                "this process cannot be asked for its status, and not to swap its component or \
                 configuration: {error}"
            );
        })
        .ok()
}

/// Where the boundary of a component is recorded: all of it, if that is wished, and epochs that fail.
fn recordings(pipeline: &config::Pipeline, all: Option<&RecorderSettings>) -> Result<Recordings> {
    let failures = RecorderSettings {
        directory: pipeline.state_dir.join("failures"),
        max_bytes: FAILURES_BYTES,
    };
    Ok(Recordings {
        all: all.map(Recorder::open).transpose()?,
        // Nobody has asked for these.
        failures: Recorder::open(&failures)
            .inspect_err(|error| tracing::warn!("failures will not be kept: {error}"))
            .ok(),
    })
}

#[async_trait]
impl Host for Launcher {
    fn compiling_often(self) -> Result<Self> {
        let settings = EngineSettings {
            compiling: Compiling::Incremental,
            ..EngineSettings::default()
        };
        Ok(Self {
            engine: Engine::new(&settings, capabilities(&self.registry.connectors))?,
            ..self
        })
    }

    async fn check_component(&self, pipeline: &config::Pipeline) -> Result<Vec<SinkConfigProblem>> {
        let loaded = self.load(pipeline).await?;
        Slot::of(pipeline).problems(&loaded).await
    }

    async fn inspect(&self, component: &ComponentRef) -> Result<Inspection> {
        let limits = InstanceLimits::default();
        let engine = self.engine.clone();
        let loaded = match component {
            ComponentRef::File(path) => engine.load_file(path, None)?,
            ComponentRef::BuiltIn(name) => engine.load_builtin(name, builtin(name)?, None)?,
            ComponentRef::Oci(reference) => {
                let fetched = oci::fetch(reference, engine.max_component_bytes()).await?;
                fetched.load(&engine, None)?
            }
        };
        let schema = loaded.config_schema(&limits).await?;
        Ok(Inspection {
            hash: loaded.hash().to_owned(),
            bytes: loaded.bytes(),
            contract: loaded.built_for(),
            imports: loaded.surface().imports().to_vec(),
            exports: loaded.surface().exports().to_vec(),
            capabilities: loaded.capabilities().iter().cloned().collect(),
            schema: match schema.trim() {
                // It has none, and takes whatever is written.
                "" => serde_json::Value::Null,
                schema => serde_json::from_str(schema).map_err(|error| {
                    let message = "the schema of its configuration is no JSON";
                    Error::new(Kind::Invalid, Blame::Component, message).with_source(error)
                })?,
            },
        })
    }

    async fn run(
        &self,
        pipeline: config::Pipeline,
        beginning: Beginning,
        record: Option<RecorderSettings>,
        metrics: Arc<Metrics>,
    ) -> Result<Outcome> {
        let desk = Arc::new(Desk::of(&pipeline, &metrics));
        self.run_with(pipeline, beginning, record, metrics, desk)
            .await
    }

    async fn redeliver(
        &self,
        pipeline: config::Pipeline,
        selection: &Selection,
        metrics: Arc<Metrics>,
    ) -> Result<Redelivered> {
        let loaded = self.load(&pipeline).await?;
        let recordings = recordings(&pipeline, None)?;
        let (own, usage) = (recordings.clone(), Arc::clone(metrics.usage()));
        let component =
            |pipeline: &_, connections: &_| granted(&loaded, pipeline, connections, own, &usage);
        let shutdown = self.shutdown.clone();
        let done = redeliver(pipeline, selection, metrics, shutdown, component).await;
        recordings.finish().await;
        done
    }

    async fn preview(&self, pipeline: config::Pipeline, rows: usize) -> Result<Preview> {
        let loaded = self.load(&pipeline).await?;
        let unrecorded = Recordings::default();
        let mut opened = open(&pipeline, |connections| {
            granted(&loaded, &pipeline, connections, unrecorded, &Arc::default())
        })
        .await?;
        let mut instance = opened.component.start(Purpose::Preview).await?;
        instance.begin(CommitId::from_random(OsEntropy.next()));
        let first = first_batch(&mut *opened.source).await?;
        let mut letters: Vec<DeadLetter> = Vec::new();
        let mut preview = Preview {
            source_schema: Arc::new(arrow::datatypes::Schema::empty()),
            source_rows: RecordBatch::new_empty(Arc::new(arrow::datatypes::Schema::empty())),
            tables: Vec::new(),
            dead_letters: Vec::new(),
        };
        if let Some(batch) = first {
            let shown = rows.min(batch.rows.num_rows());
            preview.source_schema = batch.rows.schema();
            preview.source_rows = batch.rows.slice(0, shown);
            letters.extend(batch.undecodable.iter().map(|(_, letter)| letter.clone()));
            let rows = Rows::range(Arc::new(batch), 0..shown as u32);
            instance
                .write(rows)
                .await
                .map_err(|failure| failure.error)?;
            let sealed = instance.flush().await.map_err(|failure| failure.error)?;
            letters.extend(sealed.dead_letters);
            preview.tables = instance.preview();
        }
        preview.dead_letters = letters
            .iter()
            .map(|letter| format!("{}: {}", letter.origin, letter.reason))
            .collect();
        Ok(preview)
    }

    async fn rehearse(
        &self,
        pipeline: config::Pipeline,
        rows: Option<PathBuf>,
    ) -> Result<Rehearsed> {
        let slot = Slot::of(&pipeline);
        let component = slot.load(&self.engine.metered()?, &pipeline.sink.component)?;
        let sample = sample(&pipeline, rows).await?;
        rehearse(&slot.subject(component, &pipeline), sample).await
    }

    async fn replay(
        &self,
        request: &Request,
        watcher: Watcher<'_>,
        done: &mut (dyn FnMut(Replayed) + Send),
    ) -> Result<()> {
        replay::replay(&self.engine.metered()?, request, watcher, done).await
    }

    async fn restart_consequence(&self, pipeline: &config::Pipeline) -> Result<String> {
        let name: Arc<str> = pipeline.name.as_str().into();
        let connections = connect(pipeline, &name).await?;
        let unrecorded = Recordings::default();
        let loaded = self.load(pipeline).await?;
        let component = granted(&loaded, pipeline, &connections, unrecorded, &Arc::default())?;
        let units = units(&*component).await?;
        let destinations = destinations(&units, pipeline, &connections, None)?;
        let (mut places, mut is_new) = (Vec::new(), true);
        for destination in destinations.iter() {
            is_new &= destination.home.read().await?.positions.is_empty();
            places.push(destination.home.describe());
        }
        let place = joined(places);
        Ok(if is_new {
            format!("{place} has nothing from this pipeline yet, so nothing is doubled")
        } else {
            format!(
                "everything is read again and delivered to {place} once more: rows that are there \
                 already will be there twice, unless the component overwrites \
                 (write_mode = \"overwrite\"), which replaces all that stands there"
            )
        })
    }
}
