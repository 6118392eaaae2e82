//! What one instance hands to the database, in a transaction that the home commits.

mod overwrite;
mod table;
mod widen;
mod work;

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::{Field, Schema};
use async_trait::async_trait;
use wasm_sink_core::guest::fit::Refusals;
use wasm_sink_core::guest::tables::{Fitted, TableStage};
use wasm_sink_core::guest::wit;
use wasm_sink_core::sql::TableName;
use wasm_sink_core::stage::{Purpose, Stage, Staged, TablePreview, UnitId};
use wasm_sink_core::step::Step;
use wasm_sink_core::{Blame, CommitId, Error, Kind, PartitionKey, Position, Result};

use crate::NAMES;
use crate::bookkeeping::is_reserved;
use crate::catalog::Columns;
use crate::connection::Shared;
use crate::memory::Writer;
use crate::session::{Session, gone};

use overwrite::clear;
pub(crate) use overwrite::mark;
use table::{OpenTable, fit_column, is_key};
use work::Work;

/// Rows that a preview keeps.
const MAX_PREVIEW_ROWS: usize = 10_000;
/// What rows leave behind that others took the place of, checkpoints clean up; where rows are only added,
/// they have nothing to do (`max_vacuum_tasks` of the connection).
const VACUUM: &str = "set global max_vacuum_tasks = 100";
/// Tables of one connection at most, since a component names them and each is kept.
const MAX_TABLES: usize = 1_000;

/// The staging calls of one instance on one connection.
pub struct DuckDbStage {
    shared: Arc<Shared>,
    purpose: Purpose,
    epoch: Option<CommitId>,
    tables: Vec<OpenTable>,
    session: Option<Session>,
    /// What waits for the epoch's end: all that is done in an epoch with rows that take the place of others.
    late: Vec<Work>,
    /// Whether all epochs of the connection wait.
    waits: bool,
    rows: u64,
    bytes: u64,
    _writer: Writer,
}

/// What an epoch staged.
pub(crate) struct DuckDbStaged {
    /// The transaction that holds it; taken by whoever commits it.
    session: Mutex<Option<Session>>,
    /// The tables that got rows.
    pub(crate) tables: Vec<TableName>,
}

