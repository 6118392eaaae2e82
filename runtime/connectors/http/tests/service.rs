//! The whole way of a request, from the component's call to a mock of a service and back.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test"
)]

mod mock;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt32Array};
use bytes::Bytes;
use chrono::DateTime;
use flate2::read::GzDecoder;
use wasm_sink_core::connection::{Connection, ConnectionContext};
use wasm_sink_core::dead_letter::{RefusedBy, RowOrigin};
use wasm_sink_core::guest::wit::{Error, ErrorKind};
use wasm_sink_core::guest::{Access, Batch, Guest, GuestLimits};
use wasm_sink_core::settings::{Entry, Node, Table, Value};
use wasm_sink_core::stage::Purpose;
use wasm_sink_core::{
    Blame, CommitId, Kind, Lineage, MetadataKey, PartitionKey, Position, Rows, SourceBatch,
};
use wasm_sink_http::ServiceHandle;
use wasm_sink_http::bindings::wasm_sink::http::http::{
    Header, HostService as _, Method, Request, Response,
};
use wasmtime::component::Resource;

use mock::{Mock, Received, Reply};

#[derive(Debug)]
struct Offsets;

impl Lineage for Offsets {
    fn position_after(&self, row: u32) -> Option<Position> {
        Some(Position::from_offset(u64::from(row) + 1))
    }
    fn origin(&self, _: u32) -> RowOrigin {
        RowOrigin::default()
    }
    fn raw(&self, _: u32) -> Option<Bytes> {
        None
    }
    fn metadata(&self, _: MetadataKey, _: &UInt32Array) -> Option<ArrayRef> {
        None
    }
}

fn rows() -> Rows {
    let values = Int64Array::from_iter_values(0..4);
    let values = RecordBatch::try_from_iter([("n", Arc::new(values) as ArrayRef)]).unwrap();
    Rows::whole(Arc::new(SourceBatch {
        key: PartitionKey::new("orders", "0"),
        begin: Some(Position::from_offset(0)),
        end: Position::from_offset(4),
        bytes: 32,
        rows: values,
        lineage: Arc::new(Offsets),
        undecodable: Vec::new(),
        at: DateTime::UNIX_EPOCH,
        reservation: None,
    }))
}

/// Text from the environment begins with a dollar sign.
fn text(text: &str) -> Value {
    Value::String {
        text: text.trim_start_matches('$').to_owned(),
        from_environment: text.starts_with('$'),
    }
}

fn table(entries: Vec<(&str, Value)>) -> Table {
    let entry = |(key, value): (&str, Value)| Entry {
        key: key.to_owned(),
        key_span: 0..0,
        node: Node { value, span: 0..0 },
    };
    Table {
        entries: entries.into_iter().map(entry).collect(),
        span: 0..0,
    }
}

fn texts(entries: &[(&str, &str)]) -> Value {
    let entries = entries.iter().map(|(key, value)| (*key, text(value)));
    Value::Table(table(entries.collect()))
}

async fn connection(url: &str, more: Vec<(&str, Value)>) -> Arc<dyn Connection> {
    let mut entries = vec![("url", text(url))];
    entries.extend(more);
    let mut problems = Vec::new();
    let spec = wasm_sink_http::connection(&table(entries), &mut problems);
    let spec = spec.unwrap_or_else(|| panic!("{problems:?}"));
    let context = ConnectionContext {
        label: "api".into(),
        pipeline: "shop".into(),
        directory: "/".into(),
        max_epoch: Duration::from_secs(1),
    };
    spec.open(context).await.unwrap()
}

/// A component that has the connection, in an epoch.
struct Component {
    guest: Guest,
    service: Resource<ServiceHandle>,
}

impl Component {
    async fn of(connection: &dyn Connection, purpose: Purpose, wait: Duration) -> Self {
        let stage = connection.stage(purpose).unwrap();
        let limits = GuestLimits {
            handles: 1_000,
            dead_letters: 100,
            split_parts: 3,
            derived_bytes: 1 << 20,
            stage_wait: wait,
        };
        let mut guest = Guest::new(BTreeMap::from([("default".to_owned(), stage)]), limits);
        guest.set_access(Access::Granted);
        guest.begin_epoch(CommitId::from_random(7));
        let service = guest.open("default".to_owned()).await.unwrap().unwrap();
        Self { guest, service }
    }

