//! What is left to say when a run is over.

use crate::cli::numbers::{bytes, count, duration};
use crate::launch::{Ended, Outcome};

/// What a run did, for a person.
pub(super) fn summary(outcome: &Outcome, dead_letters: &str) -> String {
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
}
