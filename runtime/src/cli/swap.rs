//! `wasm-sink swap`.

use clap::Args;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::Exit;
use super::numbers::duration;
use super::running::{Meant, text};
use super::terminal::Terminal;
use super::trial::{TrialArgs, busy, ended, strange};
use crate::config::ComponentRef;
use crate::control::{self, Event, Request, SwapExtent, short};

const EXAMPLES: &str = "\
Examples:
  wasm-sink swap payments ./payments_v2.wasm
  wasm-sink swap pipeline.toml ./payments_v2.wasm --trial-epochs 100
  wasm-sink swap payments delta
  wasm-sink swap payments ./payments_v2.wasm --canary 5%
  wasm-sink swap payments --promote

The new component is compiled and checked while the old one works, and takes over between two
epochs: no row is lost, written twice, or waits for longer than the commit that is under way. If it
fails in its first epochs the old one is put back, and writes them again. Ctrl-C ends the waiting,
and not the swap.

With --canary the new component gets some of the source partitions alone, for real. If it fails they
go back to the old one; once it has committed its first epochs the command ends, and the canary goes on
until --promote gives it all partitions, or --withdraw takes its own away.

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
    #[arg(value_name = "COMPONENT", required_unless_present_any = ["promote", "withdraw"])]
    component: Option<String>,
    /// Give it some of the source partitions alone: 5%
    #[arg(long, value_name = "SHARE", value_parser = percent)]
    canary: Option<f64>,
    /// Give the canary all partitions
    #[arg(long, conflicts_with_all = ["component", "canary", "withdraw"])]
    promote: bool,
    /// End the canary: its partitions go back
    #[arg(long, conflicts_with_all = ["component", "canary"])]
    withdraw: bool,
    #[command(flatten)]
    trial: TrialArgs,
}

impl SwapArgs {
    fn request(&self) -> Result<Request> {
        let trial_epochs = self.trial.trial_epochs;
        Ok(match &self.component {
            Some(given) => Request::Swap {
                component: component(given)?,
                trial_epochs,
                extent: match self.canary {
                    Some(percent) => SwapExtent::Canary { percent },
                    None => SwapExtent::All,
                },
            },
            None if self.withdraw => Request::Withdraw,
            None => Request::Promote { trial_epochs },
        })
    }
}

fn percent(text: &str) -> std::result::Result<f64, String> {
    let number = text.strip_suffix('%').map(|number| number.trim().parse());
    match number {
        Some(Ok(percent)) if percent > 0.0 && percent < 100.0 => Ok(percent),
        _ => Err("a share of the source partitions looks like 5% or 12.5%".to_owned()),
    }
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
    let request = args.request()?;
    let running = meant.process(args.trial.process).await?;
    let mut events = control::ask(&running, &request).await?;
    let mut hash = "the canary".to_owned();
    loop {
        match events.next().await? {
            Event::Compiled { hash: of, elapsed } => {
                hash = short(&of).to_owned();
                terminal.note(&format!("compiled {hash} in {}\n", duration(elapsed)));
            }
            Event::TakenOver {
                former,
                positions,
                elapsed,
                pause,
            } => {
                let where_it_is = match args.canary {
                    Some(_) => "on some partitions",
                    None => "everywhere",
                };
                let what = format!(
                    "{} (process {}) runs {hash} instead of {} {where_it_is}",
                    meant.pipeline,
                    running.process,
                    short(&former)
                );
                args.trial
                    .tell_taken_over(&what, &positions, elapsed, pause, terminal);
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
            Event::Going => {
                terminal.note(&format!(
                    "{hash} goes on as a canary: `wasm-sink swap {0} --promote` gives it all partitions, \
                     `wasm-sink swap {0} --withdraw` takes its own away\n",
                    args.pipeline
                ));
                return Ok(Exit::Success);
            }
            // Who has withdrawn it knows; who waits for it learns it.
            Event::Withdrawn if args.withdraw => {
                terminal.note(
                    "the canary is withdrawn: its partitions go on with the other component\n",
                );
                return Ok(Exit::Success);
            }
            Event::Withdrawn => return Err(failed(format!("{hash} was withdrawn"))),
            Event::Reverted { error } => {
                return Err(failed(format!(
                    "{hash} failed, and the old component is back; no row is lost: {error}"
                )));
            }
            Event::Busy => return Err(busy()),
            Event::Ended => return Err(ended()),
            Event::Refused(refusal) => return Err(failed(refusal.told())),
            _ => return Err(strange()),
        }
    }
}

fn failed(message: String) -> Error {
    Error::new(Kind::Invalid, Blame::Component, message)
}

/// As the running process finds it, which stands in another folder.
pub(super) fn component(given: &str) -> Result<String> {
    match ComponentRef::of(given)? {
        ComponentRef::BuiltIn(word) => return Ok(word),
        ComponentRef::Oci(reference) => return Ok(reference.to_string()),
        ComponentRef::File(_) => {}
    }
    let absolute = std::fs::canonicalize(given).map_err(|error| {
        let message = format!("component {given} cannot be read");
        Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error)
    })?;
    text(absolute)
}
