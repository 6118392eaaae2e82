//! `wasm-sink run`.

mod chosen;
mod deliver;
mod summary;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use wasm_sink_core::settings::byte_size;
use wasm_sink_core::{Error, Position, Result};

use super::logging::{self, Format, Verbosity};
use super::terminal::Terminal;
use super::{Exit, check_component, preview};
use crate::config::Pipeline;
use crate::launch::{Beginning, Host};
use crate::recording::RecorderSettings;

/// Rows that `--dry-run` shows.
const PREVIEW_ROWS: usize = 5;
/// The least that `--record-size` takes: an epoch or two should be in it.
const MIN_RECORD_BYTES: u64 = 16 << 20;

const EXAMPLES: &str = "\
Examples:
  wasm-sink run pipeline.toml
  wasm-sink run pipeline.toml --dry-run
  wasm-sink run orders.toml payments.toml
  wasm-sink run pipelines/
  cat events.jsonl | wasm-sink run from-stdin.toml --quiet
  wasm-sink run pipeline.toml --json 2>run.log
  wasm-sink run pipeline.toml --record ./recorded

Several pipelines share the process and nothing else: where one fails, the others go on, and the process ends with
code 1 once all have ended. Of a folder, every .toml file in it is one.

A run continues where the last one ended: what was committed is never read again. Ctrl-C or SIGTERM
finishes what was begun and stops; a second one stops at once, which loses nothing either.
WASM_SINK_LOG sets what is logged: WASM_SINK_LOG=debug, WASM_SINK_LOG=warn,wasm_sink_delta=trace.";

/// Arguments of `run`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    /// The pipeline.toml to run; several of them, or a folder of them
    #[arg(value_name = "PIPELINE", required = true)]
    pipelines: Vec<PathBuf>,
    /// Show the schema, the first rows after the component, and the table it would create; write
    /// nothing
    #[arg(long, conflicts_with_all = ["restart", "from"])]
    dry_run: bool,
    /// Begin anew, whatever was delivered before; says what that doubles or overwrites
    #[arg(long, conflicts_with = "from")]
    restart: bool,
    /// Where a partition begins that was known and has no position any more: `beginning`,
    /// or a position
    #[arg(long, value_name = "POSITION")]
    from: Option<MissingFrom>,
    /// Swap the component in whenever its file changes
    #[arg(long, conflicts_with = "dry_run")]
    watch: bool,
    /// Keep all that crosses the boundary of the component in this folder, for `wasm-sink replay`
    #[arg(long, value_name = "DIR", conflicts_with = "dry_run")]
    record: Option<PathBuf>,
    /// What the folder of recordings may hold; the oldest go
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size, requires = "record")]
    record_size: u64,
    /// Print errors alone
    #[arg(long, short)]
    quiet: bool,
    /// Log as JSON, also on a terminal
    #[arg(long)]
    json: bool,
}

fn size(text: &str) -> std::result::Result<u64, String> {
    let bytes = byte_size(text).and_then(|bytes| u64::try_from(bytes).ok());
    let bytes = bytes.ok_or("a size looks like 512MiB or 10GiB")?;
    match bytes < MIN_RECORD_BYTES {
        true => Err("16MiB is the least".to_owned()),
        false => Ok(bytes),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum MissingFrom {
    Beginning,
    Position(Position),
}

impl FromStr for MissingFrom {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "beginning" => Ok(Self::Beginning),
            _ => text
                .parse()
                .map(Self::Position)
                .map_err(|error| format!("{error}, and so is `beginning`")),
        }
    }
}

impl RunArgs {
    /// One pipeline, and nothing else is asked for.
    pub(super) fn of(pipeline: &Path) -> Self {
        Self {
            pipelines: vec![pipeline.to_owned()],
            dry_run: false,
            restart: false,
            from: None,
            watch: false,
            record: None,
            record_size: 0,
            quiet: false,
            json: false,
        }
    }

    fn beginning(&self) -> Beginning {
        match &self.from {
            _ if self.restart => Beginning::Restart,
            None => Beginning::Stored,
            Some(MissingFrom::Beginning) => Beginning::MissingFromBeginning,
            Some(MissingFrom::Position(position)) => Beginning::MissingFrom(position.clone()),
        }
    }

    /// `folder`: where there are several pipelines, that of one of them.
    fn record(&self, folder: Option<&str>) -> Option<RecorderSettings> {
        self.record.as_ref().map(|directory| RecorderSettings {
            directory: directory.join(folder.unwrap_or_default()),
            max_bytes: self.record_size,
        })
    }

    fn format(&self, terminal: &Terminal) -> Format {
        match self.json || !terminal.is_interactive {
            true => Format::Json,
            false => Format::Text,
        }
    }
}

pub(super) async fn execute(args: RunArgs, host: Arc<dyn Host>, terminal: &Terminal) -> Exit {
    let format = args.format(terminal);
    let verbosity = match (args.quiet, format) {
        (true, _) => Verbosity::Quiet,
        (false, Format::Text) => Verbosity::Warnings,
        (false, Format::Json) => Verbosity::Normal,
    };
    logging::start(format, verbosity, terminal);
    let checked = async {
        let pipelines = chosen::load(&args.pipelines, terminal)?;
        args.refuse_for(&pipelines, terminal)?;
        for pipeline in &pipelines {
            check_component(pipeline, &*host, terminal).await?;
        }
        Ok(pipelines)
    };
    let pipelines = match checked.await {
        Ok(pipelines) => pipelines,
        Err(exit) => return exit,
    };
    let done = match args.dry_run {
        true => dry_run(pipelines, &*host, terminal).await,
        false => deliver::all(&args, pipelines, host, terminal, format).await,
    };
    match done {
        Ok(exit) => exit,
        Err(error) => {
            show(&error, terminal, format);
            Exit::Failure
        }
    }
}

impl RunArgs {
    /// Some options mean one pipeline.
    fn refuse_for(&self, pipelines: &[Pipeline], terminal: &Terminal) -> Result<(), Exit> {
        let option = match &self.from {
            _ if pipelines.len() < 2 => return Ok(()),
            _ if self.restart => "--restart",
            Some(_) => "--from",
            None => return Ok(()),
        };
        terminal.error(&chosen::wrong(format!(
            "{option} is for one pipeline: run it alone once, and then with the others"
        )));
        Err(Exit::Misconfigured)
    }
}

/// What stopped something.
fn show(error: &Error, terminal: &Terminal, format: Format) {
    match format {
        Format::Text => terminal.error(error),
        Format::Json => tracing::error!(blame = %error.blame(), "{error}"),
    }
}

async fn dry_run(pipelines: Vec<Pipeline>, host: &dyn Host, terminal: &Terminal) -> Result<Exit> {
    let are_several = pipelines.len() > 1;
    for pipeline in pipelines {
        if are_several {
            terminal.result(&format!("{}:\n", pipeline.name.as_str()));
        }
        let preview = host.preview(pipeline, PREVIEW_ROWS).await?;
        terminal.result(&preview::render(&preview)?);
    }
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_takes_words_and_positions() {
        assert_eq!("beginning".parse(), Ok(MissingFrom::Beginning));
        let position = "7.9".parse().map(MissingFrom::Position).unwrap();
        assert_eq!("7.9".parse(), Ok(position));
        assert!("later".parse::<MissingFrom>().is_err());
    }
}
