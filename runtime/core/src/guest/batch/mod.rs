//! The `batch` resource.

mod columns;
mod schema_ids;
mod split;

use arrow::array::{Array, BooleanArray, RecordBatch, UInt32Array};
use arrow::buffer::BooleanBuffer;
use wasmtime::component::Resource;

pub(super) use self::schema_ids::SchemaIds;

use self::columns::{project, with_columns};
use self::split::{Parts, split};
use super::{Guest, invalid, ipc, wit};
use crate::batch::{Rows, SourceBatch, record};
use crate::data_type;
use crate::dead_letter::{DeadLetter, RefusedBy};
use crate::error::{Error, Result};
use crate::position::Position;

/// Rows in host memory, until their epoch ends.
#[derive(Debug)]
pub struct Batch {
    epoch: u64,
    rows: Option<Rows>,
    /// What a kernel allocated for it.
    bytes: usize,
}

impl Batch {
    pub(super) fn new(epoch: u64, rows: Rows, bytes: usize) -> Self {
        Self {
            epoch,
            rows: Some(rows),
            bytes,
        }
    }

    pub(super) fn free(&mut self) {
        self.rows = None;
        self.bytes = 0;
    }

    pub(super) fn rows(&self, epoch: u64) -> wasmtime::Result<&Rows> {
        self.rows.as_ref().ok_or_else(|| {
            wasmtime::Error::msg(format!(
                "a batch of epoch {} was used in epoch {epoch}: batches live until `flush` returns",
                self.epoch
            ))
        })
    }
}

/// One letter per row. Rows without origin make none.
pub(super) fn dead_letters(
    rows: &Rows,
    by: RefusedBy,
    reason: impl Fn(usize) -> String,
    into: &mut Vec<DeadLetter>,
) {
    let (Some(source), Some(numbers)) = (rows.source(), rows.source_rows()) else {
        return;
    };
    into.extend(
        numbers
            .values()
            .iter()
            .enumerate()
            .map(|(row, number)| DeadLetter {
                key: source.key.clone(),
                origin: source.lineage.origin(*number),
                position: source.lineage.position_after(*number),
                by,
                reason: reason(row),
                record: record(source, *number),
            }),
    );
}

/// From before the first of these rows to after the last, as far as the source has positions
/// there; else of the whole batch.
fn span(source: &SourceBatch, numbers: &UInt32Array) -> wit::Span {
    let numbers = numbers.values();
    let first = numbers.iter().min().and_then(|row| source.boundary(*row));
    let last = numbers
        .iter()
        .max()
        .and_then(|row| source.boundary(row.saturating_add(1)));
    let text = |position: Option<&Position>| position.map(Position::to_string).unwrap_or_default();
    wit::Span {
        source: source.key.source().to_owned(),
        partition: source.key.partition().to_owned(),
        first: text(first.as_ref().or(source.begin.as_ref())),
        last: text(Some(last.as_ref().unwrap_or(&source.end))),
    }
}

/// What the arrays of a batch hold, shared or not.
pub(super) fn held_bytes(batch: &RecordBatch) -> usize {
    batch
        .columns()
        .iter()
        .map(|column| column.get_buffer_memory_size())
        .sum()
}

impl wit::Host for Guest {}

impl wit::HostBatch for Guest {
    async fn row_count(&mut self, batch: Resource<Batch>) -> wasmtime::Result<u32> {
        Ok(u32::try_from(self.rows(&batch)?.len()).unwrap_or(u32::MAX))
    }

    async fn origin(&mut self, batch: Resource<Batch>) -> wasmtime::Result<Option<wit::Span>> {
        let rows = self.rows(&batch)?;
        Ok(match (rows.source(), rows.source_rows()) {
            (Some(source), Some(numbers)) => Some(span(source, &numbers)),
            _ => None,
        })
    }

    async fn schema_id(&mut self, batch: Resource<Batch>) -> wasmtime::Result<u32> {
        let schema = self.rows(&batch)?.values().schema();
        Ok(self.schemas.of(&schema))
    }

    async fn fields(&mut self, batch: Resource<Batch>) -> wasmtime::Result<Vec<wit::Field>> {
        let fields = self.rows(&batch)?.values().schema_ref().fields();
        Ok(fields
            .iter()
            .map(|field| wit::Field {
                name: field.name().clone(),
                data_type: data_type::name(field.data_type()),
                nullable: field.is_nullable(),
            })
            .collect())
    }

    async fn ipc(
        &mut self,
        batch: Resource<Batch>,
        columns: Vec<String>,
    ) -> wasmtime::Result<Result<Vec<u8>, wit::Error>> {
        let rows = self.rows(&batch)?;
        let bytes = project(rows.values(), &columns).and_then(|batch| ipc::encode(&batch));
        Ok(self.answer(bytes))
    }

