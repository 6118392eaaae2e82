//! Rows of a source as three Arrow IPC streams: the rows, what the source knows of each, and what it knows of all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray, UInt32Array,
    UInt64Array,
};
use arrow::compute::take;
use arrow::datatypes::{Field, Schema, UInt64Type};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow::ipc::{self, CompressionType};
use bytes::Bytes;
use wasm_sink_core::dead_letter::RowOrigin;
use wasm_sink_core::{Lineage, MetadataKey, Position, SourceBatch};

/// Names of the columns beside those of the metadata.
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

/// What each message begins with (Arrow columnar format, "Encapsulated message format").
const CONTINUATION: [u8; 4] = [0xFF; 4];
/// How many bytes LZ4 makes of one at most.
const MAX_EXPANSION: usize = 255;

/// The batch of a stream. Arrow's reader panics on what a flatbuffer may well say, and takes as much memory as a compressed
/// buffer claims: the one is caught, the other looked at before.
///
/// # Errors
/// The bytes are no stream with one batch.
pub(super) fn decode(bytes: &[u8]) -> Result<RecordBatch, ArrowError> {
    let wrong = |reason: &str| ArrowError::IpcError(reason.to_owned());
    if !is_bounded(bytes) {
        return Err(wrong("a message that claims more than its bytes hold"));
    }
    let read = || {
        let mut reader = StreamReader::try_new(bytes, None)?;
        let none = || wrong("a stream without a batch");
        reader.next().unwrap_or_else(|| Err(none()))
    };
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(wrong("a stream that lies")))
}

/// Whether no message of a stream claims bytes that it cannot have.
fn is_bounded(mut bytes: &[u8]) -> bool {
    while let Some((head, rest)) = bytes.split_first_chunk::<8>() {
        // Without this the reader takes the first four for the length, as streams of old had it.
        if !head.starts_with(&CONTINUATION) {
            return false;
        }
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        if length == 0 {
            return true;
        }
        let Some((header, rest)) = rest.split_at_checked(length) else {
            return false;
        };
        let Ok(message) = ipc::root_as_message(header) else {
            return false;
        };
        let body = usize::try_from(message.bodyLength());
        let Some((body, rest)) = body.ok().and_then(|length| rest.split_at_checked(length)) else {
            return false;
        };
        let batch = message.header_as_record_batch();
        let mut buffers = batch
            .and_then(|batch| batch.buffers())
            .into_iter()
            .flatten();
        if !buffers.all(|buffer| is_buffer(body, buffer)) {
            return false;
        }
        bytes = rest;
    }
    bytes.is_empty()
}

/// Whether a buffer lies within a body, and what it says to become is possible.
fn is_buffer(body: &[u8], buffer: &ipc::Buffer) -> bool {
    let place = (
        usize::try_from(buffer.offset()),
        usize::try_from(buffer.length()),
    );
    let (Ok(offset), Ok(length)) = place else {
        return false;
    };
    let Some(buffer) = body.get(offset..).and_then(|rest| rest.get(..length)) else {
        return false;
    };
    let Some((claim, compressed)) = buffer.split_first_chunk::<8>() else {
        return buffer.is_empty();
    };
    // -1 says that it is not compressed.
    let claim = i64::from_le_bytes(*claim);
    claim == -1
        || usize::try_from(claim)
            .is_ok_and(|bytes| bytes <= compressed.len().saturating_mul(MAX_EXPANSION))
}

/// What the source knows of each row, as columns: those that differ from row to row, and in a batch of one row those
/// that do not. (Positions are not among them: to compute that of each row a source may have to read it once more.)
///
/// # Errors
/// The source gives columns of another length.
pub(super) fn lineage(batch: &SourceBatch) -> Result<[RecordBatch; 2], ArrowError> {
    let numbers = UInt32Array::from_iter_values(0..batch.rows.num_rows() as u32);
    let rows = numbers.values().iter();
    let origins: Vec<RowOrigin> = rows.map(|row| batch.lineage.origin(*row)).collect();
    let names = origins.iter().map(|origin| &origin.name);
    let number = |of: fn(&RowOrigin) -> Option<u64>| -> ArrayRef {
        Arc::new(UInt64Array::from_iter(origins.iter().map(of)))
    };
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        (NAME, Arc::new(StringArray::from_iter_values(names))),
        (LINE, number(|origin| origin.line)),
        (OFFSET, number(|origin| origin.offset)),
    ];
    for key in MetadataKey::ALL {
        if let Some(column) = batch.lineage.metadata(key, &numbers) {
            columns.push((key.as_str(), column));
        }
    }
    let (same, varying): (Vec<_>, Vec<_>) = columns
        .into_iter()
        .partition(|(_, column)| is_constant(column));
    let same = same.into_iter().map(|(name, column)| {
        let length = column.len().min(1);
        (name, column.slice(0, length))
    });
    Ok([
        together(varying, numbers.len())?,
        together(same.collect(), numbers.len().min(1))?,
    ])
}

fn together(columns: Vec<(&str, ArrayRef)>, rows: usize) -> Result<RecordBatch, ArrowError> {
    let (names, columns): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let fields = names.into_iter().zip(&columns);
    let fields = fields.map(|(name, column)| Field::new(name, column.data_type().clone(), true));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new_with_options(schema, columns, &options)
}

/// Whether all rows have the same value.
fn is_constant(column: &ArrayRef) -> bool {
    let length = column.len();
    length < 2 || column.slice(0, length - 1).as_ref() == column.slice(1, length - 1).as_ref()
}

/// What a source knew.
#[derive(Debug)]
pub(super) struct RecordedLineage {
    pub(super) varying: RecordBatch,
    /// One row, which stands for all.
    pub(super) same: RecordBatch,
}

impl RecordedLineage {
    /// A column, and which row of it counts.
    fn column(&self, name: &str, row: u32) -> Option<(&ArrayRef, usize)> {
        let varying = self.varying.column_by_name(name);
        let (column, row) = match varying {
            Some(column) => (column, row as usize),
            None => (self.same.column_by_name(name)?, 0),
        };
        (row < column.len() && column.is_valid(row)).then_some((column, row))
    }

    fn number(&self, name: &str, row: u32) -> Option<u64> {
        let (column, row) = self.column(name, row)?;
        Some(column.as_primitive_opt::<UInt64Type>()?.value(row))
    }
}

impl Lineage for RecordedLineage {
    fn position_after(&self, _: u32) -> Option<Position> {
        None
    }

    fn origin(&self, row: u32) -> RowOrigin {
        let name = self.column(NAME, row).and_then(|(column, row)| {
            let names = column.as_string_opt::<i32>()?;
            Some(names.value(row).to_owned())
        });
        RowOrigin {
            name: name.unwrap_or_default(),
            line: self.number(LINE, row),
            offset: self.number(OFFSET, row),
        }
    }

    fn raw(&self, _: u32) -> Option<Bytes> {
        None
    }

    fn metadata(&self, key: MetadataKey, rows: &UInt32Array) -> Option<ArrayRef> {
        let name = key.as_str();
        if let Some(column) = self.varying.column_by_name(name) {
            return take(column, rows, None).ok();
        }
        let all_the_first = UInt32Array::from(vec![0; rows.len()]);
        take(self.same.column_by_name(name)?, &all_the_first, None).ok()
    }
}
