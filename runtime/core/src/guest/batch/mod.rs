//! The `batch` resource.

mod columns;
mod copy;
mod schema_ids;
mod split;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::FieldRef;
use wasmtime::component::Resource;

pub(super) use self::copy::{Copied, filtered, number_bytes, numbers_alone};
pub(super) use self::schema_ids::SchemaIds;

use self::columns::{project, with_columns};
use self::split::{Parts, split};
use super::calls::Asked;
use super::charge::{Charge, Charges};
use super::room::Full;
use super::{Guest, ipc, wit};
use crate::batch::{Rows, SourceBatch, record};
use crate::data_type;
use crate::dead_letter::{DeadLetter, DecodedRow, Kept, RefusedBy};
use crate::error::{Error, Result};
use crate::position::Position;

/// Rows of one batch that a guest makes: each may get a reason why it is refused.
const MAX_MADE_ROWS: usize = 1 << 20;

/// What recordings call the question where rows are from.
const ORIGIN: &str = "types.batch.origin";

/// Rows in host memory, until their epoch ends.
#[derive(Debug)]
pub struct Batch {
    epoch: u64,
    content: Option<Content>,
}

#[derive(Debug)]
struct Content {
    rows: Rows,
    /// For what kernels allocated that the rows refer to, be it for another batch. What a source
    /// allocated is in the byte budget.
    memory: Charges,
    /// For the arrays' frames. Each batch pays for all of its own, and for no other's.
    _frame: Option<Charge>,
}

impl Batch {
    pub(super) fn of_source(epoch: u64, rows: Rows) -> Self {
        Self::new(epoch, rows, Charges::default(), None)
    }

    pub(super) fn derived(epoch: u64, rows: Rows, memory: Charges, frame: Charge) -> Self {
        Self::new(epoch, rows, memory, Some(frame))
    }

    fn new(epoch: u64, rows: Rows, memory: Charges, frame: Option<Charge>) -> Self {
        Self {
            epoch,
            content: Some(Content {
                rows,
                memory,
                _frame: frame,
            }),
        }
    }

    pub(super) fn free(&mut self) {
        self.content = None;
    }

    pub(super) fn content(&self, epoch: u64) -> wasmtime::Result<(&Rows, &Charges)> {
        let content = self.content.as_ref().ok_or_else(|| {
            wasmtime::Error::msg(format!(
                "a batch of epoch {} was used in epoch {epoch}: batches live until `flush` returns",
                self.epoch
            ))
        })?;
        Ok((&content.rows, &content.memory))
    }
}

