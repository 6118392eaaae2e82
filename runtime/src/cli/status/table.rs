//! Pipelines as people read them: a line each, and more of those that were asked for.

use std::time::Duration;

use annotate_snippets::normalize_untrusted_str;
use serde_json::Value;
use wasm_sink_core::Lag;

use crate::cli::numbers::{bytes, count, duration, grouped};
use crate::config::Style;
use crate::control::short;
use crate::metrics::Phase;
use crate::status::{LagStatus, LimitStatus, OpenStatus, Status, Unit};

/// Of a table with more lines the first are shown.
const LINES: usize = 20;

/// How a column stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Align {
    Left,
    Right,
}

/// All in one table; `asked` for by name, more of each.
pub(super) fn render(told: &[Status], asked: &[String], style: Style) -> String {
    if told.is_empty() {
        return match asked {
            [] => "no pipeline runs: start one with `wasm-sink run pipeline.toml`\n".to_owned(),
            asked => format!(
                "no process of this user on this machine runs {}: start it with `wasm-sink run`\n",
                asked.join(", ")
            ),
        };
    }
    let mut text = overview(told, style);
    for status in told {
        if let Some(error) = &status.error {
            let error = normalize_untrusted_str(error);
            text.push_str(&format!("\n{}: {error}\n", status.pipeline));
        }
    }
    if !asked.is_empty() {
        for status in told {
            text.push_str(&details(status));
        }
    }
    text
}

fn overview(told: &[Status], style: Style) -> String {
    let heads = [
        ("PIPELINE", Align::Left),
        ("PROCESS", Align::Right),
        ("STATUS", Align::Left),
        ("ROWS/S", Align::Right),
        ("DELIVERED", Align::Right),
        ("LAST COMMIT", Align::Right),
        ("BEHIND", Align::Right),
        ("DEAD LETTERS", Align::Right),
        ("RETRIES", Align::Right),
    ];
    let rows = told.iter().map(|status| {
        let last = status.last_commit_age_ms.map(Duration::from_millis);
        vec![
            status.pipeline.clone(),
            status.process.to_string(),
            status.status.as_str().to_owned(),
            grouped(status.rates.records_read.round() as u64),
            count(status.totals.records_written, "row"),
            last.map_or_else(|| "none".to_owned(), |age| format!("{} ago", duration(age))),
            behind(status.open.as_ref().map(|open| &open.lag)),
            grouped(status.totals.dead_letters),
            grouped(status.totals.retries),
        ]
    });
    let text = table(&heads, rows.collect());
    let mut lines = text.lines();
    let mut colored = String::new();
    for (line, status) in lines
        .by_ref()
        .zip(std::iter::once(None).chain(told.iter().map(Some)))
    {
        let color = match (style, status.map(|status| status.status)) {
            (Style::Colored, None) => "\x1b[1m",
            (Style::Colored, Some(Phase::Failed)) => "\x1b[31m",
            (Style::Colored, Some(Phase::Retrying)) => "\x1b[33m",
            _ => "",
        };
        let end = match color {
            "" => "",
            _ => "\x1b[0m",
        };
        colored.push_str(&format!("{color}{line}{end}\n"));
    }
    colored
}

fn behind(lag: Option<&LagStatus>) -> String {
    let mut parts = Vec::new();
    if let Some(records) = lag.and_then(|lag| lag.records) {
        parts.push(grouped(records));
    }
    if let Some(left) = lag.and_then(|lag| lag.bytes) {
        parts.push(bytes(left as f64));
    }
    match parts.is_empty() {
        true => "-".to_owned(),
        false => parts.join(" + "),
    }
}

fn details(status: &Status) -> String {
    let mut text = String::new();
    let mut part = |title: &str, body: String| {
        if !body.is_empty() {
            text.push_str(&format!("\n{title}\n"));
            for line in body.lines() {
                text.push_str(&format!("  {line}\n"));
            }
        }
    };
    if let Some(open) = &status.open {
        part(&format!("{}:", status.pipeline), way(open));
        part(
            &format!("partitions ({}):", grouped(open.partitions_total as u64)),
            partitions(open),
        );
    }
    part("last commits:", commits(status));
    if let Some(open) = &status.open {
        part("swaps:", swaps(&open.swaps));
        part("limits:", limits(&open.limits));
    }
    let letters_in = status
        .open
        .as_ref()
        .map(|open| open.dead_letters_in.as_str());
    let title = match letters_in {
        Some(place) => format!("dead letters, in {place}:"),
        None => "dead letters:".to_owned(),
    };
    part(&title, letters(status));
    text
}