    async fn slice(
        &mut self,
        batch: Resource<Batch>,
        offset: u32,
        length: u32,
    ) -> wasmtime::Result<Result<Resource<Batch>, wit::Error>> {
        let rows = self.rows(&batch)?;
        let (offset, length) = (offset as usize, length as usize);
        if offset
            .checked_add(length)
            .is_none_or(|end| end > rows.len())
        {
            let error = invalid(format!(
                "rows {offset} to {} are out of range: the batch has {}",
                offset.saturating_add(length),
                rows.len()
            ));
            return Ok(self.answer(Err(error)));
        }
        let rows = rows.slice(offset, length);
        self.push_rows(rows).map(Ok)
    }

    async fn filter(
        &mut self,
        batch: Resource<Batch>,
        keep: Vec<u8>,
    ) -> wasmtime::Result<Result<Resource<Batch>, wit::Error>> {
        let rows = self.rows(&batch)?;
        if keep.len() != rows.len() {
            let error = invalid(format!(
                "{} bytes to keep or leave out {} rows: one for each row is needed",
                keep.len(),
                rows.len()
            ));
            return Ok(self.answer(Err(error)));
        }
        let keep = BooleanBuffer::collect_bool(keep.len(), |row| {
            keep.get(row).is_some_and(|keep| *keep != 0)
        });
        let (rows, bytes) = match keep.count_set_bits() {
            all if all == rows.len() => (rows.clone(), 0),
            0 => (rows.slice(0, 0), 0),
            _ => match rows.filter(&BooleanArray::new(keep, None)) {
                Ok(kept) => {
                    let bytes = held_bytes(kept.values());
                    (kept, bytes)
                }
                Err(error) => return Ok(self.answer(Err(invalid(error.to_string())))),
            },
        };
        let pushed = self.push_derived(rows, bytes)?;
        Ok(self.answer(pushed))
    }

    async fn split(
        &mut self,
        batch: Resource<Batch>,
        column: String,
    ) -> wasmtime::Result<Result<Vec<(Option<String>, Resource<Batch>)>, wit::Error>> {
        let rows = self.rows(&batch)?.clone();
        let most = self.limits.split_parts;
        let parts = match split(&rows, &column, most, &mut self.room()) {
            Ok(Ok(parts)) => parts,
            Ok(Err(error)) => return Ok(self.answer(Err(error))),
            Err(full) => {
                let error = self.out_of_room(full);
                return Ok(self.answer(Err(error)));
            }
        };
        let (sorted, parts) = match parts {
            Parts::One(value) => {
                let rows = self.push_rows(rows)?;
                return Ok(Ok(vec![(value, rows)]));
            }
            Parts::Many(sorted, parts) => (sorted, parts),
        };
        // The parts share one copy, which is freed with the last of them.
        let bytes = held_bytes(sorted.values());
        if let Err(full) = self.room().take(bytes) {
            let error = self.out_of_room(full);
            return Ok(self.answer(Err(error)));
        }
        let each = bytes.div_ceil(parts.len().max(1));
        let mut handles = Vec::with_capacity(parts.len());
        let mut offset = 0;
        for (value, length) in parts {
            let part = sorted.slice(offset, length);
            offset += length;
            let handle = self.table.push(Batch::new(self.epoch, part, each))?;
            self.derived_bytes += each;
            handles.push((value, handle));
        }
        Ok(Ok(handles))
    }

    async fn with_columns(
        &mut self,
        batch: Resource<Batch>,
        columns: Resource<Batch>,
    ) -> wasmtime::Result<Result<Resource<Batch>, wit::Error>> {
        let rows = with_columns(self.rows(&batch)?, self.rows(&columns)?.values());
        match rows {
            Ok(rows) => self.push_rows(rows).map(Ok),
            Err(error) => Ok(self.answer(Err(error))),
        }
    }

    async fn from_ipc(
        &mut self,
        bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<Resource<Batch>, wit::Error>> {
        // The stream itself, and as much again where buffers had to be moved.
        let size = bytes.len().saturating_mul(2);
        if let Err(full) = self.room().take(size) {
            let error = self.out_of_room(full);
            return Ok(self.answer(Err(error)));
        }
        let pushed: Result<Resource<Batch>, Error> = match ipc::decode(bytes) {
            Ok(values) => self.push_derived(Rows::made_up(values), size)?,
            Err(error) => Err(error),
        };
        Ok(self.answer(pushed))
    }

    /// The guest's own table no longer has this handle, so that the entry can go with the rows.
    async fn drop(&mut self, batch: Resource<Batch>) -> wasmtime::Result<()> {
        let batch = self.table.delete(batch)?;
        self.derived_bytes = self.derived_bytes.saturating_sub(batch.bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
