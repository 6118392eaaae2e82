//! Log lines: for people on a terminal, as JSON otherwise.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::terminal::{LogWriter, Terminal};
use crate::config::Style;

/// What `WASM_SINK_LOG` overrides: "debug", "warn,wasm_sink_delta=trace".
const VARIABLE: &str = "WASM_SINK_LOG";

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// One line of text each.
    Text,
    /// One JSON object each.
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verbosity {
    /// Errors alone.
    Quiet,
    /// What a progress line does not show.
    Warnings,
    /// What happens.
    Normal,
}

impl MakeWriter<'_> for LogWriter {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Begins to log to standard error. A second call changes nothing.
pub(super) fn start(format: Format, verbosity: Verbosity, terminal: &Terminal) {
    let level = match verbosity {
        Verbosity::Quiet => "error",
        Verbosity::Warnings => "warn",
        // Of the libraries below only what may concern a user. A name stands for all that begin
        // with it; `component` is what guests say.
        Verbosity::Normal => "warn,wasm_sink=info,component=info",
    };
    let filter = match std::env::var(VARIABLE) {
        // What stopped a run is shown whatever else is asked for.
        Ok(directives) => {
            EnvFilter::try_new(format!("error,{directives}")).unwrap_or_else(|error| {
                terminal.note(&format!("{VARIABLE} is left out: {error}\n"));
                EnvFilter::new(level)
            })
        }
        Err(_) => EnvFilter::new(level),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(terminal.log_writer())
        .with_ansi(terminal.style() == Style::Colored);
    // The only other one to have set a subscriber is a test.
    let _ = match format {
        Format::Text => subscriber.with_target(false).finish().try_init(),
        Format::Json => subscriber
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .finish()
            .try_init(),
    };
}
