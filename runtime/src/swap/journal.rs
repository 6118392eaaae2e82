//! What took over when, in the state directory.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::Utc;
use rustix::process::geteuid;
use serde_json::{Value, json};
use wasm_sink_core::component::Writer;

use crate::control::Positions;
use crate::pipeline::Verdict;

/// Its name: a line for each thing that happens.
const NAME: &str = "swaps.jsonl";

/// Where it is.
#[derive(Clone)]
pub(crate) struct Journal(PathBuf);

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Swap,
    Apply,
    Canary,
    Promote,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Swap => "swap",
            Self::Apply => "apply",
            Self::Canary => "canary",
            Self::Promote => "promote",
        })
    }
}

/// One thing in the place of another.
pub(super) struct Exchange {
    pub(super) asked: Asked,
    pub(super) from: Writer,
    pub(super) to: Writer,
}

impl Journal {
    pub(crate) fn within(state_dir: &Path) -> Self {
        Self(state_dir.join(NAME))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn taken_over(&self, exchange: &Exchange, at: &Positions) {
        let Exchange { from, to, .. } = exchange;
        self.note(
            exchange.asked,
            json!({ "event": "taken-over", "from": named(from), "to": named(to), "at": at }),
        );
    }

    pub(super) fn ended(&self, exchange: &Exchange, verdict: &Verdict) {
        let Exchange { from, to, .. } = exchange;
        let line = match verdict {
            Verdict::Kept => json!({ "event": "kept", "from": named(from), "to": named(to) }),
            Verdict::Going => json!({ "event": "going", "from": named(from), "to": named(to) }),
            Verdict::Withdrawn => {
                json!({ "event": "withdrawn", "from": named(to), "to": named(from) })
            }
            Verdict::Impossible(error) => {
                json!({ "event": "impossible", "to": named(to), "error": error })
            }
            Verdict::Ended => json!({ "event": "ended", "to": named(to) }),
            Verdict::Reverted(error) => {
                json!({ "event": "reverted", "from": named(to), "to": named(from), "error": error })
            }
        };
        self.note(exchange.asked, line);
    }

    fn note(&self, asked: Asked, mut line: Value) {
        if let Some(line) = line.as_object_mut() {
            line.insert("asked".to_owned(), json!(asked.to_string()));
            line.insert("time".to_owned(), json!(Utc::now()));
            line.insert(
                "process".to_owned(),
                json!(wasm_sink_core::process::describe()),
            );
            line.insert("user".to_owned(), json!(geteuid().as_raw()));
        }
        if let Err(error) = append(&self.0, &line) {
            tracing::warn!(path = %self.0.display(), "a swap could not be noted down: {error}");
        }
    }
}

fn named(writer: &Writer) -> Value {
    json!({ "component": writer.component, "configuration": writer.configuration })
}

fn append(path: &Path, line: &Value) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())
}
