//! Values of one type as values of another: exactly, or not at all.
//!
//! Arrow's own cast wraps nothing, but it cuts: fractions of a float, digits of a decimal, the
//! nanoseconds of a time. Here such a value does not convert. What does:
//!
//! - between numbers, when the value is the same. A float that becomes a narrower float, a decimal
//!   that becomes a float and a text that becomes either are rounded to the nearest, as floats
//!   are; none of them may become infinite. 0 and 1 are false and true.
//! - between times, when no part is lost; an instant or a moment becomes its date (in UTC), and a
//!   moment without zone is in UTC, or in the zone of what it becomes. Integers count units.
//! - text that reads as the other type (ISO 8601 for times, `true` and `false`), and everything
//!   that has one text form back; structs, lists and maps become JSON text.
//! - structs by the names of their fields, lists and maps value by value. A value inside that does
//!   not convert is one of the outermost value.
//! - bytes that are UTF-8 become text; bytes of the right length become fixed-size bytes.

mod nested;
mod number;
pub(super) mod text;
mod time;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, FixedSizeBinaryBuilder, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{CastOptions, cast_with_options, nullif};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

pub(super) use nested::masked;

use super::ipc;
use super::json;
use super::room::{Full, Room, null_bytes};

/// Why an array was not converted.
#[derive(Debug)]
pub(super) enum Failure {
    /// These rows do not convert.
    Rows(BooleanBuffer),
    /// The result would take too many bytes.
    Full,
}

impl From<Full> for Failure {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

pub(super) type Converted = Result<ArrayRef, Failure>;

/// Every value of `array` as `to`; null stays null. Fails with all rows that do not convert, so
/// that the rest, with null in their place, does.
pub(super) fn convert(array: &ArrayRef, to: &DataType, room: &mut Room) -> Converted {
    let mut lost: Option<BooleanBuffer> = None;
    let mut rest = ArrayRef::clone(array);
    loop {
        // One step finds what one check finds: what is beyond a decimal's digits hides what its
        // scale would cut. Each turn takes rows away, so that there are few.
        let rows = match (convert_once(&rest, to, room), lost) {
            (Err(Failure::Rows(rows)), None) => rows,
            (Err(Failure::Rows(rows)), Some(before)) => {
                let all = &before | &rows;
                if all.count_set_bits() == before.count_set_bits() {
                    return Err(Failure::Rows(all));
                }
                all
            }
            (Ok(_), Some(rows)) => return Err(Failure::Rows(rows)),
            (other, _) => return other,
        };
        rest = without(array, rows.clone());
        lost = Some(rows);
    }
}

fn convert_once(array: &ArrayRef, to: &DataType, room: &mut Room) -> Converted {
    let from = array.data_type();
    if from == to {
        return Ok(array.clone());
    }
    if *from == DataType::Null {
        return Ok(room.nulls(to, array.len())?);
    }
    if let Some(plain) = ipc::plain_type(from) {
        let Ok(unpacked) = cast(array, &plain) else {
            return unsupported(array, to, room);
        };
        room.take(unpacked.get_array_memory_size())?;
        return convert(&unpacked, to, room);
    }
    if let Some(plain) = ipc::plain_type(to) {
        let plain = convert(array, &plain, room)?;
        return match cast(&plain, to) {
            Ok(packed) => settled(array, packed),
            Err(_) => unsupported(array, to, room),
        };
    }
    match (from, to) {
        (DataType::Struct(_), DataType::Struct(members)) => nested::structs(array, members, room),
        (DataType::Map(..), DataType::Map(entries, sorted)) => {
            nested::maps(array, entries, *sorted, room)
        }
        (from, to) if nested::is_list(from) && nested::is_list(to) => {
            nested::lists(array, to, room)
        }
        (from, DataType::Utf8 | DataType::LargeUtf8) if from.is_nested() => {
            let text = json::texts(array, room)?;
            settled(array, text).and_then(|text| by_cast(&text, to, room))
        }
        (from, to) if from.is_nested() || to.is_nested() => unsupported(array, to, room),
        (DataType::Utf8 | DataType::LargeUtf8, to) => text::parse(array, to, room),
        (from, to) if is_bytes(from) => bytes(array, to, room),
        (from, DataType::Utf8 | DataType::LargeUtf8) if from.is_temporal() => {
            let texts: ArrayRef = Arc::new(text::temporal_texts(array.as_ref()));
            settled(array, texts).and_then(|texts| by_cast(&texts, to, room))
        }
        (_, DataType::Utf8 | DataType::LargeUtf8) => by_cast(array, to, room),
        (from, to) if from.is_temporal() || to.is_temporal() => time::convert(array, to, room),
        _ => number::convert(array, to, room),
    }
}

/// The array with null in these rows.
pub(super) fn without(array: &ArrayRef, rows: BooleanBuffer) -> ArrayRef {
    let nulled = match array.data_type() {
        // These keep their nulls among their values. Taking a row that is not there makes one.
        DataType::Union(..) | DataType::RunEndEncoded(..) => {
            let kept: UInt32Array = (0_u32..)
                .zip(rows.iter())
                .map(|(row, null)| (!null).then_some(row))
                .collect();
            arrow::compute::take(array, &kept, None)
        }
        _ => nullif(array, &BooleanArray::new(rows, None)),
    };
    // Both refuse nothing but another number of rows.
    nulled.unwrap_or_else(|_| array.clone())
}

/// `after` unless it lost a value of `before`.
fn settled(before: &dyn Array, after: ArrayRef) -> Converted {
    let old = before.logical_nulls();
    let Some(new) = after.logical_nulls() else {
        return Ok(after);
    };
    let lost = match &old {
        Some(old) => old.inner() & &!new.inner(),
        None => !new.inner(),
    };
    if any(&lost) {
        Err(Failure::Rows(lost))
    } else {
        Ok(after)
    }
}

fn any(rows: &BooleanBuffer) -> bool {
    rows.count_set_bits() > 0
}

/// The pair of types has nothing in common: nulls pass.
fn unsupported(array: &dyn Array, to: &DataType, room: &mut Room) -> Converted {
    settled(array, room.nulls(to, array.len())?)
}

/// Arrow's cast, where it neither cuts nor wraps.
fn by_cast(array: &ArrayRef, to: &DataType, room: &mut Room) -> Converted {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    room.take(null_bytes(to, array.len()))?;
    match cast(array, to) {
        Ok(converted) => settled(array, converted),
        Err(_) => unsupported(array, to, room),
    }
}

fn cast(array: &dyn Array, to: &DataType) -> Result<ArrayRef, ArrowError> {
    if overflows_cast(array.data_type(), to) {
        return Err(ArrowError::CastError("too far apart".to_owned()));
    }
    let options = CastOptions {
        safe: true,
        ..Default::default()
    };
    cast_with_options(array, to, &options)
}

/// Whether Arrow's cast between decimals would count their digits beyond an `i8`: it panics, or takes any value for one
/// that fits.
fn overflows_cast(from: &DataType, to: &DataType) -> bool {
    let digits_and_scale = |data_type: &DataType| match data_type {
        DataType::Decimal32(digits, scale)
        | DataType::Decimal64(digits, scale)
        | DataType::Decimal128(digits, scale)
        | DataType::Decimal256(digits, scale) => Some((*digits, *scale)),
        _ => None,
    };
    match (digits_and_scale(from), digits_and_scale(to)) {
        (Some((digits, from)), Some((_, to))) => {
            u16::from(digits) + u16::from(from.abs_diff(to)) > i8::MAX.unsigned_abs().into()
        }
        _ => false,
    }
}

fn is_bytes(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Binary | DataType::LargeBinary | DataType::FixedSizeBinary(_)
    )
}

