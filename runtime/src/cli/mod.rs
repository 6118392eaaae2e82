//! The command line: one file per command. What the commands need from below comes through
//! [`Host`].

mod apply;
mod build;
mod check;
mod dead_letters;
mod dev;
mod follow;
mod init;
mod inspect;
mod logging;
mod new;
mod numbers;
mod preview;
mod progress;
mod pull;
mod push;
mod replay;
mod run;
mod running;
mod shadow;
mod signals;
mod status;
mod swap;
mod terminal;
mod test;
mod trial;
mod wit;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::sync::watch;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::config::{self, LoadError, Pipeline, Registry};
use crate::connectors;
use crate::launch::Host;

pub use apply::ApplyArgs;
pub use build::BuildArgs;
pub use check::CheckArgs;
pub use dead_letters::DeadLettersArgs;
pub use dev::DevArgs;
pub use init::InitArgs;
pub use inspect::{ExplainArgs, InspectArgs};
pub use new::NewArgs;
pub use progress::Progress;
pub use pull::PullArgs;
pub use push::PushArgs;
pub use replay::ReplayArgs;
pub use run::RunArgs;
pub use shadow::ShadowArgs;
pub use status::StatusArgs;
pub use swap::SwapArgs;
pub use terminal::{Color, Terminal};
pub use test::TestArgs;
pub use wit::WitArgs;

const EXAMPLES: &str = "\
Examples:
  wasm-sink init events.jsonl            write a pipeline.toml for a file of yours
  wasm-sink check pipeline.toml          find every mistake in it
  wasm-sink run pipeline.toml --dry-run  see what it would write
  wasm-sink run pipeline.toml            run it
  wasm-sink status                       see how all that run are doing

Exit codes: 0 delivered or shut down cleanly, 1 failed, 2 the configuration is wrong.";

/// Moves records from a source into a destination through a sandboxed component, exactly once.
#[derive(Debug, Parser)]
#[command(name = "wasm-sink", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Cli {
    /// Whether to use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Color,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a pipeline until its source is delivered, or until it is told to stop
    Run(RunArgs),
    /// Show how running pipelines are doing
    Status(StatusArgs),
    /// Find every mistake in a pipeline.toml
    Check(CheckArgs),
    /// Write a pipeline.toml for a data file
    Init(InitArgs),
    /// Put another component into a running pipeline
    Swap(SwapArgs),
    /// Change the configuration of a running pipeline
    Apply(ApplyArgs),
    /// Hold another component against the one that runs, and write nothing
    Shadow(ShadowArgs),
    /// Read the rows that could not be delivered, and deliver them again
    DeadLetters(DeadLettersArgs),
    /// Run a component on what was recorded, without a destination
    Replay(ReplayArgs),
    /// Begin a sink of your own, in a language of yours
    New(NewArgs),
    /// Make the component of a sink's project
    Build(BuildArgs),
    /// Build, run, and swap in what is saved
    Dev(DevArgs),
    /// Put a component through what a pipeline will do to it, without a server
    Test(TestArgs),
    /// Put a component into a registry
    Push(PushArgs),
    /// Fetch a component from a registry
    Pull(PullArgs),
    /// Show what a component is and may do
    Inspect(InspectArgs),
    /// Show what a component can be told in [sink.config]
    Explain(ExplainArgs),
    /// Write the contract, for toolchains of your own
    Wit(WitArgs),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// A bounded source was delivered, a shutdown was clean, a check found nothing.
    Success,
    /// It failed.
    Failure,
    /// The configuration or the command line is wrong.
    Misconfigured,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Misconfigured => 2,
        })
    }
}

impl Cli {
    /// Reads the process's arguments. Ends the process after `--help`, `--version` and mistakes.
    pub fn from_process() -> Self {
        // Once per process; without its feature `string`, clap takes static text alone.
        let version: &'static str = Box::leak(long_version().into_boxed_str());
        let matches = Self::command().long_version(version).get_matches();
        match Self::from_arg_matches(&matches) {
            Ok(cli) => cli,
            Err(error) => error.exit(),
        }
    }

