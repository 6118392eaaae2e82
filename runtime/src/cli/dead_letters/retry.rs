//! `wasm-sink dead-letters retry`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use wasm_sink_core::Result;

use super::{Chosen, folder};
use crate::cli::logging::{self, Format, Verbosity};
use crate::cli::numbers::{count, duration};
use crate::cli::progress::Progress;
use crate::cli::terminal::Terminal;
use crate::cli::{Exit, check_component, load};
use crate::launch::{Ended, Host, Redelivered};
use crate::metrics::Metrics;

const AFTER_HELP: &str = "\
They go through the pipeline as pipeline.toml has it now, and each is removed from its file once
it is committed. What is refused again is a new dead letter, with the place where the record
stood. Stopped or killed in between, the next retry goes on: nothing is delivered twice.

The pipeline itself may be running, but where its destination takes one process alone (DuckDB):
stop it first.";

/// Arguments of `dead-letters retry`.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct RetryArgs {
    /// The pipeline.toml of the pipeline
    #[arg(value_name = "PIPELINE")]
    pipeline: PathBuf,
    #[command(flatten)]
    chosen: Chosen,
    /// Print what was done as JSON, and log as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn execute(
    args: &RetryArgs,
    host: &dyn Host,
    terminal: &Terminal,
) -> Result<Exit> {
    let (format, verbosity) = match args.json || !terminal.is_interactive {
        true => (Format::Json, Verbosity::Normal),
        false => (Format::Text, Verbosity::Warnings),
    };
    logging::start(format, verbosity, terminal);
    let checked = async {
        let pipeline = load(&args.pipeline, terminal)?;
        let folder = folder(&pipeline).map_err(|error| {
            terminal.error(&error);
            Exit::Misconfigured
        })?;
        check_component(&pipeline, host, terminal).await?;
        Ok((pipeline, folder))
    };
    let (pipeline, folder) = match checked.await {
        Ok(checked) => checked,
        Err(exit) => return Ok(exit),
    };
    let metrics = Arc::new(Metrics::new(pipeline.name.as_str()));
    let progress = match format {
        Format::Text => Progress::start(vec![Arc::clone(&metrics)], terminal),
        Format::Json => None,
    };
    let done = host
        .redeliver(pipeline, &args.chosen.selection(), metrics)
        .await;
    drop(progress);
    let done = done?;
    terminal.result(&match args.json {
        true => line(&done),
        false => text(&done, &folder.display().to_string()),
    });
    Ok(match is_all(&done) {
        true => Exit::Success,
        false => Exit::Failure,
    })
}

/// Whether nothing that was chosen is a dead letter any more.
fn is_all(done: &Redelivered) -> bool {
    let is_delivered = done
        .outcome
        .as_ref()
        .is_none_or(|outcome| outcome.ended == Ended::Delivered && outcome.account.rejected == 0);
    is_delivered && done.left.without_row + done.left.undecodable == 0
}

fn line(done: &Redelivered) -> String {
    let outcome = done.outcome.clone().unwrap_or_default();
    let line = json!({
        "chosen": done.chosen,
        "resumed": done.resumed,
        "rows": outcome.account.staged,
        "skipped": outcome.account.skipped,
        "refused_again": outcome.account.rejected,
        "left": { "without_row": done.left.without_row, "undecodable": done.left.undecodable },
        "commits": outcome.commits,
        "finished": done.outcome.is_none() || outcome.ended == Ended::Delivered,
    });
    format!("{line}\n")
}

pub(super) fn text(done: &Redelivered, folder: &str) -> String {
    let mut text = String::new();
    if done.resumed > 0 {
        text.push_str(&format!(
            "{} of a retry that was interrupted, and {} more\n",
            count(done.resumed, "dead letter"),
            done.chosen
        ));
    }
    match &done.outcome {
        None if done.left.without_row + done.left.undecodable > 0 => {}
        None => text.push_str(&format!("no such dead letters in {folder}\n")),
        Some(outcome) => {
            let account = &outcome.account;
            text.push_str(&match outcome.ended {
                Ended::Delivered => format!(
                    "done: {} in {} in {}\n",
                    count(account.staged, "row"),
                    count(outcome.commits, "commit"),
                    duration(outcome.took)
                ),
                Ended::Stopped | Ended::NotBegun => format!(
                    "stopped after {}: the next retry goes on\n",
                    count(account.staged, "row")
                ),
            });
            for table in &outcome.tables {
                text.push_str(&format!("  table: {table}\n"));
            }
            if account.skipped > 0 {
                let rows = count(account.skipped, "row");
                text.push_str(&format!("  {rows} left out by the component\n"));
            }
            if account.rejected > 0 {
                let letters = count(account.rejected, "letter");
                text.push_str(&format!(
                    "  {letters} refused again: new dead letters in {folder}\n"
                ));
            }
        }
    }
    if done.left.without_row > 0 {
        let letters = count(done.left.without_row, "letter");
        text.push_str(&format!(
            "  {letters} left: nothing but a text of the record was kept of them, by an earlier version or because \
             the record was too long\n"
        ));
    }
    if done.left.undecodable > 0 {
        let letters = count(done.left.undecodable, "letter");
        text.push_str(&format!(
            "  {letters} left: the source cannot decode the records without the data that they stood in\n"
        ));
    }
    text
}
