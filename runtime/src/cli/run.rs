//! `wasm-sink run`.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use tokio::sync::oneshot;
use wasm_sink_core::settings::byte_size;
use wasm_sink_core::{Position, Result};

use super::follow::Watched;
use super::host::{Beginning, Ended, Host, Outcome};
use super::logging::{self, Format, Verbosity};
use super::numbers::{bytes, count, duration};
use super::progress::Progress;
use super::terminal::Terminal;
use super::{Exit, check_component, load, preview};
use crate::admin::Admin;
use crate::config::Pipeline;
use crate::metrics::Metrics;
use crate::recording::RecorderSettings;

/// Rows that `--dry-run` shows.
const PREVIEW_ROWS: usize = 5;
/// The least that `--record-size` takes: an epoch or two should be in it.
const MIN_RECORD_BYTES: u64 = 16 << 20;

const EXAMPLES: &str = "\
Examples:
  wasm-sink run pipeline.toml
  wasm-sink run pipeline.toml --dry-run
  cat events.jsonl | wasm-sink run from-stdin.toml --quiet
  wasm-sink run pipeline.toml --json 2>run.log
  wasm-sink run pipeline.toml --record ./recorded

A run continues where the last one ended: what was committed is never read again. Ctrl-C or SIGTERM
finishes what was begun and stops; a second one stops at once, which loses nothing either.
WASM_SINK_LOG sets what is logged: WASM_SINK_LOG=debug, WASM_SINK_LOG=warn,wasm_sink_delta=trace.";

