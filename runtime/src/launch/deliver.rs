//! One run of a pipeline, from what is open to its end.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;
use wasm_sink_core::Result;
use wasm_sink_core::component::Component;
use wasm_sink_core::stage::UnitId;

use crate::config;
use crate::metrics::{Live, Metrics};
use crate::pipeline::{
    self, Logic, Observer, OsEntropy, Pipeline, Samples, Start, StateDirectory, persist,
};
use crate::swap::Journal;
use crate::telemetry::Telemetry;

use super::host::{Beginning, Ended, Outcome};
use super::open::{Connections, destinations, open, units, with_letters};

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
    let homes = homes.map(|destination| &destination.home);
    let (with_rows, alone): (Vec<_>, Vec<_>) = homes.partition(|home| home.unit().is_some());
    let places: Vec<String> = with_rows.iter().map(|home| home.describe()).collect();
    let positions = alone.iter().map(|home| home.describe());
    let homes: Vec<String> = places.iter().cloned().chain(positions).collect();
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
        destinations: homes,
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
        // What keeps positions alone is nothing to look at.
        tables: places,
    })
}
