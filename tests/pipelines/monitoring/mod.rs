//! examples/monitoring: Prometheus takes it, its alerts come when they should, and there are such metrics.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use wasm_sink_tests::{Admin, Case, Signal, promtool};

use crate::case::{Lake, await_versions};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/monitoring");

#[test]
fn prometheus_takes_rules_and_configuration() {
    let folder = Path::new(EXAMPLE);
    promtool(folder, &["check", "rules", "alerts.yml"]);
    promtool(folder, &["check", "config", "prometheus.yml"]);
    promtool(folder, &["test", "rules", "alerts_test.yml"]);
    // Each alert is tested, both ways.
    let tested = fs::read_to_string(folder.join("alerts_test.yml")).unwrap();
    let alerts = fs::read_to_string(folder.join("alerts.yml")).unwrap();
    let names = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    for name in names {
        let line = format!("alertname: {name}\n");
        let tests = tested.split(&line).skip(1);
        let is_quiet = tests.map(|rest| rest.trim_start().starts_with("exp_alerts: []"));
        let quiet: BTreeSet<bool> = is_quiet.collect();
        assert_eq!(quiet.len(), 2, "{name} is not tested both ways");
    }
}

#[test]
fn alerts_and_board_ask_for_metrics_that_there_are() {
    let lake = tempfile::tempdir().unwrap();
    let admin = Admin::somewhere();
    let pipeline = format!(
        "name = \"shown\"\n[source]\ntype = \"generator\"\nrows = 1_000_000\nrate = 1_000\n\
         [sink]\ncomponent = \"delta\"\nconnection = \"lake\"\n[epoch]\nmax_ms = 100\nmin_commit_ms = 10\n{}",
        admin.section()
    );
    let case = Case::new(&pipeline, Lake::Disk(lake.path()));
    let process = case.run().start();
    await_versions(lake.path(), 3);
    let metrics = admin.get("/metrics");
    process.signal(Signal::TERM);
    process.wait(Duration::from_secs(60)).expect_code(0);

    let wanted = wanted();
    assert!(wanted.len() > 15, "{wanted:?}");
    for name in wanted {
        // Prometheus has that one itself, and only files are behind by bytes.
        let is_there = |line: &str| {
            let rest = line.strip_prefix(&name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
        };
        match name.as_str() {
            "up" => {}
            "lag_bytes" => assert!(metrics.contains("# TYPE lag_bytes gauge"), "{metrics}"),
            _ => assert!(metrics.lines().any(is_there), "no `{name}` in:\n{metrics}"),
        }
    }
}

/// All metrics that are asked for.
fn wanted() -> BTreeSet<String> {
    let read = |name: &str| fs::read_to_string(Path::new(EXAMPLE).join(name)).unwrap();
    let mut wanted = BTreeSet::new();
    // What stands behind `expr:`, in one line or below.
    let alerts = read("alerts.yml");
    for rest in alerts.split("expr:").skip(1) {
        let (expression, _) = rest.split_once("\n        for:").unwrap_or_else(|| {
            rest.split_once("\n        labels:")
                .expect("labels behind an expression")
        });
        wanted.extend(metrics_of(expression.trim_start_matches([' ', '>', '-'])));
    }
    let board: Value = serde_json::from_str(&read("grafana-dashboard.json")).unwrap();
    for panel in board["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            wanted.extend(metrics_of(target["expr"].as_str().unwrap()));
        }
    }
    wanted
}

/// The names of metrics in an expression: words that are neither functions nor labels.
fn metrics_of(expression: &str) -> Vec<String> {
    const WORDS: [&str; 4] = ["and", "or", "offset", "by"];
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(begin) = rest.find(|c: char| c.is_ascii_alphabetic() || "{[\"".contains(c)) {
        rest = &rest[begin..];
        let closing = match rest.as_bytes()[0] {
            b'{' => Some('}'),
            b'[' => Some(']'),
            _ => None,
        };
        if let Some(closing) = closing {
            rest = rest.split_once(closing).map_or("", |(_, rest)| rest);
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
        rest = behind;
        let is_labels = matches!(word, "by" | "on");
        if is_labels {
            rest = rest.split_once(')').map_or("", |(_, rest)| rest);
        } else if !rest.starts_with('(') && !rest.starts_with(" by") && !WORDS.contains(&word) {
            let is_duration = word.len() == 1;
            if !is_duration {
                found.push(word.to_owned());
            }
        }
    }
    found
}
