//! The library's errors.

use libduckdb_sys as ffi;
use wasm_sink_core::{Blame, Error, Kind};

use crate::library::Failure;

impl Failure {
    /// What a failure means for the epoch. `doing` says what was done.
    pub(crate) fn during(self, doing: &str) -> Error {
        let (kind, blame) = meaning(self.kind);
        Error::new(kind, blame, sentence(&self.message)).context(doing)
    }

    /// Whether its limit was too low for what it was to do.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        self.kind == ffi::duckdb_error_type_DUCKDB_ERROR_OUT_OF_MEMORY
    }

    /// Whether the library refuses everything from now on, until the database is opened anew.
    pub(crate) fn is_fatal(&self) -> bool {
        [
            ffi::duckdb_error_type_DUCKDB_ERROR_FATAL,
            ffi::duckdb_error_type_DUCKDB_ERROR_INTERNAL,
        ]
        .contains(&self.kind)
    }
}

/// The library's words, without the advice for those who type SQL.
fn sentence(message: &str) -> String {
    let told = message.trim();
    let told = told.split("\n\nLINE ").next().unwrap_or(told);
    let told = told.split("\n\nStack Trace").next().unwrap_or(told);
    told.replace('\n', " ")
}

fn meaning(kind: ffi::duckdb_error_type) -> (Kind, Blame) {
    match kind {
        // A value, a constraint.
        ffi::duckdb_error_type_DUCKDB_ERROR_OUT_OF_RANGE
        | ffi::duckdb_error_type_DUCKDB_ERROR_CONVERSION
        | ffi::duckdb_error_type_DUCKDB_ERROR_DECIMAL
        | ffi::duckdb_error_type_DUCKDB_ERROR_MISMATCH_TYPE
        | ffi::duckdb_error_type_DUCKDB_ERROR_DIVIDE_BY_ZERO
        | ffi::duckdb_error_type_DUCKDB_ERROR_OBJECT_SIZE
        | ffi::duckdb_error_type_DUCKDB_ERROR_INVALID_TYPE
        | ffi::duckdb_error_type_DUCKDB_ERROR_INVALID_INPUT
        | ffi::duckdb_error_type_DUCKDB_ERROR_CONSTRAINT
        | ffi::duckdb_error_type_DUCKDB_ERROR_SEQUENCE => (Kind::Rejected, Blame::Destination),
        // Tables and columns that were there a moment ago: a fresh look may find others.
        ffi::duckdb_error_type_DUCKDB_ERROR_CATALOG
        | ffi::duckdb_error_type_DUCKDB_ERROR_BINDER => (Kind::Conflict, Blame::Destination),
        ffi::duckdb_error_type_DUCKDB_ERROR_PERMISSION => (Kind::Denied, Blame::Configuration),
        // Another transaction was first; the disk is full, or memory, and the next use may open the
        // database anew.
        ffi::duckdb_error_type_DUCKDB_ERROR_TRANSACTION
        | ffi::duckdb_error_type_DUCKDB_ERROR_INTERRUPT
        | ffi::duckdb_error_type_DUCKDB_ERROR_IO
        | ffi::duckdb_error_type_DUCKDB_ERROR_FATAL
        | ffi::duckdb_error_type_DUCKDB_ERROR_OUT_OF_MEMORY => {
            (Kind::Unavailable, Blame::Destination)
        }
        _ => (Kind::Other, Blame::Destination),
    }
}
