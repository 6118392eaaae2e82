//! A connection to a database: statements, and their answers as Arrow.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use libduckdb_sys as ffi;

use super::arrow_data::Shape;
use super::intake::{Intake, lost};
use super::{Database, Failure, Result, c_string};

/// A connection. What it has begun is undone when it goes.
pub(crate) struct Session {
    intake: Intake,
    /// None while a statement that takes rows has it. Goes before its database.
    connection: Option<Connection>,
    _database: Arc<Database>,
}

pub(super) struct Connection(ffi::duckdb_connection);

// SAFETY: a connection may move between threads; `&mut` keeps all but one away.
unsafe impl Send for Connection {}

/// A statement's parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Integer(i64),
    Bool(bool),
}

pub(super) struct Statement(pub(super) ffi::duckdb_prepared_statement);

// SAFETY: it belongs to one connection, and moves where that moves.
unsafe impl Send for Statement {}

/// A statement that has begun.
pub(super) struct Pending(pub(super) ffi::duckdb_pending_result);

impl Pending {
    /// A place for one.
    pub(super) fn new() -> Self {
        Self(ptr::null_mut())
    }

    /// Runs it beside threads of the library's, and sleeps where only they have something to do: by
    /// itself the library would spin.
    pub(super) fn finish(self) -> Result<Answer> {
        const REST: Duration = Duration::from_micros(500);
        loop {
            // SAFETY: what has begun is alive until it is dropped.
            match unsafe { ffi::duckdb_pending_execute_task(self.0) } {
                ffi::duckdb_pending_state_DUCKDB_PENDING_RESULT_NOT_READY => {}
                ffi::duckdb_pending_state_DUCKDB_PENDING_NO_TASKS_AVAILABLE => sleep(REST),
                ffi::duckdb_pending_state_DUCKDB_PENDING_RESULT_READY => break,
                _ => return Err(self.failure()),
            }
        }
        let mut answer = Answer::empty();
        // SAFETY: as above, and a place for the answer.
        let state = unsafe { ffi::duckdb_execute_pending(self.0, &mut answer.0) };
        answer.check(state)?;
        Ok(answer)
    }

    pub(super) fn failure(&self) -> Failure {
        // SAFETY: what failed keeps its error until it is destroyed.
        let message = unsafe { super::text(ffi::duckdb_pending_error(self.0)) };
        Failure::named(message.unwrap_or_default())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // SAFETY: destroyed once, also where beginning failed.
        unsafe { ffi::duckdb_destroy_pending(&mut self.0) }
    }
}

impl Statement {
    pub(super) fn prepare(connection: &Connection, statement: &str) -> Result<Self> {
        let text = c_string(statement)?;
        let mut prepared = Self(ptr::null_mut());
        // SAFETY: a live connection, a string that outlives the call, a place for the statement.
        let state = unsafe { ffi::duckdb_prepare(connection.0, text.as_ptr(), &mut prepared.0) };
        if state == ffi::DuckDBSuccess {
            return Ok(prepared);
        }
        // SAFETY: a statement that failed keeps its error until it is destroyed.
        let message = unsafe { super::text(ffi::duckdb_prepare_error(prepared.0)) };
        Err(Failure::named(message.unwrap_or_default()))
    }

    /// Runs it.
    pub(super) fn run(&self) -> Result<()> {
        let mut pending = Pending::new();
        // SAFETY: a live statement, and a place for what has begun.
        let state = unsafe { ffi::duckdb_pending_prepared(self.0, &mut pending.0) };
        match state {
            ffi::DuckDBSuccess => pending.finish().map(drop),
            _ => Err(pending.failure()),
        }
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: destroyed once, also where preparing failed.
        unsafe { ffi::duckdb_destroy_prepare(&mut self.0) }
    }
}

/// What a statement gave back.
pub(super) struct Answer(pub(super) ffi::duckdb_result);

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: destroyed once, also where the statement failed.
        unsafe { ffi::duckdb_destroy_result(&mut self.0) }
    }
}

impl Connection {
    pub(super) fn raw(&self) -> ffi::duckdb_connection {
        self.0
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: connected once, disconnected once; a transaction is rolled back.
        unsafe { ffi::duckdb_disconnect(&mut self.0) }
    }
}

impl Session {
    /// # Errors
    /// Of the library.
    pub(crate) fn connect(database: &Arc<Database>) -> Result<Self> {
        Ok(Self {
            intake: Intake::new(),
            connection: Some(Connection(database.connect()?)),
            _database: Arc::clone(database),
        })
    }