/// Arguments of `run`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    /// The pipeline.toml to run
    #[arg(value_name = "PIPELINE")]
    pipeline: PathBuf,
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
    fn beginning(&self) -> Beginning {
        match &self.from {
            _ if self.restart => Beginning::Restart,
            None => Beginning::Stored,
            Some(MissingFrom::Beginning) => Beginning::MissingFromBeginning,
            Some(MissingFrom::Position(position)) => Beginning::MissingFrom(position.clone()),
        }
    }

    fn record(&self) -> Option<RecorderSettings> {
        self.record.as_ref().map(|directory| RecorderSettings {
            directory: directory.clone(),
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

pub(super) async fn execute(args: RunArgs, host: &dyn Host, terminal: &Terminal) -> Exit {
    let format = args.format(terminal);
    let verbosity = match (args.quiet, format) {
        (true, _) => Verbosity::Quiet,
        (false, Format::Text) => Verbosity::Warnings,
        (false, Format::Json) => Verbosity::Normal,
    };
    logging::start(format, verbosity, terminal);
    let checked = async {
        let pipeline = load(&args.pipeline, terminal)?;
        check_component(&pipeline, host, terminal).await?;
        Ok(pipeline)
    };
    let pipeline = match checked.await {
        Ok(pipeline) => pipeline,
        Err(exit) => return exit,
    };
    let done = if args.dry_run {
        dry_run(pipeline, host, terminal).await
    } else {
        deliver(&args, pipeline, host, terminal, format).await
    };
    match done {
        Ok(()) => Exit::Success,
        Err(error) => {
            match format {
                Format::Text => terminal.error(&error),
                Format::Json => tracing::error!(blame = %error.blame(), "{error}"),
            }
            Exit::Failure
        }
    }
}

async fn dry_run(pipeline: Pipeline, host: &dyn Host, terminal: &Terminal) -> Result<()> {
    let preview = host.preview(pipeline, PREVIEW_ROWS).await?;
    terminal.result(&preview::render(&preview)?);
    Ok(())
}

async fn deliver(
    args: &RunArgs,
    pipeline: Pipeline,
    host: &dyn Host,
    terminal: &Terminal,
    format: Format,
) -> Result<()> {
    if args.restart {
        let consequence = host.restart_consequence(&pipeline).await?;
        match format {
            Format::Text if args.quiet => {}
            Format::Text => terminal.note(&format!("restart: {consequence}\n")),
            Format::Json => tracing::warn!("restart: {consequence}"),
        }
    }
    let metrics = Arc::new(Metrics::new(pipeline.name.as_str()));
    let admin = match pipeline.admin {
        Some(address) => Some(Admin::bind(address).await?),
        None => None,
    };
    let (stop_admin, admin_stopped) = oneshot::channel::<()>();
    if let Some(admin) = admin {
        if let Ok(address) = admin.address() {
            tracing::info!(%address, "serving /metrics and /health");
        }
        // Its end is the drop of the sender.
        tokio::spawn(admin.serve(Arc::clone(&metrics), async {
            let _ = admin_stopped.await;
        }));
    }
    let progress = match (args.quiet, format) {
        (false, Format::Text) => Progress::start(Arc::clone(&metrics), terminal),
        _ => None,
    };
    let dead_letters = pipeline.dead_letters.clone();
    let watching = match args.watch {
        true => Some(tokio::spawn(Watched::of(&pipeline)?.follow())),
        false => None,
    };
    let result = host
        .run(
            pipeline,
            args.beginning(),
            args.record(),
            Arc::clone(&metrics),
        )
        .await;
    if let Some(watching) = watching {
        watching.abort();
    }
    drop(progress);
    metrics.stopped(result.as_ref().err());
    drop(stop_admin);
    let outcome = result?;
    if format == Format::Json {
        tracing::info!(
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
        terminal.result(&summary(&outcome, &dead_letters.to_string()));
    }
    Ok(())
}

/// What a run did, for a person.
fn summary(outcome: &Outcome, dead_letters: &str) -> String {
    let account = &outcome.account;
    let ended = match outcome.ended {
        Ended::Delivered => "done",
        Ended::Stopped => "stopped",
        Ended::NotBegun => {
            let waited = duration(outcome.took);
            return format!(
                "stopped after {waited} of waiting for the destination: nothing was read, nothing \
                 was written\n"
            );
        }
    };
    let mut text = if account.taken == 0 && outcome.commits == 0 {
        format!("{ended}: nothing new in {}\n", duration(outcome.took))
    } else {
        format!(
            "{ended}: {} in {} ({}) in {}\n",
            count(account.staged, "row"),
            count(outcome.commits, "commit"),
            bytes(outcome.bytes as f64),
            duration(outcome.took)
        )
    };
    for table in &outcome.tables {
        text.push_str(&format!("  table: {table}\n"));
    }
    if account.skipped > 0 {
        text.push_str(&format!(
            "  {} left out by the component\n",
            count(account.skipped, "row")
        ));
    }
    if account.rejected > 0 {
        text.push_str(&format!(
            "  {} in {dead_letters}\n",
            count(account.rejected, "dead letter")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wasm_sink_core::Account;

    use super::*;

    #[test]
    fn the_summary_says_what_happened() {
        let mut outcome = Outcome {
            ended: Ended::Delivered,
            took: Duration::from_millis(40),
            ..Outcome::default()
        };
        assert_eq!(summary(&outcome, "x"), "done: nothing new in 0.0 s\n");
        outcome.ended = Ended::NotBegun;
        assert_eq!(
            summary(&outcome, "x"),
            "stopped after 0.0 s of waiting for the destination: nothing was read, nothing was \
             written\n"
        );
        outcome.ended = Ended::Delivered;
        outcome.account = Account {
            taken: 3003,
            staged: 2990,
            rejected: 3,
            skipped: 10,
        };
        outcome.commits = 1;
        outcome.bytes = 250_000;
        outcome.tables = vec!["./table".to_owned()];
        assert_eq!(
            summary(&outcome, "state/dead-letters"),
            "done: 2,990 rows in 1 commit (250.0 kB) in 0.0 s\n  table: ./table\n  \
             10 rows left out by the component\n  3 dead letters in state/dead-letters\n"
        );
    }

    #[test]
    fn from_takes_words_and_positions() {
        assert_eq!("beginning".parse(), Ok(MissingFrom::Beginning));
        let position = "7.9".parse().map(MissingFrom::Position).unwrap();
        assert_eq!("7.9".parse(), Ok(position));
        assert!("later".parse::<MissingFrom>().is_err());
    }
}
