//! Rows of ours as a table function of the library's: statements read them while they come.
//!
//! Source: <https://duckdb.org/docs/stable/clients/c/table_functions>.

use std::collections::{HashMap, VecDeque};
use std::ffi::{CString, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use libduckdb_sys as ffi;

use super::arrow_data::{Converted, LogicalType};
use super::session::Connection;
use super::{Answer, Failure, Result, c_string};

/// The name of the function; its parameter is the number of a feed.
const FUNCTION: &str = "_wasm_sink_feed";
/// Bytes that may wait for the statement before whoever brings rows waits too.
const WAITING_BYTES: usize = 32 << 20;
/// Threads that read one feed. Reading is writing: each compresses row groups of its own, and holds one
/// in memory. It takes three to keep up with one that decodes.
pub(crate) const MAX_READERS: ffi::idx_t = 4;
/// Rows of a whole row group, as databases have them unless their owner chose otherwise
/// (<https://duckdb.org/docs/stable/internals/storage>). Threads fill one each, and few are left that are
/// not full.
const ROW_GROUP: usize = 122_880;

/// Rows on their way into one statement.
pub(super) struct Feed {
    number: u64,
    schema: SchemaRef,
    names: Vec<CString>,
    types: Vec<LogicalType>,
    converted: Converted,
    connection: ffi::duckdb_connection,
    rows_per_chunk: usize,
    /// Rows that were brought, less those that were read.
    unread: AtomicUsize,
    state: Mutex<State>,
    changed: Condvar,
}

// SAFETY: what the library gave (types, the schema as it reads it) is only read after it was made; the
// connection is not used but named, to convert rows for a statement that runs on it; the rest is locked.
unsafe impl Send for Feed {}
// SAFETY: as above.
unsafe impl Sync for Feed {}

struct State {
    waiting: VecDeque<RecordBatch>,
    waiting_rows: usize,
    waiting_bytes: usize,
    /// Threads that are on their way through a row group whose rows are still to come.
    under_way: usize,
    stage: Stage,
}

impl State {
    /// Takes rows from the front, at most so many.
    fn take(&mut self, most: usize) -> Option<RecordBatch> {
        let first = self.waiting.front_mut()?;
        let rows = first.num_rows();
        let count = rows.min(most);
        let taken = first.slice(0, count);
        self.waiting_rows -= count;
        if count < rows {
            *first = first.slice(count, rows - count);
        } else if let Some(done) = self.waiting.pop_front() {
            self.waiting_bytes -= done.get_array_memory_size();
        }
        Some(taken)
    }
}

/// A thread that reads.
struct Reader {
    feed: Arc<Feed>,
    stage: Reading,
    /// What it has taken, a row group at most.
    own: VecDeque<RecordBatch>,
    /// Rows that its row group still lacks.
    lacks: usize,
    /// Whether it has filled one already: that one is written as soon as the next begins.
    has_filled: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Rows may come.
    Open,
    /// What waits is all.
    Complete,
    /// Nobody wants it any more: the statement is to fail, or has.
    Abandoned,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Unused,
    Begun,
    /// It was told that there are no more rows.
    Ended,
}

impl Drop for Reader {
    /// Whoever leaves off in the middle has failed, and the statement with it: nobody is to wait for rows
    /// any more.
    fn drop(&mut self) {
        if self.stage == Reading::Begun {
            self.feed.abandon();
        }
    }
}

/// By their numbers, since a statement names its feed by text.
static FEEDS: LazyLock<Mutex<HashMap<u64, Weak<Feed>>>> = LazyLock::new(Mutex::default);

fn feeds() -> MutexGuard<'static, HashMap<u64, Weak<Feed>>> {
    FEEDS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feed {
    /// # Errors
    /// The library cannot read the schema.
    pub(super) fn new(connection: &Connection, schema: &SchemaRef) -> Result<Arc<Self>> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let names: Result<Vec<CString>> = schema
            .fields()
            .iter()
            .map(|field| c_string(field.name()))
            .collect();
        // SAFETY: a live connection.
        let converted = unsafe { Converted::new(connection.raw(), schema)? };
        // SAFETY: the same.
        let types = unsafe { converted.types(connection.raw(), schema)? };
        let feed = Arc::new(Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            schema: Arc::clone(schema),
            names: names?,
            types,
            converted,
            connection: connection.raw(),
            // SAFETY: no precondition.
            rows_per_chunk: unsafe { ffi::duckdb_vector_size() } as usize,
            unread: AtomicUsize::new(0),
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                waiting_rows: 0,
                waiting_bytes: 0,
                under_way: 0,
                stage: Stage::Open,
            }),
            changed: Condvar::new(),
        });
        feeds().insert(feed.number, Arc::downgrade(&feed));
        Ok(feed)
    }

    pub(super) fn takes(&self, schema: &SchemaRef) -> bool {
        Arc::ptr_eq(&self.schema, schema) || self.schema == *schema
    }

    /// The rows, as a query names them.
    pub(super) fn sql(&self) -> String {
        format!("{FUNCTION}({}::ubigint)", self.number)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let woken = self.changed.wait(state);
        woken.unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings rows; waits while too many wait already. False where nobody reads them any more.
    pub(super) fn push(&self, rows: RecordBatch) -> bool {
        let mut state = self.state();
        while state.stage == Stage::Open && state.waiting_bytes >= WAITING_BYTES {
            state = self.wait(state);
        }
        if state.stage != Stage::Open {
            return false;
        }
        if rows.num_rows() > 0 {
            self.unread.fetch_add(rows.num_rows(), Ordering::Relaxed);
            state.waiting_rows += rows.num_rows();
            state.waiting_bytes += rows.get_array_memory_size();
            state.waiting.push_back(rows);
        }
        self.changed.notify_all();
        true
    }

    /// No more rows come.
    pub(super) fn complete(&self) {
        self.end(Stage::Complete);
    }

    /// # Errors
    /// The statement ended and left rows unread.
    pub(super) fn expect_read(&self) -> Result<()> {
        let is_complete = self.state().stage == Stage::Complete;
        match is_complete && self.unread.load(Ordering::Relaxed) == 0 {
            true => Ok(()),
            false => Err(Failure::ours("a statement ended before its rows")),
        }
    }

    /// Rows that no thread has taken on yet.
    #[cfg(test)]
    pub(super) fn unread(&self) -> usize {
        self.unread.load(Ordering::Relaxed)
    }

    /// Nobody brings or reads rows any more.
    pub(super) fn abandon(&self) {
        self.end(Stage::Abandoned);
    }

    fn end(&self, stage: Stage) {
        let mut state = self.state();
        if state.stage != Stage::Abandoned {
            state.stage = stage;
        }
        if stage == Stage::Abandoned {
            state.waiting.clear();
            state.waiting_rows = 0;
            state.waiting_bytes = 0;
        }
        self.changed.notify_all();
    }

    /// The next rows, as many as a chunk takes; none at the end.
    fn next(&self, reader: &mut Reader) -> Result<Option<RecordBatch>> {
        reader.stage = Reading::Begun;
        loop {
            if let Some(first) = reader.own.front_mut() {
                let rows = first.num_rows();
                let count = rows.min(self.rows_per_chunk);
                let next = first.slice(0, count);
                match count < rows {
                    true => *first = first.slice(count, rows - count),
                    false => drop(reader.own.pop_front()),
                }
                self.unread.fetch_sub(count, Ordering::Relaxed);
                return Ok(Some(next));
            }
            if !self.take(reader)? {
                reader.stage = Reading::Ended;
                return Ok(None);
            }
        }
    }

    /// Waits for rows of a reader's row group. False at the end.
    fn take(&self, reader: &mut Reader) -> Result<bool> {
        let mut state = self.state();
        loop {
            if state.stage == Stage::Abandoned {
                return Err(Failure::ours("the rows were given up"));
            }
            let is_complete = state.stage == Stage::Complete;
            if state.waiting.is_empty() && is_complete {
                return Ok(false);
            }
            let is_whole = state.waiting_rows >= ROW_GROUP || state.waiting_bytes >= WAITING_BYTES;
            let may_begin = is_whole || is_complete || reader.has_filled || state.under_way == 0;
            if !state.waiting.is_empty() && (reader.lacks > 0 || may_begin) {
                if reader.lacks == 0 {
                    reader.lacks = ROW_GROUP;
                    state.under_way += 1;
                }
                while reader.lacks > 0
                    && let Some(rows) = state.take(reader.lacks)
                {
                    reader.lacks -= rows.num_rows();
                    reader.own.push_back(rows);
                }
                if reader.lacks == 0 {
                    reader.has_filled = true;
                    state.under_way -= 1;
                }
                self.changed.notify_all();
                return Ok(true);
            }
            state = self.wait(state);
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        feeds().remove(&self.number);
    }
}

/// Makes the function known to a database, once.
///
/// # Errors
/// Of the library.
pub(super) fn register(connection: ffi::duckdb_connection) -> Result<()> {
    // Two that open the same file see one database.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = format!("select 1 from duckdb_functions() where function_name = '{FUNCTION}'");
    let known = c_string(&known)?;
    let name = c_string(FUNCTION)?;
    let mut answer = Answer::empty();
    // SAFETY: a live connection, a string that outlives the call, a place for the answer.
    let state = unsafe { ffi::duckdb_query(connection, known.as_ptr(), &mut answer.0) };
    answer.check(state)?;
    // SAFETY: an answer that is alive.
    if unsafe { ffi::duckdb_row_count(&mut answer.0) } > 0 {
        return Ok(());
    }
    // SAFETY: what is created is destroyed once, after it was registered, which copies it; the
    // functions have the signatures that the library calls.
    let state = unsafe {
        let mut function = ffi::duckdb_create_table_function();
        let number = LogicalType(ffi::duckdb_create_logical_type(
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_UBIGINT,
        ));
        ffi::duckdb_table_function_set_name(function, name.as_ptr());
        ffi::duckdb_table_function_add_parameter(function, number.0);
        ffi::duckdb_table_function_set_bind(function, Some(bind));
        ffi::duckdb_table_function_set_init(function, Some(init));
        ffi::duckdb_table_function_set_local_init(function, Some(init_reader));
        ffi::duckdb_table_function_set_function(function, Some(read));
        let state = ffi::duckdb_register_table_function(connection, function);
        ffi::duckdb_destroy_table_function(&mut function);
        state
    };
    match state {
        ffi::DuckDBSuccess => Ok(()),
        _ => Err(Failure::ours("the library takes no further functions")),
    }
}

/// Runs what the library calls: no panic may go through it.
fn guarded(work: impl FnOnce() -> Result<()>) -> Option<CString> {
    let message = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => return None,
        Ok(Err(failure)) => failure.message,
        Err(_) => "a panic while rows were read".to_owned(),
    };
    let message = message.replace('\0', " ");
    Some(CString::new(message).unwrap_or_default())
}

