//! Rows fitted to the columns of their table, and those left out that do not fit.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::SchemaRef;
use wasm_sink_core::guest::fit::Refusals;
use wasm_sink_core::guest::tables::{Fitted, Refused};
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::schema::{TableSchema, merge, mismatch};
use crate::types::{delta_type, text};
use crate::write::convert::{self, Refusal};
use crate::write::partition;

/// Where the columns of equal batches go.
pub(super) struct Layout {
    rows: SchemaRef,
    table: Arc<TableSchema>,
    /// For each column of the table its place in the rows.
    places: Vec<Option<usize>>,
}

/// Rows in the types of their table.
#[derive(Debug)]
pub struct Prepared {
    pub(super) schema: Arc<TableSchema>,
    pub(super) rows: RecordBatch,
}

impl Layout {
    /// # Errors
    /// Rows of this schema do not go into the table, whatever their values.
    pub(super) fn new(rows: SchemaRef, table: Arc<TableSchema>) -> Result<Self> {
        for (index, field) in rows.fields().iter().enumerate() {
            let name = field.name();
            if rows.index_of(name).is_ok_and(|first| first != index) {
                return Err(Error::invalid(format!(
                    "the rows have two columns `{name}`"
                )));
            }
            let Some(column) = table.column(name) else {
                // A column without values of any type carries nothing that could be lost.
                if field.data_type().is_null() {
                    continue;
                }
                let known: Vec<_> = table.columns().iter().map(|column| column.name()).collect();
                return Err(Error::invalid(format!(
                    "column `{name}` is not in the table, which has: {}; add it with add-columns, \
                     or leave it out",
                    known.join(", ")
                )));
            };
            if field.data_type().is_null() {
                continue;
            }
            let wanted = delta_type(name, field.data_type())?;
            let grown = merge(name, column.data_type(), &wanted)?;
            if grown.is_some() {
                return Err(mismatch(name, column.data_type(), &wanted).context(format!(
                    "`{name}` has fields that the table's {} lacks",
                    text(column.data_type())
                )));
            }
        }
        let places = table
            .columns()
            .iter()
            .map(|column| {
                let place = rows.index_of(column.name()).ok();
                if place.is_none() && !column.is_nullable() {
                    return Err(Error::invalid(format!(
                        "the rows have no column `{}`, and the table does not allow nulls there",
                        column.name()
                    )));
                }
                Ok(place)
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            rows,
            table,
            places,
        })
    }

    /// Whether it is for rows and a table like these.
    pub(super) fn is_for(&self, rows: &RecordBatch, table: &Arc<TableSchema>) -> bool {
        Arc::ptr_eq(&self.table, table)
            && (Arc::ptr_eq(&self.rows, rows.schema_ref()) || self.rows == rows.schema())
    }

    /// Checks rows and converts them. They must have the schema that this was made for.
    pub(super) fn fit(&self, rows: &RecordBatch) -> Result<Fitted<Prepared>> {
        let schema = &self.table;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.places.len());
        let mut refusals: Vec<Refusal> = Vec::new();
        for (column, place) in schema.columns().iter().zip(&self.places) {
            let (name, to) = (column.name(), column.data_type());
            let values = place.and_then(|index| rows.columns().get(index));
            let convert::Fitted {
                values,
                refusals: refused,
            } = match values {
                Some(values) => convert::fit(name, values, to, column.is_nullable())?,
                None => convert::absent(name, to, rows.num_rows())?,
            };
            refusals.extend(refused);
            if schema.is_partition_column(name) {
                refusals.extend(convert::refuse_empty_text(name, &values));
                refusals.extend(partition::refuse_far_times(name, &values));
            }
            columns.push(values);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let whole = RecordBatch::try_new_with_options(Arc::clone(schema.rows()), columns, &options)
            .map_err(host_bug)?;
        let refused = collect(refusals, rows.num_rows());
        let rows = match &refused {
            Some(refused) => {
                let kept = not(&refused.rows).map_err(host_bug)?;
                filter_record_batch(&whole, &kept).map_err(host_bug)?
            }
            None => whole,
        };
        Ok(Fitted {
            row_count: rows.num_rows(),
            rows: Prepared {
                schema: Arc::clone(schema),
                rows,
            },
            refused,
        })
    }
}

fn collect(refusals: Vec<Refusal>, rows: usize) -> Option<Refused> {
    let mut collected = Refusals::default();
    for refusal in &refusals {
        collected.add(&refusal.rows, |_| refusal.reason.clone());
    }
    collected.finish(rows)
}

fn host_bug(error: arrow::error::ArrowError) -> Error {
    Error::new(
        Kind::Other,
        Blame::Host,
        "rows could not be fitted to the table",
    )
    .with_source(error)
}
