//! What one instance hands to the database, in a transaction that the home commits.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use wasm_sink_core::guest::fit::{Refusals, exactly, shown};
use wasm_sink_core::guest::tables::{Fitted, TableStage};
use wasm_sink_core::guest::{json_texts, wit};
use wasm_sink_core::sql::TableName;
use wasm_sink_core::stage::{Purpose, Stage, Staged, TablePreview, UnitId};
use wasm_sink_core::step::Step;
use wasm_sink_core::{Blame, CommitId, Error, Kind, PartitionKey, Position, Result};

use crate::NAMES;
use crate::bookkeeping::{OVERWRITES, is_reserved};
use crate::catalog::{Column, Columns};
use crate::connection::Shared;
use crate::library::ROWS;
use crate::session::{Parameter, Session, gone};
use crate::types::{on_the_way, strange};

/// Rows that a preview keeps.
const MAX_PREVIEW_ROWS: usize = 10_000;
/// Tables of one connection at most, since a component names them and each is kept.
const MAX_TABLES: usize = 1_000;

/// The staging calls of one instance on one connection.
pub struct DuckDbStage {
    shared: Arc<Shared>,
    purpose: Purpose,
    epoch: Option<CommitId>,
    tables: Vec<OpenTable>,
    session: Option<Session>,
    rows: u64,
    bytes: u64,
}

/// One opened table.
struct OpenTable {
    /// As the component named it.
    word: String,
    name: TableName,
    /// None where there is no table.
    columns: Option<Arc<Columns>>,
    exists: bool,
    layout: Option<Layout>,
    /// Whether older rows are to go.
    overwrite: bool,
    /// Whether they are gone in the epoch's transaction.
    is_cleared: bool,
    /// Whether rows went there in this epoch.
    has_rows: bool,
    preview: Vec<RecordBatch>,
}

/// That rows of a schema go into a table.
struct Layout {
    rows: SchemaRef,
    table: Arc<Columns>,
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
            shared,
            purpose,
            epoch: None,
            tables: Vec::new(),
            session: None,
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
            none => {
                self.shared.books().await?;
                none.insert(Session::begin(&self.shared).await?)
            }
        };
        let due = self.tables.iter_mut();
        for table in due.filter(|table| table.overwrite && !table.is_cleared) {
            clear(&self.shared, session, &table.name, epoch).await?;
            table.is_cleared = true;
        }
        self.session.as_mut().ok_or_else(gone)
    }

    /// Creates the table by itself: two tasks that did it in their transactions would be in each
    /// other's way until the end.
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
                let mut session = Session::connect(&self.shared).await?;
                match Columns::read(&mut session, &name).await? {
                    Some(there) => Some(there),
                    None => {
                        session.run(&doing, &creation).await?;
                        Step::TableCreated.reached();
                        Columns::read(&mut session, &name).await?
                    }
                }
            }
            Purpose::Probe => {
                let session = self.session().await?;
                session.run(&doing, &creation).await?;
                Columns::read(session, &name).await?
            }
        };
        let columns = columns.ok_or_else(|| dropped(&name))?;
        let is_same = matches!(columns.missing(fields), Ok(missing) if missing.is_empty());
        self.find(table)?.columns = Some(columns);
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

/// Removes the rows that stood in a table before the pipeline's first commit, in this transaction.
async fn clear(
    shared: &Shared,
    session: &mut Session,
    table: &TableName,
    epoch: CommitId,
) -> Result<()> {
    if mark(shared, session, table, epoch).await? {
        let doing = format!("removing the older rows of {table}");
        let removed = session.run(&doing, &format!("delete from {table}")).await;
        // Rows that stood there are in the way of others: not the fault of any that are new.
        removed.map_err(|error| match error.kind() {
            Kind::Rejected => Error::new(Kind::Other, Blame::Destination, error.to_string()),
            _ => error,
        })?;
    }
    Ok(())
}

