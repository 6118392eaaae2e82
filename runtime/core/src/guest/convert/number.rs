//! Booleans, integers, floats and decimals.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};

use super::{Converted, Failure, Room, any, by_cast, cast, settled, unsupported};

pub(super) fn convert(array: &ArrayRef, to: &DataType, room: &mut Room) -> Converted {
    let from = array.data_type();
    match (from, to) {
        (DataType::Boolean, to) if to.is_decimal() => {
            let Ok(numbers) = cast(array, &DataType::Int8) else {
                return unsupported(array, to, room);
            };
            by_cast(&numbers, to, room)
        }
        (DataType::Boolean, to) if to.is_numeric() => by_cast(array, to, room),
        (from, DataType::Boolean) if from.is_numeric() => to_boolean(array, room),
        (from, to) if !(from.is_numeric() && to.is_numeric()) => unsupported(array, to, room),
        (from, to) if from.is_integer() && to.is_integer() => by_cast(array, to, room),
        (from, to) if from.is_integer() && to.is_floating() => integer_to_float(array, to, room),
        (from, to) if from.is_floating() && to.is_integer() => float_to_integer(array, to, room),
        (_, to) if to.is_floating() => finite(array, to, room),
        (from, _) if from.is_floating() => float_to_decimal(array, to, room),
        _ => same_after_return(array, to, room),
    }
}

/// 0 and 1.
fn to_boolean(array: &ArrayRef, room: &mut Room) -> Converted {
    let Ok(numbers) = cast(array, &DataType::Float64) else {
        return unsupported(array, &DataType::Boolean, room);
    };
    let truth: BooleanArray = numbers
        .as_primitive::<Float64Type>()
        .iter()
        .map(|value| match value {
            Some(0.0) => Some(false),
            Some(1.0) => Some(true),
            _ => None,
        })
        .collect();
    settled(array, Arc::new(truth))
}

/// Equal as numbers: 2⁵³ + 1 is no float64.
fn integer_to_float(array: &ArrayRef, to: &DataType, room: &mut Room) -> Converted {
    let converted = by_cast(array, to, room)?;
    let (Ok(floats), Ok(wide)) = (
        cast(&converted, &DataType::Float64),
        cast(
            array,
            if array.data_type().is_unsigned_integer() {
                &DataType::UInt64
            } else {
                &DataType::Int64
            },
        ),
    ) else {
        return unsupported(array, to, room);
    };
    let floats = floats.as_primitive::<Float64Type>().values();
    // Within i128 all of these are exact; a float16 that became infinite is not equal to anything.
    let differs = |integer: i128, float: f64| !float.is_finite() || float as i128 != integer;
    let lost = if array.data_type().is_unsigned_integer() {
        let integers = wide.as_primitive::<UInt64Type>().values();
        lost_rows(
            array,
            |row| matches!((integers.get(row), floats.get(row)), (Some(i), Some(f)) if differs((*i).into(), *f)),
        )
    } else {
        let integers = wide.as_primitive::<Int64Type>().values();
        lost_rows(
            array,
            |row| matches!((integers.get(row), floats.get(row)), (Some(i), Some(f)) if differs((*i).into(), *f)),
        )
    };
    unless(lost, converted)
}

/// Whole numbers in range.
fn float_to_integer(array: &ArrayRef, to: &DataType, room: &mut Room) -> Converted {
    let Ok(floats) = cast(array, &DataType::Float64) else {
        return unsupported(array, to, room);
    };
    let whole: Float64Array = floats
        .as_primitive::<Float64Type>()
        .unary_opt(|value| (value.fract() == 0.0).then_some(value));
    match cast(&whole, to) {
        Ok(converted) => settled(array, converted),
        Err(_) => unsupported(array, to, room),
    }
}

/// To a float: rounded, but a finite number does not become infinite.
pub(super) fn finite(array: &ArrayRef, to: &DataType, room: &mut Room) -> Converted {
    let converted = by_cast(array, to, room)?;
    let (Ok(before), Ok(after)) = (
        cast(array, &DataType::Float64),
        cast(&converted, &DataType::Float64),
    ) else {
        return unsupported(array, to, room);
    };
    let before = before.as_primitive::<Float64Type>().values();
    let after = after.as_primitive::<Float64Type>().values();
    let lost = lost_rows(
        array,
        |row| matches!((before.get(row), after.get(row)), (Some(b), Some(a)) if b.is_finite() && !a.is_finite()),
    );
    unless(lost, converted)
}

/// The decimal that reads back as the same float: 0.1 is 0.10, and 0.125 is no decimal(10,2).
fn float_to_decimal(array: &ArrayRef, to: &DataType, room: &mut Room) -> Converted {
    let Ok(floats) = cast(array, &DataType::Float64) else {
        return unsupported(array, to, room);
    };
    let converted = by_cast(&floats, to, room)?;
    let Ok(back) =
        cast(&converted, array.data_type()).and_then(|back| cast(&back, &DataType::Float64))
    else {
        return unsupported(array, to, room);
    };
    let before = floats.as_primitive::<Float64Type>().values();
    let after = back.as_primitive::<Float64Type>().values();
    let lost = lost_rows(array, |row| before.get(row) != after.get(row));
    unless(lost, converted)
}

/// Decimals and integers: the way there and back must give the same number.
fn same_after_return(array: &ArrayRef, to: &DataType, room: &mut Room) -> Converted {
    let converted = by_cast(array, to, room)?;
    let Ok(back) = cast(&converted, array.data_type()) else {
        return unsupported(array, to, room);
    };
    match arrow::compute::kernels::cmp::distinct(&back, array) {
        Ok(distinct) => unless(distinct.values().clone(), converted),
        Err(_) => unsupported(array, to, room),
    }
}

/// Rows that are not null and of which this is true.
pub(super) fn lost_rows(array: &dyn Array, lost: impl Fn(usize) -> bool) -> BooleanBuffer {
    BooleanBuffer::collect_bool(array.len(), |row| array.is_valid(row) && lost(row))
}

pub(super) fn unless(lost: BooleanBuffer, converted: ArrayRef) -> Converted {
    if any(&lost) {
        Err(Failure::Rows(lost))
    } else {
        Ok(converted)
    }
}
