//! Rows of a source as two Arrow IPC streams: the rows, and what the source knows of each.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray, UInt32Array,
    UInt64Array,
};
use arrow::compute::take;
use arrow::datatypes::{Field, Schema, UInt64Type};
use arrow::error::ArrowError;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use bytes::Bytes;
use wasm_sink_core::dead_letter::RowOrigin;
use wasm_sink_core::{Lineage, MetadataKey, Position, SourceBatch};

/// Names of the columns beside those of the metadata.
const POSITION: &str = "position after";
const NAME: &str = "origin";
const LINE: &str = "line";
const OFFSET: &str = "byte or broker offset";

/// A batch as a stream.
///
/// # Errors
/// It has a type that has no such form.
pub(super) fn encode(rows: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let compressed =
        IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?;
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new_with_options(&mut bytes, rows.schema_ref(), compressed)?;
    writer.write(rows)?;
    writer.finish()?;
    drop(writer);
    Ok(bytes)
}

/// The batch of a stream.
///
/// # Errors
/// The bytes are no stream with one batch.
pub(super) fn decode(bytes: &[u8]) -> Result<RecordBatch, ArrowError> {
    let mut reader = StreamReader::try_new(bytes, None)?;
    let none = || ArrowError::IpcError("a stream without a batch".to_owned());
    reader.next().unwrap_or_else(|| Err(none()))
}

/// What the source knows of each row, as columns.
pub(super) fn lineage(batch: &SourceBatch) -> Result<RecordBatch, ArrowError> {
    let numbers = UInt32Array::from_iter_values(0..batch.rows.num_rows() as u32);
    let rows = || numbers.values().iter().copied();
    let origins: Vec<RowOrigin> = rows().map(|row| batch.lineage.origin(row)).collect();
    let positions = rows().map(|row| batch.lineage.position_after(row));
    let positions = positions.map(|position| position.map(|position| position.to_string()));
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        (POSITION, Arc::new(StringArray::from_iter(positions))),
        (
            NAME,
            Arc::new(StringArray::from_iter_values(
                origins.iter().map(|origin| &origin.name),
            )),
        ),
        (
            LINE,
            Arc::new(UInt64Array::from_iter(
                origins.iter().map(|origin| origin.line),
            )),
        ),
        (
            OFFSET,
            Arc::new(UInt64Array::from_iter(
                origins.iter().map(|origin| origin.offset),
            )),
        ),
    ];
    for key in MetadataKey::ALL {
        if let Some(column) = batch.lineage.metadata(key, &numbers) {
            columns.push((key.as_str(), column));
        }
    }
    let (names, columns): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let fields = names.into_iter().zip(&columns);
    let fields = fields.map(|(name, column)| Field::new(name, column.data_type().clone(), true));
    let options = RecordBatchOptions::new().with_row_count(Some(numbers.len()));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new_with_options(schema, columns, &options)
}

/// What a source knew.
#[derive(Debug)]
pub(super) struct RecordedLineage(pub(super) RecordBatch);

impl RecordedLineage {
    fn text(&self, column: &str, row: u32) -> Option<&str> {
        let column = self.0.column_by_name(column)?.as_string_opt::<i32>()?;
        let row = row as usize;
        (row < column.len() && column.is_valid(row)).then(|| column.value(row))
    }

    fn number(&self, column: &str, row: u32) -> Option<u64> {
        let column = self.0.column_by_name(column)?;
        let column = column.as_primitive_opt::<UInt64Type>()?;
        let row = row as usize;
        (row < column.len() && column.is_valid(row)).then(|| column.value(row))
    }
}

impl Lineage for RecordedLineage {
    fn position_after(&self, row: u32) -> Option<Position> {
        self.text(POSITION, row)?.parse().ok()
    }

    fn origin(&self, row: u32) -> RowOrigin {
        RowOrigin {
            name: self.text(NAME, row).unwrap_or_default().to_owned(),
            line: self.number(LINE, row),
            offset: self.number(OFFSET, row),
        }
    }

    fn raw(&self, _: u32) -> Option<Bytes> {
        None
    }

    fn metadata(&self, key: MetadataKey, rows: &UInt32Array) -> Option<ArrayRef> {
        take(self.0.column_by_name(key.as_str())?, rows, None).ok()
    }
}
