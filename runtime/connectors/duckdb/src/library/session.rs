//! A connection to a database: statements, and their answers as Arrow.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;

use arrow::array::RecordBatch;
use libduckdb_sys as ffi;

use super::appender::Appender;
use super::arrow_data::Shape;
use super::{Database, Failure, Result, c_string};

/// A connection. What it has begun is undone when it goes.
pub(crate) struct Session {
    // Fields go in this order: rows that wait before their connection, that before its database.
    appender: Option<Appender>,
    connection: Connection,
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

struct Statement(ffi::duckdb_prepared_statement);

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: destroyed once, also where preparing failed.
        unsafe { ffi::duckdb_destroy_prepare(&mut self.0) }
    }
}

/// What a statement gave back.
struct Answer(ffi::duckdb_result);

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
            appender: None,
            connection: Connection(database.connect()?),
            _database: Arc::clone(database),
        })
    }

    /// Runs statements without parameters.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) fn run(&mut self, statements: &str) -> Result<()> {
        self.end_append()?;
        let statements = c_string(statements)?;
        // SAFETY: plain data, for which zeros are as good as anything; the call fills it.
        let mut answer = Answer(unsafe { MaybeUninit::zeroed().assume_init() });
        // SAFETY: a live connection, a string that outlives the call, a place for the answer.
        let state =
            unsafe { ffi::duckdb_query(self.connection.0, statements.as_ptr(), &mut answer.0) };
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
        self.end_append().is_ok() && self.prepare(statement).is_ok()
    }

    fn prepare(&self, statement: &str) -> Result<Statement> {
        let text = c_string(statement)?;
        let mut prepared = Statement(ptr::null_mut());
        // SAFETY: a live connection, a string that outlives the call, a place for the statement.
        let state =
            unsafe { ffi::duckdb_prepare(self.connection.0, text.as_ptr(), &mut prepared.0) };
        if state == ffi::DuckDBSuccess {
            return Ok(prepared);
        }
        // SAFETY: a statement that failed keeps its error until it is destroyed.
        let message = unsafe { super::text(ffi::duckdb_prepare_error(prepared.0)) };
        let message = message.unwrap_or_default();
        Err(Failure {
            kind: kind_of(&message),
            message,
        })
    }

    fn answer(&mut self, statement: &str, values: &[Value<'_>]) -> Result<Answer> {
        self.end_append()?;
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
        // SAFETY: as in `run`.
        let mut answer = Answer(unsafe { MaybeUninit::zeroed().assume_init() });
        // SAFETY: a live statement with all its parameters, a place for the answer.
        let state = unsafe { ffi::duckdb_execute_prepared(prepared.0, &mut answer.0) };
        answer.check(state)?;
        Ok(answer)
    }

    /// Hands rows to a statement that reads them from `rows`, by the names of their columns. They wait
    /// until there are some, or something else is asked.
    ///
    /// # Errors
    /// Of the library: of these rows or earlier ones.
    pub(crate) fn append(&mut self, statement: &str, rows: &RecordBatch) -> Result<()> {
        let is_open = |appender: &Appender| appender.takes(statement, rows.schema_ref());
        if !self.appender.as_ref().is_some_and(is_open) {
            self.end_append()?;
            let appender = Appender::new(&self.connection, statement, rows.schema_ref())?;
            self.appender = Some(appender);
        }
        match &mut self.appender {
            Some(appender) => appender.append(&self.connection, rows),
            None => Ok(()),
        }
    }

    /// Has rows that wait taken.
    ///
    /// # Errors
    /// Of the library: of these rows.
    pub(crate) fn end_append(&mut self) -> Result<()> {
        match self.appender.take() {
            Some(appender) => appender.finish(),
            None => Ok(()),
        }
    }

    /// Undoes what was begun; rows that wait are forgotten.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) fn roll_back(&mut self) -> Result<()> {
        self.appender = None;
        self.run("rollback")
    }

    /// The columns that a query would have, as Arrow has them.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) fn schema(&mut self, query: &str) -> Result<arrow::datatypes::SchemaRef> {
        let mut answer = self.answer(query, &[])?;
        // SAFETY: an answer that is alive.
        Ok(unsafe { Shape::of_answer(&mut answer.0)? }.schema())
    }
}

impl Answer {
    fn check(&mut self, state: ffi::duckdb_state) -> Result<()> {
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

/// Of a statement that could not be prepared there is a text alone, which begins with the kind.
fn kind_of(message: &str) -> ffi::duckdb_error_type {
    match message.split_once(" Error:").map(|(kind, _)| kind) {
        Some("Catalog") => ffi::duckdb_error_type_DUCKDB_ERROR_CATALOG,
        Some("Binder") => ffi::duckdb_error_type_DUCKDB_ERROR_BINDER,
        Some("FATAL") => ffi::duckdb_error_type_DUCKDB_ERROR_FATAL,
        Some("INTERNAL") => ffi::duckdb_error_type_DUCKDB_ERROR_INTERNAL,
        Some("IO") => ffi::duckdb_error_type_DUCKDB_ERROR_IO,
        Some("TransactionContext") => ffi::duckdb_error_type_DUCKDB_ERROR_TRANSACTION,
        _ => ffi::duckdb_error_type_DUCKDB_ERROR_INVALID,
    }
}
