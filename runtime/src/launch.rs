//! From a validated pipeline.toml to a running pipeline: opens what it names, in the order in which
//! one thing needs the other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use tokio::sync::{Mutex, watch};
use wasm_sink_core::budget::Budget;
use wasm_sink_core::component::Component;
use wasm_sink_core::connection::{Connection, ConnectionContext};
use wasm_sink_core::error::Context;
use wasm_sink_core::home::Home;
use wasm_sink_core::source::{Source, SourceContext, SourceEvent};
use wasm_sink_core::stage::{Purpose, UnitId};
use wasm_sink_core::{Blame, CommitId, DeadLetter, Error, Kind, Result, Rows, SourceBatch};

use crate::cli::{Beginning, Ended, Host, Inspection, Outcome, Preview, Redelivered};
use crate::config::{self, ComponentRef, SinkConfigProblem};
use crate::control::{Handler, Server};
use crate::desk::Desk;
use crate::engine::{Engine, EngineSettings, InstanceLimits, Recordings, Usage};
use crate::letters::Selection;
use crate::metrics::{Live, Metrics};
use crate::pipeline::{
    self, Destinations, Entropy, LettersElsewhere, LocalHome, LocalState, Logic, Observer,
    OsEntropy, Pipeline, Route, Samples, Start, StateDirectory, Topics, persist,
};
use crate::recording::{Recorder, RecorderSettings};
use crate::redeliver::redeliver;
use crate::rehearsal::{Rehearsed, rehearse, sample};
use crate::replay::{self, Replayed, Request, Watcher};
use crate::slot::{Slot, builtin, grants};
use crate::swap::{InForce, Journal, Swaps};
use crate::telemetry::Telemetry;

/// Rows per batch that sources are asked for.
pub(crate) const BATCH_ROWS: usize = 10_000;
/// What recordings of failed epochs may hold, in bytes.
const FAILURES_BYTES: u64 = 256 << 20;

/// The engine of this process, and the word that tells its pipelines to stop.
#[derive(Debug)]
pub struct Launcher {
    engine: Engine,
    shutdown: watch::Receiver<bool>,
}

/// Open connections by label.
pub type Connections = BTreeMap<String, Arc<dyn Connection>>;

/// What a run and a preview both need.
struct Opened {
    connections: Connections,
    component: Arc<dyn Component>,
    source: Box<dyn Source>,
    budget: Budget,
}

impl Launcher {
    /// `shutdown` turns true when the process is told to stop.
    ///
    /// # Errors
    /// The machine cannot run compiled components.
    pub fn new(shutdown: watch::Receiver<bool>) -> Result<Self> {
        Ok(Self {
            engine: Engine::new(&EngineSettings::default())?,
            shutdown,
        })
    }

