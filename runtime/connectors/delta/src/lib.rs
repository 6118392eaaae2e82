//! The Delta Lake connector: tables on a local disk or in a bucket, as destination and as home of
//! a pipeline's positions.
//!
//! A row's way: `capability` takes it from the component, `stage` fits it to the table, `write`
//! makes a data file of it, `home` commits the file with the positions behind it. `log` reads what
//! a table is, `table` changes its columns, `storage` knows disks and buckets.

pub mod bindings;
mod capability;
mod checkpoint;
mod connection;
mod entry;
mod home;
mod log;
mod positions;
mod protocol;
mod schema;
mod settings;
mod stage;
mod storage;
mod table;
#[cfg(test)]
mod tests;
mod types;
mod write;

use wasm_sink_core::connection::ConnectionSpec;
use wasm_sink_core::settings::{Problem, Table};

pub use capability::{TableHandle, WIT, link};

/// Reads `[connections.<label>]` with `type = "delta"`; None where it reported problems.
pub fn connection(
    settings: &Table,
    problems: &mut Vec<Problem>,
) -> Option<Box<dyn ConnectionSpec>> {
    let location = settings::read(settings, problems)?;
    Some(Box::new(connection::DeltaSpec(location)))
}
