//! One table of a connection, as an instance has opened it.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use wasm_sink_core::sql::TableName;
use wasm_sink_core::{Error, Result};

use crate::catalog::{Column, Columns};
use crate::encode;
use crate::upsert::Waiting;

/// One opened table.
pub(super) struct OpenTable {
    /// As the component named it.
    pub(super) word: String,
    pub(super) name: TableName,
    /// None where there is no table.
    pub(super) columns: Option<Arc<Columns>>,
    pub(super) exists: bool,
    layout: Option<Layout>,
    /// By which a row takes the place of another; empty: all are added.
    pub(super) keys: Vec<String>,
    /// Where rows with keys wait for the end of the epoch.
    pub(super) waiting: Option<Waiting>,
    /// Whether older rows are to go.
    pub(super) overwrite: bool,
    /// Whether they are gone in the epoch's transaction.
    pub(super) is_cleared: bool,
    /// Whether rows went there in this epoch.
    pub(super) has_rows: bool,
    pub(super) preview: Vec<RecordBatch>,
}

/// That rows of a schema go into a table.
struct Layout {
    rows: SchemaRef,
    table: Arc<Columns>,
}

impl OpenTable {
    pub(super) fn new(word: &str, name: TableName, columns: Option<Arc<Columns>>) -> Self {
        Self {
            word: word.to_owned(),
            name,
            exists: columns.is_some(),
            columns,
            layout: None,
            keys: Vec::new(),
            waiting: None,
            overwrite: false,
            is_cleared: false,
            has_rows: false,
            preview: Vec::new(),
        }
    }

    /// # Errors
    /// `invalid`: rows of this schema do not go into the table, whatever their values.
    pub(super) fn layout(&mut self, rows: &SchemaRef) -> Result<Arc<Columns>> {
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
            if rows.index_of(name).is_ok_and(|first| first != index) {
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
            encode::check(name, field.data_type(), &column.kind)?;
        }
        let needs = |column: &&Column| !column.allows_null && !column.has_default;
        if let Some(column) = table
            .iter()
            .filter(needs)
            .filter(|column| !self.keys.contains(&column.name))
            .find(|column| rows.index_of(&column.name).is_err())
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
