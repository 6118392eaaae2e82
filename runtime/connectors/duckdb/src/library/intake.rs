//! Statements that take rows while they come, each on a thread of its own.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::feed::Feed;
use super::session::{Connection, Statement};
use super::{Failure, Result};

/// What the rows are called in the statement.
pub(crate) const ROWS: &str = "_wasm_sink_rows";
/// Bytes for other statements at which the running one has to end: a connection runs one at a time.
const PATIENCE_BYTES: usize = 32 << 20;

/// Abandons a feed when it goes.
struct Abandons<'a>(&'a Feed);

impl Drop for Abandons<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// The statements that rows go to, of which at most one runs. It has the connection.
pub(super) struct Intake {
    running: Option<Running>,
    waiting: Vec<Waiting>,
}

struct Running {
    statement: Arc<str>,
    feed: Arc<Feed>,
    /// Gives the connection back.
    thread: JoinHandle<(Connection, Result<()>)>,
}

struct Waiting {
    statement: Arc<str>,
    rows: Vec<RecordBatch>,
    bytes: usize,
}

impl Waiting {
    fn takes(&self, statement: &str, schema: &SchemaRef) -> bool {
        let of = self.rows.first().map(RecordBatch::schema_ref);
        &*self.statement == statement
            && of.is_some_and(|of| Arc::ptr_eq(of, schema) || of == schema)
    }
}

impl Running {
    fn takes(&self, statement: &str, schema: &SchemaRef) -> bool {
        &*self.statement == statement && self.feed.takes(schema)
    }

    fn start(
        connection: Connection,
        statement: Arc<str>,
        schema: &SchemaRef,
    ) -> std::result::Result<Self, (Option<Connection>, Failure)> {
        let prepared = Feed::new(&connection, schema).and_then(|feed| {
            let source = feed.sql();
            let text = format!("with {ROWS} as not materialized (from {source}) {statement}");
            Ok((feed, Statement::prepare(&connection, &text)?))
        });
        let (feed, prepared) = match prepared {
            Ok(prepared) => prepared,
            Err(failure) => return Err((Some(connection), failure)),
        };
        let read = Arc::clone(&feed);
        let started = thread::Builder::new()
            .name("duckdb".to_owned())
            .spawn(move || {
                // Whoever brings rows must not wait for a statement that has ended, or panicked.
                let _abandons = Abandons(&read);
                let done = prepared.run().and_then(|()| read.expect_read());
                drop(prepared);
                (connection, done)
            });
        match started {
            Ok(thread) => Ok(Self {
                statement,
                feed,
                thread,
            }),
            Err(error) => Err((None, Failure::ours(format!("no further thread: {error}")))),
        }
    }

    /// Waits for the end; the connection, unless its thread panicked.
    fn join(self) -> (Option<Connection>, Result<()>) {
        match self.thread.join() {
            Ok((connection, done)) => (Some(connection), done),
            Err(_) => (None, Err(Failure::ours("a statement ended early"))),
        }
    }
}

impl Intake {
    pub(super) fn new() -> Self {
        Self {
            running: None,
            waiting: Vec::new(),
        }
    }

    pub(super) fn takes(&self, statement: &str, schema: &SchemaRef) -> bool {
        let running = self.running.as_ref();
        running.is_some_and(|it| it.takes(statement, schema))
            || self.waiting.iter().any(|it| it.takes(statement, schema))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_none() && self.waiting.is_empty()
    }

    /// Rows that the running statement has not taken on yet.
    #[cfg(test)]
    pub(super) fn unread(&self) -> usize {
        self.running.as_ref().map_or(0, |it| it.feed.unread())
    }

    /// Gives rows to their statement, at once or later.
    ///
    /// # Errors
    /// Of the library: of these rows or earlier ones. `connection` is gone where it panicked.
    pub(super) fn push(
        &mut self,
        connection: &mut Option<Connection>,
        statement: &str,
        rows: &RecordBatch,
    ) -> Result<()> {
        if let Some(running) = &self.running
            && running.takes(statement, rows.schema_ref())
        {
            return match running.feed.push(rows.clone()) {
                true => Ok(()),
                false => self.end_early(connection),
            };
        }
        let of = |it: &&mut Waiting| it.takes(statement, rows.schema_ref());
        let bytes = rows.get_array_memory_size();
        match self.waiting.iter_mut().find(of) {
            Some(waiting) => {
                waiting.rows.push(rows.clone());
                waiting.bytes += bytes;
            }
            None => self.waiting.push(Waiting {
                statement: Arc::from(statement),
                rows: vec![rows.clone()],
                bytes,
            }),
        }
        let waiting_bytes: usize = self.waiting.iter().map(|it| it.bytes).sum();
        match self.running.is_none() || waiting_bytes >= PATIENCE_BYTES {
            true => self.turn_to_next(connection),
            false => Ok(()),
        }
    }

    /// Ends what runs and begins what waits for longest.
    fn turn_to_next(&mut self, connection: &mut Option<Connection>) -> Result<()> {
        self.end_running(connection)?;
        if self.waiting.is_empty() {
            return Ok(());
        }
        let next = self.waiting.remove(0);
        let Some(schema) = next.rows.first().map(RecordBatch::schema) else {
            return Ok(());
        };
        let free = connection.take().ok_or_else(lost)?;
        let running = match Running::start(free, next.statement, &schema) {
            Ok(running) => running,
            Err((free, failure)) => {
                *connection = free;
                return Err(failure);
            }
        };
        let running = self.running.insert(running);
        for rows in next.rows {
            if !running.feed.push(rows) {
                return self.end_early(connection);
            }
        }
        Ok(())
    }

    /// A statement takes no more rows: why.
    fn end_early(&mut self, connection: &mut Option<Connection>) -> Result<()> {
        let early = Failure::ours("a statement ended before its rows");
        self.end_running(connection).and(Err(early))
    }

    fn end_running(&mut self, connection: &mut Option<Connection>) -> Result<()> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        running.feed.complete();
        let (free, done) = running.join();
        *connection = free;
        done
    }

    /// Has all rows taken.
    ///
    /// # Errors
    /// Of the library: of these rows.
    pub(super) fn finish(&mut self, connection: &mut Option<Connection>) -> Result<()> {
        while !self.is_empty() {
            self.turn_to_next(connection)?;
        }
        Ok(())
    }

    /// Forgets the rows.
    pub(super) fn abandon(&mut self, connection: &mut Option<Connection>) {
        self.waiting.clear();
        if let Some(running) = self.running.take() {
            running.feed.abandon();
            *connection = running.join().0;
        }
    }
}

/// A connection that went with the thread that had it.
pub(super) fn lost() -> Failure {
    Failure::ours("the connection was lost")
}
