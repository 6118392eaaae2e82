//! An open database.

use std::any::Any;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use tokio::sync::{Mutex as AsyncMutex, OnceCell};
use wasm_sink_core::connection::{Connection, ConnectionContext, ConnectionSpec};
use wasm_sink_core::home::Home;
use wasm_sink_core::source::Source;
use wasm_sink_core::sql::TableName;
use wasm_sink_core::stage::{Purpose, Stage, UnitId};
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::bookkeeping;
use crate::catalog::Columns;
use crate::create;
use crate::home::DuckDbHome;
use crate::library::{self, Database, Failure};
use crate::memory::Memory;
use crate::session::{Session, Turns, blocking};
use crate::settings::DatabaseFile;
use crate::stage::{DuckDbStage, DuckDbStaged};

/// A validated `[connections.<label>]`.
pub(crate) struct DuckDbSpec(pub(crate) DatabaseFile);

#[async_trait]
impl ConnectionSpec for DuckDbSpec {
    async fn open(&self, context: ConnectionContext) -> Result<Arc<dyn Connection>> {
        let mut file = self.0.clone();
        file.path = context.directory.join(&file.path);
        Ok(Arc::new(DuckDbConnection(Arc::new(Shared {
            unit: UnitId {
                connection: context.label,
                name: Arc::from(""),
            },
            pipeline: context.pipeline,
            file,
            database: Mutex::default(),
            memory: Memory::of(&self.0),
            was_open: AtomicBool::new(false),
            staged: Mutex::default(),
            books: OnceCell::new(),
            waits_for_ends: AtomicBool::new(false),
            is_raised: AtomicBool::new(false),
        }))))
    }
}

/// What stages and home of a connection have in common.
pub(crate) struct Shared {
    pub(crate) unit: UnitId,
    pub(crate) pipeline: Arc<str>,
    file: DatabaseFile,
    database: Mutex<Option<Arc<Database>>>,
    pub(crate) memory: Memory,
    /// Whether it was open before.
    was_open: AtomicBool,
    /// What is staged and not committed yet: each holds the database open.
    staged: Mutex<Vec<Weak<DuckDbStaged>>>,
    books: OnceCell<()>,
    /// Whether an epoch changed a table too late.
    waits_for_ends: AtomicBool,
    /// Whether it may have more memory than it was told.
    is_raised: AtomicBool,
}

impl Shared {
    pub(crate) fn describe(&self) -> String {
        format!("DuckDB database {}", self.file.path.display())
    }

