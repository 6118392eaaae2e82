//! A compiled plan on one batch.

use std::cell::OnceCell;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StructArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Field};

use super::compile::{Compiled, Origin, Output, Place};
use super::metadata;
use crate::batch::Rows;
use crate::data_type;
use crate::error::{Error, Result};
use crate::guest::convert::{Failure, convert, without};
use crate::guest::cut;
use crate::guest::json;
use crate::guest::room::{Full, Room};
use crate::guest::wit::Mismatch;

/// Of a name, path or type, so much is told.
const MAX_NAME_BYTES: usize = 1_000;

/// What became of a batch.
pub(super) enum Applied {
    /// Every row passes; `bytes` were allocated, for what is not shared with the input.
    Whole {
        rows: Rows,
        bytes: usize,
        is_shared: bool,
    },
    /// Some rows must go first: those that are not in `keep`.
    Refused {
        keep: BooleanArray,
        misfits: Misfits,
    },
    /// The result would be too large.
    Full(Full),
}

/// One output column, or the rows that stand in its way.
enum Made {
    /// In the input's memory, but for so many bytes.
    Shared(ArrayRef, usize),
    Fresh(ArrayRef),
    Refused(Refusal),
}

/// Rows that do not fit a plan. A reason is made when somebody asks for it.
pub(super) struct Misfits {
    refusals: Vec<(Arc<Field>, Refusal)>,
    /// Each, in order.
    rows: OnceCell<Vec<usize>>,
    refused: BooleanBuffer,
}

impl Misfits {
    fn new(refusals: Vec<(Arc<Field>, Refusal)>, row_count: usize) -> Self {
        let refused = BooleanBuffer::collect_bool(row_count, |row| {
            refusals.iter().any(|(_, refusal)| refusal.rows.value(row))
        });
        Self {
            refusals,
            rows: OnceCell::new(),
            refused,
        }
    }

    /// Why the row at this place among them is refused.
    pub(super) fn reason(&self, place: usize) -> String {
        let rows = self
            .rows
            .get_or_init(|| self.refused.set_indices().collect());
        rows.get(place)
            .map_or_else(String::new, |row| self.of_row(*row))
    }

    fn of_row(&self, row: usize) -> String {
        let mut refusals = self.refusals.iter();
        let first = refusals.find(|(_, refusal)| refusal.rows.value(row));
        first.map_or_else(String::new, |(field, refusal)| reason(field, refusal, row))
    }
}

/// Rows that a column refuses, and what it saw in them.
struct Refusal {
    rows: BooleanBuffer,
    seen: Seen,
}

enum Seen {
    /// Values of this array, and of which type they are not.
    Values {
        values: ArrayRef,
        from: String,
        to: String,
    },
    /// Nothing, at this path.
    Nothing(String),
}