/// One letter for each row at these places. Rows without origin make none.
pub(super) fn dead_letters(
    rows: &Rows,
    places: &[usize],
    by: RefusedBy,
    mut reason: impl FnMut(usize) -> String,
    into: &mut Vec<DeadLetter>,
) {
    let (Some(source), Some(numbers)) = (rows.source(), rows.source_rows()) else {
        return;
    };
    let numbered = places
        .iter()
        .filter_map(|place| Some((*place, *numbers.values().get(*place)?)));
    into.extend(numbered.map(|(place, number)| DeadLetter {
        key: source.key.clone(),
        origin: source.lineage.origin(number),
        position: source.lineage.position_after(number),
        by,
        reason: reason(place),
        record: record(source, number),
        kept: Kept::Row(DecodedRow {
            batch: Arc::clone(source),
            row: number,
        }),
    }));
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

/// What a batch takes beside the buffers of its arrays and its schema: little, but a guest can
/// have a great many slices of a great many columns.
pub(super) fn frame_bytes(batch: &RecordBatch) -> usize {
    let frames = batch.columns().iter().map(|column| {
        let arrays = column
            .get_array_memory_size()
            .saturating_sub(column.get_buffer_memory_size());
        arrays + size_of::<ArrayRef>()
    });
    frames.fold(size_of::<Batch>(), usize::saturating_add)
}

impl wit::Host for Guest {}

impl wit::HostBatch for Guest {
    async fn row_count(&mut self, batch: Resource<Batch>) -> wasmtime::Result<u32> {
        Ok(u32::try_from(self.rows(&batch)?.len()).unwrap_or(u32::MAX))
    }

    async fn origin(&mut self, batch: Resource<Batch>) -> wasmtime::Result<Option<wit::Span>> {
        // Recordings keep no position of each row: those that are asked for are part of them.
        let asked = self.asked(|| Asked::of_host(ORIGIN));
        let span = match self.replied(asked.as_ref(), None) {
            Some(span) => span,
            None => {
                let rows = self.rows(&batch)?;
                Ok(match (rows.source(), rows.source_rows()) {
                    (Some(source), Some(numbers)) => Some(span(source, &numbers)),
                    _ => None,
                })
            }
        };
        self.heard(asked, None, &span);
        Ok(span?)
    }

    async fn schema_id(&mut self, batch: Resource<Batch>) -> wasmtime::Result<u32> {
        let schema = self.rows(&batch)?.values().schema();
        Ok(self.schemas.of(&schema)?)
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
        let most = self.limits.derived_bytes;
        let bytes = project(rows.values(), &columns).and_then(|batch| {
            let bytes = ipc::size(&batch);
            if bytes > most {
                return Err(Error::invalid(format!(
                    "the stream would have {} MiB, the limit is {} MiB ([limits] derived_bytes): ask \
                     for fewer columns, or slice the rows",
                    bytes.div_ceil(1 << 20),
                    most >> 20
                )));
            }
            ipc::encode(&batch)
        });
        Ok(self.answer(bytes))
    }

    async fn slice(
        &mut self,
        batch: Resource<Batch>,
        offset: u32,
        length: u32,
    ) -> wasmtime::Result<Result<Resource<Batch>, wit::Error>> {
        let (rows, memory) = self.content(&batch)?;
        let (offset, length) = (offset as usize, length as usize);
        if offset
            .checked_add(length)
            .is_none_or(|end| end > rows.len())
        {
            let error = Error::invalid(format!(
                "rows {offset} to {} are out of range: the batch has {}",
                offset.saturating_add(length),
                rows.len()
            ));
            return Ok(self.answer(Err(error)));
        }
        let (rows, memory) = (rows.slice(offset, length), memory.clone());
        let pushed = self.push_derived(rows, &memory, 0)?;
        Ok(self.answer(pushed))
    }

    async fn filter(
        &mut self,
        batch: Resource<Batch>,
        keep: Vec<u8>,
    ) -> wasmtime::Result<Result<Resource<Batch>, wit::Error>> {
        let (rows, memory) = self.content(&batch)?;
        if keep.len() != rows.len() {
            let error = Error::invalid(format!(
                "{} bytes to keep or leave out {} rows: one for each row is needed",
                keep.len(),
                rows.len()
            ));
            return Ok(self.answer(Err(error)));
        }
        let keep = BooleanBuffer::collect_bool(keep.len(), |row| {
            keep.get(row).is_some_and(|keep| *keep != 0)
        });
        let shared = match keep.count_set_bits() {
            all if all == rows.len() => Some(rows.clone()),
            0 => Some(rows.slice(0, 0)),
            _ => None,
        };
        let pushed = match shared {
            Some(rows) => {
                let memory = memory.clone();
                self.push_derived(rows, &memory, 0)?
            }
            None => {
                let kept = filtered(rows, &BooleanArray::new(keep, None), &mut self.room());
                self.push_copied(kept)?
            }
        };
        Ok(self.answer(pushed))
    }

    async fn split(
        &mut self,
        batch: Resource<Batch>,
        column: String,
    ) -> wasmtime::Result<Result<Vec<(Option<String>, Resource<Batch>)>, wit::Error>> {
        let (rows, memory) = self.content(&batch)?;
        let (rows, memory) = (rows.clone(), memory.clone());
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
                let pushed = self.push_derived(rows, &memory, 0)?;
                let pushed = pushed.map(|rows| vec![(value, rows)]);
                return Ok(self.answer(pushed));
            }
            Parts::Many(sorted, parts) => (sorted, parts),
        };
        // All or none: a part that the guest is not given stays until the instance goes.
        let frames = frame_bytes(sorted.rows.values()).saturating_mul(parts.len());
        let mut room = self.room();
        if let Err(full) = room.take(frames).and_then(|()| room.take(sorted.bytes)) {
            let error = self.out_of_room(full);
            return Ok(self.answer(Err(error)));
        }
        // The parts share one copy, which is freed with the last of them.
        let memory = self.charged(&Charges::default(), sorted.bytes);
        let mut handles = Vec::with_capacity(parts.len());
        let mut offset = 0;
        for (value, length) in parts {
            let part = sorted.rows.slice(offset, length);
            offset += length;
            let frame = self.ledger.charge(frame_bytes(part.values()));
            let part = Batch::derived(self.epoch, part, memory.clone(), frame);
            handles.push((value, self.table.push(part)?));
        }
        Ok(Ok(handles))
    }

    async fn with_columns(
        &mut self,
        batch: Resource<Batch>,
        columns: Resource<Batch>,
    ) -> wasmtime::Result<Result<Resource<Batch>, wit::Error>> {
        let (rows, memory) = self.content(&batch)?;
        let (columns, others) = self.content(&columns)?;
        let made = with_columns(rows, columns.values());
        let made = made.and_then(|rows| self.check_extent(&rows).map(|()| rows));
        let memory = memory.and(others);
        let pushed = match made {
            Ok(rows) => {
                // The schema is new; its fields are those of the two.
                let fields = (rows.values().num_columns() + 1) * size_of::<FieldRef>();
                self.push_derived(rows, &memory, fields)?
            }
            Err(error) => Err(error),
        };
        Ok(self.answer(pushed))
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
        let decoded = ipc::decode(bytes).and_then(|values| match values.num_rows() {
            0..=MAX_MADE_ROWS => Ok(values),
            rows => Err(Error::invalid(format!(
                "the stream has {rows} rows, and {MAX_MADE_ROWS} is the most: make several batches \
                 of them"
            ))),
        });
        let pushed: Result<Resource<Batch>, Error> = match decoded {
            Ok(values) => {
                let size = size.saturating_add(values.schema_ref().fields().size());
                let rows = Rows::made_up(values);
                match self.check_extent(&rows) {
                    Ok(()) => self.push_derived(rows, &Charges::default(), size)?,
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        };
        Ok(self.answer(pushed))
    }

    /// The guest's own table no longer has this handle, so that the entry can go with the rows.
    async fn drop(&mut self, batch: Resource<Batch>) -> wasmtime::Result<()> {
        self.table.delete(batch)?;
        Ok(())
    }
}

impl Guest {
    /// A new handle for rows in memory of their own.
    fn push_copied(
        &mut self,
        copied: Result<Result<Copied>, Full>,
    ) -> wasmtime::Result<Result<Resource<Batch>>> {
        Ok(match copied {
            Ok(Ok(Copied { rows, bytes })) => {
                self.push_derived(rows, &Charges::default(), bytes)?
            }
            Ok(Err(error)) => Err(error),
            Err(full) => Err(self.out_of_room(full)),
        })
    }
}

#[cfg(test)]
mod tests;
