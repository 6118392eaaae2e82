//! What a program that embeds the runtime meets.

use serde_json::json;
use wasm_sink_core::Kind;

use super::{PipelineBuilder, PipelineError, Runtime};
use crate::connectors::Connector;
use crate::launch::Ended;
use crate::metrics::Phase;

fn runtime() -> Runtime {
    Runtime::new().unwrap()
}

/// Rows into nothing.
fn counting<'r>(
    runtime: &'r Runtime,
    folder: &tempfile::TempDir,
    source: serde_json::Value,
) -> PipelineBuilder<'r> {
    runtime
        .pipeline("counting")
        .directory(folder.path())
        .source(source)
        .sink(json!({ "component": "discard" }))
}

fn mistakes(refused: Result<impl std::fmt::Debug, PipelineError>) -> String {
    match refused {
        Err(error @ PipelineError::Wrong(_)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_in_code_runs_to_its_end_and_goes_on_where_it_ended() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
    for (rows, expected) in [(1_000, 1_000), (1_000, 0), (1_500, 500)] {
        let source = json!({ "type": "generator", "rows": rows, "partitions": 1 });
        let pipeline = counting(&runtime, &folder, source).build().unwrap();
        let running = runtime.start(pipeline).await.unwrap();
        let outcome = running.wait().await.unwrap();
        assert_eq!(outcome.account.skipped, expected);
        assert_eq!(outcome.ended, Ended::Delivered);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_told_to_stop_ends_and_says_so() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
    let source = json!({ "type": "generator", "rate": 100 });
    let pipeline = counting(&runtime, &folder, source).build().unwrap();
    let running = runtime.start(pipeline).await.unwrap();
    while running.status().await.status != Phase::Running {
        tokio::task::yield_now().await;
    }
    assert!(!running.has_ended());
    running.stop();
    assert_eq!(running.wait().await.unwrap().ended, Ended::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_nobody_holds_is_told_to_stop() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
    let source = || json!({ "type": "generator", "rate": 100 });
    let pipeline = || counting(&runtime, &folder, source()).build().unwrap();
    let running = runtime.start(pipeline()).await.unwrap();
    let metrics = std::sync::Arc::clone(&running.metrics);
    drop(running);
    while metrics.snapshot().phase != Phase::Finished {
        tokio::task::yield_now().await;
    }
}

#[test]
fn mistakes_are_those_of_a_file_and_come_all_at_once() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
    let source = json!({ "type": "generatr", "rows": 1 });
    let pipeline = counting(&runtime, &folder, source)
        .table("epoch", json!({ "max_row": 5 }))
        .connection("lake", json!({ "type": "delta" }));
    insta::assert_snapshot!(mistakes(pipeline.build()));
}

#[test]
fn secrets_come_in_as_variables_alone() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
    let pipeline = |password: &str| {
        counting(&runtime, &folder, json!({ "type": "generator" })).connection(
            "database",
            json!({
                "type": "postgres",
                "connection_string": "postgresql://ada@localhost/orders",
                "password": password,
            }),
        )
    };
    let said = mistakes(pipeline("hunter2hunter2").build());
    assert!(said.contains("secret-in-file"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let said = mistakes(pipeline("${NOT_GIVEN_PASSWORD}").build());
    assert!(said.contains("NOT_GIVEN_PASSWORD"), "{said}");
    let given = pipeline("${PASSWORD}").variable("PASSWORD", "hunter2hunter2");
    assert!(!format!("{given:?}").contains("hunter2"));
    given.build().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_component_has_against_its_configuration_keeps_it_from_starting() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
    let pipeline = counting(&runtime, &folder, json!({ "type": "generator" }))
        .sink(json!({ "component": "discard", "config": { "colour": 1 } }));
    let said = mistakes(runtime.start(pipeline.build().unwrap()).await);
    assert!(said.contains("colour"), "{said}");
}

#[test]
fn what_toml_cannot_hold_is_said() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
    let pipeline = counting(&runtime, &folder, json!({ "type": null }));
    match pipeline.build() {
        Err(PipelineError::Failed(error)) => {
            assert_eq!(error.kind(), Kind::Invalid);
            assert!(error.to_string().contains("[source]"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn connectors_of_ones_own_are_known_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let own = Connector::named("tickets").with_source(|_, _| None);
    let runtime = Runtime::with_connectors([own]).unwrap();
    let pipeline = counting(&runtime, &folder, json!({ "type": "ticket" }));
    let said = mistakes(pipeline.build());
    assert!(said.contains("did you mean \"tickets\""), "{said}");
    for (name, why) in [
        ("kafka", "one of that name"),
        ("Tickets", "small letters"),
        ("", "small letters"),
        ("5a", "small letters"),
    ] {
        let error = Runtime::with_connectors([Connector::named(name)]).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}
