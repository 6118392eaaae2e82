//! What one instance hands to the database, in a transaction that the home commits.

mod create;
mod overwrite;
mod table;
mod widen;

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{filter_record_batch, not};
use async_trait::async_trait;
use bytes::Bytes;
use wasm_sink_core::guest::fit::Refusals;
use wasm_sink_core::guest::tables::{Fitted, TableStage};
use wasm_sink_core::guest::wit;
use wasm_sink_core::sql::TableName;
use wasm_sink_core::stage::{Purpose, Stage, Staged, TablePreview, UnitId};
use wasm_sink_core::step::Step;
use wasm_sink_core::{Blame, CommitId, Error, Kind, PartitionKey, Position, Result};

use self::overwrite::clear;
pub(crate) use self::overwrite::mark;
use self::table::OpenTable;
use crate::bookkeeping::is_reserved;
use crate::catalog::Columns;
use crate::connection::Shared;
use crate::encode;
use crate::name::NAMES;
use crate::session::Session;
use crate::upsert::Waiting;

/// Rows that a preview keeps.
const MAX_PREVIEW_ROWS: usize = 10_000;
/// Tables of one connection at most, since a component names them and each is kept.
const MAX_TABLES: usize = 1_000;

/// The staging calls of one instance on one connection.
pub struct PostgresStage {
    shared: Arc<Shared>,
    purpose: Purpose,
    epoch: Option<CommitId>,
    tables: Vec<OpenTable>,
    session: Option<Session>,
    /// How many tables there were where rows waited.
    waits: u64,
    rows: u64,
    bytes: u64,
}

/// Encoded rows.
pub struct Rows {
    columns: Vec<String>,
    bytes: Bytes,
    count: usize,
    /// For a preview.
    shown: Option<RecordBatch>,
}

/// What an epoch staged.
pub(crate) struct PostgresStaged {
    /// The transaction that holds it; taken by whoever commits it.
    session: Mutex<Option<Session>>,
    /// The tables that got rows.
    pub(crate) tables: Vec<TableName>,
}

