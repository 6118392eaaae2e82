//! `wasm-sink swap`.

use std::path::{Path, PathBuf};

use clap::Args;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::Exit;
use super::numbers::{count, duration};
use super::terminal::Terminal;
use crate::config::ComponentRef;
use crate::control::{self, Event, Refusal, Request, Running};

/// Committed epochs after which a new component stays.
pub(super) const TRIAL_EPOCHS: u64 = 10;
/// Digits of a hash that people are shown.
const HASH_DIGITS: usize = 12;
/// Partitions that are shown one by one.
const SHOWN_PARTITIONS: usize = 8;

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
    /// Committed epochs in which a failure puts the old component back; 0: none
    #[arg(long, value_name = "N", default_value_t = TRIAL_EPOCHS)]
    trial_epochs: u64,
    /// Which process, where several run the pipeline
    #[arg(long, value_name = "PID")]
    process: Option<u32>,
    /// Do not wait for the end of the trial
    #[arg(long)]
    no_wait: bool,
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
    let (pipeline, directory) = named(&args.pipeline)?;
    let component = component(&args.component)?;
    let running = choose(&pipeline, directory.as_deref(), args.process).await?;
    let request = Request::Swap {
        component,
        trial_epochs: args.trial_epochs,
    };
    let mut events = control::ask(&running, &request).await?;
    let mut hash = String::new();
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
                let mut said = format!(
                    "{pipeline} (process {}) runs {hash} instead of {}, after {:.1} ms, {:.3} ms of which beside a commit\n",
                    running.process,
                    short(&former),
                    elapsed.as_secs_f64() * 1e3,
                    pause.as_secs_f64() * 1e3
                );
                for (partition, at) in positions.iter().take(SHOWN_PARTITIONS) {
                    said.push_str(&format!("  {partition} from {at} on\n"));
                }
                if let Some(more @ 1..) = positions.len().checked_sub(SHOWN_PARTITIONS) {
                    said.push_str(&format!("  and {more} more partitions\n"));
                }
                if args.trial_epochs > 0 {
                    said.push_str(&format!(
                        "on trial for its first {}; the old one stands by\n",
                        count(args.trial_epochs, "epoch")
                    ));
                }
                terminal.note(&said);
                if args.no_wait {
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
            Event::Busy => {
                let why = "another swap is under way: wait for the end of its trial";
                return Err(failed(why.to_owned()));
            }
            Event::Refused(refusal) => return Err(failed(told(&refusal))),
            Event::Hello { .. } | Event::Compared { .. } | Event::Reported { .. } => {
                return Err(failed("an answer to another question".to_owned()));
            }
        }
    }
}

fn failed(message: String) -> Error {
    Error::new(Kind::Invalid, Blame::Component, message)
}

pub(super) fn told(refusal: &Refusal) -> String {
    let mut told = format!("nothing has changed: {}", refusal.message);
    for problem in &refusal.problems {
        let path = match problem.path.is_empty() {
            true => String::new(),
            false => format!("`{}`: ", problem.path.join(".")),
        };
        told.push_str(&format!("\n  {path}{}", problem.message));
        if let Some(help) = &problem.help {
            told.push_str(&format!("\n    help: {help}"));
        }
    }
    told
}

/// The name that is given, or that stands in a file, and the folder of that.
pub(super) fn named(given: &str) -> Result<(String, Option<PathBuf>)> {
    if !given.ends_with(".toml") && !given.contains('/') {
        return Ok((given.to_owned(), None));
    }
    let unreadable = |error: String| {
        let message = format!("{given}: {error}");
        Error::new(Kind::Invalid, Blame::Configuration, message)
    };
    let path = std::fs::canonicalize(given).map_err(|error| unreadable(error.to_string()))?;
    let text = std::fs::read_to_string(&path).map_err(|error| unreadable(error.to_string()))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        unreadable(format!("{}; `wasm-sink check` says more", error.message()))
    })?;
    let name = table.get("name").and_then(toml::Value::as_str);
    let name = name.ok_or_else(|| unreadable("it has no `name`".to_owned()))?;
    Ok((name.to_owned(), path.parent().map(Path::to_owned)))
}

/// As the running process finds it, which stands in another folder.
pub(super) fn component(given: &str) -> Result<String> {
    if let ComponentRef::BuiltIn(word) = ComponentRef::of(given) {
        return Ok(word);
    }
    let absolute: std::io::Result<PathBuf> = std::fs::canonicalize(given);
    let absolute = absolute.map_err(|error| {
        let message = format!("component {given} cannot be read");
        Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error)
    })?;
    absolute.into_os_string().into_string().map_err(|path| {
        let message = format!("the path {} is not UTF-8", path.display());
        Error::new(Kind::Invalid, Blame::Configuration, message)
    })
}

pub(super) async fn choose(
    pipeline: &str,
    directory: Option<&Path>,
    process: Option<u32>,
) -> Result<Running> {
    let mut found = Vec::new();
    for running in control::find(pipeline).await? {
        if is_of(&running, directory).await {
            found.push(running);
        }
    }
    let numbers: Vec<String> = found
        .iter()
        .map(|running| running.process.to_string())
        .collect();
    let chosen = match process {
        Some(process) => found.into_iter().find(|running| running.process == process),
        None if found.len() > 1 => {
            return Err(Error::new(
                Kind::Invalid,
                Blame::Configuration,
                format!(
                    "{} processes run `{pipeline}` here, and a swap reaches one: swap them one after the \
                     other, with --process {}",
                    found.len(),
                    numbers.join(", --process ")
                ),
            ));
        }
        None => found.into_iter().next(),
    };
    chosen.ok_or_else(|| {
        let who = match process {
            Some(process) => format!("process {process} of this user does not run `{pipeline}`"),
            None => format!("no process of this user on this machine runs `{pipeline}`"),
        };
        let message = match numbers.is_empty() {
            true => format!("{who}: start it with `wasm-sink run`"),
            false => format!("{who}; there is {}", numbers.join(", ")),
        };
        Error::new(Kind::Invalid, Blame::Configuration, message)
    })
}

/// Whether a process runs the file of a folder, if one is given.
async fn is_of(running: &Running, directory: Option<&Path>) -> bool {
    let Some(directory) = directory else {
        return true;
    };
    let Ok(mut events) = control::ask(running, &Request::Hello).await else {
        return false;
    };
    match events.next().await {
        Ok(Event::Hello { directory: of, .. }) => {
            std::fs::canonicalize(of).is_ok_and(|of| of == directory)
        }
        _ => false,
    }
}

pub(super) fn short(hash: &str) -> &str {
    hash.get(..HASH_DIGITS).unwrap_or(hash)
}
