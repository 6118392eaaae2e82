//! What is asked over the socket, and what is answered.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::comparison::Report;
use crate::config::{SinkConfigProblem, Style};
use crate::status::Status;

/// The longest request, in bytes.
pub(super) const MAX_REQUEST_BYTES: u64 = 64 << 10;

/// Where partitions stand, by their names.
pub type Positions = BTreeMap<String, String>;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Who is there.
    Hello,
    /// How it is doing.
    Status,
    /// Another component in the place of the present one.
    Swap {
        /// An absolute path, or the word of a built-in component.
        component: String,
        /// Committed epochs after which it stays.
        trial_epochs: u64,
        /// How much of the pipeline it gets.
        extent: SwapExtent,
    },
    /// All partitions go the way of the canary.
    Promote {
        /// Committed epochs after which it stays.
        trial_epochs: u64,
    },
    /// The canary's partitions go back.
    Withdraw,
    /// What another component would do otherwise.
    Shadow {
        /// An absolute path, or the word of a built-in component.
        component: String,
        /// Epochs to compare.
        epochs: u64,
        /// The column that names records in the report.
        key: Option<String>,
    },
    /// What a pipeline.toml says now, in the place of what it said.
    Apply {
        /// Its absolute path.
        file: String,
        /// How far to go.
        extent: Extent,
        /// How its mistakes are shown.
        style: Style,
    },
}

/// How much of a pipeline another component gets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwapExtent {
    /// All of it.
    All,
    /// Some source partitions.
    Canary {
        /// How many of a hundred.
        percent: f64,
    },
}

/// How far a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// It says what would change.
    Show,
    /// It changes that.
    Change {
        /// Committed epochs after which it stays.
        trial_epochs: u64,
    },
}

/// What happens, in this order. The last one of a request ends the connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Who is there. The last.
    Hello {
        /// The pipeline's name.
        pipeline: String,
        /// The folder of its pipeline.toml.
        directory: PathBuf,
        /// The hash of its component; empty before it is open.
        component: String,
    },
    /// How it is doing. The last.
    Status(Box<Status>),
    /// What differs from what runs, a line each.
    Differs {
        /// Without secrets.
        changes: Vec<String>,
    },
    /// The component can run.
    Compiled {
        /// Its hash.
        hash: String,
        /// How long that took.
        elapsed: Duration,
    },
    /// All tasks run it.
    TakenOver {
        /// The hash of what ran before.
        former: String,
        /// Where it took over.
        positions: Positions,
        /// From the word to the last task.
        elapsed: Duration,
        /// The longest that a task stood still, beside the commit that it waited for.
        pause: Duration,
    },
    /// Its trial is over, and it stays. The last.
    Kept,
    /// As a canary it has committed its first epochs, and goes on. The last.
    Going,
    /// The canary has no partitions any more. The last.
    Withdrawn,
    /// It failed, and the former one is back. The last.
    Reverted {
        /// How.
        error: String,
    },
    /// So many epochs are compared.
    Compared {
        /// How many.
        epochs: u64,
    },
    /// All epochs are compared. The last.
    Reported {
        /// The hash of what runs.
        former: String,
        /// The hash of the other one.
        hash: String,
        /// What differs.
        report: Report,
    },
    /// What was asked for is what runs. The last.
    Same,
    /// It could be changed, and was only to be shown. The last.
    Possible,
    /// The pipeline ended before this was settled. The last.
    Ended,
    /// Something else is on trial; this may be asked for again when that is over. The last.
    Busy,
    /// The file has mistakes, and nothing has changed. The last.
    Misconfigured {
        /// As people are to see them.
        mistakes: String,
    },
    /// Nothing has changed. The last.
    Refused(Refusal),
}

/// Why nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What is wrong.
    pub message: String,
    /// What the component has against its configuration.
    pub problems: Vec<SinkConfigProblem>,
}

impl Refusal {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            problems: Vec::new(),
        }
    }

    /// Why nothing has changed, as people are told.
    pub fn told(&self) -> String {
        let mut told = format!("nothing has changed: {}", self.message);
        for problem in &self.problems {
            let path = match problem.path.is_empty() {
                true => String::new(),
                false => format!("`{}`: ", problem.path.join(".")),
            };
            told.push_str(&format!("\n  {path}{}", problem.message));
            if let Some(help) = &problem.help {
                told.push_str(&format!("\n    help: {help}"));
            }
        }
        told
    }
}

impl Event {
    /// Whether nothing comes after it.
    pub fn is_last(&self) -> bool {
        match self {
            Self::Hello { .. }
            | Self::Status(_)
            | Self::Kept
            | Self::Going
            | Self::Withdrawn
            | Self::Reverted { .. }
            | Self::Same
            | Self::Possible
            | Self::Busy
            | Self::Ended
            | Self::Reported { .. }
            | Self::Misconfigured { .. }
            | Self::Refused(_) => true,
            Self::Differs { .. }
            | Self::Compiled { .. }
            | Self::TakenOver { .. }
            | Self::Compared { .. } => false,
        }
    }
}

/// Digits of a hash that people are shown.
const HASH_DIGITS: usize = 12;

/// A hash as people are shown it.
pub fn short(hash: &str) -> &str {
    hash.get(..HASH_DIGITS).unwrap_or(hash)
}