fn bytes(array: &ArrayRef, to: &DataType, room: &mut Room) -> Converted {
    match (array.data_type(), to) {
        (DataType::FixedSizeBinary(_), DataType::FixedSizeBinary(_)) => {
            unsupported(array, to, room)
        }
        (DataType::FixedSizeBinary(_), DataType::Utf8 | DataType::LargeUtf8) => {
            match cast(array, &DataType::Binary) {
                Ok(bytes) => by_cast(&bytes, to, room),
                Err(_) => unsupported(array, to, room),
            }
        }
        (_, DataType::FixedSizeBinary(size)) => fixed_size(array, *size, room),
        (_, to) if is_bytes(to) || matches!(to, DataType::Utf8 | DataType::LargeUtf8) => {
            by_cast(array, to, room)
        }
        _ => unsupported(array, to, room),
    }
}

/// Bytes of exactly this length.
fn fixed_size(array: &ArrayRef, size: i32, room: &mut Room) -> Converted {
    let Ok(bytes) = cast(array, &DataType::LargeBinary) else {
        return unsupported(array, &DataType::FixedSizeBinary(size), room);
    };
    room.take(
        usize::try_from(size)
            .unwrap_or_default()
            .saturating_mul(array.len()),
    )?;
    let mut builder = FixedSizeBinaryBuilder::with_capacity(array.len(), size);
    for value in bytes.as_binary::<i64>() {
        match value {
            // The builder refuses another length, which is what we want to know.
            Some(value) if builder.append_value(value).is_ok() => {}
            _ => builder.append_null(),
        }
    }
    settled(array, Arc::new(builder.finish()))
}

#[cfg(test)]
mod tests;
