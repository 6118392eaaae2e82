//! Epochs and commits that fail, and what a trace says of them.

use std::sync::atomic::{AtomicUsize, Ordering};

use wasm_sink_tests::{Case, Collector, Fate, Proxy, Request, Versitygw, hostile_component};

use super::{named, pipeline, traces};
use crate::case::Lake;

/// The store refuses a commit some times: the attempts stand in the epoch's trace, and the retry with its reason.
#[test]
fn a_commit_that_is_tried_again() {
    let (server, collector) = (Versitygw::start(), Collector::start());
    let refused = AtomicUsize::new(0);
    let proxy = Proxy::start(server.address(), move |request: &Request| {
        let is_meant = request.is_delta_commit() && request.target.contains("0003.json");
        match is_meant && refused.fetch_add(1, Ordering::Relaxed) < 12 {
            true => Fate::Refuse(503),
            false => Fate::Pass,
        }
    });
    let lake = Lake::S3 {
        server: &server,
        endpoint: &proxy.endpoint(),
        prefix: "again",
    };
    let rest = format!(
        "rows = 50_000\n[epoch]\nmax_rows = 10_000\n[retry]\ninitial_ms = 10\nmax_ms = 50\n{}",
        collector.section()
    );
    let case = Case::new(&pipeline("delta", &rest), lake);
    case.run().finish().expect_code(0);

    let spans = collector.spans();
    let traces = traces(&spans);
    let failed = |spans: &&Vec<&wasm_sink_tests::Span>| {
        named(spans, "commit")
            .iter()
            .any(|commit| commit.is_failed())
    };
    let spans = traces.values().find(failed).expect("a commit that failed");
    let [epoch] = named(spans, "epoch")[..] else {
        panic!("{spans:#?}");
    };
    let commits = named(spans, "commit");
    assert!(commits.len() > 1, "{spans:#?}");
    assert!(commits.iter().all(|commit| commit.parent() == epoch.id()));
    let events = commits[0].events();
    assert_eq!(events[0].0, "exception", "{spans:#?}");
    // It got in, after all.
    assert!(!epoch.is_failed(), "{spans:#?}");
    let about = epoch.attributes();
    assert_eq!(about["wasm_sink.outcome"], "committed");
    assert_eq!(about["wasm_sink.commit_attempts"], commits.len());
    let events = epoch.events();
    let (name, about) = &events[0];
    assert_eq!(name, "retry", "{events:?}");
    let message = about["exception.message"].as_str().unwrap();
    assert!(message.contains("committing version 3 of"), "{about}");
    assert_eq!(about["wasm_sink.blame"], "destination");
}

/// A component that traps: the epoch failed, and says at what; the pipeline stops, and says it, too.
#[test]
fn an_epoch_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start();
    let component = hostile_component("delta").display().to_string();
    let rest = format!(
        "rows = 20_000\n[sink.config]\nfault = \"trap-on-every-row\"\ntable_name = \"\"\n{}",
        collector.section()
    );
    let case = Case::new(&pipeline(&component, &rest), Lake::Disk(folder.path()));
    case.run().finish().expect_code(1);

    let spans = collector.spans();
    let epochs: Vec<_> = spans.iter().filter(|span| span.name() == "epoch").collect();
    assert!(!epochs.is_empty());
    for epoch in epochs {
        assert!(epoch.is_failed(), "{epoch:#?}");
        let about = epoch.attributes();
        assert_eq!(about["wasm_sink.outcome"], "failed", "{about}");
        assert_eq!(epoch.events()[0].0, "exception");
        let message = &epoch.events()[0].1["exception.message"];
        assert!(message.as_str().unwrap().contains("trap"), "{message}");
    }
    // The last numbers are from after the end.
    let metrics = collector.metrics();
    let failing = super::metric(&metrics, "pipeline_failing");
    assert_eq!(
        failing["gauge"]["dataPoints"][0]["asDouble"], 1,
        "{failing}"
    );
}
