//! `wasm-sink status`.

pub(super) mod table;

use std::time::Duration;

use clap::Args;
use futures::future::join_all;
use tokio::time::{MissedTickBehavior, interval, timeout};
use wasm_sink_core::Result;

use super::Exit;
use super::running::Meant;
use super::terminal::Terminal;
use crate::control::{self, Event, Request, Running};
use crate::status::{Status, Statuses};

/// Between two looks with `--watch`.
const EVERY: Duration = Duration::from_secs(1);
/// A process has so long to answer.
const PATIENCE: Duration = Duration::from_secs(10);

const EXAMPLES: &str = "\
Examples:
  wasm-sink status                      all pipelines that you run on this machine
  wasm-sink status payments             one of them, with its partitions, limits and dead letters
  wasm-sink status pipeline.toml --watch
  wasm-sink status --json | jq '.pipelines[] | {pipeline, status, lag}'

It asks the processes over their control sockets; nothing has to be configured. With [admin] in pipeline.toml,
a browser shows the same. Exit codes: 0 all is well, 1 a pipeline fails or none runs.";

/// Arguments of `status`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct StatusArgs {
    /// Its name, or its pipeline.toml; all that run where none is given
    #[arg(value_name = "PIPELINE")]
    pipelines: Vec<String>,
    /// Ask again every second, until Ctrl-C
    #[arg(long, short)]
    watch: bool,
    /// As JSON; with --watch a line for each time
    #[arg(long)]
    json: bool,
}

pub(super) async fn execute(args: &StatusArgs, terminal: &Terminal) -> Exit {
    match follow(args, terminal).await {
        Ok(exit) => exit,
        Err(error) => {
            terminal.error(&error);
            Exit::Failure
        }
    }
}

async fn follow(args: &StatusArgs, terminal: &Terminal) -> Result<Exit> {
    let meant = args.pipelines.iter().map(|given| Meant::by(given));
    let meant = meant.collect::<Result<Vec<_>>>()?;
    if !args.watch {
        return look(args, &meant, terminal).await;
    }
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let told = ask(&meant).await?;
        if args.json {
            terminal.result(&json(&told, Lines::One));
            continue;
        }
        let text = table::render(&told, &args.pipelines, terminal.style());
        terminal.redraw(&text);
    }
}

async fn look(args: &StatusArgs, meant: &[Meant], terminal: &Terminal) -> Result<Exit> {
    let told = ask(meant).await?;
    terminal.result(&match args.json {
        true => json(&told, Lines::Several),
        false => table::render(&told, &args.pipelines, terminal.style()),
    });
    let is_well = |status: &Status| !status.status.is_failing();
    Ok(match !told.is_empty() && told.iter().all(is_well) {
        true => Exit::Success,
        false => Exit::Failure,
    })
}

enum Lines {
    One,
    Several,
}

fn json(told: &[Status], lines: Lines) -> String {
    let statuses = Statuses {
        pipelines: told.to_vec(),
    };
    let text = match lines {
        Lines::One => serde_json::to_string(&statuses),
        Lines::Several => serde_json::to_string_pretty(&statuses),
    };
    // Text and numbers alone.
    format!("{}\n", text.unwrap_or_default())
}

/// Asks all that are meant at once. Who is gone meanwhile is left out.
async fn ask(meant: &[Meant]) -> Result<Vec<Status>> {
    let mut running: Vec<Running> = Vec::new();
    if meant.is_empty() {
        running = control::find_all().await?;
    }
    for one in meant {
        running.append(&mut one.processes().await?);
    }
    let asked = running.iter().map(|running| async move {
        let answer = async {
            let mut events = control::ask(running, &Request::Status).await?;
            events.next().await
        };
        match timeout(PATIENCE, answer).await {
            Ok(Ok(Event::Status(status))) => Some(*status),
            _ => None,
        }
    });
    let mut told: Vec<Status> = join_all(asked).await.into_iter().flatten().collect();
    told.sort_by(|one, other| (&one.pipeline, one.process).cmp(&(&other.pipeline, other.process)));
    Ok(told)
}
