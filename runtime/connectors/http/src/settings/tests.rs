use wasm_sink_core::settings::{Entry, Node};

use super::*;

/// The n-th entry of a table stands at n; text from the environment begins with a dollar sign.
pub(super) fn table(entries: Vec<(&str, Value)>) -> Table {
    let entries = entries
        .into_iter()
        .enumerate()
        .map(|(n, (key, value))| Entry {
            key: key.to_owned(),
            key_span: n..n,
            node: Node { value, span: n..n },
        });
    Table {
        entries: entries.collect(),
        span: 99..99,
    }
}

fn text(text: &str) -> Value {
    Value::String {
        text: text.trim_start_matches('$').to_owned(),
        from_environment: text.starts_with('$'),
    }
}

fn texts(entries: &[(&str, &str)]) -> Value {
    Value::Table(table(
        entries
            .iter()
            .map(|(key, value)| (*key, text(value)))
            .collect(),
    ))
}

const URL: (&str, &str) = ("url", "https://api.example.com/v2/");

fn url() -> (&'static str, Value) {
    (URL.0, text(URL.1))
}

fn settings(entries: Vec<(&str, Value)>) -> Settings {
    let mut problems = Vec::new();
    read(&table(entries), &mut problems).unwrap_or_else(|| panic!("{problems:?}"))
}

fn problems(entries: Vec<(&str, Value)>) -> Vec<String> {
    let mut problems = Vec::new();
    assert!(read(&table(entries), &mut problems).is_none());
    let text = |problem: Problem| {
        let Problem { code, message, .. } = problem;
        let help = problem.help.unwrap_or_default();
        assert!(
            !format!("{message} {help}").contains("hunter2"),
            "{message}"
        );
        format!("{code} {message}; {help}")
    };
    problems.into_iter().map(text).collect()
}

#[test]
fn little_has_to_be_said() {
    let settings = settings(vec![url()]);
    assert_eq!(settings.address.url().as_str(), URL.1);
    assert_eq!(settings.request_timeout, Duration::from_secs(30));
    assert_eq!(settings.connect_timeout, Duration::from_secs(10));
    assert_eq!(settings.compression, Compression::None);
    assert_eq!(settings.max_response_bytes, 1 << 20);
    assert_eq!(settings.idempotency_header.unwrap(), "idempotency-key");
    assert!(matches!(settings.auth, AuthSettings::None));
}

#[test]
fn every_key_is_read() {
    let settings = settings(vec![
        url(),
        (
            "headers",
            texts(&[("X-Tenant", "shop"), ("X-Key", "$hunter2")]),
        ),
        ("request_timeout_ms", Value::Integer(1)),
        ("connect_timeout_ms", Value::Integer(2)),
        ("compression", text("gzip")),
        ("max_response_bytes", text("64 MiB")),
        ("idempotency_header", text("X-Request-Id")),
        ("ca_certificate", text("ca.pem")),
        (
            "auth",
            texts(&[
                ("type", "basic"),
                ("username", "u"),
                ("password", "$hunter2"),
            ]),
        ),
    ]);
    assert_eq!(settings.headers.len(), 2);
    assert!(settings.headers[1].is_secret && !settings.headers[0].is_secret);
    assert_eq!(settings.request_timeout, Duration::from_millis(1));
    assert_eq!(settings.connect_timeout, Duration::from_millis(2));
    assert_eq!(settings.compression, Compression::Gzip);
    assert_eq!(settings.max_response_bytes, 64 << 20);
    assert_eq!(
        settings.idempotency_header.as_ref().unwrap(),
        "x-request-id"
    );
    assert_eq!(settings.ca_certificate, Some("ca.pem".into()));
    let printed = format!("{settings:?}");
    assert!(
        printed.contains("shop") && !printed.contains("hunter2"),
        "{printed}"
    );
}

#[test]
fn requests_may_have_no_identity() {
    let settings = settings(vec![url(), ("idempotency_header", text(""))]);
    assert_eq!(settings.idempotency_header, None);
}

#[test]
fn what_stands_elsewhere_is_not_part_of_the_address() {
    for (written, why) in [
        ("ftp://h/", "no http or https"),
        ("api.example.com", "no http or https"),
        ("https://me:hunter2@h/", "type = \"basic\""),
        ("https://h/v2?key=hunter2", "type = \"api_key\""),
        ("https://h/v2#hunter2", "fragment"),
    ] {
        let problems = problems(vec![("url", text(written))]);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains(why), "{problems:?}");
    }
    assert!(problems(vec![])[0].starts_with("missing-key `url`"));
}