unsafe extern "C" fn bind(info: ffi::duckdb_bind_info) {
    let failed = guarded(|| {
        // SAFETY: the library calls this while it binds; the function has one parameter.
        let number = unsafe {
            let mut value = ffi::duckdb_bind_get_parameter(info, 0);
            let number = ffi::duckdb_get_uint64(value);
            ffi::duckdb_destroy_value(&mut value);
            number
        };
        let feed = feeds().get(&number).and_then(Weak::upgrade);
        let feed = feed.ok_or_else(|| Failure::ours("there are no such rows"))?;
        for (name, of) in feed.names.iter().zip(&feed.types) {
            // SAFETY: a name and a type that outlive the call.
            unsafe { ffi::duckdb_bind_add_result_column(info, name.as_ptr(), of.0) };
        }
        let feed = Arc::into_raw(feed).cast_mut().cast::<c_void>();
        // SAFETY: the library gives it back to `release` once.
        unsafe { ffi::duckdb_bind_set_bind_data(info, feed, Some(release)) };
        Ok(())
    });
    if let Some(message) = failed {
        // SAFETY: a string that outlives the call.
        unsafe { ffi::duckdb_bind_set_error(info, message.as_ptr()) };
    }
}

unsafe extern "C" fn release(feed: *mut c_void) {
    // SAFETY: made by `Arc::into_raw` in `bind`, given back once.
    drop(unsafe { Arc::from_raw(feed.cast_const().cast::<Feed>()) });
}