    async fn new(mock: &Mock, more: Vec<(&str, Value)>) -> Self {
        let connection = connection(&mock.url("/v2"), more).await;
        Self::of(&*connection, Purpose::Commit, Duration::from_secs(20)).await
    }

    fn service(&self) -> Resource<ServiceHandle> {
        Resource::new_borrow(self.service.rep())
    }

    async fn send(&mut self, rows: &Rows, request: Request) -> Result<Response, Error> {
        let service = self.service();
        let rows: Resource<Batch> = self.guest.push_rows(rows.clone()).unwrap();
        self.guest.send(service, rows, request).await.unwrap()
    }

    async fn ask(&mut self, request: Request) -> Result<Response, Error> {
        let service = self.service();
        self.guest.ask(service, request).await.unwrap()
    }

    fn complaint(&self) -> Option<String> {
        let checked = self.guest.check_settled();
        checked.err().map(|error| error.to_string())
    }
}

fn post(path: &str, body: &str) -> Request {
    Request {
        method: Method::Post,
        path: path.to_owned(),
        headers: vec![Header {
            name: "Content-Type".to_owned(),
            value: "application/json".to_owned(),
        }],
        body: body.as_bytes().to_vec(),
    }
}

fn get(path: &str) -> Request {
    Request {
        method: Method::Get,
        path: path.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    }
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let mut headers = response.headers.iter();
    let header = headers.find(|header| header.name == name);
    header.map(|header| header.value.as_str())
}

fn body(response: &Response) -> &str {
    std::str::from_utf8(&response.body).unwrap()
}

fn keys(received: &[Received]) -> Vec<&str> {
    let keys = received.iter();
    keys.map(|request| request.header("idempotency-key"))
        .collect()
}

#[tokio::test]
async fn a_request_is_sent_as_it_is_asked_for() {
    let mock = Mock::answering(vec![Reply::new(201, &[("X-Id", "5")], "made")]).await;
    let headers = texts(&[("X-Tenant", "shop"), ("X-Secret", "$hunter2")]);
    let mut component = Component::new(&mock, vec![("headers", headers)]).await;
    let response = component
        .send(&rows(), post("events?a=1", "[1]"))
        .await
        .unwrap();
    assert_eq!((response.status, body(&response)), (201, "made"));
    assert_eq!(header(&response, "x-id"), Some("5"));
    assert!(!response.is_cut);
    let received = mock.received();
    let [request] = received.as_slice() else {
        panic!("{received:?}");
    };
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("POST", "/v2/events?a=1")
    );
    assert_eq!(request.body, b"[1]");
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("x-tenant"), "shop");
    assert_eq!(request.header("x-secret"), "hunter2");
    assert_eq!(request.header("host"), mock.address.to_string());
    assert!(request.header("user-agent").starts_with("wasm-sink/"));
    assert_eq!(request.header("accept-encoding"), "gzip");
    let key = request.header("idempotency-key");
    assert!(
        key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{key}"
    );
    assert_eq!(component.guest.account().staged, 4);
    assert_eq!(component.complaint(), None);
}

#[tokio::test]
async fn the_same_rows_have_the_same_key() {
    let mock = Mock::answering(vec![Reply::status(200)]).await;
    for (rows, body) in [
        (rows(), "a"),
        (rows(), "a"),
        (rows().slice(1, 3), "a"),
        (rows(), "b"),
    ] {
        // Another instance, of another process for all that it knows.
        let mut component = Component::new(&mock, vec![]).await;
        component.send(&rows, post("e", body)).await.unwrap();
    }
    let mut component = Component::new(&mock, vec![]).await;
    component.ask(get("e")).await.unwrap();
    let received = mock.received();
    let keys = keys(&received);
    assert_eq!(keys[0], keys[1]);
    assert!(keys[2] != keys[0] && keys[3] != keys[0] && keys[2] != keys[3]);
    assert_eq!(keys[4], "");
    let other = vec![("idempotency_header", text("X-Request"))];
    let mut component = Component::new(&mock, other).await;
    component.send(&rows(), post("e", "a")).await.unwrap();
    let received = mock.received();
    assert_eq!(
        received[5].header("x-request"),
        received[0].header("idempotency-key")
    );
}