#[test]
fn all_mistakes_are_told_at_once() {
    let problems = problems(vec![
        ("url", text("nowhere")),
        (
            "headers",
            texts(&[("Host", "h"), ("a b", "c"), ("X", "a\nb")]),
        ),
        ("request_timeout_ms", Value::Integer(0)),
        ("compression", text("zstd")),
        ("max_response_bytes", text("65 MiB")),
        ("idempotency_header", text("Connection")),
        (
            "auth",
            texts(&[("type", "bearer"), ("token", "hunter2"), ("realm", "r")]),
        ),
        ("colour", text("red")),
    ]);
    let codes: Vec<_> = problems
        .iter()
        .map(|problem| problem.split(' ').next().unwrap())
        .collect();
    let bad = "bad-value";
    assert_eq!(
        codes,
        [
            bad,
            bad,
            bad,
            bad,
            bad,
            "unknown-key",
            "secret-in-file",
            "unknown-key",
            bad,
            bad,
            bad
        ],
        "{problems:#?}"
    );
}

#[test]
fn each_header_is_set_once() {
    let key = texts(&[
        ("type", "api_key"),
        ("header", "X-Api-Key"),
        ("value", "$hunter2"),
    ]);
    let headers = texts(&[
        ("x-api-key", "$hunter2"),
        ("idempotency-key", "$hunter2"),
        ("X-A", "1"),
        ("x-a", "2"),
        ("Authorization", "hunter2"),
    ]);
    let problems = problems(vec![url(), ("headers", headers), ("auth", key)]);
    assert_eq!(problems.len(), 4, "{problems:#?}");
    assert!(
        problems[..3]
            .iter()
            .all(|problem| problem.contains("set twice"))
    );
    assert!(problems[3].starts_with("secret-in-file `Authorization`"));
    let headers = texts(&[
        ("Authorization", "$ApiKey hunter2"),
        ("Cookie", "$a=hunter2"),
    ]);
    assert_eq!(settings(vec![url(), ("headers", headers)]).headers.len(), 2);
}

#[test]
fn each_way_to_log_in_has_its_keys() {
    let aws = [
        ("type", "aws"),
        ("region", "eu-central-1"),
        ("service", "execute-api"),
        ("access_key_id", "$AKID"),
        ("secret_access_key", "$hunter2"),
        ("session_token", "$hunter2"),
    ];
    let oauth2 = [
        ("type", "oauth2"),
        ("token_url", "https://id.example/token"),
        ("client_id", "sink"),
        ("client_secret", "$hunter2"),
        ("scope", "a b"),
        ("audience", "api"),
    ];
    let query = [("type", "api_key"), ("query", "key"), ("value", "$hunter2")];
    let bearer = [("type", "bearer"), ("token", "$hunter2")];
    for entries in [&aws[..], &oauth2, &query, &bearer] {
        let settings = settings(vec![url(), ("auth", texts(entries))]);
        assert!(!format!("{settings:?}").contains("hunter2"));
        for missing in 0..entries.len() {
            let mut entries = entries.to_vec();
            let (key, _) = entries.remove(missing);
            if matches!(key, "scope" | "audience" | "session_token") {
                continue;
            }
            let problems = problems(vec![url(), ("auth", texts(&entries))]);
            assert!(
                problems[0].starts_with("missing-key"),
                "{key}: {problems:?}"
            );
        }
    }
    let scopes = Value::List(vec![Node {
        value: text("https://www.googleapis.com/auth/pubsub"),
        span: 0..0,
    }]);
    let google = |entries: Vec<(&str, Value)>| Value::Table(table(entries));
    let whole = vec![
        ("type", text("google")),
        ("credentials", text("key.json")),
        ("scopes", scopes),
    ];
    let settings = settings(vec![url(), ("auth", google(whole.clone()))]);
    assert!(matches!(settings.auth, AuthSettings::Google(_)));
    for missing in 1..whole.len() {
        let mut entries = whole.clone();
        entries.remove(missing);
        let problems = problems(vec![url(), ("auth", google(entries))]);
        assert!(problems[0].starts_with("missing-key"), "{problems:?}");
    }
}

#[test]
fn wrong_credentials_are_named() {
    for (entries, why) in [
        (&[("type", "digest")][..], "does not know"),
        (&[("type", "bearer"), ("token", "$a b")], "characters"),
        (&[("type", "bearer"), ("token", "$")], "is empty"),
        (
            &[("type", "basic"), ("username", "a:b"), ("password", "$p")],
            "colon",
        ),
        (
            &[
                ("type", "api_key"),
                ("header", "H"),
                ("query", "q"),
                ("value", "$v"),
            ],
            "exclude each other",
        ),
        (
            &[("type", "api_key"), ("header", "Host"), ("value", "$v")],
            "is free",
        ),
        (
            &[
                ("type", "oauth2"),
                ("token_url", "https://a:hunter2@h"),
                ("client_id", "i"),
                ("client_secret", "$s"),
            ],
            "`token_url`",
        ),
        (
            &[
                ("type", "aws"),
                ("region", "eu/1"),
                ("service", "s3"),
                ("access_key_id", "$i"),
                ("secret_access_key", "$s"),
            ],
            "`region`",
        ),
    ] {
        let problems = problems(vec![url(), ("auth", texts(entries))]);
        assert!(problems[0].contains(why), "{why}: {problems:?}");
    }
}
