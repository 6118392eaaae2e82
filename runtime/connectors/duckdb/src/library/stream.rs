//! An answer that is taken while it is made.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use libduckdb_sys as ffi;

use super::arrow_data::Shape;
use super::session::{Answer, Pending, Session, Statement};
use super::{Failure, Result};

/// So much is enough, however few rows it is.
const PAGE_BYTES: usize = 8 << 20;

/// The rows of a query, of which only those are in memory that are being taken. Fields go in this order:
/// the answer before its statement, the connection last.
pub(crate) struct Stream {
    answer: Answer,
    shape: Shape,
    /// Asked once more, the library calls it a mistake.
    has_ended: bool,
    _statement: Statement,
    _session: Session,
}

// SAFETY: an answer, the shape that was made of it, its statement and its connection move together; `&mut`
// keeps all but one away.
unsafe impl Send for Stream {}

impl Session {
    /// Begins a query.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) fn stream(mut self, query: &str) -> Result<Stream> {
        let statement = self.prepare(query)?;
        let mut pending = Pending::new();
        // SAFETY: a live statement, and a place for what has begun.
        let state = unsafe { ffi::duckdb_pending_prepared_streaming(statement.0, &mut pending.0) };
        if state != ffi::DuckDBSuccess {
            return Err(pending.failure());
        }
        let mut answer = pending.finish()?;
        // SAFETY: an answer that is alive and did not fail.
        let shape = unsafe { Shape::of_answer(&mut answer.0)? };
        Ok(Stream {
            answer,
            shape,
            has_ended: false,
            _statement: statement,
            _session: self,
        })
    }
}

impl Stream {
    /// At least so many more rows, or as many as memory should hold, or what is left; None: that was all.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) fn next(&mut self, rows: usize) -> Result<Option<RecordBatch>> {
        let mut chunks: Vec<RecordBatch> = Vec::new();
        let (mut taken, mut bytes) = (0, 0);
        while taken < rows && bytes < PAGE_BYTES && !self.has_ended {
            // SAFETY: an answer that is alive; null ends it, or says that it failed.
            let chunk = unsafe { ffi::duckdb_fetch_chunk(self.answer.0) };
            if chunk.is_null() {
                self.has_ended = true;
                self.check()?;
                break;
            }
            // SAFETY: a chunk of this answer that is given away.
            let chunk = unsafe { self.shape.rows(chunk)? };
            taken += chunk.num_rows();
            bytes += chunk.get_array_memory_size();
            chunks.push(chunk);
        }
        if taken == 0 {
            return Ok(None);
        }
        let rows = concat_batches(&self.shape.schema(), &chunks).map_err(Failure::ours)?;
        Ok(Some(rows))
    }

    fn check(&mut self) -> Result<()> {
        // SAFETY: an answer that is alive; its error, if it has one, lives as long.
        unsafe {
            let message = ffi::duckdb_result_error(&mut self.answer.0);
            match message.is_null() {
                true => Ok(()),
                false => Err(Failure::told(
                    ffi::duckdb_result_error_type(&mut self.answer.0),
                    message,
                )),
            }
        }
    }
}