    /// The file, by one name however it was written.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) fn path(&self) -> Result<PathBuf> {
        self.file.path.canonicalize().map_err(|error| {
            let message = format!("{} cannot be found", self.describe());
            Error::new(Kind::Unavailable, Blame::Configuration, message).with_source(error)
        })
    }

    /// From now on, epochs change tables before their rows go.
    pub(crate) fn wait_for_ends(&self) {
        self.waits_for_ends.store(true, Ordering::Relaxed);
    }

    /// Whether all of an epoch waits for its end.
    pub(crate) fn waits_for_ends(&self) -> bool {
        self.waits_for_ends.load(Ordering::Relaxed)
    }

    /// Whether there is a file yet.
    pub(crate) fn exists(&self) -> bool {
        self.file.path.exists()
    }

    /// The database, opened if need be.
    ///
    /// # Errors
    /// It cannot be opened, or another process has it.
    pub(crate) async fn database(&self) -> Result<Arc<Database>> {
        let known = self.opened().clone();
        if let Some(known) = known {
            if self.is_raised.swap(false, Ordering::Relaxed) {
                let (database, statement) = (Arc::clone(&known), memory_limit(self.memory.bytes()));
                let raised =
                    blocking(move || library::Session::connect(&database)?.run(&statement));
                raised
                    .await?
                    .map_err(|failure: Failure| failure.during("making room in memory"))?;
            }
            return Ok(known);
        }
        let (file, memory) = (self.file.clone(), self.memory.clone());
        let opened = blocking(move || open(&file, &memory)).await?;
        let opened = opened.map_err(|failure| self.not_opened(&failure))?;
        self.was_open.store(true, Ordering::Relaxed);
        Ok(Arc::clone(self.opened().insert(opened)))
    }

    fn opened(&self) -> std::sync::MutexGuard<'_, Option<Arc<Database>>> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at a failure: after some, the database has to be opened anew.
    pub(crate) fn judge(&self, doing: &str, failure: Failure) -> Error {
        if failure.is_out_of_memory()
            && let Some(bytes) = self.memory.raise()
        {
            tracing::info!(
                "{} needs more memory: up to {} MiB from now on; memory_limit in its connection \
                 bounds that",
                self.describe(),
                bytes >> 20
            );
            self.is_raised.store(true, Ordering::Relaxed);
        }
        if failure.is_fatal() {
            *self.opened() = None;
            // Those at work fail in turn. Those that wait for their commit do not, and would keep the
            // database as it is: they are written again.
            let staged = std::mem::take(&mut *self.staged());
            for staged in staged.iter().filter_map(Weak::upgrade) {
                drop(staged.take());
            }
        }
        failure.during(doing)
    }

    fn staged(&self) -> std::sync::MutexGuard<'_, Vec<Weak<DuckDbStaged>>> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an eye on what an epoch staged.
    pub(crate) fn remember(&self, staged: DuckDbStaged) -> Arc<DuckDbStaged> {
        let staged = Arc::new(staged);
        let mut all = self.staged();
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(&staged));
        staged
    }

    fn not_opened(&self, failure: &Failure) -> Error {
        let told = failure.message.trim_end();
        let path = self.file.path.display();
        if let Some((_, holder)) = told.split_once("Conflicting lock is held in ") {
            let holder = holder.split(". ").next().unwrap_or(holder);
            return Error::new(
                Kind::Denied,
                Blame::Destination,
                format!(
                    "{path} is open in another process: {holder}. DuckDB lets one process at a time \
                     write a file, and none beside it read: close it there first"
                ),
            );
        }
        // What was open once has only lost its disk for a while.
        let kind = match self.was_open.load(Ordering::Relaxed) {
            true => Kind::Unavailable,
            false => Kind::Denied,
        };
        Error::new(
            kind,
            Blame::Destination,
            format!("{path} cannot be opened: {told}"),
        )
    }

    /// Waits until nobody else replaces rows of these tables, in this process, which has the database for
    /// itself.
    pub(crate) async fn turns(&self, tables: impl Iterator<Item = &TableName>) -> Turns {
        type Known = HashMap<(PathBuf, String), Arc<AsyncMutex<()>>>;
        static TURNS: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
        // In one order for all, so that no two wait for each other.
        let mut names: Vec<String> = tables
            .map(|table| {
                let schema = table.schema().map_or("main", |schema| schema.as_str());
                format!("{schema}.{}", table.table()).to_lowercase()
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        let path = self.file.identity();
        let mut turns = Turns::new();
        for name in names {
            let turn = {
                let mut known = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(known.entry((path.clone(), name)).or_default())
            };
            turns.push(turn.lock_owned().await);
        }
        turns
    }

    /// Lets DuckDB keep as much in memory as rows of such a table take on their way into the file.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) async fn make_room(self: &Arc<Self>, columns: &Columns) -> Result<()> {
        if !self.memory.grow(columns) {
            return Ok(());
        }
        let mut session = Session::connect(self).await?;
        loop {
            let bytes = self.memory.bytes();
            let statement = memory_limit(bytes);
            session.run("making room in memory", &statement).await?;
            // Another table may have asked for more in between, and come first.
            if self.memory.bytes() == bytes {
                return Ok(());
            }
        }
    }

    /// Sees to the tables that hold positions.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) async fn books(self: &Arc<Self>) -> Result<()> {
        self.books
            .get_or_try_init(|| async {
                let mut session = Session::connect(self).await?;
                bookkeeping::open(&mut session, &self.pipeline).await
            })
            .await
            .copied()
    }
}

