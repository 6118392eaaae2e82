//! The PostgreSQL connector: tables as destination, and a table of positions as home of a pipeline.
//!
//! A row's way: `capability` takes it from the component, `stage` fits it to the table with
//! `encode` and copies it into an open transaction (`session`), `home` moves the positions in that
//! transaction and commits it. `catalog` reads what a table is, `tls` and `settings` how to get in.

pub mod bindings;
mod bookkeeping;
mod capability;
mod catalog;
mod connection;
mod encode;
mod error;
mod home;
mod name;
mod session;
mod settings;
mod stage;
mod tls;
mod types;
mod upsert;

use wasm_sink_core::connection::ConnectionSpec;
use wasm_sink_core::settings::{Problem, Table};

pub use capability::{TableHandle, link};

/// Reads `[connections.<label>]` with `type = "postgres"`; None where it reported problems.
pub fn connection(
    settings: &Table,
    problems: &mut Vec<Problem>,
) -> Option<Box<dyn ConnectionSpec>> {
    let server = settings::read(settings, problems)?;
    Some(Box::new(connection::PostgresSpec(server)))
}
