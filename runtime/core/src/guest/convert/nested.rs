//! Structs, lists and maps, value by value. A value inside that does not convert is one of the
//! outermost value: what fails is reported for its row.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, MapArray, OffsetSizeTrait,
    StructArray, UInt32Array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow::compute::take;
use arrow::datatypes::{DataType, FieldRef, Fields};

use super::{Converted, Failure, Room, any, cast, convert, unsupported, without};

pub(super) fn is_list(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)
    )
}

/// By the names of fields. One that is not there is null; one that is not asked for is left out.
pub(super) fn structs(array: &ArrayRef, members: &Fields, room: &mut Room) -> Converted {
    let before = array.as_struct();
    let mut columns = Vec::with_capacity(members.len());
    let mut lost = None;
    for member in members {
        let column = match before.column_by_name(member.name()) {
            Some(column) => masked(column, before.nulls()),
            None => room.nulls(member.data_type(), before.len())?,
        };
        match convert(&column, member.data_type(), room) {
            Ok(column) if member.is_nullable() => columns.push(column),
            Ok(column) => {
                lost = either(lost, missing(&column, before.nulls()));
                columns.push(column);
            }
            Err(Failure::Rows(rows)) => lost = either(lost, Some(rows)),
            Err(Failure::Full) => return Err(Failure::Full),
        }
    }
    if let Some(rows) = lost {
        return Err(Failure::Rows(rows));
    }
    let converted = StructArray::try_new_with_length(
        members.clone(),
        columns,
        before.nulls().cloned(),
        before.len(),
    );
    match converted {
        Ok(converted) => Ok(Arc::new(converted)),
        Err(_) => unsupported(array, &DataType::Struct(members.clone()), room),
    }
}

/// Lists of every width.
pub(super) fn lists(array: &ArrayRef, to: &DataType, room: &mut Room) -> Converted {
    let wide = DataType::LargeList(match array.data_type() {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            Arc::clone(item)
        }
        _ => return unsupported(array, to, room),
    });
    let Ok(widened) = cast(array, &wide) else {
        return unsupported(array, to, room);
    };
    let Some((offsets, values)) = referenced::<i64>(&widened) else {
        return unsupported(array, to, room);
    };
    match to {
        DataType::List(item) => rebuilt::<i32>(array, &offsets, &values, item, room),
        DataType::LargeList(item) => rebuilt::<i64>(array, &offsets, &values, item, room),
        DataType::FixedSizeList(item, size) => {
            fixed_size(array, &offsets, &values, item, *size, room)
        }
        _ => unsupported(array, to, room),
    }
}

fn rebuilt<O: OffsetSizeTrait>(
    before: &ArrayRef,
    offsets: &[i64],
    values: &ArrayRef,
    item: &FieldRef,
    room: &mut Room,
) -> Converted {
    let values = items(values, item, offsets, room)?;
    let to = GenericListArray::<O>::DATA_TYPE_CONSTRUCTOR(Arc::clone(item));
    let lengths = offsets.windows(2).map(|pair| match pair {
        [start, end] => usize::try_from(end - start).unwrap_or_default(),
        _ => 0,
    });
    if O::from_usize(values.len()).is_none() {
        return Err(Failure::Full);
    }
    let list = GenericListArray::<O>::try_new(
        Arc::clone(item),
        OffsetBuffer::from_lengths(lengths),
        values,
        before.nulls().cloned(),
    );
    match list {
        Ok(list) => Ok(Arc::new(list)),
        Err(_) => unsupported(before, &to, room),
    }
}

/// A list of another length does not convert.
fn fixed_size(
    before: &ArrayRef,
    offsets: &[i64],
    values: &ArrayRef,
    item: &FieldRef,
    size: i32,
    room: &mut Room,
) -> Converted {
    let to = DataType::FixedSizeList(Arc::clone(item), size);
    let lengths: Vec<i64> = offsets
        .windows(2)
        .map(|pair| match pair {
            [start, end] => end - start,
            _ => 0,
        })
        .collect();
    let wrong = BooleanBuffer::collect_bool(before.len(), |row| {
        before.is_valid(row) && lengths.get(row) != Some(&i64::from(size))
    });
    if any(&wrong) {
        return Err(Failure::Rows(wrong));
    }
    let values = items(values, item, offsets, room)?;
    // A null takes as much room as a list.
    let mut next = 0_u32;
    let mut rows = Vec::new();
    let slots = usize::try_from(size).unwrap_or_default();
    room.take(
        before
            .len()
            .saturating_mul(slots)
            .saturating_mul(size_of::<u32>()),
    )?;
    for row in 0..before.len() {
        for _ in 0..slots {
            if before.is_valid(row) {
                rows.push(Some(next));
                next += 1;
            } else {
                rows.push(None);
            }
        }
    }
    let list = take(&values, &UInt32Array::from(rows), None).and_then(|values| {
        FixedSizeListArray::try_new_with_length(
            Arc::clone(item),
            size,
            values,
            before.nulls().cloned(),
            before.len(),
        )
    });
    match list {
        Ok(list) => Ok(Arc::new(list)),
        Err(_) => unsupported(before, &to, room),
    }
}