fn way(open: &OpenStatus) -> String {
    let mut lines = vec![format!(
        "{} -> {}",
        open.source,
        open.destinations.join(", ")
    )];
    let component = &open.component;
    let mut line = format!("component {} ({})", component.name, short(&component.hash));
    if let Some(left) = open.trial_epochs_left {
        line.push_str(&format!(", on trial for {} more", count(left, "epoch")));
    }
    lines.push(line);
    if let Some(canary) = &open.canary {
        lines.push(format!("canary {} ({})", canary.name, short(&canary.hash)));
    }
    if let Some(error) = &open.lag.error {
        lines.push(format!("how far it is behind is not known: {error}"));
    }
    normalize_untrusted_str(&lines.join("\n"))
}

fn partitions(open: &OpenStatus) -> String {
    let heads = [
        ("PARTITION", Align::Left),
        ("DELIVERED UP TO", Align::Left),
        ("BEHIND", Align::Right),
    ];
    let rows = open.partitions.iter().take(LINES).map(|one| {
        vec![
            one.partition.clone(),
            one.position.clone().unwrap_or_else(|| "-".to_owned()),
            match one.lag {
                Some(Lag::Records(records)) => grouped(records),
                Some(Lag::Bytes(left)) => bytes(left as f64),
                None => "-".to_owned(),
            },
        ]
    });
    let rows: Vec<_> = rows.collect();
    more(table(&heads, rows), open.partitions_total)
}

/// Says how many of all are not shown.
fn more(mut text: String, all: usize) -> String {
    if all > LINES {
        text.push_str(&format!(
            "and {} more; --json has them\n",
            grouped((all - LINES) as u64)
        ));
    }
    text
}

fn commits(status: &Status) -> String {
    let heads = [
        ("AT (UTC)", Align::Left),
        ("ROWS", Align::Right),
        ("BYTES", Align::Right),
        ("DEAD LETTERS", Align::Right),
        ("TOOK", Align::Right),
    ];
    let rows = status.commits.iter().take(5).map(|commit| {
        vec![
            commit.at.format("%H:%M:%S%.3f").to_string(),
            grouped(commit.records),
            bytes(commit.bytes as f64),
            grouped(commit.dead_letters),
            format!("{} ms", grouped(commit.took_ms)),
        ]
    });
    table(&heads, rows.collect())
}