impl DuckDbStaged {
    pub(crate) fn take(&self) -> Option<Session> {
        self.session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl DuckDbStage {
    pub(crate) fn new(shared: Arc<Shared>, purpose: Purpose) -> Self {
        Self {
            _writer: shared.memory.writer(),
            shared,
            purpose,
            epoch: None,
            tables: Vec::new(),
            session: None,
            late: Vec::new(),
            waits: false,
            rows: 0,
            bytes: 0,
        }
    }

    fn find(&mut self, table: &str) -> Result<&mut OpenTable> {
        let found = self.tables.iter_mut().find(|open| open.word == table);
        found.ok_or_else(|| {
            Error::new(
                Kind::Other,
                Blame::Host,
                format!("table `{table}` was not opened"),
            )
        })
    }

    fn epoch(&self) -> Result<CommitId> {
        let outside = || Error::invalid("rows and columns are staged in `write` and `flush` only");
        self.epoch.ok_or_else(outside)
    }

    /// Whether rows take the place of others. Two transactions that do this at the same time do not see
    /// each other's rows and would both add the same key: so one at a time does it, from its beginning to
    /// its commit, and for that to be short it begins when all rows are there.
    fn is_late(&self) -> bool {
        self.waits || self.tables.iter().any(|table| !table.keys.is_empty())
    }

    /// The epoch's transaction for rows: older ones go first.
    async fn session(&mut self) -> Result<&mut Session> {
        let epoch = self.epoch()?;
        self.transaction().await?;
        let session = self.session.as_mut().ok_or_else(gone)?;
        let due = self.tables.iter_mut();
        for table in due.filter(|table| table.overwrite && !table.is_cleared) {
            table.is_emptied = clear(&self.shared, session, &table.name, epoch).await?;
            table.is_cleared = true;
        }
        Ok(session)
    }

    /// The epoch's transaction, begun if need be.
    async fn transaction(&mut self) -> Result<&mut Session> {
        self.epoch()?;
        if self.session.is_none() {
            self.shared.books().await?;
            let replaced = self.tables.iter().filter(|table| !table.keys.is_empty());
            let turns = self.shared.turns(replaced.map(|table| &table.name)).await;
            let replaces = !turns.is_empty();
            let session = self
                .session
                .insert(Session::begin(&self.shared, turns).await?);
            if replaces {
                session.run("making room in the file", VACUUM).await?;
            }
        }
        self.session.as_mut().ok_or_else(gone)
    }

    async fn submit(&mut self, work: Work) -> Result<()> {
        self.epoch()?;
        match self.is_late() {
            true => self.late.push(work),
            false => work.run(self.session().await?).await?,
        }
        Ok(())
    }

    /// The columns of a table are these from now on.
    async fn settle(&mut self, table: &str, columns: Arc<Columns>) -> Result<()> {
        self.make_room(&columns).await?;
        self.find(table)?.columns = Some(columns);
        Ok(())
    }

    async fn make_room(&mut self, columns: &Columns) -> Result<()> {
        match self.purpose {
            Purpose::Preview => Ok(()),
            Purpose::Commit | Purpose::Probe => self.shared.make_room(columns).await,
        }
    }

    /// Creates the table by itself: two tasks that did it in their transactions would be in each
    /// other's way until the end. Behind rows of another table it is part of the transaction, which
    /// would not see it otherwise.
    pub(crate) async fn create(&mut self, table: &str, fields: &[wit::Field]) -> Result<()> {
        let wanted = Columns::requested(fields)?;
        let purpose = self.purpose;
        let open = self.find(table)?;
        let name = open.name.clone();
        let creation = format!(
            "create table if not exists {name} ({})",
            wanted.definition()?
        );
        let doing = format!("creating table {name}");
        let columns = match purpose {
            Purpose::Preview => open.columns.clone().or(Some(Arc::new(wanted))),
            Purpose::Commit => {
                let mut alone = None;
                let session = match &mut self.session {
                    Some(session) => session,
                    None => alone.insert(Session::connect(&self.shared).await?),
                };
                match Columns::read(session, &name).await? {
                    Some(there) => Some(there),
                    None => {
                        let created = session.run(&doing, &creation).await;
                        // Nothing that a fresh look would find changed: a schema is not there.
                        created.map_err(|error| match error.kind() {
                            Kind::Conflict => {
                                Error::new(Kind::Other, Blame::Configuration, error.to_string())
                            }
                            _ => error,
                        })?;
                        Step::TableCreated.reached();
                        Columns::read(session, &name).await?
                    }
                }
            }
            Purpose::Probe => {
                let statements = creation;
                let mut session = Session::connect(&self.shared).await?;
                let wanted = wanted.settled(&mut session).await?;
                self.submit(Work::Statements { doing, statements }).await?;
                Some(Arc::new(wanted))
            }
        };
        let columns = columns.ok_or_else(|| dropped(&name))?;
        let is_same = matches!(columns.missing(fields), Ok(missing) if missing.is_empty());
        self.settle(table, columns).await?;
        match is_same {
            true => Ok(()),
            false => Err(Error::invalid(format!(
                "table {name} is there already, with other columns"
            ))),
        }
    }
}

fn dropped(table: &TableName) -> Error {
    Error::new(
        Kind::Conflict,
        Blame::Destination,
        format!("table {table} was dropped"),
    )
}

#[async_trait]
impl TableStage for DuckDbStage {
    type Rows = RecordBatch;

    const RESOURCE: &'static str = "duckdb.table";

    async fn open(&mut self, table: &str) -> Result<()> {
        if self.find(table).is_ok() {
            return Ok(());
        }
        let name = NAMES.table(table)?;
        if is_reserved(name.table().as_str()) {
            return Err(Error::invalid(format!(
                "`{table}` is where wasm-sink keeps positions; name another table"
            )));
        }
        if self.tables.len() >= MAX_TABLES {
            return Err(Error::invalid(format!(
                "`{table}` would be one table too many: a connection has at most {MAX_TABLES} in \
                 one run"
            )));
        }
        // A preview makes no file.
        let columns = match self.purpose == Purpose::Preview && !self.shared.exists() {
            true => None,
            false => Columns::read(&mut Session::connect(&self.shared).await?, &name).await?,
        };
        if let Some(columns) = &columns {
            self.make_room(columns).await?;
        }
        self.tables.push(OpenTable {
            word: table.to_owned(),
            name,
            exists: columns.is_some(),
            columns,
            layout: None,
            keys: Vec::new(),
            overwrite: false,
            is_cleared: false,
            is_emptied: false,
            has_rows: false,
            preview: Vec::new(),
        });
        Ok(())
    }

    fn fields(&mut self, table: &str) -> Result<Option<Vec<wit::Field>>> {
        let columns = self.find(table)?.columns.as_ref();
        Ok(columns.map(|columns| columns.fields()))
    }

    async fn add_columns(&mut self, table: &str, fields: &[wit::Field]) -> Result<()> {
        let purpose = self.purpose;
        let open = self.find(table)?;
        let name = open.name.clone();
        let Some(columns) = open.columns.clone() else {
            return Err(Error::invalid(format!(
                "there is no table {name} yet; create it first"
            )));
        };
        let missing = columns.missing(fields)?.nullable();
        if missing.is_empty() {
            return Ok(());
        }
        let doing = format!("adding columns to {name}");
        let additions: Result<Vec<String>> = missing
            .iter()
            .map(|column| {
                let definition = column.definition()?;
                Ok(format!(
                    "alter table {name} add column if not exists {definition}"
                ))
            })
            .collect();
        let statements = additions?.join("; ");
        let grown = match (purpose, self.is_late()) {
            (Purpose::Preview, _) => Arc::new(columns.with(missing)),
            (Purpose::Commit | Purpose::Probe, true) => {
                let mut session = Session::connect(&self.shared).await?;
                let missing = missing.settled(&mut session).await?;
                let work = Work::Statements { doing, statements };
                self.alter(table, work).await?;
                Arc::new(columns.with(missing))
            }
            (Purpose::Commit | Purpose::Probe, false) => {
                let work = Work::Statements { doing, statements };
                self.alter(table, work).await?;
                let grown = Columns::read(self.transaction().await?, &name).await?;
                grown.ok_or_else(|| dropped(&name))?
            }
        };
        if let Some(column) = grown.missing(fields)?.iter().next() {
            return Err(Error::invalid(format!(
                "column `{}` of {name} is generated by the database; leave it out",
                column.name
            )));
        }
        self.settle(table, grown).await
    }

    async fn widen_columns(&mut self, table: &str, fields: &[wit::Field]) -> Result<()> {
        self.widen(table, fields).await
    }

    fn overwrite(&mut self, table: &str) -> Result<()> {
        let open = self.find(table)?;
        if open.has_rows && !open.overwrite {
            return Err(Error::invalid(
                "`overwrite` comes before the rows of an epoch, not after them",
            ));
        }
        open.overwrite = true;
        Ok(())
    }

    fn upsert_by(&mut self, table: &str, keys: Vec<String>) -> Result<()> {
        let open = self.find(table)?;
        let has_rows = open.has_rows;
        if keys.is_empty() || has_rows || self.session.is_some() {
            return Err(Error::invalid(
                "`upsert-by` names at least one column, before the rows of an epoch",
            ));
        }
        self.find(table)?.keys = keys;
        Ok(())
    }

    fn fit(&mut self, table: &str, rows: &RecordBatch) -> Result<Fitted<RecordBatch>> {
        self.epoch()?;
        let open = self.find(table)?;
        let columns = open.layout(rows.schema_ref())?;
        let keys = &open.keys;
        let mut refusals = Refusals::default();
        let (mut fields, mut values) = (Vec::new(), Vec::new());
        for (field, given) in rows.schema_ref().fields().iter().zip(rows.columns()) {
            let Some(column) = columns.get(field.name()) else {
                continue;
            };
            let given: &ArrayRef = given;
            let fitted = fit_column(column, is_key(keys, &column.name), given, &mut refusals);
            fields.push(Field::new(&column.name, fitted.data_type().clone(), true));
            values.push(fitted);
        }
        if fields.is_empty() {
            return Err(Error::invalid("the rows have no columns"));
        }
        for key in keys {
            let mut names = fields.iter().map(Field::name);
            if !names.any(|name| name.eq_ignore_ascii_case(key)) {
                let all = BooleanBuffer::new_set(rows.num_rows());
                refusals.add(&all, |_| {
                    format!("column `{key}` is null, and it is in `key_fields`")
                });
            }
        }
        let unfit = |error| {
            Error::new(Kind::Other, Blame::Host, "rows could not be fitted").with_source(error)
        };
        let fitted = RecordBatch::try_new(Arc::new(Schema::new(fields)), values).map_err(unfit)?;
        let refused = refusals.finish(rows.num_rows());
        let fitted = match &refused {
            None => fitted,
            Some(refused) => {
                let kept = not(&refused.rows).map_err(unfit)?;
                filter_record_batch(&fitted, &kept).map_err(unfit)?
            }
        };
        Ok(Fitted {
            row_count: fitted.num_rows(),
            rows: fitted,
            refused,
        })
    }

    async fn prepare(&mut self, _table: &str) -> Result<()> {
        if self.purpose != Purpose::Preview && !self.is_late() {
            self.session().await?;
        }
        Ok(())
    }

    async fn push(&mut self, table: &str, rows: RecordBatch) -> Result<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let purpose = self.purpose;
        let open = self.find(table)?;
        if purpose == Purpose::Preview {
            let kept: usize = open.preview.iter().map(RecordBatch::num_rows).sum();
            if kept < MAX_PREVIEW_ROWS {
                open.preview.push(rows);
            }
            return Ok(());
        }
        open.has_rows = true;
        let table = open.name.clone();
        let key = |name: &String| {
            let column = open.columns.as_ref()?.get(name)?;
            Some((column.name.clone(), column.sql.clone()))
        };
        let keys = open.keys.iter().filter_map(key).collect();
        self.bytes += rows.get_array_memory_size() as u64;
        let first = self.rows;
        self.rows += rows.num_rows() as u64;
        self.submit(Work::Rows {
            table,
            keys,
            rows,
            first,
        })
        .await
    }
}

#[async_trait]
impl Stage for DuckDbStage {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn begin(&mut self, id: CommitId) {
        self.epoch = Some(id);
        // One that was not finished is forgotten by closing its connection.
        self.session = None;
        self.late.clear();
        self.waits = self.shared.waits_for_ends();
        self.rows = 0;
        self.bytes = 0;
        for table in &mut self.tables {
            table.is_cleared = false;
            table.is_emptied = false;
            table.has_rows = false;
            table.preview.clear();
        }
    }