#[tokio::test]
async fn a_service_that_fails_is_asked_again() {
    let mock = Mock::answering(vec![
        Reply::new(500, &[], "oh"),
        Reply::status(503),
        Reply::new(200, &[], "well"),
    ])
    .await;
    let mut component = Component::new(&mock, vec![]).await;
    let response = component.send(&rows(), post("e", "[]")).await.unwrap();
    assert_eq!(body(&response), "well");
    let received = mock.received();
    assert_eq!(received.len(), 3);
    let keys = keys(&received);
    assert!(
        !keys[0].is_empty() && keys.iter().all(|key| *key == keys[0]),
        "{keys:?}"
    );
    assert!(received.iter().all(|request| request.body == b"[]"));
}

#[tokio::test]
async fn it_waits_as_it_is_asked_to() {
    let busy = Reply::new(429, &[("Retry-After", "1")], "");
    let mock = Mock::answering(vec![busy, Reply::status(200)]).await;
    let mut component = Component::new(&mock, vec![]).await;
    component.send(&rows(), post("e", "")).await.unwrap();
    let received = mock.received();
    assert!(received[1].at - received[0].at >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_pause_that_is_too_long_is_the_pipelines() {
    let busy = Reply::new(429, &[("Retry-After", "3600")], "slow\r\ndown");
    let mock = Mock::answering(vec![busy]).await;
    let mut component = Component::new(&mock, vec![]).await;
    let begun = Instant::now();
    let error = component
        .send(&rows(), post("e?key=1", ""))
        .await
        .unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(error.kind, ErrorKind::Throttled);
    assert_eq!(error.retry_after_ms, Some(3_600_000));
    for part in ["POST /v2/e`", "429", "slow  down", "3600 s"] {
        assert!(error.message.contains(part), "{part}: {}", error.message);
    }
    assert!(!error.message.contains("key=1"));
    assert_eq!(mock.received().len(), 1);
    assert!(component.guest.doom().is_set());
}

#[tokio::test]
async fn the_time_of_a_call_is_limited() {
    let mock = Mock::answering(vec![Reply::new(502, &[], "upstream")]).await;
    let connection = connection(&mock.url("/v2"), vec![]).await;
    let wait = Duration::from_millis(1_000);
    let mut component = Component::of(&*connection, Purpose::Commit, wait).await;
    let begun = Instant::now();
    let error = component.send(&rows(), post("e", "")).await.unwrap_err();
    assert!(
        begun.elapsed() <= wait + Duration::from_millis(500),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("502") && error.message.contains("upstream"));
    let error = component.guest.doom().take().unwrap();
    assert_eq!(error.blame(), Blame::Destination);
    assert!(mock.received().len() > 1);
}

#[tokio::test]
async fn nobody_is_there() {
    let mock = Mock::answering(vec![Reply::status(200)]).await;
    let port = mock.address.port();
    // Nobody listens on port 1.
    let url = mock.url("/").replace(&port.to_string(), "1");
    let connection = connection(&url, vec![]).await;
    let wait = Duration::from_millis(300);
    let mut component = Component::of(&*connection, Purpose::Commit, wait).await;
    let error = component.send(&rows(), post("e", "")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(
        error.message.contains("cannot be reached"),
        "{}",
        error.message
    );
    let error = connection.check().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.to_string().contains("HEAD /"), "{error}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_none() {
    let whole = || Reply::new(200, &[], "0123456789");
    let mock = Mock::answering(vec![
        whole().without(5),
        whole().without(15),
        Reply::gzip(b"0123456789").without(4),
        whole(),
    ])
    .await;
    let mut component = Component::new(&mock, vec![]).await;
    let response = component.send(&rows(), post("e", "")).await.unwrap();
    assert_eq!(body(&response), "0123456789");
    assert!(mock.received().len() >= 4);
}

#[tokio::test]
async fn a_slow_answer_is_not_waited_for() {
    let slow = Reply::status(200).after(Duration::from_secs(30));
    let mock = Mock::answering(vec![slow, Reply::new(200, &[], "fast")]).await;
    let more = vec![("request_timeout_ms", Value::Integer(200))];
    let mut component = Component::new(&mock, more).await;
    let response = component.send(&rows(), post("e", "")).await.unwrap();
    assert_eq!(body(&response), "fast");
}

#[tokio::test]
async fn rows_that_are_refused_must_be_settled() {
    let mock = Mock::start(|_, request| match request.body.len() {
        0..=5 => Reply::status(200),
        _ => Reply::new(413, &[], "too much"),
    })
    .await;
    let mut component = Component::new(&mock, vec![]).await;
    let rows = rows();
    let response = component.send(&rows, post("e", "0,1,2,3")).await.unwrap();
    assert_eq!((response.status, body(&response)), (413, "too much"));
    assert_eq!(mock.received().len(), 1);
    let complaint = component.complaint().unwrap();
    assert!(
        complaint.contains("4 rows") && complaint.contains("413"),
        "{complaint}"
    );
    component
        .send(&rows.slice(0, 2), post("e", "0,1"))
        .await
        .unwrap();
    component
        .send(&rows.slice(2, 1), post("e", "2"))
        .await
        .unwrap();
    assert!(component.complaint().unwrap().starts_with("1 row "));
    let reason = |_| "413".to_owned();
    component
        .guest
        .reject(&rows.slice(3, 1), RefusedBy::Component, reason)
        .unwrap();
    assert_eq!(component.complaint(), None);
    assert!(!component.guest.doom().is_set());
}

#[tokio::test]
async fn what_stays_as_it_is_is_an_answer() {
    for status in [400, 404, 409, 422, 501, 505] {
        let mock = Mock::answering(vec![Reply::status(status)]).await;
        let mut component = Component::new(&mock, vec![]).await;
        let response = component.ask(get("e")).await.unwrap();
        assert_eq!(response.status, status);
        assert_eq!(mock.received().len(), 1);
        assert_eq!(component.complaint(), None);
    }
}

#[tokio::test]
async fn redirections_are_followed_below_the_address() {
    let mock = Mock::start(|_, request| {
        let to = |status, place: &str| Reply::new(status, &[("Location", place)], "moved");
        match (request.method.as_str(), request.target.as_str()) {
            (_, "/v2/found?key=hunter2") => to(302, "/v2/there"),
            (_, "/v2/kept?key=hunter2") => to(307, "there"),
            (_, "/v2/out?key=hunter2") => to(307, "/v1/there"),
            (_, "/v2/round?key=hunter2") => to(308, "round"),
            (method, target) => Reply::new(200, &[], format!("{method} {target}")),
        }
    })
    .await;
    let key = texts(&[("type", "api_key"), ("query", "key"), ("value", "$hunter2")]);
    let mut component = Component::new(&mock, vec![("auth", key)]).await;
    let response = component.ask(get("found")).await.unwrap();
    assert_eq!(body(&response), "GET /v2/there?key=***");
    let response = component.ask(post("found", "x")).await.unwrap();
    assert_eq!(
        (response.status, header(&response, "location")),
        (302, Some("/v2/there"))
    );
    let before = mock.received().len();
    let response = component.send(&rows(), post("kept", "x")).await.unwrap();
    assert_eq!(body(&response), "POST /v2/there?key=***");
    let received = mock.received();
    assert_eq!(received[before + 1].body, b"x");
    assert_eq!(
        received[before].header("idempotency-key"),
        received[before + 1].header("idempotency-key")
    );
    let response = component.ask(get("out")).await.unwrap();
    assert_eq!(response.status, 307);
    let before = mock.received().len();
    let response = component.ask(get("round")).await.unwrap();
    assert_eq!(response.status, 308);
    assert_eq!(mock.received().len() - before, 6);
}

#[tokio::test]
async fn credentials_do_not_go_elsewhere() {
    let elsewhere = Mock::answering(vec![Reply::status(200)]).await;
    let place = elsewhere.url("/v2/e");
    let mock = Mock::answering(vec![Reply::new(307, &[("Location", &place)], "")]).await;
    let token = texts(&[("type", "bearer"), ("token", "$hunter2")]);
    let mut component = Component::new(&mock, vec![("auth", token)]).await;
    let response = component.send(&rows(), post("e", "")).await.unwrap();
    assert_eq!(response.status, 307);
    assert!(elsewhere.received().is_empty());
    assert!(component.complaint().unwrap().contains("307"));
}

#[tokio::test]
async fn what_a_service_repeats_is_hidden() {
    let echo = |_, request: &Received| {
        let authorization = request.header("authorization");
        let body = format!("{authorization} {}", request.header("x-key"));
        let headers = [
            ("X-Echo", authorization),
            ("X-Other", "fine"),
            ("Set-Cookie", "a=b"),
            ("WWW-Authenticate", "Basic"),
        ];
        Reply::new(200, &headers, body)
    };
    let mock = Mock::start(echo).await;
    let basic = [
        ("type", "basic"),
        ("username", "me"),
        ("password", "$hunter2"),
    ];
    for auth in [&basic[..], &[("type", "bearer"), ("token", "$hunter2")]] {
        let headers = texts(&[("X-Key", "$s3cret")]);
        let more = vec![("auth", texts(auth)), ("headers", headers)];
        let mut component = Component::new(&mock, more).await;
        component.guest.listen();
        let response = component.ask(get("e")).await.unwrap();
        let scheme = if auth == basic { "Basic" } else { "Bearer" };
        assert_eq!(body(&response), format!("{scheme} *** ***"));
        let names: Vec<_> = response
            .headers
            .iter()
            .map(|header| header.name.as_str())
            .collect();
        assert_eq!(names, ["x-other", "content-length"]);
        let calls = format!("{:?}", component.guest.take_calls());
        assert!(
            !calls.contains("hunter2") && !calls.contains("s3cret"),
            "{calls}"
        );
    }
    let received = mock.received();
    assert_eq!(
        received[0].header("authorization"),
        "Basic bWU6aHVudGVyMg=="
    );
    assert_eq!(received[1].header("authorization"), "Bearer hunter2");
}

#[tokio::test]
async fn a_secret_is_hidden_wherever_the_body_is_cut() {
    let text = "hunter2 ".repeat(20);
    let mock = Mock::start(move |_, _| Reply::new(200, &[], &text)).await;
    for max in 1..40 {
        let token = texts(&[("type", "bearer"), ("token", "$hunter2")]);
        let more = vec![("auth", token), ("max_response_bytes", Value::Integer(max))];
        let mut component = Component::new(&mock, more).await;
        let response = component.ask(get("e")).await.unwrap();
        assert!(response.is_cut && response.body.len() <= max as usize);
        assert!(!body(&response).contains('h'), "{}", body(&response));
    }
}

#[tokio::test]
async fn who_is_not_let_in_stops() {
    for status in [401, 403] {
        let mock = Mock::answering(vec![Reply::new(status, &[], "no hunter2")]).await;
        let token = || texts(&[("type", "bearer"), ("token", "$hunter2")]);
        let mut component = Component::new(&mock, vec![("auth", token())]).await;
        let error = component.send(&rows(), post("e", "")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Other);
        assert!(
            error.message.contains("credentials of connection `api`"),
            "{}",
            error.message
        );
        assert!(error.message.contains("no ***"), "{}", error.message);
        assert_eq!(mock.received().len(), 1);
        let doom = component.guest.doom().take().unwrap();
        assert_eq!(doom.blame(), Blame::Configuration);
        let connection = connection(&mock.url("/v2"), vec![("auth", token())]).await;
        let checked = connection.check().await;
        // A service may forbid its own address to everybody.
        let refusal = checked.err().map(|error| (error.kind(), error.blame()));
        let expected = (status == 401).then_some((Kind::Other, Blame::Configuration));
        assert_eq!(refusal, expected);
    }
}

#[tokio::test]
async fn any_answer_shows_that_the_service_is_there() {
    for status in [200, 404, 405, 500] {
        let mock = Mock::answering(vec![Reply::new(status, &[], "text")]).await;
        let connection = connection(&mock.url("/v2"), vec![]).await;
        connection.check().await.unwrap();
        let received = mock.received();
        assert_eq!(
            (received[0].method.as_str(), received[0].target.as_str()),
            ("HEAD", "/v2")
        );
        assert!(connection.describe().contains(&mock.url("/v2")));
    }
}

#[tokio::test]
async fn tokens_are_kept_and_renewed() {
    let tokens = Mock::start(|number, request| {
        assert_eq!(request.target, "/token");
        assert_eq!(request.body, b"grant_type=client_credentials&scope=write");
        assert_eq!(request.header("authorization"), "Basic c2luazpodW50ZXIy");
        let answer = format!(r#"{{"access_token": "token-{number}", "expires_in": 3600}}"#);
        Reply::new(200, &[], answer)
    })
    .await;
    let mock = Mock::start(|_, request| match request.header("authorization") {
        "Bearer token-0" if request.target == "/v2/old" => Reply::new(401, &[], "token-0 is old"),
        token => Reply::new(200, &[], token),
    })
    .await;
    let url = tokens.url("/token");
    let auth = texts(&[
        ("type", "oauth2"),
        ("token_url", &url),
        ("client_id", "sink"),
        ("client_secret", "$hunter2"),
        ("scope", "write"),
    ]);
    let mut component = Component::new(&mock, vec![("auth", auth)]).await;
    for _ in 0..3 {
        let response = component.send(&rows(), post("e", "")).await.unwrap();
        assert_eq!(body(&response), "Bearer ***");
    }
    assert_eq!(tokens.received().len(), 1);
    let response = component.send(&rows(), post("old", "")).await.unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(tokens.received().len(), 2);
    let received = mock.received();
    let authorizations: Vec<_> = received.iter().map(|r| r.header("authorization")).collect();
    let (old, new) = ("Bearer token-0", "Bearer token-1");
    assert_eq!(authorizations, [old, old, old, old, new]);
}

#[tokio::test]
async fn a_new_token_is_asked_for_once() {
    let tokens = Mock::answering(vec![Reply::new(200, &[], r#"{"access_token": "t"}"#)]).await;
    let mock = Mock::answering(vec![Reply::status(401)]).await;
    let url = tokens.url("/token");
    let auth = texts(&[
        ("type", "oauth2"),
        ("token_url", &url),
        ("client_id", "sink"),
        ("client_secret", "$hunter2"),
    ]);
    let mut component = Component::new(&mock, vec![("auth", auth)]).await;
    let error = component.send(&rows(), post("e", "")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Other);
    assert_eq!((tokens.received().len(), mock.received().len()), (2, 2));
}

#[tokio::test]
async fn a_token_server_that_refuses_is_named() {
    let refusal = r#"{"error": "invalid_client", "error_description": "hunter2 is wrong"}"#;
    for (replies, kind) in [
        (vec![Reply::new(401, &[], refusal)], ErrorKind::Other),
        (vec![Reply::new(200, &[], "<html>")], ErrorKind::Other),
        (
            vec![Reply::new(307, &[("Location", "/v2")], "")],
            ErrorKind::Other,
        ),
        (vec![Reply::status(503)], ErrorKind::Unavailable),
    ] {
        let tokens = Mock::answering(replies).await;
        let mock = Mock::answering(vec![Reply::status(200)]).await;
        let url = tokens.url("/token?x=hidden");
        let auth = texts(&[
            ("type", "oauth2"),
            ("token_url", &url),
            ("client_id", "sink"),
            ("client_secret", "$hunter2"),
        ]);
        let connection = connection(&mock.url("/v2"), vec![("auth", auth)]).await;
        let wait = Duration::from_millis(300);
        let mut component = Component::of(&*connection, Purpose::Commit, wait).await;
        let error = component.send(&rows(), post("e", "")).await.unwrap_err();
        assert_eq!(error.kind, kind, "{}", error.message);
        assert!(
            error.message.contains("the token server at"),
            "{}",
            error.message
        );
        assert!(!error.message.contains("hunter2") && !error.message.contains("hidden"));
        assert!(mock.received().is_empty());
    }
}

#[tokio::test]
async fn signatures_cover_what_is_sent() {
    let mock = Mock::answering(vec![Reply::status(200)]).await;
    let auth = texts(&[
        ("type", "aws"),
        ("region", "eu-central-1"),
        ("service", "execute-api"),
        ("access_key_id", "$AKID"),
        ("secret_access_key", "$hunter2"),
        ("session_token", "$session"),
    ]);
    let mut component = Component::new(&mock, vec![("auth", auth)]).await;
    component
        .send(&rows(), post("e?b=1&a=2", "[]"))
        .await
        .unwrap();
    let received = mock.received();
    let authorization = received[0].header("authorization");
    assert!(
        authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"),
        "{authorization}"
    );
    assert!(authorization.contains("/eu-central-1/execute-api/aws4_request, "));
    assert!(authorization.contains("SignedHeaders=host;x-amz-date;x-amz-security-token, "));
    assert_eq!(received[0].header("x-amz-security-token"), "session");
    assert_eq!(received[0].header("x-amz-date").len(), 16);
}

#[tokio::test]
async fn answers_are_decompressed() {
    let text = "wasm ".repeat(10_000);
    let zipped = text.clone();
    let mock = Mock::start(move |_, request| match request.target.as_str() {
        "/v2/brotli" => Reply::new(200, &[("Content-Encoding", "br")], "\u{3}"),
        "/v2/broken" => Reply::new(200, &[("Content-Encoding", "gzip")], "no gzip"),
        _ => Reply::gzip(zipped.as_bytes()),
    })
    .await;
    let mut component = Component::new(&mock, vec![]).await;
    let response = component.ask(get("e")).await.unwrap();
    assert_eq!(body(&response), text);
    assert!(response.headers.is_empty(), "{:?}", response.headers);
    let response = component.ask(get("brotli")).await.unwrap();
    assert_eq!(header(&response, "content-encoding"), Some("br"));
    let head = Request {
        method: Method::Head,
        ..get("e")
    };
    let response = component.ask(head).await.unwrap();
    assert_eq!((response.status, response.body.len()), (200, 0));
    let more = vec![("max_response_bytes", Value::Integer(1_000))];
    let mut small = Component::new(&mock, more).await;
    let response = small.ask(get("e")).await.unwrap();
    assert_eq!(body(&response), &text[..1_000]);
    assert!(response.is_cut);
    let connection = connection(&mock.url("/v2"), vec![]).await;
    let wait = Duration::from_millis(300);
    let mut component = Component::of(&*connection, Purpose::Commit, wait).await;
    let error = component.ask(get("broken")).await.unwrap_err();
    assert!(error.message.contains("gzip"), "{}", error.message);
}

#[tokio::test]
async fn a_body_may_be_as_long_as_it_may() {
    let mock = Mock::answering(vec![Reply::new(200, &[], "12345")]).await;
    for (max, expected, is_cut) in [(5, "12345", false), (4, "1234", true)] {
        let more = vec![("max_response_bytes", Value::Integer(max))];
        let mut component = Component::new(&mock, more).await;
        let response = component.ask(get("e")).await.unwrap();
        assert_eq!((body(&response), response.is_cut), (expected, is_cut));
    }
}

#[tokio::test]
async fn requests_are_compressed_where_the_connection_says_so() {
    let mock = Mock::answering(vec![Reply::status(200)]).await;
    let more = vec![("compression", text("gzip"))];
    let mut component = Component::new(&mock, more).await;
    component
        .send(&rows(), post("e", "some text"))
        .await
        .unwrap();
    component.ask(get("e")).await.unwrap();
    let received = mock.received();
    assert_eq!(received[0].header("content-encoding"), "gzip");
    let mut plain = String::new();
    GzDecoder::new(received[0].body.as_slice())
        .read_to_string(&mut plain)
        .unwrap();
    assert_eq!(plain, "some text");
    assert_eq!(received[1].header("content-encoding"), "");
    let mut plain = Component::new(&mock, vec![]).await;
    plain.send(&rows(), post("e", "some text")).await.unwrap();
    let received = mock.received();
    let keys = keys(&received);
    assert_eq!(keys[0], keys[2]);
}

#[tokio::test]
async fn what_is_tried_out_is_not_sent() {
    let mock = Mock::answering(vec![Reply::status(200)]).await;
    let connection = connection(&mock.url("/v2"), vec![]).await;
    for purpose in [Purpose::Probe, Purpose::Preview] {
        let wait = Duration::from_secs(1);
        let mut component = Component::of(&*connection, purpose, wait).await;
        let response = component.send(&rows(), post("e", "")).await.unwrap();
        assert_eq!((response.status, response.body.len()), (200, 0));
        assert_eq!(component.ask(get("e")).await.unwrap().status, 200);
        assert_eq!(component.complaint(), None);
        let error = component.send(&rows(), post("../e", "")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
    }
    assert!(mock.received().is_empty());
}

#[tokio::test]
async fn a_misuse_dooms_nothing() {
    let mock = Mock::answering(vec![Reply::status(200)]).await;
    let mut component = Component::new(&mock, vec![]).await;
    let evil = Request {
        headers: vec![Header {
            name: "Host".to_owned(),
            value: "evil".to_owned(),
        }],
        ..get("e")
    };
    for request in [get("https://evil/"), get("a/../../b"), evil] {
        let error = component.send(&rows(), request).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
    }
    let made_up = Rows::made_up(rows().values().clone());
    let error = component.send(&made_up, post("e", "")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(!component.guest.doom().is_set());
    assert!(mock.received().is_empty());
}

#[tokio::test]
async fn connections_are_used_again() {
    let mock = Mock::answering(vec![Reply::status(200)]).await;
    let mut component = Component::new(&mock, vec![]).await;
    for _ in 0..20 {
        component.send(&rows(), post("e", "")).await.unwrap();
    }
    assert_eq!(mock.received().len(), 20);
    // One that was just read to its end may not be free yet.
    assert!(mock.connections() < 5, "{}", mock.connections());
}
