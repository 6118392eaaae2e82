//! A registry that fails: a stub, since a real one cannot be made to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use wasm_sink_core::{Blame, Kind};

use super::stub::{Reply, Stub, path};
use super::value::rows;
use super::{decoder, decoder_by, decoders, long, message, messages, text};

const SCHEMA: &str = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}"#;

#[tokio::test]
async fn an_outage_is_waited_for() {
    let registry = Stub::start(|_, before| match before {
        0 => Reply::new(503, ""),
        1 => Reply::new(
            500,
            r#"{"error_code":50001,"message":"Error in the backend"}"#,
        ),
        2 => Reply {
            headers: "Retry-After: 1\r\n".to_owned(),
            ..Reply::new(429, "slow down")
        },
        3 => Reply {
            is_cut: true,
            ..Reply::schema(SCHEMA)
        },
        _ => Reply::schema(SCHEMA),
    })
    .await;
    let started = Instant::now();
    let all = messages(&[message(1, &long(5))]);
    let decoded = decoder(&registry.url).decode(&all, 0).await.unwrap();
    assert_eq!(rows(&decoded.rows), [json!({"a": 5})]);
    assert_eq!(registry.asked().len(), 5);
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn nobody_at_the_port_is_waited_for() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut decoder = decoder(&format!("http://{address}"));
    let all = messages(&[message(1, &long(5))]);
    let waited = tokio::time::timeout(Duration::from_secs(2), decoder.decode(&all, 0)).await;
    assert!(waited.is_err(), "{waited:?}");
}

#[tokio::test]
async fn a_number_is_asked_for_once() {
    let registry = Stub::with(&[(1, SCHEMA), (2, SCHEMA)]).await;
    let mut decoder = decoder(&registry.url);
    let all = messages(&[
        message(1, &long(5)),
        message(2, &long(6)),
        message(1, &long(7)),
    ]);
    for _ in 0..3 {
        decoder.decode(&all, 0).await.unwrap();
    }
    let mut asked = registry.asked();
    asked.sort();
    assert_eq!(asked, ["/schemas/ids/1", "/schemas/ids/2"]);
}

#[tokio::test]
async fn a_schema_that_comes_late_is_found() {
    let registry = Stub::start(|_, before| match before {
        0 | 1 => Reply::missing(),
        _ => Reply::schema(SCHEMA),
    })
    .await;
    let all = messages(&[message(9, &long(5))]);
    let decoded = decoder(&registry.url).decode(&all, 0).await.unwrap();
    assert_eq!(rows(&decoded.rows), [json!({"a": 5})]);
}

