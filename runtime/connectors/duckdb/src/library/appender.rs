//! Rows on their way into a statement.

use std::ffi::{CString, c_char};
use std::ptr;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use libduckdb_sys as ffi;

use super::arrow_data::Converted;
use super::session::Connection;
use super::{Failure, Result, c_string};

/// Bytes that wait before the statement runs. The library itself counts rows alone.
const WAITING_BYTES: usize = 64 << 20;
/// What the rows are called in the statement.
pub(crate) const ROWS: &str = "_wasm_sink_rows";

/// Gathers rows and runs a statement over them, again and again.
pub(super) struct Appender {
    appender: ffi::duckdb_appender,
    statement: String,
    schema: SchemaRef,
    converted: Converted,
    waiting_bytes: usize,
}

// SAFETY: it belongs to one connection, and moves where that moves.
unsafe impl Send for Appender {}

impl Appender {
    pub(super) fn new(
        connection: &Connection,
        statement: &str,
        schema: &SchemaRef,
    ) -> Result<Self> {
        let query = c_string(statement)?;
        let rows = c_string(ROWS)?;
        let names: Result<Vec<CString>> = schema
            .fields()
            .iter()
            .map(|field| c_string(field.name()))
            .collect();
        let names = names?;
        let mut names: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: a live connection.
        let converted = unsafe { Converted::new(connection.raw(), schema)? };
        // SAFETY: the same.
        let types = unsafe { converted.types(connection.raw(), schema)? };
        let mut types: Vec<_> = types.iter().map(|column| column.0).collect();
        let mut made = Self {
            appender: ptr::null_mut(),
            statement: statement.to_owned(),
            schema: Arc::clone(schema),
            converted,
            waiting_bytes: 0,
        };
        // SAFETY: a live connection; strings and lists of as many entries as columns that outlive the
        // call; a place for the appender.
        let state = unsafe {
            ffi::duckdb_appender_create_query(
                connection.raw(),
                query.as_ptr(),
                types.len() as ffi::idx_t,
                types.as_mut_ptr(),
                rows.as_ptr(),
                names.as_mut_ptr(),
                &mut made.appender,
            )
        };
        made.check(state)?;
        Ok(made)
    }

    pub(super) fn takes(&self, statement: &str, schema: &SchemaRef) -> bool {
        self.statement == statement && (Arc::ptr_eq(&self.schema, schema) || self.schema == *schema)
    }

    pub(super) fn append(&mut self, connection: &Connection, rows: &RecordBatch) -> Result<()> {
        // SAFETY: no precondition.
        let most = unsafe { ffi::duckdb_vector_size() } as usize;
        let mut offset = 0;
        while offset < rows.num_rows() {
            let part = rows.slice(offset, most.min(rows.num_rows() - offset));
            offset += part.num_rows();
            // SAFETY: the connection that the schema was converted with.
            let state = unsafe {
                let chunk = self.converted.chunk(connection.raw(), &part)?;
                ffi::duckdb_append_data_chunk(self.appender, chunk.0)
            };
            self.check(state)?;
        }
        self.waiting_bytes += rows.get_array_memory_size();
        if self.waiting_bytes >= WAITING_BYTES {
            self.waiting_bytes = 0;
            // SAFETY: a live appender.
            let state = unsafe { ffi::duckdb_appender_flush(self.appender) };
            self.check(state)?;
        }
        Ok(())
    }

    /// Runs the statement over what waits.
    pub(super) fn finish(mut self) -> Result<()> {
        // SAFETY: a live appender.
        let state = unsafe { ffi::duckdb_appender_close(self.appender) };
        self.check(state)
    }

    fn check(&mut self, state: ffi::duckdb_state) -> Result<()> {
        if state == ffi::DuckDBSuccess {
            return Ok(());
        }
        // SAFETY: a live appender; its error is ours to destroy.
        unsafe { Failure::check(ffi::duckdb_appender_error_data(self.appender))? };
        Err(Failure::ours("rows were not taken, and nothing says why"))
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        // SAFETY: made once, destroyed once. What still waits goes first: to be destroyed is to be run.
        unsafe {
            ffi::duckdb_appender_clear(self.appender);
            ffi::duckdb_appender_destroy(&mut self.appender);
        }
    }
}