unsafe extern "C" fn init(info: ffi::duckdb_init_info) {
    // SAFETY: the library calls this while it begins.
    unsafe { ffi::duckdb_init_set_max_threads(info, MAX_READERS) };
}

unsafe extern "C" fn init_reader(info: ffi::duckdb_init_info) {
    let failed = guarded(|| {
        // SAFETY: what `bind` made of an `Arc`, which the library still holds.
        let feed = unsafe {
            let feed = ffi::duckdb_init_get_bind_data(info)
                .cast_const()
                .cast::<Feed>();
            Arc::increment_strong_count(feed);
            Arc::from_raw(feed)
        };
        let reader = Box::into_raw(Box::new(Reader {
            feed,
            stage: Reading::Unused,
            own: VecDeque::new(),
            lacks: 0,
            has_filled: false,
        }));
        // SAFETY: the library gives it back to `release_reader` once.
        unsafe { ffi::duckdb_init_set_init_data(info, reader.cast(), Some(release_reader)) };
        Ok(())
    });
    if let Some(message) = failed {
        // SAFETY: a string that outlives the call.
        unsafe { ffi::duckdb_init_set_error(info, message.as_ptr()) };
    }
}

unsafe extern "C" fn release_reader(reader: *mut c_void) {
    // SAFETY: made by `Box::into_raw` in `init_reader`, given back once.
    drop(unsafe { Box::from_raw(reader.cast::<Reader>()) });
}

