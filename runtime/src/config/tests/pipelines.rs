//! Files without mistakes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::read;
use crate::config::{
    ComponentRef, DeadLetters, Label, LoadError, Registry, Role, Share, Style, load,
};
use crate::pipeline::limits::{EpochLimits, Limits, Retry};

#[test]
fn the_least_file_gets_all_defaults() {
    let pipeline =
        read("name = 'p'\n[source]\ntype = 'files'\npath = 'x'\n[sink]\ncomponent = 'discard'\n")
            .unwrap();
    assert_eq!(pipeline.name.as_str(), "p");
    assert_eq!(pipeline.directory, Path::new("here"));
    assert_eq!(pipeline.state_dir, Path::new("here/.wasm-sink/p"));
    assert_eq!(
        pipeline.dead_letters,
        DeadLetters::Directory("here/.wasm-sink/p/dead-letters".into())
    );
    assert_eq!(pipeline.source.connector, "files");
    assert_eq!(pipeline.source.connection, None);
    assert_eq!(
        pipeline.sink.component,
        ComponentRef::BuiltIn("discard".to_owned())
    );
    assert!(pipeline.sink.connections.is_empty());
    assert_eq!(pipeline.sink.config.json, serde_json::json!({}));
    assert_eq!(pipeline.epoch, EpochLimits::default());
    assert_eq!(pipeline.limits, Limits::default());
    assert_eq!(pipeline.retry, Retry::default());
    assert_eq!(pipeline.admin, None);
    assert!(pipeline.warnings.is_empty());
}

#[test]
fn every_key_arrives() {
    let pipeline = read(
        r#"
name = "p"
state_dir = "state"
[connections.broker]
type = "broker"
path = "${HOME}/broker"
[connections.lake]
type = "lake"
path = "./table"
secret_access_key = "${LAKE_SECRET}"
allow_http = true
[source]
connection = "broker"
topics = ["payments"]
batch_rows = "${ROWS}"
[sink]
component = "delta"
connections = { default = "lake", raw = "broker" }
env = ["STAGE"]
[sink.config]
stage = "in ${STAGE}, $${STAGE}"
day = 2024-05-06
nested = { list = [1, 2.5, true, "x"] }
[[routes]]
topic = "${STAGE}.orders"
table = "orders"
[[routes]]
pattern = "*"
table = "rest"
key_fields = ["id"]
[epoch]
max_rows = 10
max_bytes = "1MiB"
max_ms = 20
min_commit_ms = 5
revoke_ms = 30
shutdown_ms = 40
[limits]
memory = "64MiB"
call_deadline_ms = 50
bytes = 1048576
tasks = 4
max_rejected = 0
epoch_dead_letters = 7
handles = 800
derived_bytes = "9MiB"
stage_wait_ms = 1_000
log_lines_per_second = 0
[retry]
initial_ms = 1
max_ms = 2
give_up_ms = 3
[dead_letters]
path = "letters"
[admin]
"#,
    )
    .unwrap();
    assert_eq!(pipeline.state_dir, Path::new("here/state"));
    assert_eq!(
        pipeline.dead_letters,
        DeadLetters::Directory("here/letters".into())
    );
    assert_eq!(pipeline.connections.len(), 2);
    assert_eq!(pipeline.used_connections().count(), 2);
    let label = |text| Label::try_from(text).unwrap();
    assert_eq!(pipeline.source.connection, Some(label("broker")));
    let roles: Vec<_> = pipeline.sink.connections.into_iter().collect();
    let raw = Role::try_from("raw").unwrap();
    assert_eq!(
        roles,
        [
            (Role::default_role(), label("lake")),
            (raw, label("broker"))
        ]
    );
    assert_eq!(
        pipeline.sink.config.json,
        serde_json::json!({
            "stage": "in test, ${STAGE}",
            "day": "2024-05-06",
            "nested": { "list": [1, 2.5, true, "x"] },
            "routes": [
                { "topic": "test.orders", "table": "orders" },
                { "pattern": "*", "table": "rest", "key_fields": ["id"] },
            ],
        })
    );
    let ms = Duration::from_millis;
    assert_eq!(
        pipeline.epoch,
        EpochLimits {
            max_rows: 10,
            max_bytes: 1 << 20,
            max_age: ms(20),
            min_age: ms(5),
            revoke: ms(30),
            shutdown: ms(40),
        }
    );
    assert_eq!(pipeline.limits.memory_bytes, 64 << 20);
    assert_eq!(pipeline.limits.call_deadline, ms(50));
    assert_eq!(pipeline.limits.budget_bytes, 1 << 20);
    assert_eq!(pipeline.limits.tasks.get(), 4);
    assert_eq!(pipeline.limits.max_rejected, 0);
    assert_eq!(pipeline.limits.epoch_dead_letters, 7);
    assert_eq!(pipeline.limits.handles, 800);
    assert_eq!(pipeline.limits.derived_bytes, 9 << 20);
    assert_eq!(pipeline.limits.stage_wait, ms(1_000));
    assert_eq!(pipeline.limits.log_lines_per_second, 0);
    assert_eq!(
        pipeline.retry,
        Retry {
            initial: ms(1),
            max: ms(2),
            give_up: Some(ms(3)),
        }
    );
    assert_eq!(
        pipeline.admin.unwrap().address.to_string(),
        "127.0.0.1:9464"
    );
}

