//! `wasm-sink check`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use wasm_sink_core::Result;
use wasm_sink_core::budget::Budget;
use wasm_sink_core::connection::ConnectionContext;
use wasm_sink_core::source::SourceContext;

use super::terminal::Terminal;
use super::{Exit, check_component, load};
use crate::config::{Label, Pipeline};
use crate::launch::Host;

const EXAMPLES: &str = "\
Examples:
  wasm-sink check pipeline.toml
  wasm-sink check pipeline.toml --connect

All mistakes are shown at once, each with its line, a stable code and what to write instead.
Exit codes: 0 there are none, 1 a connection failed, 2 there are some.";

/// Arguments of `check`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    /// The pipeline.toml to check
    #[arg(value_name = "PIPELINE")]
    pipeline: PathBuf,
    /// Also open the connections and try what the pipeline will need of them
    #[arg(long)]
    connect: bool,
}

pub(super) async fn execute(args: &CheckArgs, host: &dyn Host, terminal: &Terminal) -> Exit {
    let pipeline = match load(&args.pipeline, terminal) {
        Ok(pipeline) => pipeline,
        Err(exit) => return exit,
    };
    if let Err(exit) = check_component(&pipeline, host, terminal).await {
        return exit;
    }
    let mut exit = Exit::Success;
    if args.connect {
        for label in pipeline.used_connections() {
            match connect(&pipeline, label).await {
                Ok(place) => terminal.result(&format!("{label}: {place} is ready\n")),
                Err(error) => {
                    terminal.error(&error.context(format!("connection \"{label}\"")));
                    exit = Exit::Failure;
                }
            }
        }
    }
    if exit == Exit::Success {
        terminal.result(&format!("{}: no mistakes\n", args.pipeline.display()));
    }
    exit
}

/// Opens a connection and has it try itself; says what it is.
async fn connect(pipeline: &Pipeline, label: &Label) -> Result<String> {
    let Some(connection) = pipeline.connections.get(label) else {
        return Ok(label.to_string());
    };
    let context = ConnectionContext {
        label: Arc::from(label.as_str()),
        pipeline: Arc::from(pipeline.name.as_str()),
        directory: pipeline.directory.clone(),
        max_epoch: pipeline.epoch.max_age,
    };
    let opened = connection.spec.open(context).await?;
    if pipeline.writes_to(label) {
        opened.check().await?;
    }
    if pipeline.source.connection.as_ref() == Some(label) {
        let context = SourceContext {
            pipeline: Arc::from(pipeline.name.as_str()),
            budget: Budget::new(pipeline.limits.budget_bytes),
            directory: pipeline.directory.clone(),
            batch_rows: 1,
        };
        let source = &pipeline.source.spec;
        source.open(Some(Arc::clone(&opened)), context).await?;
    }
    Ok(opened.describe())
}
