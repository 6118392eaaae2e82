//! Dead letters through their pipeline once more: the pipeline as it is configured now, with letters in the place of
//! its source. Its own process may be running meanwhile, where the destination takes several.

use std::sync::Arc;

use tokio::sync::watch;
use wasm_sink_core::budget::Budget;
use wasm_sink_core::component::Component;
use wasm_sink_core::source::SourceContext;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::config::{self, DeadLetters};
use crate::launch::{BATCH_ROWS, Connections, deliver};
use crate::launch::{Beginning, Ended, Redelivered};
use crate::letters::Selection;
use crate::letters::retry::{LettersSpec, Redecodes, Retry};
use crate::metrics::Metrics;
use crate::pipeline::OsEntropy;

/// What the source of letters is called in metrics.
const CONNECTOR: &str = "dead-letters";

/// Delivers what is chosen, after what an interrupted retry has left.
///
/// # Errors
/// Whatever stopped it. What was committed is not delivered again by the next retry, and the rest is.
pub(crate) async fn redeliver(
    mut pipeline: config::Pipeline,
    selection: &Selection,
    metrics: Arc<Metrics>,
    shutdown: watch::Receiver<bool>,
    component: impl FnOnce(&config::Pipeline, &Connections) -> Result<Arc<dyn Component>> + Send,
) -> Result<Redelivered> {
    let DeadLetters::Directory(folder) = pipeline.dead_letters.clone() else {
        let message = "dead letters in a topic are delivered again by a pipeline that reads it";
        return Err(Error::new(Kind::Invalid, Blame::Configuration, message));
    };
    let name = pipeline.name.as_str().to_owned();
    let retry = Retry::open(&folder, &name)?;
    let mut orders = retry.orders()?;
    let mut done = Redelivered {
        resumed: orders.iter().map(|order| order.len()).sum(),
        ..Redelivered::default()
    };
    let survey = retry.survey(selection, &orders)?;
    let redecodes = match survey.has_records() {
        true => redecodes(&pipeline).await?,
        false => Redecodes::Nothing,
    };
    let (order, left) = retry.place(survey, redecodes, &OsEntropy)?;
    done.left = left;
    done.chosen = order.as_ref().map_or(0, |order| order.len());
    orders.extend(order);
    if orders.is_empty() {
        return Ok(done);
    }
    let letters = LettersSpec::new(orders.clone(), folder, &name, pipeline.source.spec);
    pipeline.source = config::Source {
        connector: CONNECTOR,
        connection: None,
        spec: Box::new(letters),
    };
    // All of them were rejected before.
    pipeline.limits.max_rejected = u64::MAX;
    let beginning = Beginning::MissingFromBeginning;
    let outcome = deliver(pipeline, beginning, metrics, shutdown, component, |_| ()).await?;
    if outcome.ended == Ended::Delivered {
        retry.finish(&orders)?;
    }
    done.outcome = Some(outcome);
    Ok(done)
}

/// Whether the pipeline's source decodes records of letters.
async fn redecodes(pipeline: &config::Pipeline) -> Result<Redecodes> {
    let context = SourceContext {
        pipeline: pipeline.name.as_str().into(),
        budget: Budget::new(pipeline.limits.budget_bytes),
        directory: pipeline.directory.clone(),
        batch_rows: BATCH_ROWS,
    };
    let redecoder = pipeline.source.spec.redecoder(&context).await?;
    Ok(match redecoder {
        Some(_) => Redecodes::Records,
        None => Redecodes::Nothing,
    })
}
