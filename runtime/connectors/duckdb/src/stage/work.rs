//! What is done in an epoch's transaction, at once or at its end.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema};
use wasm_sink_core::sql::TableName;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::NAMES;
use crate::catalog::Columns;
use crate::library::ROWS;
use crate::session::Session;

/// The column that numbers rows which may have equal keys.
const ORDER: &str = "_wasm_sink_order";

/// A piece of an epoch.
pub(super) enum Work {
    /// Changes of a table.
    Statements { doing: String, statements: String },
    /// Columns of a table that hold more.
    Widening {
        table: TableName,
        changes: Vec<Change>,
    },
    /// Rows for a table; with `keys`, columns and their types, they take the place of others. `first` is the number of the first
    /// among the rows of the epoch.
    Rows {
        table: TableName,
        keys: Vec<(String, String)>,
        rows: RecordBatch,
        first: u64,
    },
}

/// A column's type, and another in its place.
pub(super) struct Change {
    column: String,
    from: String,
    to: String,
}

/// From columns as they are to those that hold more.
pub(super) fn changes(from: &Columns, to: &Columns) -> Vec<Change> {
    let changes = to.iter().filter_map(|wider| {
        Some(Change {
            column: wider.name.clone(),
            from: from.get(&wider.name)?.sql.clone(),
            to: wider.sql.clone(),
        })
    });
    changes.collect()
}

impl Work {
    /// # Errors
    /// Of the library; rows may wait, and fail later.
    pub(super) async fn run(self, session: &mut Session) -> Result<()> {
        let (table, keys, rows, first) = match self {
            Self::Statements { doing, statements } => {
                return session.run(&doing, &statements).await;
            }
            Self::Widening { table, changes } => return widen(session, &table, changes).await,
            Self::Rows {
                table,
                keys,
                rows,
                first,
            } => (table, keys, rows, first),
        };
        let columns: Result<Vec<String>> = rows
            .schema_ref()
            .fields()
            .iter()
            .map(|field| Ok(NAMES.name(field.name())?.to_string()))
            .collect();
        let columns = columns?;
        let (statement, rows, in_order) = match keys.is_empty() {
            true => (appending(&table, &columns), rows, false),
            // Of rows with the same key and other columns the later ones come later.
            false => (
                merging(&table, &columns, &keys)?,
                numbered(&rows, first)?,
                true,
            ),
        };
        session
            .work(&format!("writing to {table}"), move |session| {
                if in_order {
                    session.end_append_unless(&statement, rows.schema_ref())?;
                }
                session.append(&statement, &rows)
            })
            .await
    }
}

/// Another transaction may have been first, and must not have its columns narrowed.
async fn widen(session: &mut Session, table: &TableName, changes: Vec<Change>) -> Result<()> {
    let columns = Columns::read(session, table).await?;
    let columns = columns.ok_or_else(|| super::dropped(table))?;
    for Change { column, from, to } in changes {
        match columns.get(&column).map(|column| column.sql.as_str()) {
            Some(now) if now == to => continue,
            Some(now) if now == from => {}
            _ => {
                return Err(Error::new(
                    Kind::Conflict,
                    Blame::Destination,
                    format!("column `{column}` of {table} was changed"),
                ));
            }
        }
        let name = NAMES.name(&column)?;
        let statement = format!("alter table {table} alter column {name} set data type {to}");
        let done = session
            .run(
                &format!("widening column `{column}` of {table}"),
                &statement,
            )
            .await;
        // What is refused here is not the fault of any row, and a fresh look would find nothing else.
        done.map_err(|error| match error.kind() {
            Kind::Rejected | Kind::Conflict | Kind::Other => Error::new(
                Kind::Other,
                Blame::Configuration,
                format!("{error}; make it {to} by hand, or set schema_evolution = \"add_columns\""),
            ),
            _ => error,
        })?;
    }
    Ok(())
}

fn appending(table: &TableName, columns: &[String]) -> String {
    let columns = columns.join(", ");
    format!("insert into {table} ({columns}) select {columns} from {ROWS}")
}

/// Of rows with equal keys the last one takes the place of the one that is there, or is added.
fn merging(table: &TableName, columns: &[String], keys: &[(String, String)]) -> Result<String> {
    // Text is compared as what it stands for: a UUID has more than one spelling.
    let casts: Result<Vec<String>> = keys
        .iter()
        .map(|(key, kind)| {
            let key = NAMES.name(key)?;
            Ok(format!("cast({key} as {kind}) as {key}"))
        })
        .collect();
    let casts = casts?.join(", ");
    let keys: Result<Vec<String>> = keys
        .iter()
        .map(|(key, _)| Ok(NAMES.name(key)?.to_string()))
        .collect();
    let keys = keys?;
    let is_key = |column: &String| keys.iter().any(|key| key.eq_ignore_ascii_case(column));
    let list = |parts: Vec<String>, between: &str| parts.join(between);
    let same = keys.iter().map(|key| format!("old.{key} = new.{key}"));
    let others = columns.iter().filter(|column| !is_key(column));
    let changes: Vec<String> = others
        .map(|column| format!("{column} = new.{column}"))
        .collect();
    let update = match changes.is_empty() {
        true => String::new(),
        false => format!("when matched then update set {} ", list(changes, ", ")),
    };
    let values = columns.iter().map(|column| format!("new.{column}"));
    Ok(format!(
        "merge into {table} as old using (
             select * from (select * replace ({casts}) from {ROWS})
             qualify row_number() over (partition by {keys} order by {ORDER} desc) = 1
         ) as new on {same}
         {update}when not matched then insert ({columns}) values ({values})",
        keys = keys.join(", "),
        same = list(same.collect(), " and "),
        columns = columns.join(", "),
        values = list(values.collect(), ", "),
    ))
}

/// With a column that says which row came later.
fn numbered(rows: &RecordBatch, first: u64) -> Result<RecordBatch> {
    let order = UInt64Array::from_iter_values(first..first + rows.num_rows() as u64);
    let mut fields = rows.schema_ref().fields().to_vec();
    fields.push(Arc::new(Field::new(ORDER, DataType::UInt64, false)));
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(order));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|error| {
        Error::new(Kind::Other, Blame::Host, "rows could not be numbered").with_source(error)
    })
}