impl PostgresStaged {
    pub(crate) fn take(&self) -> Option<Session> {
        self.session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl PostgresStage {
    pub(crate) fn new(shared: Arc<Shared>, purpose: Purpose) -> Self {
        Self {
            shared,
            purpose,
            epoch: None,
            tables: Vec::new(),
            session: None,
            waits: 0,
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

    /// The epoch's transaction, begun if need be: older rows go first.
    async fn session(&mut self) -> Result<&mut Session> {
        let epoch = self.epoch()?;
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(Session::begin(&self.shared).await?),
        };
        let due = self.tables.iter_mut();
        for table in due.filter(|table| table.overwrite && !table.is_cleared) {
            clear(&self.shared, session, &table.name, epoch).await?;
            table.is_cleared = true;
        }
        self.session.as_mut().ok_or_else(crate::session::gone)
    }
}

/// No row of these has a value for a key.
fn nothing(rows: &RecordBatch, key: &str) -> Fitted<Rows> {
    let mut refusals = Refusals::default();
    refusals.add(&BooleanBuffer::new_set(rows.num_rows()), |_| {
        format!("column `{key}` is null, and it is in `key_fields`")
    });
    Fitted {
        rows: Rows {
            columns: Vec::new(),
            bytes: Bytes::new(),
            count: 0,
            shown: None,
        },
        row_count: 0,
        refused: refusals.finish(rows.num_rows()),
    }
}

impl PostgresStage {
    /// Where rows are copied: the table itself, or one where they wait until all are there.
    async fn target(&mut self, table: &str, columns: &[String]) -> Result<TableName> {
        let open = self.find(table)?;
        if open.keys.is_empty() {
            return Ok(open.name.clone());
        }
        if let Some(waiting) = &open.waiting
            && waiting.columns() == columns
        {
            return Ok(waiting.table().clone());
        }
        self.merge(table).await?;
        let (name, keys) = {
            let open = self.find(table)?;
            (open.name.clone(), open.keys.clone())
        };
        self.waits += 1;
        let number = self.waits;
        let session = self.session().await?;
        let waiting = Waiting::create(session, number, &name, &keys, columns).await?;
        let table_name = waiting.table().clone();
        self.find(table)?.waiting = Some(waiting);
        Ok(table_name)
    }

    /// Has the rows that wait take their places.
    async fn merge(&mut self, table: &str) -> Result<()> {
        let open = self.find(table)?;
        let (name, keys) = (open.name.clone(), open.keys.clone());
        match open.waiting.take() {
            Some(waiting) => waiting.merge(self.session().await?, &name, &keys).await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl TableStage for PostgresStage {
    type Rows = Rows;

    const RESOURCE: &'static str = "postgres.table";

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
        let columns = self
            .shared
            .with_client(async |client| Columns::read(client, &name).await)
            .await?;
        self.tables.push(OpenTable::new(table, name, columns));
        Ok(())
    }

    fn fields(&mut self, table: &str) -> Result<Option<Vec<wit::Field>>> {
        let columns = self.find(table)?.columns.as_ref();
        Ok(columns.map(|columns| columns.fields()))
    }

    async fn add_columns(&mut self, table: &str, fields: &[wit::Field]) -> Result<()> {
        self.add(table, fields).await
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
        if keys.is_empty() || open.has_rows {
            return Err(Error::invalid(
                "`upsert-by` names at least one column, before the rows of an epoch",
            ));
        }
        open.keys = keys;
        Ok(())
    }

    fn fit(&mut self, table: &str, rows: &RecordBatch) -> Result<Fitted<Rows>> {
        self.epoch()?;
        let purpose = self.purpose;
        let open = self.find(table)?;
        let columns = open.layout(rows.schema_ref())?;
        let keys = &open.keys;
        let given = rows.schema_ref().fields().iter().zip(rows.columns());
        let given: Vec<(&crate::catalog::Column, &ArrayRef)> = given
            .filter_map(|(field, values)| Some((columns.get(field.name())?, values)))
            .collect();
        if given.is_empty() {
            return Err(Error::invalid("the rows have no columns"));
        }
        let is_given = |key: &String| given.iter().any(|(column, _)| column.name == *key);
        if let Some(key) = keys.iter().find(|key| !is_given(key)) {
            return Ok(nothing(rows, key));
        }
        let to_encode: Vec<_> = given
            .iter()
            .map(|(column, values)| encode::Column {
                name: &column.name,
                values,
                to: &column.kind,
                allows_null: column.allows_null && !keys.contains(&column.name),
            })
            .collect();
        let encoded = encode::rows(&to_encode, rows.num_rows())?;
        let shown = match (purpose, &encoded.refused) {
            (Purpose::Preview, None) => Some(rows.clone()),
            (Purpose::Preview, Some(refused)) => {
                let kept = not(&refused.rows);
                kept.and_then(|kept| filter_record_batch(rows, &kept)).ok()
            }
            _ => None,
        };
        Ok(Fitted {
            row_count: encoded.rows,
            rows: Rows {
                columns: given
                    .iter()
                    .map(|(column, _)| column.name.clone())
                    .collect(),
                bytes: encoded.bytes,
                count: encoded.rows,
                shown,
            },
            refused: encoded.refused,
        })
    }

    async fn prepare(&mut self, _table: &str) -> Result<()> {
        if self.purpose != Purpose::Preview {
            self.session().await?;
        }
        Ok(())
    }

    async fn push(&mut self, table: &str, rows: Rows) -> Result<()> {
        if rows.count == 0 {
            return Ok(());
        }
        let purpose = self.purpose;
        let open = self.find(table)?;
        if purpose == Purpose::Preview {
            let kept: usize = open.preview.iter().map(RecordBatch::num_rows).sum();
            if kept < MAX_PREVIEW_ROWS {
                open.preview.extend(rows.shown);
            }
            return Ok(());
        }
        open.has_rows = true;
        self.rows += rows.count as u64;
        self.bytes += rows.bytes.len() as u64;
        let target = self.target(table, &rows.columns).await?;
        let session = self.session().await?;
        session.copy(&target, &rows.columns, rows.bytes).await
    }
}

#[async_trait]
impl Stage for PostgresStage {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn begin(&mut self, id: CommitId) {
        self.epoch = Some(id);
        // One that was not finished is forgotten by closing its connection.
        self.session = None;
        self.rows = 0;
        self.bytes = 0;
        for table in &mut self.tables {
            table.waiting = None;
            table.is_cleared = false;
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
        if self.session.is_none() && self.tables.iter().any(|table| table.overwrite) {
            self.session().await?;
        }
        let tables: Vec<String> = self.tables.iter().map(|open| open.word.clone()).collect();
        for table in &tables {
            self.merge(table).await?;
        }
        let Some(session) = &mut self.session else {
            return Ok(Vec::new());
        };
        session.end_copy().await?;
        let tables: Vec<_> = self.tables.iter().filter(|table| table.has_rows).collect();
        for table in &tables {
            // Rows keep others from changing the columns until the end of the transaction.
            let columns = Columns::read(session.client().await?, &table.name).await?;
            if columns != table.columns {
                return Err(Error::new(
                    Kind::Conflict,
                    Blame::Destination,
                    format!(
                        "the columns of {} changed while rows were copied",
                        table.name
                    ),
                ));
            }
        }
        let tables = tables.iter().map(|table| table.name.clone()).collect();
        // What would otherwise be checked by the commit, when it is too late to tell rows apart.
        let doing = "checking deferred constraints";
        session.run(doing, "set constraints all immediate").await?;
        Step::FileWritten.reached();
        if self.purpose == Purpose::Probe {
            return Ok(Vec::new());
        }
        Ok(vec![Staged {
            unit: self.shared.unit.clone(),
            rows: self.rows,
            bytes: self.bytes,
            payload: Arc::new(PostgresStaged {
                session: Mutex::new(self.session.take()),
                tables,
            }),
        }])
    }

    async fn forget(&mut self) {
        if let Some(session) = self.session.take() {
            session.roll_back(&self.shared).await;
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