/// Bytes that are no records have ever new numbers: all are asked for side by side, and none soon again.
#[tokio::test]
async fn numbers_that_nobody_knows_cost_little() {
    let registry = Stub::with(&[(0, SCHEMA)]).await;
    let payloads: Vec<_> = (0..200).map(|id| message(id, &long(5))).collect();
    let all = messages(&payloads);
    let mut decoder = decoder(&registry.url);
    let started = Instant::now();
    let decoded = decoder.decode(&all, 0).await.unwrap();
    assert_eq!(decoded.messages, [0]);
    assert_eq!(decoded.undecodable.len(), 199);
    assert_eq!(registry.asked().len(), 1 + 3 * 199);
    decoder.decode(&all, 0).await.unwrap();
    assert_eq!(registry.asked().len(), 1 + 3 * 199);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

/// A proxy in front of it, say, while it is restarted.
#[tokio::test]
async fn what_answers_for_a_registry_that_was_there_is_waited_for() {
    let registry = Stub::start(|head, before| match (path(head), before) {
        ("/schemas/ids/2", 0) => Reply::new(404, "<html>nobody here</html>"),
        ("/schemas/ids/2", 1) => Reply::new(200, "<html>please wait</html>"),
        _ => Reply::schema(SCHEMA),
    })
    .await;
    let mut decoder = decoder(&registry.url);
    let decoded = decoder.decode(&messages(&[message(1, &long(5))]), 0).await;
    assert_eq!(decoded.unwrap().messages, [0]);
    let decoded = decoder.decode(&messages(&[message(2, &long(5))]), 0).await;
    assert_eq!(decoded.unwrap().messages, [0]);
}

#[tokio::test]
async fn a_schema_that_is_too_long_or_has_too_high_a_number_is_none() {
    let long_text = "x".repeat(9 << 20);
    let registry = Stub::start(move |head, _| match path(head) {
        "/schemas/ids/1" => Reply::schema(SCHEMA),
        "/schemas/ids/2" => Reply::schema(&long_text),
        // As Confluent's answers to what is no number to it.
        _ => Reply::new(404, r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#),
    })
    .await;
    let all = messages(&[
        message(u32::MAX, &long(5)),
        message(2, &long(5)),
        message(1, &long(5)),
    ]);
    let decoded = decoder(&registry.url).decode(&all, 0).await.unwrap();
    assert_eq!(decoded.messages, [2]);
    let reasons: Vec<_> = decoded
        .undecodable
        .iter()
        .map(|one| one.reason.as_str())
        .collect();
    assert!(
        reasons[0].starts_with("the registry has no schema 4294967295"),
        "{reasons:?}"
    );
    assert!(
        reasons[1].starts_with("schema 2 is too long"),
        "{reasons:?}"
    );
}

#[tokio::test]
async fn who_is_not_let_in_stops() {
    for status in [401, 403] {
        let registry = Stub::start(move |_, _| Reply::new(status, "")).await;
        let all = messages(&[message(1, &long(5))]);
        let error = decoder(&registry.url).decode(&all, 0).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.blame()),
            (Kind::Denied, Blame::Configuration)
        );
        assert!(
            error.to_string().contains("schema_registry_password"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn what_is_no_registry_stops() {
    for (status, body) in [
        (404, r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#),
        (404, "<html>not here</html>"),
        (200, "<html>log in</html>"),
        (200, "{}"),
        (200, "[]"),
        (301, ""),
        (400, r#"{"error_code":400,"message":"no"}"#),
    ] {
        let body = body.to_owned();
        let registry = Stub::start(move |_, _| Reply::new(status, body.clone())).await;
        let all = messages(&[message(1, &long(5))]);
        let error = decoder(&registry.url).decode(&all, 0).await.unwrap_err();
        assert!(!error.is_transient(), "{error}");
        let said = error.to_string();
        assert!(said.contains("is it a schema registry"), "{said}");
        assert!(said.len() < 500, "{said}");
    }
}

#[tokio::test]
async fn a_registry_is_looked_at_before_the_first_record() {
    for (reply, why) in [
        (Reply::missing(), None),
        (Reply::schema(SCHEMA), None),
        (Reply::new(503, ""), None),
        (Reply::new(401, ""), Some("does not let us in")),
        (Reply::new(404, ""), Some("is it a schema registry")),
    ] {
        let (status, body) = (reply.status, reply.body);
        let registry = Stub::start(move |_, _| Reply::new(status, body.clone())).await;
        let checked = decoders(vec![
            ("format", text("avro")),
            ("schema_registry_url", text(&registry.url)),
        ])
        .check()
        .await;
        let said = checked.map_err(|error| error.to_string()).err();
        match why {
            Some(why) => assert!(
                said.as_ref().is_some_and(|said| said.contains(why)),
                "{said:?}"
            ),
            None => assert_eq!(said, None),
        }
        assert_eq!(registry.asked().len(), 1);
    }
}

#[tokio::test]
async fn credentials_and_the_path_go_with_each_request() {
    let is_right = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_right);
    let registry = Stub::start(move |head, _| {
        // me:hush
        let basic = head.contains("\r\nauthorization: Basic bWU6aHVzaA==\r\n");
        seen.store(basic, Ordering::Relaxed);
        match path(head) {
            "/apis/ccompat/v7/schemas/ids/1" if basic => Reply::new(
                200,
                json!({"schema": r#"["null","com.example.R"]"#, "references":
                    [{"name": "any", "subject": ":.team:a/b %", "version": 3}]})
                .to_string(),
            ),
            "/apis/ccompat/v7/subjects/:.team:a%2Fb%20%25/versions/3" if basic => {
                Reply::schema(&SCHEMA.replace("\"R\"", "\"com.example.R\""))
            }
            _ => Reply::new(404, "no such path"),
        }
    })
    .await;
    for url in ["/apis/ccompat/v7", "/apis/ccompat/v7/"] {
        let url = format!("{}{url}", registry.url);
        let mut decoder = decoder_by(vec![
            ("format", text("avro")),
            ("schema_registry_url", text(&url)),
            ("schema_registry_user", text("me")),
            ("schema_registry_password", text("$hush")),
        ]);
        assert!(!format!("{decoder:?}").contains("hush"), "{decoder:?}");
        let all = messages(&[message(1, &[long(1), long(5)].concat())]);
        let decoded = decoder.decode(&all, 0).await.unwrap();
        assert_eq!(rows(&decoded.rows), [json!({"a": 5})]);
        assert!(is_right.load(Ordering::Relaxed));
    }
}

#[tokio::test]
async fn schemas_of_other_kinds_and_lost_references_are_said() {
    let reference = json!([{"name": "any", "subject": "gone", "version": 1}]);
    let registry = Stub::start(move |head, _| match path(head) {
        "/schemas/ids/1" => Reply::new(
            200,
            json!({"schemaType": "PROTOBUF", "schema": "syntax = \"proto3\";"}).to_string(),
        ),
        "/schemas/ids/2" => {
            let answer = json!({"schema": "\"com.example.R\"", "references": reference});
            Reply::new(200, answer.to_string())
        }
        _ => Reply::missing(),
    })
    .await;
    let all = messages(&[message(1, &long(5)), message(2, &long(5))]);
    let decoded = decoder(&registry.url).decode(&all, 0).await.unwrap();
    let reasons: Vec<_> = decoded
        .undecodable
        .iter()
        .map(|one| one.reason.as_str())
        .collect();
    assert!(
        reasons[0].starts_with("schema 1 is of type PROTOBUF, not AVRO"),
        "{reasons:?}"
    );
    let lost = "schema 2 refers to version 1 of `gone`, which the registry does not have";
    assert!(reasons[1].starts_with(lost), "{reasons:?}");
}

#[tokio::test]
async fn json_may_have_a_number_before_it() {
    // Nobody is asked: JSON says by itself what it means.
    let mut decoder = decoder_by(vec![
        ("format", text("json")),
        ("schema_registry_url", text("http://127.0.0.1:1")),
    ]);
    let all = messages(&[
        message(0x00c3_00c3, b"{\"a\": 1}"),
        b"{\"a\": 2}".to_vec(),
        message(1, b"\xa4{\"a\": 3}"),
        message(2, b"{\"b\": \"\xc3\xa4\"}"),
        message(3, b""),
    ]);
    let decoded = decoder.decode(&all, 0).await.unwrap();
    let expected = [json!({"a": 1, "b": null}), json!({"a": null, "b": "ä"})];
    assert_eq!(rows(&decoded.rows), expected);
    assert_eq!(decoded.messages, [0, 3]);
    let said = &decoded.undecodable[0].reason;
    assert!(said.contains("and this begins with 123"), "{said}");
}
