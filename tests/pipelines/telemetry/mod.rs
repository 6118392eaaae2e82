//! Traces and metrics by OTLP, taken by a real collector; and pipelines whose collector is away.

mod away;
mod failed;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use wasm_sink_tests::{Admin, Case, Collector, Signal, Span, Versitygw};

use crate::case::Lake;
use crate::kafka::await_that;

const LIMIT: Duration = Duration::from_secs(60);
const HEADER: &str = "Bearer open-sesame";

/// `rest` holds what [source] has beside its type, and more tables.
fn pipeline(component: &str, rest: &str) -> String {
    format!(
        "name = \"traced\"\n[sink]\ncomponent = \"{component}\"\nconnection = \"lake\"\n\
         [source]\ntype = \"generator\"\n{rest}"
    )
}

/// Spans by trace.
fn traces(spans: &[Span]) -> BTreeMap<&str, Vec<&Span>> {
    let mut traces: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
    for span in spans {
        traces.entry(span.trace()).or_default().push(span);
    }
    traces
}

fn named<'a>(spans: &[&'a Span], name: &str) -> Vec<&'a Span> {
    let spans = spans.iter().filter(|span| span.name() == name);
    spans.copied().collect()
}

fn whole(value: &Value) -> i64 {
    value
        .as_i64()
        .unwrap_or_else(|| panic!("no whole number: {value}"))
}

/// Each epoch: written, flushed, committed. What comes together has the rows that were delivered, and no secret.
#[test]
fn an_epoch_is_a_trace() {
    let server = Versitygw::start();
    let collector = Collector::start();
    let lake = Lake::S3 {
        server: &server,
        endpoint: &server.endpoint(),
        prefix: "traced",
    };
    let rest = format!(
        "rows = 100_000\npartitions = 2\nbatch_rows = 1_000\n[epoch]\nmax_rows = 20_000\n{}\
         headers = {{ authorization = \"${{OTLP_AUTHORIZATION}}\" }}\n",
        collector.section()
    );
    let case = Case::new(&pipeline("delta", &rest), lake);
    let run = case.run().env("OTLP_AUTHORIZATION", HEADER);
    run.finish().expect_code(0);

    let spans = collector.spans();
    let (mut rows, mut bytes, mut calls) = (0, 0, 0);
    let mut hashes = BTreeSet::new();
    let traces = traces(&spans);
    assert_eq!(traces.len(), 5, "{spans:#?}");
    for (trace, spans) in traces {
        assert_eq!(trace.len(), 32);
        let [epoch] = named(&spans, "epoch")[..] else {
            panic!("{spans:#?}");
        };
        assert_eq!(epoch.parent(), "");
        assert!(!epoch.is_failed());
        let about = epoch.attributes();
        assert_eq!(about["wasm_sink.outcome"], "committed", "{about}");
        assert_eq!(about["wasm_sink.dead_letters"], 0);
        assert_eq!(about["wasm_sink.partitions_total"], 2);
        assert_eq!(
            about["wasm_sink.partitions"]["values"][0]["stringValue"],
            "generator/0/2/0"
        );
        rows += whole(&about["wasm_sink.rows"]);
        bytes += whole(&about["wasm_sink.bytes"]);
        hashes.insert(about["wasm_sink.component.hash"].to_string());
        let begun = epoch.times().0;
        let mut last = begun;
        for step in ["write", "flush", "commit"] {
            // However many batches there are, and where each is done at once.
            let found = named(&spans, step);
            let [span] = found[..] else {
                // A commit may be attempted with the epoch before it, and belongs to that one then.
                assert!(
                    step == "commit" && epoch.all.get("links").is_some(),
                    "{spans:#?}"
                );
                continue;
            };
            assert_eq!(span.parent(), epoch.id());
            let (begin, end) = span.times();
            // The clock that says when may be set meanwhile; by how much, no test knows.
            assert!(
                begin >= last.saturating_sub(5_000_000) && end >= begin,
                "{spans:#?}"
            );
            last = end;
        }
        let [write] = named(&spans, "write")[..] else {
            panic!("{spans:#?}");
        };
        calls += whole(&write.attributes()["wasm_sink.calls"]);
        assert_eq!(write.attributes()["wasm_sink.rows"], 20_000);
        for commit in named(&spans, "commit") {
            let id = &commit.attributes()["wasm_sink.commit_id"];
            assert_eq!(*id, about["wasm_sink.commit_id"]);
        }
        for span in &spans {
            let resource = &span.resource;
            assert_eq!(resource["service.name"], "wasm-sink");
            assert_eq!(resource["wasm_sink.pipeline"], "traced");
            assert_eq!(
                resource["service.instance.id"].as_str().map(str::len),
                Some(36)
            );
        }
    }
    assert_eq!((rows, calls), (100_000, 100));
    assert!(bytes > 100_000, "{bytes}");
    assert_eq!(hashes.len(), 1);

    let metrics = collector.metrics();
    assert_eq!(counter(&metrics, "records_written"), json!("100000"));
    assert_eq!(counter(&metrics, "batches_committed"), json!("5"));
    let bucket = metric(&metrics, "records_per_batch");
    let point = &bucket["histogram"]["dataPoints"][0];
    assert_eq!(
        (&point["count"], &point["sum"]),
        (&json!("5"), &json!(100_000))
    );

    let got = collector.text();
    for secret in [Versitygw::SECRET_ACCESS_KEY, HEADER, "open-sesame"] {
        assert!(!got.contains(secret), "`{secret}` gets out");
    }
}

