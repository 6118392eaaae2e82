//! Rows fitted to the columns of their table, and those left out that do not fit.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::SchemaRef;
use wasm_sink_core::guest::fit::Refusals;
use wasm_sink_core::guest::tables::Fitted;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::schema::{TableSchema, merge, mismatch};
use crate::types::{delta_type, takes, text};
use crate::write::convert;
use crate::write::partition;

/// Where the columns of equal batches go.
pub(super) struct Layout {
    rows: SchemaRef,
    table: Arc<TableSchema>,
    /// For each column of the table its place in the rows.
    places: Vec<Option<(usize, Way)>>,
}

/// How values get into a column.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Their type is that of the column, or what Delta has for it.
    AsTypes,
    /// Those that are the same in the column's type.
    AsValues,
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
        let mut ways = vec![Way::AsTypes; rows.fields().len()];
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
            match merge(name, column.data_type(), &wanted) {
                Ok(None) => ways[index] = Way::AsTypes,
                Ok(Some(_)) => {
                    return Err(mismatch(name, column.data_type(), &wanted).context(format!(
                        "`{name}` has fields that the table's {} lacks",
                        text(column.data_type())
                    )));
                }
                Err(_) if takes(column.data_type(), field.data_type()) => {
                    ways[index] = Way::AsValues;
                }
                Err(error) => return Err(error),
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
                Ok(place.map(|index| (index, ways[index])))
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
        let mut refusals = Refusals::default();
        for (column, place) in schema.columns().iter().zip(&self.places) {
            let (name, to) = (column.name(), column.data_type());
            let values = place.and_then(|(index, way)| Some((rows.columns().get(index)?, way)));
            let allows_null = column.is_nullable();
            let convert::Fitted {
                values,
                refusals: refused,
            } = match values {
                Some((values, Way::AsTypes)) => convert::fit(name, values, to, allows_null)?,
                Some((values, Way::AsValues)) => {
                    let same = convert::same_values(name, values, to, &mut refusals)?;
                    convert::fit(name, &same, to, allows_null)?
                }
                None => convert::absent(name, to, rows.num_rows())?,
            };
            for refusal in &refused {
                refusals.add(&refusal.rows, |_| refusal.reason.clone());
            }
            if schema.is_partition_column(name) {
                let empty = convert::refuse_empty_text(name, &values);
                let far = partition::refuse_far_times(name, &values);
                for refusal in empty.iter().chain(&far) {
                    refusals.add(&refusal.rows, |_| refusal.reason.clone());
                }
            }
            columns.push(values);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let whole = RecordBatch::try_new_with_options(Arc::clone(schema.rows()), columns, &options)
            .map_err(host_bug)?;
        let refused = refusals.finish(rows.num_rows());
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

fn host_bug(error: arrow::error::ArrowError) -> Error {
    Error::new(
        Kind::Other,
        Blame::Host,
        "rows could not be fitted to the table",
    )
    .with_source(error)
}
