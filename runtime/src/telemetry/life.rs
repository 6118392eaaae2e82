//! One epoch from its first batch to its end, as spans. However many batches it has, these are few.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use wasm_sink_core::component::Writer;
use wasm_sink_core::home::EpochCommit;
use wasm_sink_core::{CommitId, Error};

use super::attributes::{cut, milliseconds, number, text, texts};
use crate::pipeline::{Attempt, EpochEnd};

/// Retries that are told one by one.
const EVENTS: usize = 32;
/// Commits that an epoch links to. It is attempted more often only where the destination is away for long.
const LINKS: usize = 32;
/// Partitions that are named.
const PARTITIONS: usize = 20;

/// An epoch that has not ended.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) place: Place,
    id: CommitId,
    begun: SystemTime,
    writer: Writer,
    writes: Writes,
    flushed: Option<(SystemTime, Duration)>,
    about: Vec<KeyValue>,
    events: Vec<Event>,
    dropped_events: u32,
    links: Vec<Link>,
    attempts: u64,
}

/// Where a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    trace: [u8; 16],
    span: [u8; 8],
}

/// The calls of `write` together.
#[derive(Debug, Default)]
struct Writes {
    begun: Option<SystemTime>,
    ended: Option<SystemTime>,
    calls: u64,
    rows: u64,
    bytes: u64,
    busy: Duration,
    longest: Duration,
}

impl Place {
    /// The root of the trace of an epoch. `run` tells runs apart.
    pub(super) fn of(id: CommitId, run: u64) -> Self {
        let mut trace = [0; 16];
        trace[..8].copy_from_slice(&run.to_be_bytes());
        trace[8..].copy_from_slice(&id.slot().to_be_bytes());
        Self {
            trace,
            span: fresh(),
        }
    }

    fn link(&self, attributes: Vec<KeyValue>) -> Link {
        Link {
            trace_id: self.trace.to_vec(),
            span_id: self.span.to_vec(),
            attributes,
            ..Link::default()
        }
    }
}

/// Never all zeroes, which means none.
fn fresh() -> [u8; 8] {
    fastrand::u64(1..).to_be_bytes()
}

impl Life {
    pub(super) fn new(id: CommitId, place: Place, writer: &Writer) -> Self {
        Self {
            place,
            id,
            begun: SystemTime::now(),
            writer: writer.clone(),
            writes: Writes::default(),
            flushed: None,
            about: Vec::new(),
            events: Vec::new(),
            dropped_events: 0,
            links: Vec::new(),
            attempts: 0,
        }
    }

    pub(super) fn wrote(&mut self, rows: u64, bytes: u64, took: Duration) {
        let now = SystemTime::now();
        let writes = &mut self.writes;
        writes.begun.get_or_insert(now - took);
        writes.ended = Some(now);
        writes.calls += 1;
        writes.rows += rows;
        writes.bytes += bytes;
        writes.busy += took;
        writes.longest = writes.longest.max(took);
    }

    pub(super) fn flushed(&mut self, took: Duration) {
        self.flushed = Some((SystemTime::now(), took));
    }

    pub(super) fn submitted(&mut self, commit: &EpochCommit) {
        let account = &commit.account;
        let staged = commit.staged.iter().map(|staged| staged.bytes).sum();
        let partitions = commit.moves.iter().take(PARTITIONS);
        self.about = vec![
            number("wasm_sink.rows", account.staged),
            number("wasm_sink.bytes", staged),
            number("wasm_sink.dead_letters", account.rejected),
            number("wasm_sink.skipped", account.skipped),
            number("wasm_sink.partitions_total", commit.moves.len() as u64),
            texts(
                "wasm_sink.partitions",
                partitions.map(|moved| moved.key.to_string()),
            ),
        ];
    }

    pub(super) fn retrying(&mut self, error: &Error) {
        if self.events.len() >= EVENTS {
            self.dropped_events = self.dropped_events.saturating_add(1);
            return;
        }
        self.events.push(event("retry", error));
    }

