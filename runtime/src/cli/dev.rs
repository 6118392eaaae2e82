//! `wasm-sink dev`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use tokio::sync::watch;
use wasm_sink_core::Result;

use super::build::{Steps, open};
use super::follow::{Swapped, Watched};
use super::numbers::duration;
use super::terminal::Terminal;
use super::{Exit, load, run, signals};
use crate::control::{Event, short};
use crate::launch::Host;
use crate::project::{SINK_TOML, Sources, Watcher};

const EXAMPLES: &str = "\
Examples:
  wasm-sink dev                        pipeline.toml and sink.toml of this folder
  wasm-sink dev try/pipeline.toml --project sinks/orders

Builds the sink, runs the pipeline, and for each file that is saved builds once more and swaps the new
component in, while rows flow: none is lost, and none written twice. What does not build is shown, and the
component that works goes on. With a source that does not end, such as a generator with rate = 100, there is
always something to see. Ctrl-C finishes what was begun and stops.";

/// Arguments of `dev`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct DevArgs {
    /// The pipeline.toml to run
    #[arg(value_name = "PIPELINE", default_value = "pipeline.toml")]
    pipeline: PathBuf,
    /// The folder with sink.toml [default: that of the pipeline, or the next one above it that has one]
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
}

impl DevArgs {
    fn project(&self) -> PathBuf {
        if let Some(folder) = &self.project {
            return folder.clone();
        }
        let pipeline =
            std::path::absolute(&self.pipeline).unwrap_or_else(|_| self.pipeline.clone());
        let mut folders = pipeline.ancestors().skip(1);
        let found = folders.find(|folder| folder.join(SINK_TOML).exists());
        found
            .or(pipeline.parent())
            .unwrap_or(Path::new("."))
            .to_owned()
    }
}

pub(super) async fn execute<H: Host + 'static>(
    args: &DevArgs,
    launch: impl FnOnce(watch::Receiver<bool>) -> Result<H>,
    terminal: &Terminal,
) -> Result<Exit> {
    let root = args.project();
    let mut sources = match open(&root, terminal) {
        Ok(project) => Sources::of(&project),
        Err(exit) => return Ok(exit),
    };
    while !build(&root, terminal).await {
        terminal.note("waiting for something to be saved\n");
        sources.changed().await;
    }
    let watched = match load(&args.pipeline, terminal) {
        Ok(pipeline) => Watched::of(&pipeline)?,
        Err(exit) => return Ok(exit),
    };
    let host = launch(signals::listen(terminal)?)?.compiling_often()?;
    let host = Arc::new(host);
    let running = run::execute(run::RunArgs::of(&args.pipeline), host, terminal);
    let following = follow(&root, &mut sources, &watched, terminal);
    Ok(tokio::select! {
        exit = running => exit,
        () = following => Exit::Success,
    })
}

/// Builds and swaps for ever.
async fn follow(root: &Path, sources: &mut Sources, watched: &Watched, terminal: &Terminal) {
    loop {
        let saved = sources.changed().await;
        terminal.note(&format!("{}: saved\n", saved.join(", ")));
        let before = watched.bytes();
        if !build(root, terminal).await {
            continue;
        }
        if before.is_some() && before == watched.bytes() {
            terminal.note("the component is the same as before\n");
            continue;
        }
        loop {
            let told = |event: &Event| tell(event, terminal);
            match watched.swap(&told).await {
                Ok(Swapped::Now) => break,
                // The one before is still on trial.
                Ok(Swapped::Later) => {
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await
                }
                Err(error) => {
                    terminal.error(&error);
                    break;
                }
            }
        }
    }
}

fn tell(event: &Event, terminal: &Terminal) {
    match event {
        Event::Compiled { hash, elapsed } => {
            terminal.note(&format!(
                "compiled {} in {}\n",
                short(hash),
                duration(*elapsed)
            ));
        }
        Event::TakenOver { pause, .. } => {
            let waited_ms = pause.as_millis();
            terminal.note(&format!("took over; rows waited for {waited_ms} ms\n"));
        }
        _ => {}
    }
}

/// Builds, and says how that went; whether it did.
async fn build(root: &Path, terminal: &Terminal) -> bool {
    // What sink.toml says may have changed, too.
    let Ok(project) = open(root, terminal) else {
        return false;
    };
    let watcher: Arc<dyn Watcher> = Arc::new(Steps(terminal.clone()));
    let built = tokio::task::spawn_blocking(move || project.build(&watcher)).await;
    match built {
        Ok(Ok(built)) => {
            terminal.note(&format!("built in {}\n", duration(built.took)));
            true
        }
        Ok(Err(error)) => {
            terminal.error(&error);
            false
        }
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
