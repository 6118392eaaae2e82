//! Registering schemas, with a registry that takes them, and one that does not.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wasm_sink_core::{Blame, Kind};
use wasm_sink_formats::{SchemaRegistry, SchemaRegistrySettings};

use super::stub::{Reply, Stub, path};
use super::{table, text};

const SCHEMA: &str = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}"#;

fn registry(url: &str) -> SchemaRegistry {
    let table = table(vec![
        ("schema_registry_url", text(url)),
        ("schema_registry_user", text("me")),
        ("schema_registry_password", text("$hush")),
    ]);
    let mut problems = Vec::new();
    let mut reader = table.reader(&mut problems);
    let settings = SchemaRegistrySettings::read(&mut reader).unwrap();
    reader.finish();
    assert!(problems.is_empty(), "{problems:?}");
    SchemaRegistry::open(&settings, Path::new(".")).unwrap()
}

fn id(id: u64) -> Reply {
    Reply::new(200, json!({ "id": id }).to_string())
}

#[tokio::test]
async fn a_schema_is_registered_once() {
    let stub = Stub::start(|request, _| {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST "), "{head}");
        let head = head.to_lowercase();
        assert!(head.contains("authorization: basic bwu6ahvzaa=="), "{head}");
        assert!(head.contains("content-type: application/vnd.schemaregistry.v1+json"));
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body, json!({ "schema": SCHEMA }));
        match path(&head) {
            "/subjects/t-value/versions" => id(7),
            _ => id(i32::MAX as u64),
        }
    })
    .await;
    let registry = registry(&stub.url);
    for _ in 0..3 {
        assert_eq!(registry.register("t-value", SCHEMA).await.unwrap(), 7);
        let other = registry.register("a/b c-value", SCHEMA).await.unwrap();
        assert_eq!(other, i32::MAX as u32);
    }
    let asked = [
        "/subjects/t-value/versions",
        "/subjects/a%2Fb%20c-value/versions",
    ];
    assert_eq!(stub.asked(), asked);
}

#[tokio::test]
async fn an_outage_is_waited_for_but_not_forever() {
    let stub = Stub::start(|_, before| match before {
        0 => Reply::new(503, ""),
        1 => Reply {
            is_cut: true,
            ..id(3)
        },
        2 => id(3),
        _ => Reply::new(500, r#"{"error_code":50002,"message":"Timed out"}"#),
    })
    .await;
    let registry = registry(&stub.url).with_patience(Duration::from_secs(2));
    assert_eq!(registry.register("t", SCHEMA).await.unwrap(), 3);
    let started = Instant::now();
    let error = registry.register("t", "{}").await.unwrap_err();
    assert!(started.elapsed() >= Duration::from_secs(2));
    assert_eq!(
        (error.kind(), error.blame()),
        (Kind::Unavailable, Blame::Destination)
    );
    assert!(error.message().contains("Timed out"), "{error}");
    // What was registered needs nobody.
    assert_eq!(registry.register("t", SCHEMA).await.unwrap(), 3);
}

#[tokio::test]
async fn a_frozen_registry_is_waited_for_so_long() {
    let stub = Stub::start(|_, _| Reply {
        after: Duration::from_secs(9),
        ..id(1)
    })
    .await;
    let registry = registry(&stub.url).with_patience(Duration::from_secs(1));
    let error = registry.register("t", SCHEMA).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.message().contains("does not answer"), "{error}");
}

#[tokio::test]
async fn a_refusal_says_why() {
    let long = format!(
        "{{\"error_code\":409,\"message\":\"{}\"}}",
        "not compatible ".repeat(20)
    );
    for (status, body, kind, blame, words) in [
        (
            409,
            long.as_str(),
            Kind::Other,
            Blame::Destination,
            "incompatible with an earlier one",
        ),
        (
            409,
            long.as_str(),
            Kind::Other,
            Blame::Destination,
            "not compatible not compatible not compatible",
        ),
        (
            422,
            r#"{"error_code":42201,"message":"Invalid schema"}"#,
            Kind::Other,
            Blame::Destination,
            "subject `t` (422): Invalid schema; look at",
        ),
        (
            401,
            "",
            Kind::Denied,
            Blame::Configuration,
            "may register schemas",
        ),
        (
            403,
            r#"{"error_code":40301,"message":"x"}"#,
            Kind::Denied,
            Blame::Configuration,
            "403",
        ),
        (
            404,
            "nothing here",
            Kind::Invalid,
            Blame::Configuration,
            "to POST /subjects/t/versions: is it",
        ),
        (
            200,
            "<html>",
            Kind::Invalid,
            Blame::Configuration,
            "no JSON object",
        ),
        (
            200,
            r#"{"id":4294967296}"#,
            Kind::Invalid,
            Blame::Configuration,
            "without a `id`",
        ),
    ] {
        let body = body.to_owned();
        let stub = Stub::start(move |_, _| Reply::new(status, body.clone())).await;
        let error = registry(&stub.url).register("t", SCHEMA).await.unwrap_err();
        assert_eq!((error.kind(), error.blame()), (kind, blame), "{error}");
        assert!(error.message().contains(words), "{error}");
        assert!(!error.to_string().contains("hush"), "{error}");
        assert_eq!(stub.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_wrong_address_shows_at_once() {
    let stub = Stub::start(|_, _| Reply::missing()).await;
    registry(&stub.url).check().await.unwrap();
    let stub = Stub::start(|_, _| Reply::new(404, "")).await;
    let error = registry(&stub.url).check().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    // Nobody there is waited for, later.
    drop(stub);
    registry("http://127.0.0.1:9").check().await.unwrap();
}
