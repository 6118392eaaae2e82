//! A collector that is away: the pipeline does what it does otherwise, and says once what is lost.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;
use wasm_sink_tests::{Admin, Case, Collector, DeltaTable, Signal};

use super::{HEADER, LIMIT, pipeline};
use crate::case::Lake;

const AWAY: &str = "telemetry does not get out";
const LOST: &str = "spans of this run did not get out";

#[track_caller]
fn expect_rows(table: &std::path::Path, rows: u64) {
    let found = DeltaTable::local(table)
        .query_one("select count(*)::int as n, count(distinct \"offset\")::int as m from t");
    assert_eq!(found, json!({ "n": rows, "m": rows }));
}

/// More spans than may wait: the run is as without telemetry, and one line says how many are lost.
#[test]
fn away_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::absent();
    let rest = format!(
        "rows = 30_000\nbatch_rows = 10\n[epoch]\nmax_rows = 10\n{}",
        collector.section()
    );
    let pipeline = pipeline("discard", &rest).replace("connection = \"lake\"\n", "");
    let case = Case::new(&pipeline, Lake::Disk(folder.path()));
    let outcome = case.run().finish().expect_code(0);
    let said = outcome.said();
    assert!(said.contains("30,000 rows"), "{said}");
    for line in [AWAY, LOST] {
        assert_eq!(said.matches(line).count(), 1, "{said}");
    }
    let lost = said.lines().find(|line| line.contains(LOST)).unwrap();
    let lost: serde_json::Value = serde_json::from_str(lost).unwrap();
    // 3,000 epochs, each with an epoch, a write, a flush, and most with a commit.
    assert!(lost["spans"].as_u64().unwrap() > 9_000, "{lost}");
}

/// Somebody takes connections and never answers: not even the end waits for that.
#[test]
fn silent() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let rest = format!(
        "rows = 100_000\n[epoch]\nmax_rows = 10_000\n\
         [telemetry]\notlp = \"http://{}\"\ninterval_ms = 100\n",
        listener.local_addr().unwrap()
    );
    let case = Case::new(&pipeline("delta", &rest), Lake::Disk(folder.path()));
    let outcome = case.run().finish().expect_code(0);
    outcome.expect_said(LOST);
    // Three seconds for the collector, and the run itself.
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
    expect_rows(folder.path(), 100_000);
}

/// It goes away and comes back: rows go on meanwhile, and spans of what comes later arrive.
#[test]
fn away_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let (mut collector, admin) = (Collector::start(), Admin::somewhere());
    let rest = format!(
        "rate = 2_000\n[epoch]\nmax_ms = 50\nmin_commit_ms = 10\n{}{}",
        collector.section(),
        admin.section()
    );
    let case = Case::new(&pipeline("delta", &rest), Lake::Disk(folder.path()));
    let process = case.run().start();
    collector.await_spans(|spans| spans.iter().any(|span| span.name() == "epoch"));
    collector.stop();
    process.await_stderr(AWAY, LIMIT);
    let written = || admin.counter("records_written_total");
    let (before, since) = (written(), Instant::now());
    while written() < before + 4_000 {
        assert!(since.elapsed() < LIMIT, "rows wait for the collector");
        std::thread::sleep(Duration::from_millis(20));
    }
    let traced = collector.spans().len();
    collector.resume();
    process.await_stderr("telemetry gets out again", LIMIT);
    collector.await_spans(|spans| spans.len() > traced + 8);
    process.signal(Signal::TERM);
    let outcome = process.wait(LIMIT).expect_code(0);
    assert_eq!(
        outcome.said().matches(AWAY).count(),
        1,
        "{}",
        outcome.said()
    );
    assert!(!outcome.said().contains(LOST), "{}", outcome.said());
}

/// One that refuses is told who asks, and what it refuses is not sent again.
#[test]
fn refused() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        let answer = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(answer).unwrap();
        String::from_utf8_lossy(&request).into_owned()
    });
    let rest = format!(
        "rows = 1_000\n[telemetry]\notlp = \"http://{address}/below\"\n\
         headers = {{ authorization = \"${{OTLP_AUTHORIZATION}}\" }}\n"
    );
    let case = Case::new(&pipeline("delta", &rest), Lake::Disk(folder.path()));
    let run = case.run().env("OTLP_AUTHORIZATION", HEADER);
    let outcome = run.finish().expect_code(0);
    let request = asked.join().unwrap();
    assert!(
        request.starts_with("POST /below/v1/traces HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains(&format!("authorization: {HEADER}\r\n")),
        "{request}"
    );
    outcome.expect_said("/below/v1/traces answers 401 Unauthorized look at `headers`");
    outcome.expect_said(LOST);
    assert!(!outcome.said().contains("sesame"), "{}", outcome.said());
    expect_rows(folder.path(), 1_000);
}
