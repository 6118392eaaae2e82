//! Kernels that copy rows, column by column: many columns may share one array, and what would not
//! fit is noticed when one copy is made, not all.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, NullArray, RecordBatch, RecordBatchOptions, UInt32Array,
};
use arrow::compute::{FilterBuilder, take};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;

use crate::batch::Rows;
use crate::error::{Error, Result};
use crate::guest::room::{Full, Room};

/// Rows in memory of their own.
pub(in crate::guest) struct Copied {
    pub(in crate::guest) rows: Rows,
    /// What they hold.
    pub(in crate::guest) bytes: usize,
}

/// The rows where `keep` is true.
pub(in crate::guest) fn filtered(
    rows: &Rows,
    keep: &BooleanArray,
    room: &mut Room,
) -> Result<Result<Copied>, Full> {
    let mut filter = FilterBuilder::new(keep);
    if rows.values().num_columns() > 1 {
        filter = filter.optimize();
    }
    let filter = filter.build();
    let numbers = numbers_alone(rows).and_then(|numbers| numbers.filter(keep));
    copied(rows, numbers, |column| filter.filter(column), room)
}

/// These rows, in this order.
pub(super) fn taken(
    rows: &Rows,
    order: &UInt32Array,
    room: &mut Room,
) -> Result<Result<Copied>, Full> {
    let numbers = numbers_alone(rows).and_then(|numbers| numbers.take(order));
    copied(rows, numbers, |column| take(column, order, None), room)
}

/// What the rows remember of their source, without their values.
pub(in crate::guest) fn numbers_alone(rows: &Rows) -> Result<Rows, ArrowError> {
    let schema = Schema::new(vec![Field::new("", DataType::Null, true)]);
    let nulls: ArrayRef = Arc::new(NullArray::new(rows.len()));
    rows.with_values(RecordBatch::try_new(Arc::new(schema), vec![nulls])?)
}

/// What the numbers of these rows take, should they have their own.
pub(in crate::guest) fn number_bytes(rows: &Rows) -> usize {
    rows.source()
        .map_or(0, |_| rows.len().saturating_mul(size_of::<u32>()))
}

fn copied(
    rows: &Rows,
    numbers: Result<Rows, ArrowError>,
    copy: impl Fn(&ArrayRef) -> Result<ArrayRef, ArrowError>,
    room: &mut Room,
) -> Result<Result<Copied>, Full> {
    let failed = |error: ArrowError| Error::invalid(error.to_string());
    let numbers = match numbers {
        Ok(numbers) => numbers,
        Err(error) => return Ok(Err(failed(error))),
    };
    let mut bytes = number_bytes(&numbers);
    room.take(bytes)?;
    let mut columns = Vec::with_capacity(rows.values().num_columns());
    for column in rows.values().columns() {
        let column = match copy(column) {
            Ok(column) => column,
            Err(error) => return Ok(Err(failed(error))),
        };
        let held = column.get_buffer_memory_size();
        room.take(held)?;
        bytes = bytes.saturating_add(held);
        columns.push(column);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(numbers.len()));
    let values = RecordBatch::try_new_with_options(rows.values().schema(), columns, &options);
    Ok(values
        .and_then(|values| numbers.with_values(values))
        .map(|rows| Copied { rows, bytes })
        .map_err(failed))
}
