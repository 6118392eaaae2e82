//! `wasm-sink shadow`.

use clap::Args;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::Exit;
use super::numbers::{count, duration};
use super::running::Meant;
use super::swap::component;
use super::terminal::Terminal;
use super::trial::{ended, strange};
use crate::control::{self, Event, Request, short};

const EXAMPLES: &str = "\
Examples:
  wasm-sink shadow payments ./payments_v2.wasm
  wasm-sink shadow payments ./payments_v2.wasm --epochs 1000 --key id
  wasm-sink shadow pipeline.toml ./payments_v2.wasm --json >report.json

The new component is given the rows of epochs as they pass, beside the one that works, and writes
nothing. What the destination would have otherwise is shown by table and column, with the records: rows
that one of them has alone, values that differ, dead letters, calls, batches and time. Epochs that pass
while one is compared are left out. Ctrl-C ends it.

Exit codes: 0 the destination would be the same, 1 it would not, or there is no comparison.";

/// Arguments of `shadow`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ShadowArgs {
    /// The name of a pipeline that this user runs on this machine, or its pipeline.toml
    #[arg(value_name = "PIPELINE")]
    pipeline: String,
    /// The new component: a .wasm file, or the word of a built-in one
    #[arg(value_name = "COMPONENT")]
    component: String,
    /// Epochs to compare
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    epochs: u64,
    /// The column that names a record in the report; else the record's own key, and its place
    #[arg(long, value_name = "COLUMN")]
    key: Option<String>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Which process, where several run the pipeline
    #[arg(long, value_name = "PID")]
    process: Option<u32>,
}

pub(super) async fn execute(args: &ShadowArgs, terminal: &Terminal) -> Exit {
    match shadow(args, terminal).await {
        Ok(exit) => exit,
        Err(error) => {
            terminal.error(&error);
            Exit::Failure
        }
    }
}

async fn shadow(args: &ShadowArgs, terminal: &Terminal) -> Result<Exit> {
    let component = component(&args.component)?;
    let running = Meant::by(&args.pipeline)?.process(args.process).await?;
    let request = Request::Shadow {
        component,
        epochs: args.epochs,
        key: args.key.clone(),
    };
    let mut events = control::ask(&running, &request).await?;
    loop {
        match events.next().await? {
            Event::Compiled { hash, elapsed } => terminal.note(&format!(
                "compiled {} in {}; comparing {} as they pass\n",
                short(&hash),
                duration(elapsed),
                count(args.epochs, "epoch")
            )),
            Event::Compared { epochs } => {
                terminal.set_status(&format!(
                    "{epochs} of {} compared",
                    count(args.epochs, "epoch")
                ));
            }
            Event::Reported {
                former,
                hash,
                report,
            } => {
                terminal.set_status("");
                terminal.result(&match args.json {
                    true => format!("{}\n", serde_json::to_value(&report).unwrap_or_default()),
                    false => report.text(short(&former), short(&hash)),
                });
                return Ok(match report.is_same() {
                    true => Exit::Success,
                    false => Exit::Failure,
                });
            }
            Event::Busy => {
                let why = "another comparison or swap is under way: wait for its end";
                return Err(failed(why));
            }
            Event::Ended => return Err(ended()),
            Event::Refused(refusal) => return Err(failed(refusal.told())),
            _ => return Err(strange()),
        }
    }
}

fn failed(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, Blame::Component, message)
}