unsafe extern "C" fn read(info: ffi::duckdb_function_info, output: ffi::duckdb_data_chunk) {
    let failed = guarded(|| {
        // SAFETY: what `bind` set, which lives as long as the statement.
        let feed = unsafe { &*ffi::duckdb_function_get_bind_data(info).cast::<Feed>() };
        // SAFETY: what `init_reader` set for this thread, which alone uses it.
        let reader =
            unsafe { &mut *ffi::duckdb_function_get_local_init_data(info).cast::<Reader>() };
        let Some(rows) = feed.next(reader)? else {
            // SAFETY: a chunk of the library's.
            unsafe { ffi::duckdb_data_chunk_set_size(output, 0) };
            return Ok(());
        };
        // SAFETY: the statement runs on the connection, so it is alive. The chunks have the same
        // columns; what both refer to is freed with the last of them. (The first column holds the rows
        // of all, so chunks are referred to as a whole, and what reads them copies.)
        unsafe {
            let chunk = feed.converted.chunk(feed.connection, &rows)?;
            for column in 0..feed.types.len() as ffi::idx_t {
                ffi::duckdb_vector_reference_vector(
                    ffi::duckdb_data_chunk_get_vector(output, column),
                    ffi::duckdb_data_chunk_get_vector(chunk.0, column),
                );
            }
            ffi::duckdb_data_chunk_set_size(output, rows.num_rows() as ffi::idx_t);
        }
        Ok(())
    });
    if let Some(message) = failed {
        // SAFETY: a string that outlives the call.
        unsafe { ffi::duckdb_function_set_error(info, message.as_ptr()) };
    }
}
