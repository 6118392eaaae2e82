//! `wasm-sink replay`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;
use wasm_sink_core::Result;
use wasm_sink_core::guest::calls::{Asked, Call};

use super::Exit;
use super::numbers::{count, duration, grouped};
use super::preview::{grid, visible};
use super::terminal::Terminal;
use crate::comparison::Key;
use crate::control::short;
use crate::launch::Host;
use crate::recording::Header;
use crate::replay::{Moment, Replayed, Request, Verdict, What};

/// Rows of a batch that `--debug` shows.
const SHOWN_ROWS: usize = 5;

const EXAMPLES: &str = "\
Examples:
  wasm-sink replay ./recorded
  wasm-sink replay .wasm-sink/payments/failures/000001.jsonl --debug
  wasm-sink replay ./recorded --component ./payments_v2.wasm

Needs no destination, no network and no pipeline.toml: what the component was given and answered is in
the recording, which `wasm-sink run --record DIR` keeps, and every run of an epoch that failed. The
recorded component does the same again, byte for byte; another one is held against it, and what it
would write otherwise is shown by table, column and record.

Exit codes: 0 all is the same, 1 something differs or cannot be replayed.";

/// Arguments of `replay`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ReplayArgs {
    /// A recording, or a folder of them
    #[arg(value_name = "RECORDING")]
    recording: PathBuf,
    /// Another component in the place of the recorded one
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// The column that names a record in what is shown; else the record's own key, and its place
    #[arg(long, value_name = "COLUMN")]
    key: Option<String>,
    /// Show every call, with rows and answers
    #[arg(long)]
    debug: bool,
    /// Print JSON, a line for each recording
    #[arg(long, conflicts_with = "debug")]
    json: bool,
}

pub(super) async fn execute(args: &ReplayArgs, host: &dyn Host, terminal: &Terminal) -> Exit {
    let request = Request {
        path: args.recording.clone(),
        component: args.component.clone(),
        key: Key(args.key.clone()),
    };
    let mut is_same = true;
    let mut watch = |_: &Header, moment: &Moment| {
        if args.debug {
            terminal.result(&moment_text(moment));
        }
    };
    let mut done = |replayed: Replayed| {
        is_same &= replayed.verdict.is_same();
        is_same &= replayed
            .report
            .as_ref()
            .is_none_or(|report| report.is_same());
        terminal.result(&match args.json {
            true => json_line(&replayed),
            false => text(&replayed, args.component.as_deref()),
        });
    };
    let replayed: Result<()> = host.replay(&request, &mut watch, &mut done).await;
    match replayed {
        Ok(()) if is_same => Exit::Success,
        Ok(()) => Exit::Failure,
        Err(error) => {
            terminal.error(&error);
            Exit::Failure
        }
    }
}

fn json_line(replayed: &Replayed) -> String {
    let line = serde_json::to_value(replayed).unwrap_or_default();
    format!("{line}\n")
}

fn text(replayed: &Replayed, component: Option<&std::path::Path>) -> String {
    let Replayed {
        recording,
        header,
        damage,
        verdict,
        report,
    } = replayed;
    let mut text = format!(
        "{}: {} {} of pipeline {}, {}\n",
        recording.display(),
        header.component.name,
        short(&header.component.hash),
        header.pipeline,
        header.at.format("%Y-%m-%d %H:%M:%S UTC")
    );
    if let Some(damage) = damage {
        let _ = writeln!(text, "  not whole: {damage}; replayed as far as it goes");
    }
    match (report, component) {
        (Some(report), Some(component)) => {
            let (old, new) = (&header.component.name, component.display().to_string());
            let report = report.text(old, &new);
            for line in report.lines() {
                let _ = writeln!(text, "  {line}");
            }
        }
        _ => verdict_text(verdict, &mut text),
    }
    text
}

fn verdict_text(verdict: &Verdict, text: &mut String) {
    let _ = writeln!(
        text,
        "  {}, {}, {}, {} fuel per row",
        count(verdict.epochs, "epoch"),
        count(verdict.rows, "row"),
        count(verdict.calls, "call"),
        grouped(verdict.fuel / verdict.rows.max(1))
    );
    for failure in &verdict.failures {
        let again = match verdict.deadlines {
            0 => "failed as recorded",
            _ => "failed when it was recorded",
        };
        let _ = writeln!(text, "  {again}: {}", visible(failure));
    }
    if verdict.deadlines > 0 {
        let _ = writeln!(
            text,
            "  what ran for longer than its deadline is not compared: time does not repeat"
        );
    }
    if verdict.is_same() {
        let _ = writeln!(text, "  all as it was recorded");
        return;
    }
    let _ = writeln!(text, "  {} otherwise:", count(verdict.otherwise, "thing"));
    for deviation in &verdict.deviations {
        let _ = writeln!(text, "  epoch {}, {}", deviation.epoch, deviation.within);
        let _ = writeln!(text, "    recorded: {}", visible(&deviation.recorded));
        let _ = writeln!(text, "    now:      {}", visible(&deviation.now));
    }
}

/// What `--debug` shows of a call of the host.
fn moment_text(moment: &Moment) -> String {
    let mut text = format!("{}", moment.what);
    if let What::Began { .. } = moment.what {
        text.push('\n');
        return text;
    }
    if moment.rows > 0 {
        let _ = write!(text, ", {}", count(moment.rows as u64, "row"));
    }
    text.push('\n');
    if let Some(given) = &moment.given {
        let shown = given.values().slice(0, given.len().min(SHOWN_ROWS));
        // A type that does not print is no reason to stop.
        let _ = grid(&mut text, &shown);
    }
    for call in &moment.calls {
        let _ = writeln!(text, "  {}", call_text(call));
    }
    let took = match moment.elapsed.as_millis() {
        0..1000 => format!("{:.1} ms", moment.elapsed.as_secs_f64() * 1e3),
        _ => duration(moment.elapsed),
    };
    let _ = match moment.now.told() {
        None => writeln!(text, "  ok, after {took}"),
        Some(told) => writeln!(text, "  failed after {took}: {}", visible(&told.message)),
    };
    for letter in &moment.letters {
        let reason = visible(&letter.reason);
        let _ = writeln!(text, "  dead letter: {}: {reason}", letter.origin);
    }
    text
}

fn call_text(call: &Call) -> String {
    let Asked {
        function,
        target,
        arguments,
    } = &call.asked;
    let mut text = function.clone();
    if let Some(target) = target {
        let _ = write!(text, " {}/{}", target.connection, target.name);
    }
    if let Some(rows) = &call.rows {
        let _ = write!(text, " {}", count(rows.len() as u64, "row"));
    }
    match arguments {
        Value::Null => {}
        Value::Array(list) if list.is_empty() => {}
        arguments => {
            let _ = write!(text, " {arguments}");
        }
    }
    let _ = match &call.answer {
        Ok(Value::Null) => Ok(()),
        Ok(answer) => write!(text, " = {answer}"),
        Err(told) => write!(text, " = {:?}: {}", told.kind, told.message),
    };
    visible(&text)
}
