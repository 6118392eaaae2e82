//! Columns of a batch, by name.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{FieldRef, Schema};

use crate::batch::Rows;
use crate::error::{Error, Result};

/// These columns, each once; all of them where none is named.
pub(super) fn project(batch: &RecordBatch, names: &[String]) -> Result<RecordBatch> {
    if names.is_empty() {
        return Ok(batch.clone());
    }
    let mut seen = HashSet::with_capacity(names.len().min(batch.num_columns()));
    let mut indices = Vec::new();
    for name in names {
        let (index, _) = column(batch, name)?;
        if !seen.insert(index) {
            return Err(Error::invalid(format!(
                "column `{name}` is asked for twice"
            )));
        }
        indices.push(index);
    }
    batch
        .project(&indices)
        .map_err(|error| Error::invalid(error.to_string()))
}

pub(super) fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<(usize, &'a ArrayRef)> {
    let found = batch.schema_ref().column_with_name(name);
    found
        .and_then(|(index, _)| Some((index, batch.columns().get(index)?)))
        .ok_or_else(|| {
            let names: Vec<&str> = batch
                .schema_ref()
                .fields()
                .iter()
                .map(|field| field.name().as_str())
                .collect();
            Error::invalid(format!(
                "there is no column `{name}`; there are {}",
                names.join(", ")
            ))
        })
}

/// Same rows; columns replaced where they stand, or added at the end.
pub(super) fn with_columns(rows: &Rows, columns: &RecordBatch) -> Result<Rows> {
    let batch = rows.values();
    if batch.num_rows() != columns.num_rows() {
        return Err(Error::invalid(format!(
            "the columns have {} rows, the batch has {}",
            columns.num_rows(),
            batch.num_rows()
        )));
    }
    let mut fields: Vec<FieldRef> = batch.schema_ref().fields().to_vec();
    let mut arrays = batch.columns().to_vec();
    let mut places: HashMap<String, usize> = (0..)
        .zip(&fields)
        .map(|(place, field)| (field.name().clone(), place))
        .collect();
    for (field, array) in columns.schema_ref().fields().iter().zip(columns.columns()) {
        let place = *places.entry(field.name().clone()).or_insert(fields.len());
        match (fields.get_mut(place), arrays.get_mut(place)) {
            (Some(old_field), Some(old_array)) => {
                *old_field = Arc::clone(field);
                *old_array = Arc::clone(array);
            }
            _ => {
                fields.push(Arc::clone(field));
                arrays.push(Arc::clone(array));
            }
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .and_then(|values| rows.with_values(values))
        .map_err(|error| Error::invalid(error.to_string()))
}