fn swaps(swaps: &[Value]) -> String {
    let text = |value: &Value, path: &str| {
        let found = value.pointer(path).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    let heads = [
        ("AT", Align::Left),
        ("WHAT", Align::Left),
        ("COMPONENT", Align::Left),
        ("ERROR", Align::Left),
    ];
    let rows = swaps.iter().take(5).map(|swap| {
        let at = text(swap, "/time");
        vec![
            at.get(..19).unwrap_or(&at).replace('T', " "),
            format!("{}: {}", text(swap, "/asked"), text(swap, "/event")),
            short(&text(swap, "/to/component")).to_owned(),
            text(swap, "/error"),
        ]
    });
    table(&heads, rows.collect())
}

fn limits(limits: &[LimitStatus]) -> String {
    let heads = [
        ("KEY", Align::Left),
        ("USED", Align::Right),
        ("LIMIT", Align::Right),
        ("", Align::Right),
    ];
    let shown = |unit, value| match unit {
        Unit::Bytes => bytes(value as f64),
        Unit::Ms => format!("{} ms", grouped(value)),
        Unit::Count => grouped(value),
    };
    let rows = limits.iter().map(|limit| {
        let percent = limit.used as f64 * 100.0 / limit.limit.max(1) as f64;
        vec![
            limit.key.clone(),
            shown(limit.unit, limit.used),
            shown(limit.unit, limit.limit),
            format!("{percent:.0} %"),
        ]
    });
    table(&heads, rows.collect())
}

fn letters(status: &Status) -> String {
    let heads = [
        ("ROWS", Align::Right),
        ("BY", Align::Left),
        ("REASON", Align::Left),
        ("THE LAST ONE", Align::Left),
    ];
    let rows = status.dead_letters.iter().take(LINES).map(|refusal| {
        vec![
            grouped(refusal.count),
            refusal.by.clone(),
            refusal.reason.clone(),
            refusal.last.clone(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    more(table(&heads, rows), status.dead_letters.len())
}

/// Columns as wide as their longest cell; nothing where there are no rows.
pub(in crate::cli) fn table(heads: &[(&str, Align)], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let first = heads.iter().map(|(head, _)| (*head).to_owned()).collect();
    let mut lines: Vec<Vec<String>> = vec![first];
    for row in rows {
        let cells = row.iter().map(|cell| {
            // One line each, whatever a component has said.
            normalize_untrusted_str(cell).replace('\n', " ")
        });
        lines.push(cells.collect());
    }
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).zip(heads);
        let cells: Vec<String> = cells
            .map(|((cell, width), (_, align))| match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;
    use crate::status::{CommitStatus, ComponentStatus, PartitionStatus, Rates, Refusal, Totals};

    fn status(pipeline: &str, phase: Phase) -> Status {
        Status {
            pipeline: pipeline.to_owned(),
            process: 4711,
            version: "0.1.0".to_owned(),
            status: phase,
            error: None,
            started: DateTime::UNIX_EPOCH,
            uptime_ms: 61_000,
            last_commit_age_ms: Some(800),
            totals: Totals {
                records_read: 1_300_000,
                bytes_read: 1,
                records_written: 1_234_567,
                bytes_written: 2,
                commits: 12,
                dead_letters: 3,
                retries: 0,
            },
            rates: Rates {
                records_read: 41_234.4,
                bytes_read: 1.0,
                records_written: 1.0,
            },
            dead_letters: Vec::new(),
            commits: Vec::new(),
            open: None,
        }
    }

    fn open() -> OpenStatus {
        OpenStatus {
            source: "kafka".to_owned(),
            destinations: vec!["s3://lake/orders".to_owned()],
            dead_letters_in: "/state/dead-letters".to_owned(),
            component: ComponentStatus {
                name: "delta".to_owned(),
                hash: "0123456789abcdef".repeat(4),
                configuration: "1".to_owned(),
            },
            canary: None,
            trial_epochs_left: Some(3),
            partitions_total: 40,
            partitions: (0..40)
                .map(|number| PartitionStatus {
                    source: "kafka:x".to_owned(),
                    partition: number.to_string(),
                    position: (number > 0).then(|| "1234".to_owned()),
                    lag: Some(Lag::Records(number * 1_000)),
                })
                .collect(),
            lag: LagStatus {
                records: Some(780_000),
                ..LagStatus::default()
            },
            swaps: vec![json!({
                "time": "2026-11-30T04:05:06.789Z", "asked": "swap", "event": "reverted",
                "to": { "component": "fedcba9876543210" }, "error": "it trapped\u{1b}[31m"
            })],
            limits: vec![LimitStatus {
                key: "memory".to_owned(),
                unit: Unit::Bytes,
                limit: 256 << 20,
                used: 13 << 20,
            }],
        }
    }

    #[test]
    fn one_line_for_each_pipeline() {
        let mut failed = status("payments", Phase::Retrying);
        failed.error = Some("the lake is away".to_owned());
        failed.last_commit_age_ms = None;
        let told = [status("orders", Phase::Running), failed];
        insta::assert_snapshot!(render(&told, &[], Style::Plain));
        let colored = render(&told, &[], Style::Colored);
        assert!(colored.contains("\x1b[33mpayments"), "{colored}");
    }

    #[test]
    fn more_of_the_one_that_was_asked_for() {
        let mut told = status("orders", Phase::Running);
        told.open = Some(open());
        told.commits = vec![CommitStatus {
            at: DateTime::UNIX_EPOCH,
            records: 100_000,
            bytes: 1_500_000,
            dead_letters: 3,
            skipped: 0,
            epochs: 1,
            took_ms: 41,
        }];
        told.dead_letters = vec![Refusal {
            by: "host".to_owned(),
            reason: "column `n`: \"…\" is no int64".to_owned(),
            count: 3,
            last_reason: "column `n`: \"x\" is no int64".to_owned(),
            last: "orders partition 3 offset 17".to_owned(),
            last_at: DateTime::UNIX_EPOCH,
        }];
        let text = render(&[told], &["orders".to_owned()], Style::Plain);
        insta::assert_snapshot!(text);
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn nothing_runs() {
        assert!(render(&[], &[], Style::Plain).contains("wasm-sink run pipeline.toml"));
        assert!(render(&[], &["p".to_owned()], Style::Plain).contains("runs p"));
    }
}