    /// The span of a commit that this epoch is the first of.
    pub(super) fn commit(&mut self, attempt: &Attempt<'_>, joined: &[Place]) -> (Span, Place) {
        let now = SystemTime::now();
        let epochs = &attempt.commit.epochs;
        let mut attributes = vec![
            text("wasm_sink.commit_id", &self.id.to_string()),
            number("wasm_sink.epochs", epochs.len() as u64),
            text("wasm_sink.component.hash", &attempt.commit.writer.component),
        ];
        if attempt.version > 0 {
            attributes.push(number("wasm_sink.base_version", attempt.version));
        }
        let mut span = self.child("commit", SpanKind::Client, now - attempt.took, now);
        span.attributes = attributes;
        span.links = joined.iter().map(|place| place.link(Vec::new())).collect();
        if let Some(error) = attempt.error {
            span.status = failed(&error.to_string());
            span.events = vec![event("exception", error)];
        }
        let mut place = self.place;
        place.span.copy_from_slice(&span.span_id);
        self.attempts += 1;
        (span, place)
    }

    /// Its rows are in a commit that belongs to another epoch.
    pub(super) fn joined(&mut self, commit: &Place) {
        self.attempts += 1;
        if self.links.len() < LINKS {
            let about = text("wasm_sink.link", "commit");
            self.links.push(commit.link(vec![about]));
        }
    }

    /// All that is not sent yet.
    pub(super) fn end(mut self, end: EpochEnd<'_>) -> Vec<Span> {
        let (outcome, error) = match end {
            EpochEnd::Committed => ("committed", None),
            EpochEnd::Empty => return Vec::new(),
            EpochEnd::Failed(error) => {
                self.events.push(event("exception", error));
                ("failed", Some(error.to_string()))
            }
            EpochEnd::Abandoned => ("abandoned", Some("an epoch before it failed".to_owned())),
            EpochEnd::Displaced => ("displaced", Some("its partitions are elsewhere".to_owned())),
        };
        self.close(outcome, error)
    }

    /// The pipeline stopped before it ended.
    pub(super) fn broken_off(self, error: Option<&Error>) -> Vec<Span> {
        self.close("unfinished", error.map(ToString::to_string))
    }

    fn close(self, outcome: &str, error: Option<String>) -> Vec<Span> {
        let mut spans = Vec::with_capacity(3);
        let writes = &self.writes;
        if let (Some(begun), Some(ended)) = (writes.begun, writes.ended) {
            let mut span = self.child("write", SpanKind::Internal, begun, ended);
            span.attributes = vec![
                number("wasm_sink.calls", writes.calls),
                number("wasm_sink.rows", writes.rows),
                number("wasm_sink.bytes", writes.bytes),
                milliseconds("wasm_sink.busy_ms", writes.busy),
                milliseconds("wasm_sink.longest_ms", writes.longest),
            ];
            spans.push(span);
        }
        if let Some((ended, took)) = self.flushed {
            spans.push(self.child("flush", SpanKind::Internal, ended - took, ended));
        }
        let mut epoch = Span {
            trace_id: self.place.trace.to_vec(),
            span_id: self.place.span.to_vec(),
            name: "epoch".to_owned(),
            kind: SpanKind::Internal as i32,
            start_time_unix_nano: nanoseconds(self.begun),
            end_time_unix_nano: nanoseconds(SystemTime::now()),
            attributes: vec![
                text("wasm_sink.commit_id", &self.id.to_string()),
                text("wasm_sink.component.hash", &self.writer.component),
                text("wasm_sink.configuration.hash", &self.writer.configuration),
                text("wasm_sink.outcome", outcome),
                number("wasm_sink.commit_attempts", self.attempts),
            ],
            events: self.events,
            dropped_events_count: self.dropped_events,
            links: self.links,
            ..Span::default()
        };
        epoch.attributes.extend(self.about);
        epoch.status = error.and_then(|error| failed(&error));
        spans.push(epoch);
        spans
    }

    fn child(&self, name: &str, kind: SpanKind, begun: SystemTime, ended: SystemTime) -> Span {
        Span {
            trace_id: self.place.trace.to_vec(),
            span_id: fresh().to_vec(),
            parent_span_id: self.place.span.to_vec(),
            name: name.to_owned(),
            kind: kind as i32,
            start_time_unix_nano: nanoseconds(begun),
            end_time_unix_nano: nanoseconds(ended),
            ..Span::default()
        }
    }
}

fn event(name: &str, error: &Error) -> Event {
    Event {
        time_unix_nano: nanoseconds(SystemTime::now()),
        name: name.to_owned(),
        attributes: vec![
            text("exception.message", &error.to_string()),
            text("wasm_sink.blame", &error.blame().to_string()),
        ],
        ..Event::default()
    }
}

fn failed(message: &str) -> Option<Status> {
    Some(Status {
        message: cut(message),
        code: StatusCode::Error as i32,
    })
}

pub(super) fn nanoseconds(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
