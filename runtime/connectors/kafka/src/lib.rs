//! The Kafka connector: topics as source and as destination.
//!
//! A record's way: a thread of its own asks librdkafka for messages (`source::poll`) and copies them
//! into chunks of one partition each (`source::collect`); `source::decode` makes batches of them, and
//! `source` gives these to the pipeline, with what the group wants in between. The other way: `destination`.
//! `native` is the one place that calls the library.

pub mod bindings;
mod capability;
mod cluster;
mod connection;
mod destination;
mod error;
mod log;
mod native;
mod oauth;
mod settings;
mod source;

use wasm_sink_core::connection::ConnectionSpec;
use wasm_sink_core::settings::{Problem, Table};
use wasm_sink_core::source::SourceSpec;

pub use capability::{TopicHandle, WIT, link};

/// Reads `[connections.<label>]` with `type = "kafka"`: properties of librdkafka; None where it reported
/// problems.
pub fn connection(
    settings: &Table,
    problems: &mut Vec<Problem>,
) -> Option<Box<dyn ConnectionSpec>> {
    let settings = settings::ConnectionSettings::read(settings, problems)?;
    Some(Box::new(connection::KafkaSpec(settings)))
}

/// Reads a `[source]` whose connection is of type `kafka`; None where it reported problems.
pub fn source(settings: &Table, problems: &mut Vec<Problem>) -> Option<Box<dyn SourceSpec>> {
    let settings = settings::SourceSettings::read(settings, problems)?;
    Some(Box::new(source::KafkaSourceSpec(settings)))
}
