//! `wasm-sink build`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::Exit;
use super::numbers::{bytes, duration};
use super::terminal::Terminal;
use crate::project::{Project, Unopened, Watcher};

const EXAMPLES: &str = "\
Examples:
  wasm-sink build                      the project of this folder
  wasm-sink build sinks/orders

A project is a folder with a sink.toml, as `wasm-sink new` writes it. The compiler is the language's own:
what is missing is named, with what to install. What a language installs per project (pip, npm) is installed
into the project, once. Everything that is made is in the folder build, which may be deleted.

Exit codes: 0 built, 1 failed, 2 sink.toml is wrong.";

/// Arguments of `build`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct BuildArgs {
    /// The folder with sink.toml
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

pub(super) async fn execute(args: &BuildArgs, terminal: &Terminal) -> Exit {
    let project = match open(&args.folder, terminal) {
        Ok(project) => project,
        Err(exit) => return exit,
    };
    let watcher: Arc<dyn Watcher> = Arc::new(Steps(terminal.clone()));
    // As one would type it: without the `./` of this folder.
    let folder = args.folder.strip_prefix(".").unwrap_or(&args.folder);
    let path = folder
        .join(crate::project::BUILD)
        .join(project.component().file_name().unwrap_or_default());
    let built = tokio::task::spawn_blocking(move || project.build(&watcher)).await;
    match built {
        Ok(Ok(built)) => {
            terminal.result(&format!(
                "{}: {} in {}\n",
                path.display(),
                bytes(built.bytes as f64),
                duration(built.took)
            ));
            Exit::Success
        }
        Ok(Err(error)) => {
            terminal.error(&error);
            Exit::Failure
        }
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// Reads `sink.toml`, or prints all that is wrong with it.
pub(super) fn open(folder: &std::path::Path, terminal: &Terminal) -> Result<Project, Exit> {
    Project::open(folder).map_err(|unopened| {
        match unopened {
            Unopened::Unreadable(error) => terminal.error(&error),
            Unopened::Wrong(diagnostics) => terminal.diagnostics(&diagnostics),
        }
        Exit::Misconfigured
    })
}

/// Says what takes a while.
pub(super) struct Steps(pub(super) Terminal);

impl Watcher for Steps {
    fn step(&self, doing: &str) {
        self.0.note(&format!("{doing}\n"));
    }
}
