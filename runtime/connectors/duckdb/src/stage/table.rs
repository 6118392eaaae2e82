//! An opened table, and how rows fit into it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{Field, SchemaRef};
use wasm_sink_core::guest::fit::{Refusals, exactly, shown};
use wasm_sink_core::guest::json_texts;
use wasm_sink_core::sql::TableName;
use wasm_sink_core::{Error, Result};

use crate::catalog::{Column, Columns};
use crate::types::{on_the_way, readable, strange};

/// One opened table.
pub(super) struct OpenTable {
    /// As the component named it.
    pub(super) word: String,
    pub(super) name: TableName,
    /// None where there is no table.
    pub(super) columns: Option<Arc<Columns>>,
    pub(super) exists: bool,
    pub(super) layout: Option<Layout>,
    /// By which a row takes the place of another; empty: all are added.
    pub(super) keys: Vec<String>,
    /// Whether older rows are to go.
    pub(super) overwrite: bool,
    /// Whether they are gone in the epoch's transaction.
    pub(super) is_cleared: bool,
    /// Whether there were such.
    pub(super) is_emptied: bool,
    /// Whether rows went there in this epoch.
    pub(super) has_rows: bool,
    pub(super) preview: Vec<RecordBatch>,
}

/// That rows of a schema go into a table.
pub(super) struct Layout {
    rows: SchemaRef,
    table: Arc<Columns>,
}

impl OpenTable {
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
            .filter(|column| !column.allows_null && !column.has_default)
            .find(|column| !is_given(column) && !is_key(&self.keys, &column.name))
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

pub(super) fn is_key(keys: &[String], column: &str) -> bool {
    keys.iter().any(|key| key.eq_ignore_ascii_case(column))
}

/// Values as they go into a column; those that do not are null, and their rows are refused.
pub(super) fn fit_column(
    column: &Column,
    is_key: bool,
    values: &ArrayRef,
    refusals: &mut Refusals,
) -> ArrayRef {
    let values = &readable(values);
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
        true => json_texts(values)
            .ok_or_else(|| BooleanBuffer::collect_bool(values.len(), |row| values.is_valid(row))),
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
                _ => {
                    refusals.add(&BooleanBuffer::new_set(values.len()), refuse);
                    arrow::array::new_null_array(&to, values.len())
                }
            }
        }
    };
    if let Some(rows) = strange(&fitted) {
        refusals.add(&rows, refuse);
    }
    if (is_key || !column.allows_null)
        && let Some(nulls) = fitted.logical_nulls()
        && nulls.null_count() > 0
    {
        refusals.add(&!nulls.inner(), |_| {
            let why = match is_key {
                true => "is in `key_fields`",
                false => "allows no nulls in the table",
            };
            format!("column `{}` is null, and it {why}", column.name)
        });
    }
    fitted
}
