//! `wasm-sink dead-letters`.

mod list;
mod retry;
mod show;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use wasm_sink_core::dead_letter::RefusedBy;
use wasm_sink_core::{Blame, CommitId, Error, Kind, Result};

use super::terminal::Terminal;
use super::{Exit, load};
use crate::config::{DeadLetters, Pipeline};
use crate::launch::Host;
use crate::letters::Selection;

const EXAMPLES: &str = "\
Examples:
  wasm-sink dead-letters list pipeline.toml
  wasm-sink dead-letters show pipeline.toml --by host --limit 5
  wasm-sink dead-letters show pipeline.toml --reason 'does not fit' --json | jq .record
  wasm-sink dead-letters retry pipeline.toml --reason 'does not fit'

They are read from the folder where the pipeline leaves them, also while it runs. list and show
change nothing.

Exit codes: 0 they were read or all delivered, also if there are none, 1 a file of them cannot be
read, or some were refused again or could not be delivered, 2 the configuration is wrong or they
go to a topic.";

/// Arguments of `dead-letters`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct DeadLettersArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// How many there are, by who refused them and why
    List(list::ListArgs),
    /// The letters themselves
    Show(show::ShowArgs),
    /// Deliver them again, each once, after what kept them was mended
    Retry(retry::RetryArgs),
}

/// Which letters are meant.
#[derive(Args, Debug)]
struct Chosen {
    /// Those with this text in their reason
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Those that were refused by decoder, component, trap, host or destination
    #[arg(long, value_name = "WHO", value_parser = by)]
    by: Option<RefusedBy>,
    /// Those of one epoch, by its commit id
    #[arg(long, value_name = "COMMIT", value_parser = commit)]
    epoch: Option<CommitId>,
}

impl Chosen {
    fn selection(&self) -> Selection {
        Selection {
            reason: self.reason.clone(),
            by: self.by,
            commit: self.epoch,
        }
    }
}

fn by(text: &str) -> std::result::Result<RefusedBy, String> {
    let found = RefusedBy::ALL.into_iter().find(|by| by.as_str() == text);
    found.ok_or_else(|| {
        let words = RefusedBy::ALL.map(RefusedBy::as_str).join(", ");
        format!("one of these refuses rows: {words}")
    })
}

fn commit(text: &str) -> std::result::Result<CommitId, String> {
    let id = text.parse();
    id.map_err(|_| "a commit id is 16 hexadecimal digits, the name of a file of letters".to_owned())
}

pub(super) async fn execute<H: Host>(
    args: &DeadLettersArgs,
    launch: impl FnOnce() -> Result<H>,
    terminal: &Terminal,
) -> Result<Exit> {
    let done = match &args.what {
        What::List(args) => read(&args.pipeline, terminal, |letters| {
            list::list(args, letters, terminal)
        }),
        What::Show(args) => read(&args.pipeline, terminal, |letters| {
            show::show(args, letters, terminal)
        }),
        What::Retry(args) => return retry::execute(args, &launch()?, terminal).await,
    };
    Ok(match done {
        Ok(()) => Exit::Success,
        Err(exit) => exit,
    })
}

/// A pipeline, and the folder of its letters.
struct Place<'a> {
    pipeline: &'a str,
    folder: &'a Path,
}

fn read(
    file: &Path,
    terminal: &Terminal,
    what: impl FnOnce(Place<'_>) -> Result<()>,
) -> Result<(), Exit> {
    let pipeline = load(file, terminal)?;
    let folder = folder(&pipeline).map_err(|error| {
        terminal.error(&error);
        Exit::Misconfigured
    })?;
    let place = Place {
        pipeline: pipeline.name.as_str(),
        folder: &folder,
    };
    what(place).map_err(|error| {
        terminal.error(&error);
        Exit::Failure
    })
}

fn folder(pipeline: &Pipeline) -> Result<PathBuf> {
    match &pipeline.dead_letters {
        DeadLetters::Directory(folder) => Ok(folder.clone()),
        DeadLetters::Topic { connection, topic } => Err(Error::new(
            Kind::Invalid,
            Blame::Configuration,
            format!(
                "dead letters of `{}` go to the topic `{topic}` of `{connection}` and not to files: read them with \
                 a consumer of that topic, or with a pipeline whose [source] has connection = \"{connection}\" \
                 and topics = [\"{topic}\"]",
                pipeline.name
            ),
        )),
    }
}

#[cfg(test)]
mod tests;