fn metric<'a>(metrics: &'a [Value], name: &str) -> &'a Value {
    let found = metrics.iter().find(|metric| metric["name"] == name);
    found.unwrap_or_else(|| panic!("no `{name}` in {metrics:#?}"))
}

fn counter(metrics: &[Value], name: &str) -> Value {
    let found = &metric(metrics, name)["sum"];
    assert_eq!(found["isMonotonic"], true);
    found["dataPoints"][0]["asInt"].clone()
}

/// Whatever `/metrics` has comes by OTLP, too, under the same name and with the same labels.
#[test]
fn metrics_are_those_of_the_admin_address() {
    let folder = tempfile::tempdir().unwrap();
    let (collector, admin) = (Collector::start(), Admin::somewhere());
    let rest = format!(
        "rows = 1_000_000\nrate = 1_000\n[epoch]\nmax_ms = 100\nmin_commit_ms = 10\n{}{}",
        collector.section(),
        admin.section()
    );
    let case = Case::new(&pipeline("delta", &rest), Lake::Disk(folder.path()));
    let process = case.run().start();
    let names = || -> BTreeSet<String> {
        let metrics = collector.metrics();
        let names = metrics.iter().filter_map(|metric| metric["name"].as_str());
        names.map(str::to_owned).collect()
    };
    let shown = || -> BTreeSet<String> {
        let text = admin.get("/metrics");
        let described = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let described = described.filter_map(|line| line.split(' ').next());
        let has_samples = |name: &&str| {
            let samples = text.lines().filter(|line| !line.starts_with('#'));
            samples.into_iter().any(|line| line.starts_with(name))
        };
        described.filter(has_samples).map(str::to_owned).collect()
    };
    await_that("all metrics", || {
        let names = names();
        (names.contains("commit_duration_seconds"), names)
    });
    await_that("the same metrics", || {
        let (shown, names) = (shown(), names());
        (shown == names, (shown, names))
    });
    let info = metric(&collector.metrics(), "component_info").clone();
    let labels: BTreeSet<String> = info["gauge"]["dataPoints"][0]["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|label| Some(label["key"].as_str()?.to_owned()))
        .collect();
    assert_eq!(
        labels,
        ["component", "hash", "pipeline"].map(str::to_owned).into()
    );
    process.signal(Signal::TERM);
    process.wait(LIMIT).expect_code(0);
}

/// A share of the epochs, whole or not at all.
#[test]
fn as_many_epochs_are_traced_as_is_wished() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start();
    let rest = format!(
        "rows = 40_000\nbatch_rows = 100\n[epoch]\nmax_rows = 100\n{}sample = 0.25\n",
        collector.section()
    );
    let pipeline = pipeline("discard", &rest).replace("connection = \"lake\"\n", "");
    let case = Case::new(&pipeline, Lake::Disk(folder.path()));
    case.run().finish().expect_code(0);
    let spans = collector.spans();
    let traces = traces(&spans);
    // Of 400, more than six standard deviations on either side.
    assert!((48..=152).contains(&traces.len()), "{}", traces.len());
    for spans in traces.values() {
        assert_eq!(named(spans, "epoch").len(), 1, "{spans:#?}");
        assert_eq!(named(spans, "write").len(), 1, "{spans:#?}");
    }
}
