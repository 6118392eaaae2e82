//! `wasm-sink apply`.

use std::path::PathBuf;

use annotate_snippets::normalize_untrusted_str;
use clap::Args;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::Exit;
use super::running::{Meant, absolute, text};
use super::terminal::Terminal;
use super::trial::{TrialArgs, busy, ended, strange};
use crate::control::{self, Event, Extent, Request};

const EXAMPLES: &str = "\
Examples:
  wasm-sink apply pipeline.toml --dry-run
  wasm-sink apply pipeline.toml
  wasm-sink apply pipeline.toml --trial-epochs 100

Edit pipeline.toml first. What differs from what runs is shown, key by key, and takes over between
two epochs like a component that is swapped: no row is lost or written twice, and if it fails in its
first epochs, what ran before is put back, and writes them again.

[sink.config], [sink] env and [sink] component can be changed while a pipeline runs. All else, also
[[routes]], needs a restart: where it differs, nothing is changed, and the keys are named. The file
is read by the process that runs the pipeline, with the environment variables of that.

Exit codes: 0 the file is what runs now, or could be (--dry-run), 1 it is not, 2 it is wrong.";

/// Arguments of `apply`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ApplyArgs {
    /// The pipeline.toml of a pipeline that this user runs on this machine
    #[arg(value_name = "PIPELINE")]
    pipeline: PathBuf,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    trial: TrialArgs,
}

pub(super) async fn execute(args: &ApplyArgs, terminal: &Terminal) -> Exit {
    let read = absolute(&args.pipeline).and_then(|file| Ok((Meant::by_file(&file)?, text(file)?)));
    let (meant, file) = match read {
        Ok(read) => read,
        Err(error) => {
            terminal.error(&error);
            return Exit::Misconfigured;
        }
    };
    match apply(args, &meant, file, terminal).await {
        Ok(exit) => exit,
        Err(error) => {
            terminal.error(&error);
            Exit::Failure
        }
    }
}

async fn apply(args: &ApplyArgs, meant: &Meant, file: String, terminal: &Terminal) -> Result<Exit> {
    let running = meant.process(args.trial.process).await?;
    let who = format!("{} (process {})", meant.pipeline, running.process);
    let request = Request::Apply {
        file,
        extent: match args.dry_run {
            true => Extent::Show,
            false => Extent::Change {
                trial_epochs: args.trial.trial_epochs,
            },
        },
        style: terminal.style(),
    };
    let mut events = control::ask(&running, &request).await?;
    loop {
        match events.next().await? {
            Event::Compiled { .. } => {}
            Event::Differs { changes } => {
                let mut shown = format!("{who}:\n");
                for change in changes {
                    shown.push_str(&format!("  {}\n", normalize_untrusted_str(&change)));
                }
                terminal.result(&shown);
            }
            Event::TakenOver {
                positions,
                elapsed,
                pause,
                ..
            } => {
                let what = format!("{who} runs this file's configuration");
                args.trial
                    .tell_taken_over(&what, &positions, elapsed, pause, terminal);
                if args.trial.no_wait {
                    return Ok(Exit::Success);
                }
            }
            Event::Kept => {
                terminal.note("the new configuration stays\n");
                return Ok(Exit::Success);
            }
            Event::Same => {
                terminal.note(&format!(
                    "{who} runs what this file says: there is nothing to change\n"
                ));
                return Ok(Exit::Success);
            }
            Event::Possible => {
                terminal.note("nothing speaks against it, and nothing has changed yet\n");
                return Ok(Exit::Success);
            }
            Event::Misconfigured { mistakes } => {
                terminal.note(&mistakes);
                terminal.note(&format!("{who} goes on as it was: nothing has changed\n"));
                return Ok(Exit::Misconfigured);
            }
            Event::Reverted { error } => {
                let message = format!(
                    "the new configuration failed, and the old one is back; no row is lost: {error}"
                );
                return Err(Error::new(Kind::Invalid, Blame::Component, message));
            }
            Event::Busy => return Err(busy()),
            Event::Ended => return Err(ended()),
            Event::Refused(refusal) => {
                let message = refusal.told();
                return Err(Error::new(Kind::Invalid, Blame::Configuration, message));
            }
            _ => return Err(strange()),
        }
    }
}