/// Keys and values by themselves.
pub(super) fn maps(
    array: &ArrayRef,
    entries: &FieldRef,
    sorted: bool,
    room: &mut Room,
) -> Converted {
    let to = DataType::Map(Arc::clone(entries), sorted);
    let DataType::Struct(_) = entries.data_type() else {
        return unsupported(array, &to, room);
    };
    let before = array.as_map();
    let item = Arc::new(arrow::datatypes::Field::new(
        "entries",
        before.entries().data_type().clone(),
        false,
    ));
    // The entries of a map are a list, and are freed from what nobody refers to as one.
    let Ok(list) = GenericListArray::<i32>::try_new(
        item,
        before.offsets().clone(),
        Arc::new(before.entries().clone()),
        before.nulls().cloned(),
    ) else {
        return unsupported(array, &to, room);
    };
    let list: ArrayRef = Arc::new(list);
    let Some((offsets, pairs)) = referenced::<i32>(&list) else {
        return unsupported(array, &to, room);
    };
    let names = match entries.data_type() {
        DataType::Struct(pair) => pair,
        _ => return unsupported(array, &to, room),
    };
    // By place: the names of keys and values differ between writers.
    let pairs = pairs.as_struct();
    let renamed: Fields = names
        .iter()
        .zip(pairs.columns())
        .map(|(name, column)| {
            arrow::datatypes::Field::new(
                name.name(),
                column.data_type().clone(),
                column.is_nullable(),
            )
        })
        .collect();
    let pairs: ArrayRef = match StructArray::try_new(renamed, pairs.columns().to_vec(), None) {
        Ok(pairs) => Arc::new(pairs),
        Err(_) => return unsupported(array, &to, room),
    };
    let pairs = items(&pairs, entries, &offsets, room)?;
    let lengths = offsets.windows(2).map(|pair| match pair {
        [start, end] => usize::try_from(end - start).unwrap_or_default(),
        _ => 0,
    });
    let map = MapArray::try_new(
        Arc::clone(entries),
        OffsetBuffer::from_lengths(lengths),
        pairs.as_struct().clone(),
        before.nulls().cloned(),
        sorted,
    );
    match map {
        Ok(map) => Ok(Arc::new(map)),
        Err(_) => unsupported(array, &to, room),
    }
}

/// The values that valid rows refer to, side by side, and where each row's begin and end.
fn referenced<O: OffsetSizeTrait>(list: &ArrayRef) -> Option<(Vec<i64>, ArrayRef)> {
    fn bounds<O: OffsetSizeTrait>(list: &GenericListArray<O>) -> (Vec<i64>, bool) {
        let mut dense = true;
        let offsets: Vec<i64> = list
            .offsets()
            .iter()
            .map(|offset| (*offset).as_usize() as i64)
            .collect();
        for (row, pair) in offsets.windows(2).enumerate() {
            dense &= list.is_valid(row) || matches!(pair, [start, end] if start == end);
        }
        dense &= offsets.first() == Some(&0);
        dense &= offsets.last().copied() == i64::try_from(list.values().len()).ok();
        (offsets, dense)
    }
    let (offsets, dense) = bounds(list.as_list::<O>());
    if dense {
        return Some((offsets, Arc::clone(list.as_list::<O>().values())));
    }
    // Taking rows copies what they refer to; a null refers to nothing.
    let rows: UInt32Array = (0_u32..)
        .take(list.len())
        .enumerate()
        .map(|(row, number)| list.is_valid(row).then_some(number))
        .collect();
    let compact = take(list, &rows, None).ok()?;
    let compact = compact.as_list::<O>();
    let (offsets, dense) = bounds(compact);
    dense.then(|| (offsets, Arc::clone(compact.values())))
}

/// The items converted, or the rows whose items were not.
fn items(values: &ArrayRef, item: &FieldRef, offsets: &[i64], room: &mut Room) -> Converted {
    let lost = match convert(values, item.data_type(), room) {
        Ok(converted) if item.is_nullable() => return Ok(converted),
        Ok(converted) => match missing(&converted, None) {
            None => return Ok(converted),
            Some(lost) => lost,
        },
        Err(Failure::Rows(lost)) => lost,
        Err(Failure::Full) => return Err(Failure::Full),
    };
    let rows = offsets.windows(2).map(|pair| match pair {
        [start, end] => {
            let start = usize::try_from(*start).unwrap_or_default();
            let length = usize::try_from(*end)
                .unwrap_or_default()
                .saturating_sub(start);
            any(&lost.slice(start, length))
        }
        _ => false,
    });
    Err(Failure::Rows(rows.collect()))
}

/// Nulls where there must be none, below parents that are not null themselves.
fn missing(column: &ArrayRef, parents: Option<&NullBuffer>) -> Option<BooleanBuffer> {
    let nulls = column.logical_nulls()?;
    let missing = match parents {
        Some(parents) => parents.inner() & &!nulls.inner(),
        None => !nulls.inner(),
    };
    any(&missing).then_some(missing)
}

/// A child below its parents: null where they are.
pub(in crate::guest) fn masked(child: &ArrayRef, parents: Option<&NullBuffer>) -> ArrayRef {
    match parents {
        Some(parents) if parents.null_count() > 0 => without(child, !parents.inner()),
        _ => Arc::clone(child),
    }
}

fn either(left: Option<BooleanBuffer>, right: Option<BooleanBuffer>) -> Option<BooleanBuffer> {
    match (left, right) {
        (Some(left), Some(right)) => Some(&left | &right),
        (left, right) => left.or(right),
    }
}
