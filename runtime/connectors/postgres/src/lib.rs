//! The PostgreSQL connector: tables as destination and as source, and a table of positions as home of a
//! pipeline.
//!
//! A row's way: `capability` takes it from the component, `stage` fits it to the table with
//! `encode` and copies it into an open transaction (`session`), `home` moves the positions in that
//! transaction and commits it. `catalog` reads what a table is, `tls` and `settings` how to get in.
//! The other way round, `source` has rows copied out, and `decode` reads them.

pub mod bindings;
mod bookkeeping;
mod capability;
mod catalog;
mod connection;
mod decode;
mod encode;
mod error;
mod home;
mod name;
mod session;
mod settings;
mod source;
mod stage;
mod tls;
mod types;
mod upsert;

use wasm_sink_core::connection::ConnectionSpec;
use wasm_sink_core::settings::{Problem, Table};
use wasm_sink_core::source::SourceSpec;

pub use capability::{TableHandle, WIT, link};

/// Reads `[connections.<label>]` with `type = "postgres"`; None where it reported problems.
pub fn connection(
    settings: &Table,
    problems: &mut Vec<Problem>,
) -> Option<Box<dyn ConnectionSpec>> {
    let server = settings::read(settings, problems)?;
    Some(Box::new(connection::PostgresSpec(server)))
}

/// Reads a `[source]` whose connection is of type `postgres`: `table_name` or `query`, `order_by`, `poll_ms`,
/// `batch_rows`; None where it reported problems.
pub fn source(settings: &Table, problems: &mut Vec<Problem>) -> Option<Box<dyn SourceSpec>> {
    source::read(settings, problems)
}
