//! What a pipeline names, opened: connections, source, component, and where rows go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wasm_sink_core::budget::Budget;
use wasm_sink_core::component::Component;
use wasm_sink_core::connection::{Connection, ConnectionContext};
use wasm_sink_core::error::Context;
use wasm_sink_core::home::Home;
use wasm_sink_core::source::{Source, SourceContext, SourceEvent};
use wasm_sink_core::stage::{Purpose, UnitId};
use wasm_sink_core::{Blame, Error, Kind, Result, SourceBatch};

use crate::config;
use crate::pipeline::{Destinations, LettersElsewhere, LocalHome, LocalState, Route, Topics};

/// Rows per batch that sources are asked for.
pub(crate) const BATCH_ROWS: usize = 10_000;

/// Open connections by label.
pub type Connections = BTreeMap<String, Arc<dyn Connection>>;

/// What a run and a preview both need.
pub(super) struct Opened {
    pub(super) connections: Connections,
    pub(super) component: Arc<dyn Component>,
    pub(super) source: Box<dyn Source>,
    pub(super) budget: Budget,
}

pub(super) async fn open(
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

pub(super) async fn connect(pipeline: &config::Pipeline, name: &Arc<str>) -> Result<Connections> {
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

/// What the component opens: it opens its tables in `open`.
pub(crate) async fn units(component: &dyn Component) -> Result<Vec<UnitId>> {
    let mut instance = component.start(Purpose::Probe).await?;
    let units = instance.units();
    instance.forget().await;
    Ok(units)
}

/// Where rows go of a component that opened `units`. What it opens may take no positions: then those of
/// the source, where one is given that keeps them, or of the state directory count.
pub(super) fn destinations(
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
pub(super) fn with_letters(
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
pub(super) fn joined(mut names: Vec<String>) -> String {
    let last = names.pop().unwrap_or_default();
    match names.is_empty() {
        true => last,
        false => format!("{} and {last}", names.join(", ")),
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