/// # Errors
/// A mismatch where the policy is `fail`, or a source that breaks its own rules.
pub(super) fn apply(
    plan: &Compiled,
    rows: &Rows,
    policy: Mismatch,
    room: &mut Room,
) -> Result<Applied> {
    let batch = rows.values();
    let mut columns = Vec::with_capacity(plan.outputs.len());
    let mut refusals = Vec::new();
    let mut bytes = 0_usize;
    let mut is_shared = false;
    for (output, field) in plan.outputs.iter().zip(plan.schema.fields()) {
        let left = room.left();
        let made = match output {
            Output::AsIs(index) => Ok(batch.columns().get(*index).map_or_else(
                || unexpected(field, batch),
                |column| Made::Shared(Arc::clone(column), 0),
            )),
            Output::Value { place, path } => {
                value(place.as_ref(), path, field, batch, policy, room)
            }
            Output::Json(Some(place)) => match place.dig(batch, room) {
                Ok(Some(dug)) => json::texts(&dug.values, room).map(Made::Fresh),
                Ok(None) => Ok(unexpected(field, batch)),
                Err(full) => Err(full),
            },
            Output::Json(None) => room
                .nulls(field.data_type(), batch.num_rows())
                .map(Made::Fresh),
            Output::Record => record(batch, room).map(Made::Fresh),
            Output::Metadata(key) => metadata::column(rows, *key, room)?.map(Made::Fresh),
            Output::AllMetadata => metadata::all(rows, room)?.map(Made::Fresh),
        };
        match made {
            Ok(Made::Shared(column, own)) => {
                bytes = bytes.saturating_add(own);
                is_shared = true;
                columns.push(column);
            }
            Ok(Made::Fresh(column)) => {
                let held = column.get_buffer_memory_size();
                // Not every conversion knows before what it will take.
                if let Err(full) = room.take_since(left, held) {
                    return Ok(Applied::Full(full));
                }
                bytes = bytes.saturating_add(held);
                columns.push(column);
            }
            Ok(Made::Refused(refusal)) => refusals.push((Arc::clone(field), refusal)),
            Err(full) => return Ok(Applied::Full(full)),
        }
    }
    if !refusals.is_empty() {
        return refused(refusals, policy, batch.num_rows());
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let rows = RecordBatch::try_new_with_options(Arc::clone(&plan.schema), columns, &options)
        .and_then(|values| rows.with_values(values))
        .map_err(|error| Error::invalid(format!("the plan does not fit the batch: {error}")))?;
    Ok(Applied::Whole {
        rows,
        bytes,
        is_shared,
    })
}

fn value(
    place: Option<&Place>,
    path: &str,
    field: &Field,
    batch: &RecordBatch,
    policy: Mismatch,
    room: &mut Room,
) -> Result<Made, Full> {
    let Some(place) = place else {
        let rows = batch.num_rows();
        return if field.is_nullable() || rows == 0 {
            room.nulls(field.data_type(), rows).map(Made::Fresh)
        } else {
            Ok(Made::Refused(Refusal {
                rows: BooleanBuffer::new_set(rows),
                seen: Seen::Nothing(path.to_owned()),
            }))
        };
    };
    let Some(dug) = place.dig(batch, room)? else {
        return Ok(unexpected(field, batch));
    };
    let found = dug.values;
    let converted = match convert(&found, field.data_type(), room) {
        // Where null is no answer either, the row is refused for the value that it has.
        Err(Failure::Rows(rows)) if policy == Mismatch::SetNull && field.is_nullable() => {
            convert(&without(&found, rows), field.data_type(), room)
        }
        other => other,
    };
    let converted = match converted {
        Ok(converted) => converted,
        Err(Failure::Full) => return Err(Full),
        Err(Failure::Rows(rows)) => {
            return Ok(Made::Refused(Refusal {
                rows,
                seen: Seen::Values {
                    from: named(found.data_type()),
                    to: named(field.data_type()),
                    values: found,
                },
            }));
        }
    };
    if !field.is_nullable()
        && let Some(nulls) = converted.logical_nulls()
        && nulls.null_count() > 0
    {
        return Ok(Made::Refused(Refusal {
            rows: !nulls.inner(),
            seen: Seen::Nothing(path.to_owned()),
        }));
    }
    Ok(match dug.origin {
        Origin::Shared { mask_bytes } if found.data_type() == field.data_type() => {
            Made::Shared(converted, mask_bytes)
        }
        _ => Made::Fresh(converted),
    })
}

/// The schema promised a column that the batch lacks: all rows are refused.
fn unexpected(field: &Field, batch: &RecordBatch) -> Made {
    Made::Refused(Refusal {
        rows: BooleanBuffer::new_set(batch.num_rows()),
        seen: Seen::Nothing(field.name().clone()),
    })
}

/// The whole record as JSON.
fn record(batch: &RecordBatch, room: &mut Room) -> Result<ArrayRef, Full> {
    let whole: ArrayRef = if batch.num_columns() == 0 {
        Arc::new(StructArray::new_empty_fields(batch.num_rows(), None))
    } else {
        Arc::new(StructArray::from(batch.clone()))
    };
    json::texts(&whole, room)
}

/// # Errors
/// The first mismatch, where the policy is `fail`.
fn refused(
    refusals: Vec<(Arc<Field>, Refusal)>,
    policy: Mismatch,
    row_count: usize,
) -> Result<Applied> {
    let misfits = Misfits::new(refusals, row_count);
    if policy == Mismatch::Fail {
        let first = misfits.refused.set_indices().next().unwrap_or_default();
        return Err(Error::invalid(format!(
            "row {first} of the batch: {} ({} of {row_count} rows do not fit the plan)",
            misfits.of_row(first),
            misfits.refused.count_set_bits()
        )));
    }
    Ok(Applied::Refused {
        keep: BooleanArray::new(!&misfits.refused, None),
        misfits,
    })
}

fn reason(field: &Field, refusal: &Refusal, row: usize) -> String {
    let name = cut(field.name(), MAX_NAME_BYTES);
    match &refusal.seen {
        Seen::Nothing(path) => {
            let path = cut(path, MAX_NAME_BYTES);
            format!("column `{name}` must not be null, and there is nothing at `{path}`")
        }
        Seen::Values { values, from, to } => format!(
            "column `{name}`: {} ({from}) does not convert to {to}",
            json::shown(values, row),
        ),
    }
}

/// As messages name it.
fn named(data_type: &DataType) -> String {
    cut(&data_type::name(data_type), MAX_NAME_BYTES).into_owned()
}
