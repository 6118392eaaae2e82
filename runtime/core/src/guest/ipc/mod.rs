//! Arrow IPC streams: what a guest reads of a batch, and what it hands back.

mod read;
mod schema;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use arrow::ipc::writer::StreamWriter;

use super::written::plain_bytes;
use crate::error::{Error, Result};

pub(super) use read::decode;
pub use read::read_stream;

/// What the values of a batch take as a stream, about: columns that share an array do not share it
/// there, and a slice is no more than itself.
pub(super) fn size(batch: &RecordBatch) -> usize {
    let columns = batch.columns().iter().map(plain_bytes);
    columns.fold(0, usize::saturating_add)
}

/// One stream with one record batch, in plain types.
///
/// # Errors
/// A column that has no plain form.
pub(super) fn encode(batch: &RecordBatch) -> Result<Vec<u8>> {
    let failed = |error: arrow::error::ArrowError| {
        Error::invalid(format!(
            "the batch cannot be written as an IPC stream: {error}"
        ))
    };
    let mut fields = Vec::with_capacity(batch.num_columns());
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        if has_union(field.data_type()) {
            return Err(Error::invalid(format!(
                "column `{}` holds a union, which no guest can read: leave it out, or make text of \
                 it with `plan.json`",
                field.name()
            )));
        }
        let plain = plain_type(field.data_type());
        let column = match &plain {
            Some(plain) => cast(column, plain).map_err(failed)?,
            None => ArrayRef::clone(column),
        };
        let data_type = column.data_type().clone();
        fields.push(Field::new(field.name(), data_type, field.is_nullable()));
        columns.push(column);
    }
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let schema = Arc::new(Schema::new(fields));
    let plain = RecordBatch::try_new_with_options(schema, columns, &rows).map_err(failed)?;
    let stream = Vec::with_capacity(size(&plain).saturating_add(1024));
    let mut writer = StreamWriter::try_new(stream, plain.schema_ref()).map_err(failed)?;
    writer.write(&plain).map_err(failed)?;
    writer.into_inner().map_err(failed)
}

/// The type without dictionaries, views and run ends, at any depth; None where it has none.
pub(super) fn plain_type(data_type: &DataType) -> Option<DataType> {
    let inside = |field: &FieldRef| {
        plain_type(field.data_type())
            .map(|plain| Arc::new(field.as_ref().clone().with_data_type(plain)))
    };
    let or_same = |field: &FieldRef| inside(field).unwrap_or_else(|| Arc::clone(field));
    Some(match data_type {
        DataType::Dictionary(_, value) => plain_type(value).unwrap_or_else(|| (**value).clone()),
        DataType::RunEndEncoded(_, values) => {
            plain_type(values.data_type()).unwrap_or_else(|| values.data_type().clone())
        }
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::ListView(item) => DataType::List(or_same(item)),
        DataType::LargeListView(item) => DataType::LargeList(or_same(item)),
        DataType::List(item) => DataType::List(inside(item)?),
        DataType::LargeList(item) => DataType::LargeList(inside(item)?),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(inside(item)?, *size),
        DataType::Map(entries, sorted) => DataType::Map(inside(entries)?, *sorted),
        DataType::Struct(members) => {
            if members.iter().all(|member| inside(member).is_none()) {
                return None;
            }
            DataType::Struct(members.iter().map(or_same).collect::<Fields>())
        }
        _ => return None,
    })
}

fn has_union(data_type: &DataType) -> bool {
    match data_type {
        DataType::Union(..) => true,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _)
        | DataType::RunEndEncoded(_, item) => has_union(item.data_type()),
        DataType::Struct(members) => members.iter().any(|member| has_union(member.data_type())),
        DataType::Dictionary(_, value) => has_union(value),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
