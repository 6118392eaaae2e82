//! The DuckDB connector: tables of a database file as destination and as source, and a table of positions
//! in it as home of a pipeline.
//!
//! A row's way: `capability` takes it from the component, `stage` fits it to the table (`catalog` says
//! what that is) and appends it in an open transaction (`session`), `home` moves the positions in that
//! transaction and commits it. The other way round, `source` has rows answered. `library` is DuckDB itself, behind its C interface.

pub mod bindings;
mod bookkeeping;
mod capability;
mod catalog;
mod connection;
mod create;
mod error;
mod home;
mod library;
mod memory;
mod session;
mod settings;
mod source;
mod stage;
mod types;

use wasm_sink_core::connection::ConnectionSpec;
use wasm_sink_core::settings::{Problem, Table};
use wasm_sink_core::source::SourceSpec;
use wasm_sink_core::sql::Names;

pub use capability::{TableHandle, WIT, link};

/// DuckDB takes names of any length, and does not tell `a` from `A`.
const NAMES: Names = Names {
    database: "DuckDB",
    max_bytes: None,
};

/// Reads `[connections.<label>]` with `type = "duckdb"`; None where it reported problems.
pub fn connection(
    settings: &Table,
    problems: &mut Vec<Problem>,
) -> Option<Box<dyn ConnectionSpec>> {
    let file = settings::read(settings, problems)?;
    Some(Box::new(connection::DuckDbSpec(file)))
}

/// Reads a `[source]` whose connection is of type `duckdb`: `table_name` or `query`, `order_by`, `poll_ms`,
/// `batch_rows`; None where it reported problems.
pub fn source(settings: &Table, problems: &mut Vec<Problem>) -> Option<Box<dyn SourceSpec>> {
    source::read(settings, problems)
}
