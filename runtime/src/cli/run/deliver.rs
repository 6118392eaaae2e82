//! Runs pipelines side by side until each has ended. One that fails ends alone.

use std::sync::Arc;

use tokio::task::JoinSet;
use tracing::{Instrument as _, Span};
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::summary::summary;
use super::{RunArgs, show};
use crate::admin;
use crate::cli::Exit;
use crate::cli::follow::Watched;
use crate::cli::logging::Format;
use crate::cli::progress::Progress;
use crate::cli::terminal::Terminal;
use crate::config::Pipeline;
use crate::launch::{Beginning, Ended, Host, Outcome};
use crate::metrics::Metrics;
use crate::recording::RecorderSettings;

/// Runs all of them.
///
/// # Errors
/// What keeps them from starting.
pub(super) async fn all(
    args: &RunArgs,
    pipelines: Vec<Pipeline>,
    host: Arc<dyn Host>,
    terminal: &Terminal,
    format: Format,
) -> Result<Exit> {
    if let ([only], true) = (&pipelines[..], args.restart) {
        let consequence = host.restart_consequence(only).await?;
        match format {
            Format::Text if args.quiet => {}
            Format::Text => terminal.note(&format!("restart: {consequence}\n")),
            Format::Json => tracing::warn!("restart: {consequence}"),
        }
    }
    let are_several = pipelines.len() > 1;
    let pipelines: Vec<(Pipeline, Arc<Metrics>)> = pipelines
        .into_iter()
        .map(|pipeline| {
            let metrics = Arc::new(Metrics::new(pipeline.name.as_str()));
            (pipeline, metrics)
        })
        .collect();
    let served = admin::serve(&pipelines).await?;
    let shown = pipelines.iter().map(|(_, metrics)| Arc::clone(metrics));
    let progress = match (args.quiet, format) {
        (false, Format::Text) => Progress::start(shown.collect(), terminal),
        _ => None,
    };
    let mut running = JoinSet::new();
    let mut ended = Vec::new();
    for (pipeline, metrics) in pipelines {
        let run = Run {
            name: pipeline.name.as_str().to_owned(),
            dead_letters: pipeline.dead_letters.to_string(),
            beginning: args.beginning(),
            record: args.record(are_several.then_some(pipeline.name.as_str())),
            watched: match args.watch {
                true => Some(Watched::of(&pipeline)?),
                false => None,
            },
            metrics,
            host: Arc::clone(&host),
        };
        let span = match are_several {
            true => tracing::error_span!("run", pipeline = run.name),
            false => Span::none(),
        };
        let (name, metrics) = (run.name.clone(), Arc::clone(&run.metrics));
        let task = running.spawn(run.deliver(pipeline).instrument(span));
        ended.push((task.id(), name, metrics));
    }
    let mut exit = Exit::Success;
    while let Some(joined) = running.join_next_with_id().await {
        let (id, done) = match joined {
            Ok((id, done)) => (id, done),
            Err(error) => {
                let message = "it broke off; this is a bug in wasm-sink, please report it";
                let id = error.id();
                let error = Error::new(Kind::Other, Blame::Host, message).with_source(error);
                (id, Err(error))
            }
        };
        let Some((_, name, metrics)) = ended.iter().find(|(of, ..)| *of == id) else {
            continue;
        };
        // Also where it broke off.
        metrics.stopped(done.as_ref().err());
        match done {
            Ok((outcome, dead_letters)) => {
                let named = are_several.then_some(name.as_str());
                tell(args, named, &outcome, &dead_letters, terminal, format);
            }
            Err(error) => {
                exit = Exit::Failure;
                let error = match are_several {
                    true => error.context(format!("pipeline `{name}`")),
                    false => error,
                };
                show(&error, terminal, format);
            }
        }
    }
    drop(progress);
    served.closed().await;
    Ok(exit)
}

/// One pipeline on its way.
struct Run {
    name: String,
    dead_letters: String,
    beginning: Beginning,
    record: Option<RecorderSettings>,
    watched: Option<Watched>,
    metrics: Arc<Metrics>,
    host: Arc<dyn Host>,
}

impl Run {
    /// Until its end. What it did, and where its dead letters are.
    async fn deliver(self, pipeline: Pipeline) -> Result<(Outcome, String)> {
        let watching = self
            .watched
            .map(|watched| tokio::spawn(watched.follow().in_current_span()));
        let result = self
            .host
            .run(
                pipeline,
                self.beginning,
                self.record,
                Arc::clone(&self.metrics),
            )
            .await;
        if let Some(watching) = watching {
            watching.abort();
        }
        Ok((result?, self.dead_letters))
    }
}

fn tell(
    args: &RunArgs,
    name: Option<&str>,
    outcome: &Outcome,
    dead_letters: &str,
    terminal: &Terminal,
    format: Format,
) {
    if format == Format::Json {
        tracing::info!(
            pipeline = name,
            rows = outcome.account.staged,
            skipped = outcome.account.skipped,
            dead_letters = outcome.account.rejected,
            bytes = outcome.bytes,
            commits = outcome.commits,
            took_ms = u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
            delivered = outcome.ended == Ended::Delivered,
            "done"
        );
    }
    // Standard output is for people also where the log is not.
    if !args.quiet && !args.json {
        let named = name.map(|name| format!("{name}: ")).unwrap_or_default();
        terminal.result(&format!("{named}{}", summary(outcome, dead_letters)));
    }
}
