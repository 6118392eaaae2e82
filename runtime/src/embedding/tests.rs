//! What a program that embeds the runtime meets.

use std::time::Duration;

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
    let said = format!("{:?}", pipeline("hunter2hunter2").build().unwrap_err());
    assert!(said.contains("secret-in-file"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let said = mistakes(pipeline("${NOT_GIVEN_PASSWORD}").build());
    assert!(said.contains("NOT_GIVEN_PASSWORD"), "{said}");
    let given = pipeline("${PASSWORD}").variable("PASSWORD", "hunter2hunter2");
    assert!(!format!("{given:?}").contains("hunter2"));
    let sink = json!({
        "component": "discard",
        "env": ["SALT"],
        "config": { "salt": "${SALT}" },
    });
    let built = given.sink(sink).variable("SALT", "sea-water").build();
    let shown = format!("{:?}", built.unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!shown.contains("sea-water"), "{shown}");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_that_waits_for_epochs_ends_with_the_pipeline() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
    // The same with another hash: an empty custom section at its end.
    let mut another = crate::slot::builtin("discard").unwrap().to_vec();
    another.extend([0, 2, 1, b'x']);
    std::fs::write(folder.path().join("another.wasm"), another).unwrap();
    let source = json!({ "type": "generator", "rate": 100 });
    let pipeline = counting(&runtime, &folder, source).build().unwrap();
    let running = runtime.start(pipeline).await.unwrap();
    let hash = async || Some(running.status().await.open?.component.hash);
    let first = loop {
        match hash().await {
            Some(hash) => break hash,
            None => tokio::task::yield_now().await,
        }
    };
    let stop = async {
        while hash().await.is_none_or(|now| now == first) {
            tokio::task::yield_now().await;
        }
        running.stop();
    };
    let both = async { tokio::join!(running.swap("./another.wasm", 1_000_000), stop) };
    let (swapped, ()) = tokio::time::timeout(Duration::from_secs(60), both)
        .await
        .expect("who waits for a pipeline that has ended is told so");
    let error = swapped.unwrap_err().to_string();
    assert!(
        error.contains("the pipeline ended before the swap was settled"),
        "{error}"
    );
    while !running.has_ended() {
        tokio::task::yield_now().await;
    }
    let error = running.swap("./another.wasm", 0).await.unwrap_err();
    assert!(error.to_string().contains("has ended"), "{error}");
    let journal = folder.path().join(".wasm-sink/counting/swaps.jsonl");
    let journal = std::fs::read_to_string(journal).unwrap();
    let events: Vec<String> = journal
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["event"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(events, ["taken-over", "ended"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_an_address_and_positions_are_free_once_a_pipeline_has_ended() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let pipeline = || {
        counting(
            &runtime,
            &folder,
            json!({ "type": "generator", "rate": 1_000 }),
        )
        .table("admin", json!({ "address": address.to_string() }))
        .build()
        .unwrap()
    };
    for _ in 0..5 {
        let running = runtime.start(pipeline()).await.unwrap();
        let error = runtime.start(pipeline()).await.unwrap_err();
        assert!(
            error.to_string().contains("in this process already"),
            "{error}"
        );
        // Somebody looks, and stays connected.
        let _connected = tokio::net::TcpStream::connect(address).await.unwrap();
        while running.status().await.status != Phase::Running {
            tokio::task::yield_now().await;
        }
        running.stop();
        running.wait().await.unwrap();
    }
}