/// As it was opened before, should somebody still have it: DuckDB asks for the same settings then. What
/// changed since is set after that.
fn open(file: &DatabaseFile, memory: &Memory) -> std::result::Result<Arc<Database>, Failure> {
    let first_limit = format!("{}B", memory.first_bytes());
    let threads = file.threads.map(|threads| threads.to_string());
    let mut settings = vec![
        ("memory_limit", first_limit.as_str()),
        // Threads write row groups of their own, side by side.
        ("preserve_insertion_order", "false"),
        // Each is written as soon as it is whole.
        ("write_buffer_row_group_count", "1"),
        // Nor compressed once more by a checkpoint because others beside it are not full.
        ("max_vacuum_tasks", "0"),
        // Nothing is fetched from anywhere because a table's default asks for it.
        ("autoinstall_known_extensions", "false"),
        ("custom_user_agent", "wasm-sink"),
    ];
    if let Some(threads) = &threads {
        settings.push(("threads", threads));
    }
    if !file.path.exists() {
        create::whole(&file.path, |new| {
            let made = Database::open(new, &settings).map(drop);
            made.map_err(|failure| std::io::Error::other(failure.message))
        })
        .map_err(|error| Failure::of_disk(&error))?;
    }
    let database = Arc::new(Database::open(&file.path, &settings)?);
    if memory.bytes() != memory.first_bytes() {
        let statement = memory_limit(memory.bytes());
        library::Session::connect(&database)?.run(&statement)?;
    }
    Ok(database)
}

fn memory_limit(bytes: u64) -> String {
    format!("set global memory_limit = '{bytes}B'")
}

pub(crate) struct DuckDbConnection(pub(crate) Arc<Shared>);

#[async_trait]
impl Connection for DuckDbConnection {
    fn describe(&self) -> String {
        self.0.describe()
    }

    async fn check(&self) -> Result<()> {
        if self.0.exists() {
            return self.0.database().await.map(drop);
        }
        let folder = create::folder(&self.0.file.path);
        let probe = blocking(move || {
            let mut probe = folder.clone();
            probe.push(format!(".wasm-sink-{}", std::process::id()));
            let written = std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe));
            written.map_err(|error| {
                Error::new(
                    Kind::Denied,
                    Blame::Configuration,
                    format!("{} cannot take a new database", folder.display()),
                )
                .with_source(error)
            })
        });
        probe.await?
    }

    fn stage(&self, purpose: Purpose) -> Option<Box<dyn Stage>> {
        Some(Box::new(DuckDbStage::new(Arc::clone(&self.0), purpose)))
    }

    fn home(
        &self,
        unit: &UnitId,
        _source: Option<&mut dyn Source>,
    ) -> Result<Option<Arc<dyn Home>>> {
        if *unit != self.0.unit {
            return Err(Error::new(
                Kind::Other,
                Blame::Host,
                format!("`{unit}` is not the connection `{}`", self.0.unit),
            ));
        }
        Ok(Some(Arc::new(DuckDbHome::new(Arc::clone(&self.0)))))
    }

    /// The library fills row groups and keeps what it has written, up to its limit and somewhat beyond.
    fn staged_bytes(&self) -> usize {
        usize::try_from(self.0.memory.staged_bytes()).unwrap_or(usize::MAX)
    }

    /// Moves what the log holds into the file, which is whole by itself then.
    async fn close(&self) {
        let open = self.0.opened().take();
        // The last one closes it.
        if let Err(error) = blocking(move || drop(open)).await {
            tracing::warn!(%error, "closing {}", self.0.describe());
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use wasm_sink_core::guest::wit;

    use super::*;

    fn limit(database: &Arc<Database>) -> String {
        let mut session = library::Session::connect(database).unwrap();
        let rows = session.query("select current_setting('memory_limit')", &[]);
        let rows = rows.unwrap();
        let filled = rows.iter().find(|rows| rows.num_rows() == 1).unwrap();
        filled.column(0).as_string::<i32>().value(0).to_owned()
    }

    #[test]
    fn a_database_that_somebody_still_has_is_opened_again_with_more_memory() {
        let folder = tempfile::tempdir().unwrap();
        let file = DatabaseFile {
            path: folder.path().join("some.duckdb"),
            memory_limit_bytes: None,
            threads: Some(1),
        };
        let memory = Memory::of(&file);
        let first = open(&file, &memory).unwrap();
        let before = limit(&first);
        let table = Columns::requested(&[wit::Field {
            name: "n".to_owned(),
            data_type: "list<struct<a: int64, b: utf8>>".to_owned(),
            nullable: true,
        }]);
        let table = table.unwrap();
        assert!(memory.grow(&table));
        assert!(!memory.grow(&table), "there is room for one by now");
        let second = open(&file, &memory).unwrap();
        assert_eq!(memory.bytes(), memory.first_bytes() + (2 << 20));
        assert_eq!(limit(&first), limit(&second));
        assert_ne!(limit(&second), before);
    }
}