/// Notes that the pipeline has rows in a table: what stood there is gone, or stays. False where that
/// was noted before, or there is no table.
pub(crate) async fn mark(
    shared: &Shared,
    session: &mut Session,
    table: &TableName,
    epoch: CommitId,
) -> Result<bool> {
    let schema = table.schema().map_or("main", |schema| schema.as_str());
    let marked = session
        .execute(
            "marking a table",
            &format!(
                "insert into {OVERWRITES} (pipeline, table_name, commit_id)
                 select ?, schema_name || '.' || duckdb_tables.table_name, ? from duckdb_tables()
                 where database_name = current_database()
                   and lower(schema_name) = lower(?)
                   and lower(duckdb_tables.table_name) = lower(?)
                   and not exists (
                       select * from {OVERWRITES} as noted
                       where noted.pipeline = ?
                         and noted.table_name = schema_name || '.' || duckdb_tables.table_name)"
            ),
            &[
                shared.pipeline.as_ref().into(),
                Parameter::Integer(epoch.slot()),
                schema.into(),
                table.table().as_str().into(),
                shared.pipeline.as_ref().into(),
            ],
        )
        .await?;
    Ok(marked == 1)
}

impl OpenTable {
    /// # Errors
    /// `invalid`: rows of this schema do not go into the table, whatever their values.
    fn layout(&mut self, rows: &SchemaRef) -> Result<Arc<Columns>> {
        let Some(table) = &self.columns else {
            return Err(Error::invalid(format!(
                "there is no table {} yet; create it first",
                self.name
            )));
        };
        if let Some(layout) = &self.layout
            && Arc::ptr_eq(&layout.table, table)
            && (Arc::ptr_eq(&layout.rows, rows) || layout.rows == *rows)
        {
            return Ok(Arc::clone(table));
        }
        for (index, field) in rows.fields().iter().enumerate() {
            let name = field.name();
            let is_same = |other: &Arc<Field>| other.name().eq_ignore_ascii_case(name);
            if rows.fields()[..index].iter().any(is_same) {
                return Err(Error::invalid(format!(
                    "the rows have two columns `{name}`"
                )));
            }
            // A column without values of any type carries nothing that could be lost.
            if field.data_type().is_null() {
                continue;
            }
            let Some(column) = table.get(name) else {
                let known: Vec<_> = table.iter().map(|column| column.name.as_str()).collect();
                return Err(Error::invalid(format!(
                    "column `{name}` is not in the table, which has: {}; add it with add-columns, \
                     or leave it out",
                    known.join(", ")
                )));
            };
            column.check(field.data_type())?;
        }
        let is_given = |column: &Column| {
            let mut names = rows.fields().iter().map(|field| field.name());
            names.any(|name| name.eq_ignore_ascii_case(&column.name))
        };
        if let Some(column) = table
            .iter()
            .find(|column| !column.allows_null && !column.has_default && !is_given(column))
        {
            return Err(Error::invalid(format!(
                "the rows have no column `{}`, and the table does not allow nulls there",
                column.name
            )));
        }
        self.layout = Some(Layout {
            rows: Arc::clone(rows),
            table: Arc::clone(table),
        });
        Ok(Arc::clone(table))
    }
}