    /// Runs statements without parameters.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) fn run(&mut self, statements: &str) -> Result<()> {
        let statements = c_string(statements)?;
        let connection = self.free()?.0;
        let mut answer = Answer::empty();
        // SAFETY: a live connection, a string that outlives the call, a place for the answer.
        let state = unsafe { ffi::duckdb_query(connection, statements.as_ptr(), &mut answer.0) };
        answer.check(state)
    }

    /// Runs one statement; the number of rows that it changed.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) fn execute(&mut self, statement: &str, values: &[Value<'_>]) -> Result<u64> {
        let mut answer = self.answer(statement, values)?;
        // SAFETY: an answer that is alive.
        Ok(unsafe { ffi::duckdb_rows_changed(&mut answer.0) })
    }

    /// Runs one query; its rows, and their columns even where there are none.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) fn query(&mut self, query: &str, values: &[Value<'_>]) -> Result<Vec<RecordBatch>> {
        let mut answer = self.answer(query, values)?;
        // SAFETY: an answer that is alive.
        let mut shape = unsafe { Shape::of_answer(&mut answer.0)? };
        let mut batches = vec![RecordBatch::new_empty(shape.schema())];
        loop {
            // SAFETY: an answer that is alive; null ends it.
            let chunk = unsafe { ffi::duckdb_fetch_chunk(answer.0) };
            if chunk.is_null() {
                return Ok(batches);
            }
            // SAFETY: a chunk of this answer that is given away.
            batches.push(unsafe { shape.rows(chunk)? });
        }
    }

    /// Whether a statement could be run, as far as names and types tell.
    pub(crate) fn understands(&mut self, statement: &str) -> bool {
        self.prepare(statement).is_ok()
    }

    /// The connection, once all rows are taken.
    fn free(&mut self) -> Result<&Connection> {
        self.end_append()?;
        self.connection.as_ref().ok_or_else(lost)
    }

    pub(super) fn prepare(&mut self, statement: &str) -> Result<Statement> {
        Statement::prepare(self.free()?, statement)
    }

    fn answer(&mut self, statement: &str, values: &[Value<'_>]) -> Result<Answer> {
        let prepared = self.prepare(statement)?;
        for (value, index) in values.iter().zip(1..) {
            // SAFETY: a live statement; text is copied by the call.
            let bound = unsafe {
                match *value {
                    Value::Text(text) => ffi::duckdb_bind_varchar_length(
                        prepared.0,
                        index,
                        text.as_ptr().cast::<c_char>(),
                        text.len() as ffi::idx_t,
                    ),
                    Value::Integer(value) => ffi::duckdb_bind_int64(prepared.0, index, value),
                    Value::Bool(value) => ffi::duckdb_bind_boolean(prepared.0, index, value),
                }
            };
            if bound != ffi::DuckDBSuccess {
                return Err(Failure::ours(format!("parameter {index} of {statement}")));
            }
        }
        let mut answer = Answer::empty();
        // SAFETY: a live statement with all its parameters, a place for the answer.
        let state = unsafe { ffi::duckdb_execute_prepared(prepared.0, &mut answer.0) };
        answer.check(state)?;
        Ok(answer)
    }

    /// Hands rows to a statement that reads them from [`ROWS`](super::ROWS), by the names of their
    /// columns. It takes them while more come, and rows for other statements wait. Only rows for one
    /// statement keep their order.
    ///
    /// # Errors
    /// Of the library: of these rows or earlier ones.
    pub(crate) fn append(&mut self, statement: &str, rows: &RecordBatch) -> Result<()> {
        self.intake.push(&mut self.connection, statement, rows)
    }

    /// Has rows taken that are for other statements than this, or have another schema.
    ///
    /// # Errors
    /// Of the library: of these rows.
    pub(crate) fn end_append_unless(&mut self, statement: &str, schema: &SchemaRef) -> Result<()> {
        match self.intake.takes(statement, schema) {
            true => Ok(()),
            false => self.end_append(),
        }
    }

    /// Rows that the running statement has not taken on yet.
    #[cfg(test)]
    pub(super) fn unread(&self) -> usize {
        self.intake.unread()
    }

    /// Has rows that wait taken.
    ///
    /// # Errors
    /// Of the library: of these rows.
    pub(crate) fn end_append(&mut self) -> Result<()> {
        self.intake.finish(&mut self.connection)
    }

    /// Undoes what was begun; rows that wait are forgotten.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) fn roll_back(&mut self) -> Result<()> {
        self.intake.abandon(&mut self.connection);
        self.run("rollback")
    }

    /// The columns that a query would have, as Arrow has them.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) fn schema(&mut self, query: &str) -> Result<SchemaRef> {
        let mut answer = self.answer(query, &[])?;
        // SAFETY: an answer that is alive.
        Ok(unsafe { Shape::of_answer(&mut answer.0)? }.schema())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.intake.abandon(&mut self.connection);
    }
}

impl Answer {
    /// A place for an answer.
    pub(super) fn empty() -> Self {
        // SAFETY: plain data, for which zeros are as good as anything; a call fills it, and without one
        // destroying it does nothing.
        Self(unsafe { MaybeUninit::zeroed().assume_init() })
    }

    pub(super) fn check(&mut self, state: ffi::duckdb_state) -> Result<()> {
        if state == ffi::DuckDBSuccess {
            return Ok(());
        }
        // SAFETY: an answer that failed keeps its error until it is destroyed.
        Err(unsafe {
            Failure::told(
                ffi::duckdb_result_error_type(&mut self.0),
                ffi::duckdb_result_error(&mut self.0),
            )
        })
    }
}