    fn admit(&mut self, _key: &PartitionKey, _begin: Option<&Position>) {}

    fn units(&self) -> Vec<UnitId> {
        match self.tables.is_empty() {
            true => Vec::new(),
            false => vec![self.shared.unit.clone()],
        }
    }

    async fn finish(&mut self) -> Result<Vec<Staged>> {
        if self.purpose == Purpose::Preview {
            return Ok(Vec::new());
        }
        self.do_late().await?;
        let Some(session) = &mut self.session else {
            return Ok(Vec::new());
        };
        session
            .work("writing rows", crate::library::Session::end_append)
            .await?;
        Step::FileWritten.reached();
        if self.purpose == Purpose::Probe {
            return Ok(Vec::new());
        }
        let tables = self.tables.iter().filter(|table| table.has_rows);
        Ok(vec![Staged {
            unit: self.shared.unit.clone(),
            rows: self.rows,
            bytes: self.bytes,
            payload: self.shared.remember(DuckDbStaged {
                tables: tables.map(|table| table.name.clone()).collect(),
                session: Mutex::new(self.session.take()),
            }),
        }])
    }

    async fn forget(&mut self) {
        self.late.clear();
        if let Some(session) = self.session.take() {
            session.roll_back().await;
        }
    }

    fn preview(&mut self) -> Vec<TablePreview> {
        let previews = self.tables.iter_mut().map(|table| TablePreview {
            unit: UnitId {
                connection: Arc::clone(&self.shared.unit.connection),
                name: Arc::from(table.word.as_str()),
            },
            exists: table.exists,
            partition_by: Vec::new(),
            rows: std::mem::take(&mut table.preview),
        });
        previews.collect()
    }
}