#[test]
fn defaults_give_way_to_what_is_written() {
    let pipeline = read(
        "name = 'p'\n[source]\ntype = 'files'\n[sink]\ncomponent = 'discard'\n\
         [epoch]\nmax_ms = 10\n[retry]\nmax_ms = 20\n[admin]\naddress = 'localhost:0'\n",
    )
    .unwrap();
    assert_eq!(pipeline.epoch.min_age, Duration::from_millis(10));
    assert_eq!(pipeline.retry.initial, Duration::from_millis(20));
    assert_eq!(pipeline.admin.unwrap().address.to_string(), "127.0.0.1:0");
}

#[test]
fn an_empty_variable_is_no_excuse() {
    let text = "name = '${EMPTY}'\n[source]\ntype = 'files'\n[sink]\ncomponent = 'discard'\n";
    let diagnostics = read(text).unwrap_err();
    assert_eq!(diagnostics.mistakes[0].code, "bad-name");
}

#[test]
fn a_missing_variable_is_one_mistake() {
    let text = "name = '${NOPE}'\n[source]\ntype = 'files'\n[sink]\ncomponent = 'discard'\n";
    let diagnostics = read(text).unwrap_err();
    let codes: Vec<_> = diagnostics.mistakes.iter().map(|p| p.code).collect();
    assert_eq!(codes, ["missing-variable"]);
}

#[test]
fn mistakes_stand_in_the_order_of_the_file() {
    let diagnostics = read("colour = 1\n[sink]\nx = 1\n[source]\ny = 2\n").unwrap_err();
    let lines: Vec<_> = diagnostics
        .mistakes
        .iter()
        .map(|problem| diagnostics.file.line(&problem.span))
        .collect();
    assert!(lines.is_sorted() && lines.len() > 3, "{lines:?}");
}

#[test]
fn files_that_are_none_say_so() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry {
        known_connectors: vec![],
        connectors: vec![],
        components: vec![],
    };
    let path = |name: &str| directory.path().join(name);
    let error = |path: PathBuf| match load(&path, &registry, &|_| None) {
        Err(LoadError::Unreadable(error)) => error.to_string(),
        Err(LoadError::Wrong(diagnostics)) => diagnostics.render(Style::Plain),
        Ok(_) => panic!("{} is no pipeline", path.display()),
    };
    assert!(error(path("none.toml")).contains("cannot read"));
    assert!(error(directory.path().to_owned()).contains("cannot read"));
    std::fs::write(path("data.jsonl"), vec![b' '; 5 << 20]).unwrap();
    assert!(error(path("data.jsonl")).contains("wasm-sink init"));
    std::fs::write(path("latin.toml"), b"name = \"p\"\n# caf\xe9\n").unwrap();
    let shown = error(path("latin.toml"));
    assert!(
        shown.contains("not-utf8") && shown.contains("latin.toml:2:6"),
        "{shown}"
    );
    std::fs::write(path("bom.toml"), "\u{feff}name = 'p'\n").unwrap();
    let shown = error(path("bom.toml"));
    assert!(
        !shown.contains("`name`") && shown.contains("`[source]`"),
        "{shown}"
    );
}

#[test]
fn no_text_makes_it_panic() {
    let alphabet = [
        "[",
        "]",
        "[[",
        "{",
        "}",
        "=",
        "\"",
        "'",
        "\"\"\"",
        ".",
        ",",
        "\n",
        "#",
        "${",
        "}",
        "$",
        "name",
        "source",
        "sink",
        "config",
        "connections",
        "type",
        "files",
        "epoch",
        "max_rows",
        "1",
        "-",
        "nan",
        "2024-01-01",
        "\u{20ac}",
        "\0",
        "\r",
        "password",
        "true",
    ];
    let mut state = 11u64;
    for _ in 0..20_000 {
        let text: String = (0..24)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
                alphabet[(state >> 33) as usize % alphabet.len()]
            })
            .collect();
        let diagnostics = read(&text).unwrap_err();
        assert!(!diagnostics.render(Style::Colored).is_empty(), "{text}");
    }
}

#[test]
fn telemetry_says_where_how_often_and_how_much() {
    let read = |telemetry: &str| {
        let text = format!(
            "name = 'p'\n[source]\ntype = 'files'\n[sink]\ncomponent = 'discard'\n{telemetry}"
        );
        read(&text).unwrap().telemetry
    };
    assert!(read("").is_none());
    let plain = read("[telemetry]\notlp = 'http://localhost:4318'\n").unwrap();
    assert_eq!(plain.interval, Duration::from_secs(15));
    assert_eq!(plain.sample, Share::ALL);
    assert!(plain.headers.is_empty());
    let full = read(
        "[telemetry]\notlp = 'https://collector/otlp'\ninterval_ms = 500\nsample = 0.5\n\
         headers = { Authorization = 'Bearer ${LONG_SECRET}' }\n",
    )
    .unwrap();
    assert_eq!(full.interval, Duration::from_millis(500));
    assert_eq!(Some(full.sample), Share::new(0.5));
    assert_eq!(full.headers[0].name, "authorization");
    assert!(full.headers[0].value.expose().starts_with("Bearer "));
    assert!(!format!("{full:?}").contains("Bearer"), "{full:?}");
}

#[test]
fn an_admin_address_for_everybody_has_a_token() {
    let pipeline = read(
        "name = \"p\"\n[source]\ntype = \"files\"\npath = \"x\"\n[sink]\ncomponent = \"discard\"\n\
         [admin]\naddress = '0.0.0.0:9464'\ntoken = '${LONG_SECRET}'\n",
    );
    let admin = pipeline.unwrap().admin.unwrap();
    assert_eq!(admin.address.to_string(), "0.0.0.0:9464");
    assert!(!format!("{admin:?}").contains("hunter2"), "{admin:?}");
    assert!(admin.token.is_some());
}