    /// Does what was asked for. `launch` makes the host, given what turns true when the process is
    /// told to stop; not every command needs one.
    pub async fn execute<H: Host + 'static>(
        self,
        launch: impl FnOnce(watch::Receiver<bool>) -> Result<H>,
    ) -> Exit {
        let terminal = Terminal::new(self.color);
        let done = match self.command {
            Command::Init(args) => Ok(init::execute(&args, &terminal)),
            Command::Wit(args) => Ok(wit::execute(&args, &terminal)),
            Command::New(args) => Ok(new::execute(&args, &terminal)),
            Command::Dev(args) => dev::execute(&args, launch, &terminal).await,
            Command::Push(args) => Ok(push::execute(&args, &terminal).await),
            Command::Pull(args) => Ok(pull::execute(&args, &terminal).await),
            Command::Build(args) => Ok(build::execute(&args, &terminal).await),
            Command::Status(args) => Ok(status::execute(&args, &terminal).await),
            Command::Swap(args) => Ok(swap::execute(&args, &terminal).await),
            Command::Apply(args) => Ok(apply::execute(&args, &terminal).await),
            Command::DeadLetters(args) => {
                let launch = || signals::listen(&terminal).and_then(launch);
                dead_letters::execute(&args, launch, &terminal).await
            }
            Command::Shadow(args) => Ok(shadow::execute(&args, &terminal).await),
            Command::Check(args) => match launch(ended_by_signals()) {
                Ok(host) => Ok(check::execute(&args, &host, &terminal).await),
                Err(error) => Err(error),
            },
            Command::Replay(args) => match launch(ended_by_signals()) {
                Ok(host) => Ok(replay::execute(&args, &host, &terminal).await),
                Err(error) => Err(error),
            },
            Command::Test(args) => match launch(ended_by_signals()) {
                Ok(host) => Ok(test::execute(&args, &host, &terminal).await),
                Err(error) => Err(error),
            },
            Command::Inspect(args) => match launch(ended_by_signals()) {
                Ok(host) => Ok(inspect::execute(&args, &host, &terminal).await),
                Err(error) => Err(error),
            },
            Command::Explain(args) => match launch(ended_by_signals()) {
                Ok(host) => Ok(inspect::explain(&args, &host, &terminal).await),
                Err(error) => Err(error),
            },
            Command::Run(args) => match signals::listen(&terminal).and_then(launch) {
                Ok(host) => Ok(run::execute(args, Arc::new(host), &terminal).await),
                Err(error) => Err(error),
            },
        };
        done.unwrap_or_else(|error| {
            terminal.error(&error);
            Exit::Failure
        })
    }
}

/// Runs a command on a runtime of its own; see [`Cli::execute`].
pub fn main<H: Host + 'static>(
    cli: Cli,
    launch: impl FnOnce(watch::Receiver<bool>) -> Result<H>,
) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(cli.execute(launch));
            // A read of standard input cannot be interrupted, and must not keep the process.
            runtime.shutdown_background();
            exit.into()
        }
        Err(source) => {
            let error = Error::new(Kind::Other, Blame::Host, "cannot start threads");
            Terminal::new(cli.color).error(&error.with_source(source));
            Exit::Failure.into()
        }
    }
}

/// For what signals end, as they do by default.
fn ended_by_signals() -> watch::Receiver<bool> {
    watch::channel(false).1
}

/// With what this build can talk to.
fn long_version() -> String {
    let names: Vec<_> = connectors::BUILT
        .iter()
        .map(|connector| connector.name)
        .collect();
    let components: Vec<_> = Registry::of_this_build().components;
    format!(
        "{}\nconnectors: {}\ncomponents: {}",
        env!("CARGO_PKG_VERSION"),
        names.join(", "),
        components.join(", ")
    )
}

/// Reads a pipeline.toml, or prints all that is wrong with it. Warnings are printed too.
fn load(path: &Path, terminal: &Terminal) -> Result<Pipeline, Exit> {
    let lookup = |name: &str| std::env::var_os(name);
    match config::load(path, &Registry::of_this_build(), &lookup) {
        Ok(pipeline) => {
            terminal.diagnostics(&pipeline.warning_diagnostics());
            Ok(pipeline)
        }
        Err(LoadError::Unreadable(error)) => {
            terminal.error(&error);
            Err(Exit::Misconfigured)
        }
        Err(LoadError::Wrong(diagnostics)) => {
            terminal.diagnostics(&diagnostics);
            Err(Exit::Misconfigured)
        }
    }
}

/// Has the component look at `[sink.config]`, and prints what it has against it.
async fn check_component(
    pipeline: &Pipeline,
    host: &dyn Host,
    terminal: &Terminal,
) -> Result<(), Exit> {
    match host.check_component(pipeline).await {
        Ok(problems) if problems.is_empty() => Ok(()),
        Ok(problems) => {
            terminal.diagnostics(&pipeline.sink_config_diagnostics(&problems));
            Err(Exit::Misconfigured)
        }
        Err(error) => {
            terminal.error(&error.context(format!("cannot load {}", pipeline.sink.component)));
            Err(Exit::Failure)
        }
    }
}

#[cfg(test)]
mod tests;
