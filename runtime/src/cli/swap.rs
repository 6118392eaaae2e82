//! `wasm-sink swap`.

use clap::Args;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::Exit;
use super::numbers::duration;
use super::running::{Meant, text};
use super::terminal::Terminal;
use super::trial::{TrialArgs, busy, short, strange, told};
use crate::config::ComponentRef;
use crate::control::{self, Event, Request};

const EXAMPLES: &str = "\
Examples:
  wasm-sink swap payments ./payments_v2.wasm
  wasm-sink swap pipeline.toml ./payments_v2.wasm --trial-epochs 100
  wasm-sink swap payments delta

The new component is compiled and checked while the old one works, and takes over between two
epochs: no row is lost, written twice, or waits for longer than the commit that is under way. If it
fails in its first epochs the old one is put back, and writes them again. Ctrl-C ends the waiting,
and not the swap.

One process is swapped. Of several that share a topic, name one after the other with --process. The
next start of the pipeline takes what pipeline.toml names.";

/// Arguments of `swap`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct SwapArgs {
    /// The name of a pipeline that this user runs on this machine, or its pipeline.toml
    #[arg(value_name = "PIPELINE")]
    pipeline: String,
    /// The new component: a .wasm file, or the word of a built-in one
    #[arg(value_name = "COMPONENT")]
    component: String,
    #[command(flatten)]
    trial: TrialArgs,
}

pub(super) async fn execute(args: &SwapArgs, terminal: &Terminal) -> Exit {
    match swap(args, terminal).await {
        Ok(exit) => exit,
        Err(error) => {
            terminal.error(&error);
            Exit::Failure
        }
    }
}

async fn swap(args: &SwapArgs, terminal: &Terminal) -> Result<Exit> {
    let meant = Meant::by(&args.pipeline)?;
    let component = component(&args.component)?;
    let running = meant.process(args.trial.process).await?;
    let request = Request::Swap {
        component,
        trial_epochs: args.trial.trial_epochs,
    };
    let mut events = control::ask(&running, &request).await?;
    let mut hash = String::new();
    loop {
        match events.next().await? {
            Event::Compiled { hash: of, elapsed } => {
                hash = short(&of);
                terminal.note(&format!("compiled {hash} in {}\n", duration(elapsed)));
            }
            Event::TakenOver {
                former,
                positions,
                elapsed,
            } => {
                let what = format!(
                    "{} (process {}) runs {hash} instead of {}",
                    meant.pipeline,
                    running.process,
                    short(&former)
                );
                args.trial
                    .tell_taken_over(&what, &positions, elapsed, terminal);
                if args.trial.no_wait {
                    return Ok(Exit::Success);
                }
            }
            Event::Kept => {
                terminal.note(&format!(
                    "{hash} stays. The next start takes what pipeline.toml names: write it there, too\n"
                ));
                return Ok(Exit::Success);
            }
            Event::Reverted { error } => {
                return Err(failed(format!(
                    "{hash} failed, and the old component is back; no row is lost: {error}"
                )));
            }
            Event::Busy => return Err(busy()),
            Event::Refused(refusal) => return Err(failed(told(&refusal))),
            Event::Hello { .. }
            | Event::Differs { .. }
            | Event::Same
            | Event::Possible
            | Event::Misconfigured { .. } => return Err(strange()),
        }
    }
}

fn failed(message: String) -> Error {
    Error::new(Kind::Invalid, Blame::Component, message)
}

/// As the running process finds it, which stands in another folder.
fn component(given: &str) -> Result<String> {
    if let ComponentRef::BuiltIn(word) = ComponentRef::of(given) {
        return Ok(word);
    }
    let absolute = std::fs::canonicalize(given).map_err(|error| {
        let message = format!("component {given} cannot be read");
        Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error)
    })?;
    text(absolute)
}
