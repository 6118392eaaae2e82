//! `wasm-sink test`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::numbers::{count, duration, grouped};
use super::terminal::Terminal;
use super::{Exit, check_component, load};
use crate::launch::Host;
use crate::rehearsal::{Finding, Rehearsed, Verdict};

const EXAMPLES: &str = "\
Examples:
  wasm-sink test pipeline.toml
  wasm-sink test pipeline.toml --rows sample.jsonl
  wasm-sink test pipeline.toml --json | jq '.findings[] | select(.verdict == \"wrong\")'

Takes the component and [sink.config] of the file, and the first rows of its source, or those of
--rows. No server is asked and nothing is written: a destination of its own takes what the
component writes, and refuses one call after the other to see what the component does then. A
source that needs a connection is not asked either: give --rows.

Exit codes: 0 nothing is wrong, 1 something is, 2 the configuration is wrong.";

/// Arguments of `test`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct TestArgs {
    /// The pipeline.toml whose component is tested
    #[arg(value_name = "PIPELINE", default_value = "pipeline.toml")]
    pipeline: PathBuf,
    /// Rows to test with: JSON lines, or CSV with a header
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn execute(args: &TestArgs, host: &dyn Host, terminal: &Terminal) -> Exit {
    let pipeline = match load(&args.pipeline, terminal) {
        Ok(pipeline) => pipeline,
        Err(exit) => return exit,
    };
    if let Err(exit) = check_component(&pipeline, host, terminal).await {
        return exit;
    }
    match host.rehearse(pipeline, args.rows.clone()).await {
        Ok(done) => {
            terminal.result(&match args.json {
                true => json_text(&done),
                false => text(&done),
            });
            match done.is_well() {
                true => Exit::Success,
                false => Exit::Failure,
            }
        }
        Err(error) => {
            terminal.error(&error);
            Exit::Failure
        }
    }
}

fn json_text(done: &Rehearsed) -> String {
    let told = json!({
        "rows": done.rows,
        "written": done.written,
        "rejected": done.rejected,
        "skipped": done.skipped,
        "fuel_per_row": done.fuel_per_row,
        "findings": done.findings,
        "took_ms": u64::try_from(done.took.as_millis()).unwrap_or(u64::MAX),
    });
    format!("{told:#}\n")
}

pub(super) fn text(done: &Rehearsed) -> String {
    let mut text = String::new();
    for finding in &done.findings {
        text.push_str(&one(finding));
    }
    let tables: Vec<_> = done
        .written
        .iter()
        .map(|(table, rows)| match table.as_str() {
            "" => format!("{} written", grouped(*rows)),
            table => format!("{} written to `{table}`", grouped(*rows)),
        })
        .collect();
    let mut parts = tables;
    if done.rejected > 0 {
        parts.push(format!("{} rejected", grouped(done.rejected)));
    }
    if done.skipped > 0 {
        parts.push(format!("{} skipped", grouped(done.skipped)));
    }
    let wrong = done
        .findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Wrong);
    let verdict = match wrong.count() {
        0 => "nothing is wrong".to_owned(),
        wrong => format!("{} wrong", count(wrong as u64, "thing")),
    };
    text.push_str(&format!(
        "\nof {}: {}; {} fuel for each\n{verdict}, after {}\n",
        count(done.rows, "row"),
        match parts.is_empty() {
            true => "nothing".to_owned(),
            false => parts.join(", "),
        },
        grouped(done.fuel_per_row),
        duration(done.took)
    ));
    text
}

fn one(finding: &Finding) -> String {
    let requirement = finding.check.requirement();
    match finding.verdict {
        Verdict::Right => format!("  ok     {requirement}\n"),
        Verdict::Unknown => format!("  ?      {requirement}: {}\n", finding.seen),
        Verdict::Wrong => format!(
            "  WRONG  {requirement}\n         {}\n         help: {}\n",
            finding.seen, finding.help
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::rehearsal::Check;

    fn finding(check: Check, verdict: Verdict, seen: &str, help: &str) -> Finding {
        Finding {
            check,
            verdict,
            seen: seen.to_owned(),
            help: help.to_owned(),
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_change() {
        let mut done = Rehearsed {
            findings: vec![
                finding(Check::Opens, Verdict::Right, "", ""),
                finding(
                    Check::AccountsForRows,
                    Verdict::Wrong,
                    "of 5 rows 2 were written",
                    "write what is held in `flush`",
                ),
                finding(Check::StartsOver, Verdict::Unknown, "not looked at", ""),
            ],
            rows: 5,
            written: BTreeMap::from([("t".to_owned(), 2), (String::new(), 1000)]),
            rejected: 1,
            skipped: 2,
            fuel_per_row: 1234,
            took: Duration::from_millis(340),
        };
        insta::assert_snapshot!("test", text(&done));
        done.findings.truncate(1);
        done.written.clear();
        (done.rejected, done.skipped) = (0, 0);
        insta::assert_snapshot!("test_nothing", text(&done));
    }
}