    fn grant(
        &self,
        pipeline: &config::Pipeline,
        connections: &Connections,
        recordings: Recordings,
        usage: &Arc<Usage>,
    ) -> Result<Arc<dyn Component>> {
        let slot = Slot::of(pipeline);
        let loaded = slot.load(&self.engine, &pipeline.sink.component)?;
        slot.grant(&loaded, &grants(pipeline, connections, recordings, usage))
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

/// What may be changed of a running pipeline, and what that takes.
pub struct Changeable<'a> {
    /// Its file.
    pub pipeline: &'a config::Pipeline,
    /// Open.
    pub connections: &'a Connections,
    /// Its component.
    pub logic: Logic,
    /// Its epochs as they pass.
    pub samples: Samples,
    /// What it writes to.
    pub units: Vec<UnitId>,
}

async fn open(
    pipeline: &config::Pipeline,
    component: impl FnOnce(&Connections) -> Result<Arc<dyn Component>> + Send,
) -> Result<Opened> {
    let name: Arc<str> = pipeline.name.as_str().into();
    let connections = connect(pipeline, &name).await?;
    let component = component(&connections)?;
    let connection = pipeline
        .source
        .connection
        .as_ref()
        .and_then(|label| connections.get(label.as_str()))
        .cloned();
    let queued_bytes = pipeline.source.spec.queued_bytes(connection.as_deref());
    let elsewhere = staged_bytes(pipeline, &connections) + queued_bytes;
    let budget =
        Budget::new(pipeline.limits.budget_bytes - elsewhere.min(pipeline.limits.budget_bytes / 2));
    let context = SourceContext {
        pipeline: name,
        budget: budget.clone(),
        directory: pipeline.directory.clone(),
        batch_rows: BATCH_ROWS,
    };
    let source = pipeline
        .source
        .spec
        .open(connection, context)
        .await
        .context(|| format!("source `{}`", pipeline.source.connector))?;
    Ok(Opened {
        connections,
        component,
        source,
        budget,
    })
}

/// What the sink's connections keep of the budget for themselves. (With what the source keeps, at most half of it:
/// batches have to go through the rest.)
fn staged_bytes(pipeline: &config::Pipeline, connections: &Connections) -> usize {
    let labels: BTreeSet<&str> = pipeline
        .sink
        .connections
        .values()
        .map(|label| label.as_str())
        .collect();
    let connections = labels
        .into_iter()
        .filter_map(|label| connections.get(label));
    let wanted = connections.map(|connection| connection.staged_bytes());
    wanted.sum()
}

async fn connect(pipeline: &config::Pipeline, name: &Arc<str>) -> Result<Connections> {
    let mut connections = Connections::new();
    for label in pipeline.used_connections() {
        let Some(connection) = pipeline.connections.get(label) else {
            continue;
        };
        let context = ConnectionContext {
            label: label.as_str().into(),
            pipeline: Arc::clone(name),
            directory: pipeline.directory.clone(),
            max_epoch: pipeline.epoch.max_age,
        };
        let opened = connection
            .spec
            .open(context)
            .await
            .context(|| format!("connection `{}`", label.as_str()))?;
        connections.insert(label.as_str().to_owned(), opened);
    }
    Ok(connections)
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

/// What the component opens: it opens its tables in `open`.
pub(crate) async fn units(component: &dyn Component) -> Result<Vec<UnitId>> {
    let mut instance = component.start(Purpose::Probe).await?;
    let units = instance.units();
    instance.forget().await;
    Ok(units)
}

/// Where rows go of a component that opened `units`. What it opens may take no positions: then those of
/// the source, where one is given that keeps them, or of the state directory count.
fn destinations(
    units: &[UnitId],
    pipeline: &config::Pipeline,
    connections: &Connections,
    source: Option<&mut dyn Source>,
) -> Result<Destinations> {
    let (routes, rest) = routes(&pipeline.sink.config.json);
    let local = |source: Option<&mut dyn Source>| match source.and_then(|source| source.home()) {
        Some(home) => Ok(home),
        None => Ok(Arc::new(LocalHome::open(&pipeline.state_dir)?) as Arc<dyn Home>),
    };
    Destinations::resolve(units, connections, &routes, rest, source, local)
}

/// `[[routes]]` as all tables have them, and the table of what no route takes. The component has checked
/// its own; what reads otherwise is another component's business.
fn routes(config: &serde_json::Value) -> (Vec<Route>, Option<&str>) {
    let text = |value: &serde_json::Value, key: &str| Some(value.get(key)?.as_str()?.to_owned());
    let route = |value: &serde_json::Value| {
        let named = text(value, "topic").map(Topics::Named);
        let like = || text(value, "pattern").map(Topics::Like);
        Some(Route {
            topics: named.or_else(like)?,
            table: text(value, "table")?,
        })
    };
    let listed = config.get("routes").and_then(serde_json::Value::as_array);
    let routes = listed.map(|routes| routes.iter().filter_map(route).collect());
    let rest = config.get("table_name").and_then(serde_json::Value::as_str);
    (routes.unwrap_or_default(), rest)
}

/// What the process keeps on its disk, with its dead letters where the pipeline wants them.
fn with_letters(
    state: Arc<dyn LocalState>,
    letters: &config::DeadLetters,
    connections: &Connections,
) -> Result<Arc<dyn LocalState>> {
    let config::DeadLetters::Topic { connection, topic } = letters else {
        return Ok(state);
    };
    let target = match connections.get(connection.as_str()) {
        Some(connection) => connection.dead_letters(topic)?,
        None => None,
    };
    let target = target.ok_or_else(|| {
        let message = format!("the connection `{connection}` takes no dead letters");
        Error::new(Kind::Invalid, Blame::Configuration, message)
    })?;
    Ok(Arc::new(LettersElsewhere { state, target }))
}

/// "a", "a and b", "a, b and c".
fn joined(mut names: Vec<String>) -> String {
    let last = names.pop().unwrap_or_default();
    match names.is_empty() {
        true => last,
        false => format!("{} and {last}", names.join(", ")),
    }
}

/// Runs a pipeline with the component that `component` makes of its connections. `opened` is told once it may be
/// changed.
///
/// # Errors
/// Whatever stopped it. What was committed before stays committed.
pub async fn deliver(
    pipeline: config::Pipeline,
    beginning: Beginning,
    metrics: Arc<Metrics>,
    shutdown: watch::Receiver<bool>,
    component: impl FnOnce(&config::Pipeline, &Connections) -> Result<Arc<dyn Component>> + Send,
    opened: impl FnOnce(Changeable<'_>) + Send,
) -> Result<Outcome> {
    let telemetry = pipeline.telemetry.as_ref();
    let telemetry = telemetry.map(|settings| Telemetry::start(settings, &metrics));
    let Some(telemetry) = telemetry.transpose()? else {
        let observer = Arc::clone(&metrics) as Arc<dyn Observer>;
        return observed(
            pipeline, beginning, metrics, observer, shutdown, component, opened,
        )
        .await;
    };
    let observer = telemetry.observer(Arc::clone(&metrics));
    let told = Arc::clone(&metrics);
    let result = observed(
        pipeline, beginning, metrics, observer, shutdown, component, opened,
    )
    .await;
    told.stopped(result.as_ref().err());
    telemetry.finish(result.as_ref().err()).await;
    result
}

async fn observed(
    pipeline: config::Pipeline,
    beginning: Beginning,
    metrics: Arc<Metrics>,
    observer: Arc<dyn Observer>,
    shutdown: watch::Receiver<bool>,
    component: impl FnOnce(&config::Pipeline, &Connections) -> Result<Arc<dyn Component>> + Send,
    opened: impl FnOnce(Changeable<'_>) + Send,
) -> Result<Outcome> {
    let begun = Instant::now();
    let letters = match &pipeline.dead_letters {
        config::DeadLetters::Directory(path) => path.clone(),
        // An earlier configuration may have left some there.
        config::DeadLetters::Topic { .. } => pipeline.state_dir.join("dead-letters"),
    };
    let state = StateDirectory::open(&pipeline.state_dir, &letters, pipeline.name.as_str())?;
    let mut parts = open(&pipeline, |connections| component(&pipeline, connections)).await?;
    let state = with_letters(Arc::new(state), &pipeline.dead_letters, &parts.connections)?;
    let mut told_to_stop = shutdown.clone();
    let found = tokio::select! {
        biased;
        // Nothing was begun that would have to be finished.
        true = async { told_to_stop.wait_for(|stop| *stop).await.is_ok() } => None,
        // A destination that is away now may be back in a minute, like any other time.
        found = persist(&pipeline.retry, &OsEntropy, &*observer, || {
            units(&*parts.component)
        }) => Some(found?),
    };
    let Some(units) = found else {
        return Ok(Outcome {
            took: begun.elapsed(),
            ..Outcome::default()
        });
    };
    let destinations = destinations(
        &units,
        &pipeline,
        &parts.connections,
        Some(&mut *parts.source),
    )?;
    let homes = destinations.iter();
    let tables: Vec<String> = homes
        .map(|destination| destination.home.describe())
        .collect();
    if !pipeline.source.spec.rewinds() {
        tracing::warn!(
            "the source cannot be read twice: what a crash leaves undelivered is lost, and a \
             rerun delivers its input again"
        );
    }
    let logic = Logic::new(parts.component);
    let samples = Samples::default();
    metrics.opened(Live {
        source: pipeline.source.connector,
        destinations: tables.clone(),
        logic: logic.clone(),
        ends: parts.source.ends(),
        budget: parts.budget.clone(),
        limits: pipeline.limits.clone(),
        swaps: Journal::within(&pipeline.state_dir).path().to_owned(),
        dead_letters: pipeline.dead_letters.to_string(),
    });
    opened(Changeable {
        pipeline: &pipeline,
        connections: &parts.connections,
        logic: logic.clone(),
        samples: samples.clone(),
        units,
    });
    let summary = pipeline::run(Pipeline {
        name: pipeline.name.as_str().into(),
        source: parts.source,
        logic,
        samples,
        destinations,
        epoch: pipeline.epoch,
        limits: pipeline.limits,
        retry: pipeline.retry,
        budget: parts.budget,
        state,
        entropy: Arc::new(OsEntropy),
        observer,
        start: match beginning {
            Beginning::Stored => Start::Resume,
            Beginning::MissingFromBeginning => Start::MissingFromBeginning,
            Beginning::MissingFrom(position) => Start::MissingFrom(position),
            Beginning::Restart => Start::Restart,
        },
        shutdown: shutdown.clone(),
        #[cfg(feature = "planted")]
        planted: None,
    })
    .await;
    for connection in parts.connections.values() {
        connection.close().await;
    }
    let summary = summary?;
    Ok(Outcome {
        account: summary.account,
        bytes: summary.bytes,
        commits: summary.commits,
        ended: match *shutdown.borrow() {
            true => Ended::Stopped,
            false => Ended::Delivered,
        },
        took: begun.elapsed(),
        tables,
    })
}

#[async_trait]
impl Host for Launcher {
    async fn check_component(&self, pipeline: &config::Pipeline) -> Result<Vec<SinkConfigProblem>> {
        let slot = Slot::of(pipeline);
        let loaded = slot.load(&self.engine, &pipeline.sink.component)?;
        slot.problems(&loaded).await
    }

    async fn inspect(&self, component: &ComponentRef) -> Result<Inspection> {
        let limits = InstanceLimits::default();
        let engine = self.engine.clone();
        let loaded = match component {
            ComponentRef::File(path) => engine.load_file(path, None)?,
            ComponentRef::BuiltIn(name) => engine.load_builtin(name, builtin(name)?, None)?,
        };
        let schema = loaded.config_schema(&limits).await?;
        Ok(Inspection {
            hash: loaded.hash().to_owned(),
            bytes: loaded.bytes(),
            contract: loaded.built_for(),
            imports: loaded.surface().imports().to_vec(),
            exports: loaded.surface().exports().to_vec(),
            capabilities: loaded.capabilities().iter().cloned().collect(),
            schema: serde_json::from_str(&schema).map_err(|error| {
                let message = "the schema of its configuration is no JSON";
                Error::new(Kind::Invalid, Blame::Component, message).with_source(error)
            })?,
        })
    }

    async fn run(
        &self,
        pipeline: config::Pipeline,
        beginning: Beginning,
        record: Option<RecorderSettings>,
        metrics: Arc<Metrics>,
    ) -> Result<Outcome> {
        let recordings = recordings(&pipeline, record.as_ref())?;
        let [own, changed] = [(); 2].map(|()| recordings.clone());
        let usage = Arc::clone(metrics.usage());
        let desk = Arc::new(Desk::of(&pipeline, &metrics));
        let server = control(pipeline.name.as_str(), &desk);
        let component =
            |pipeline: &_, connections: &_| self.grant(pipeline, connections, own, &usage);
        let outcome = deliver(
            pipeline,
            beginning,
            metrics,
            self.shutdown.clone(),
            component,
            |changeable| desk.opened(self.swaps(changeable, changed, &usage)),
        )
        .await;
        drop(server);
        recordings.finish().await;
        outcome
    }

    async fn redeliver(
        &self,
        pipeline: config::Pipeline,
        selection: &Selection,
        metrics: Arc<Metrics>,
    ) -> Result<Redelivered> {
        let recordings = recordings(&pipeline, None)?;
        let (own, usage) = (recordings.clone(), Arc::clone(metrics.usage()));
        let component =
            |pipeline: &_, connections: &_| self.grant(pipeline, connections, own, &usage);
        let shutdown = self.shutdown.clone();
        let done = redeliver(pipeline, selection, metrics, shutdown, component).await;
        recordings.finish().await;
        done
    }

    async fn preview(&self, pipeline: config::Pipeline, rows: usize) -> Result<Preview> {
        let mut opened = open(&pipeline, |connections| {
            self.grant(
                &pipeline,
                connections,
                Recordings::default(),
                &Arc::default(),
            )
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
        let component = slot.load(&self.engine, &pipeline.sink.component)?;
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
        let component = self.grant(
            pipeline,
            &connections,
            Recordings::default(),
            &Arc::default(),
        )?;
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

/// The first batch with rows, from the very beginning; None where the source has none.
pub(crate) async fn first_batch(source: &mut dyn Source) -> Result<Option<SourceBatch>> {
    loop {
        match source.next().await? {
            SourceEvent::Assigned(keys) => {
                for key in &keys {
                    source.seek(key, None).await?;
                }
            }
            SourceEvent::Batch(batch) if batch.rows.num_rows() > 0 => return Ok(Some(batch)),
            SourceEvent::End => return Ok(None),
            SourceEvent::Batch(_) | SourceEvent::Revoked(_) | SourceEvent::Lost(_) => {}
        }
    }
}