/// Values as they go into a column; those that do not are null, and their rows are refused.
fn fit_column(column: &Column, values: &ArrayRef, refusals: &mut Refusals) -> ArrayRef {
    let to = on_the_way(values.data_type(), &column.data_type);
    let refuse = |row: usize| {
        format!(
            "column `{}`: {} does not go into {} as it is",
            column.name,
            shown(values, row),
            column.sql
        )
    };
    let converted = match values.data_type().is_nested() && column.sql == "JSON" {
        true => json_texts(values).ok_or_else(|| {
            arrow::buffer::BooleanBuffer::collect_bool(values.len(), |row| values.is_valid(row))
        }),
        false => exactly(values, &to),
    };
    let fitted = match converted {
        Ok(fitted) => fitted,
        Err(rows) => {
            refusals.add(&rows, refuse);
            // Once more, without them: their rows go anyway.
            let kept = arrow::compute::nullif(values, &rows.into()).map(|kept| exactly(&kept, &to));
            match kept {
                Ok(Ok(fitted)) => fitted,
                _ => arrow::array::new_null_array(&to, values.len()),
            }
        }
    };
    if let Some(rows) = strange(&fitted) {
        refusals.add(&rows, refuse);
    }
    if !column.allows_null
        && let Some(nulls) = fitted.logical_nulls()
        && nulls.null_count() > 0
    {
        refusals.add(&!nulls.inner(), |_| {
            format!(
                "column `{}` is null, and the table does not allow that",
                column.name
            )
        });
    }
    fitted
}

#[async_trait]
impl TableStage for DuckDbStage {
    type Rows = RecordBatch;

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
        self.tables.push(OpenTable {
            word: table.to_owned(),
            name,
            exists: columns.is_some(),
            columns,
            layout: None,
            overwrite: false,
            is_cleared: false,
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
        let mut missing = columns.missing(fields)?;
        if missing.is_empty() {
            return Ok(());
        }
        let mut statements = String::new();
        for column in &mut missing {
            column.allows_null = true;
            let definition = column.definition()?;
            statements.push_str(&format!(
                "alter table {name} add column if not exists {definition};"
            ));
        }
        let grown = if purpose == Purpose::Preview {
            Arc::new(columns.with(missing))
        } else {
            let session = self.session().await?;
            let doing = format!("adding columns to {name}");
            session.run(&doing, &statements).await?;
            Step::ColumnsAdded.reached();
            let grown = Columns::read(session, &name).await?;
            grown.ok_or_else(|| dropped(&name))?
        };
        if let Some(column) = grown.missing(fields)?.first() {
            return Err(Error::invalid(format!(
                "column `{}` of {name} is generated by the database; leave it out",
                column.name
            )));
        }
        self.find(table)?.columns = Some(grown);
        Ok(())
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

    fn fit(&mut self, table: &str, rows: &RecordBatch) -> Result<Fitted<RecordBatch>> {
        self.epoch()?;
        let columns = self.find(table)?.layout(rows.schema_ref())?;
        let mut refusals = Refusals::default();
        let (mut fields, mut values) = (Vec::new(), Vec::new());
        for (field, given) in rows.schema_ref().fields().iter().zip(rows.columns()) {
            let Some(column) = columns.get(field.name()) else {
                continue;
            };
            let given: &ArrayRef = given;
            let fitted = fit_column(column, given, &mut refusals);
            fields.push(Field::new(&column.name, fitted.data_type().clone(), true));
            values.push(fitted);
        }
        if fields.is_empty() {
            return Err(Error::invalid("the rows have no columns"));
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
        if self.purpose != Purpose::Preview {
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
        let name = open.name.clone();
        let columns: Result<Vec<String>> = rows
            .schema_ref()
            .fields()
            .iter()
            .map(|field| Ok(NAMES.name(field.name())?.to_string()))
            .collect();
        let columns = columns?.join(", ");
        let statement = format!("insert into {name} ({columns}) select {columns} from {ROWS}");
        self.rows += rows.num_rows() as u64;
        self.bytes += rows.get_array_memory_size() as u64;
        let session = self.session().await?;
        let doing = format!("writing to {name}");
        session
            .work(&doing, move |session| session.append(&statement, &rows))
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
        self.rows = 0;
        self.bytes = 0;
        for table in &mut self.tables {
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
            payload: Arc::new(DuckDbStaged {
                tables: tables.map(|table| table.name.clone()).collect(),
                session: Mutex::new(self.session.take()),
            }),
        }])
    }

    async fn forget(&mut self) {
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
