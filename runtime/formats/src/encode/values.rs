//! The values of arrays, in whichever of Arrow's ways they are kept.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::types::{Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, Decimal128Array, Decimal256Array,
    FixedSizeBinaryArray, Int64Array, LargeBinaryArray, LargeStringArray, ListLikeArray,
    StringArray, StringViewArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, TimeUnit, i256};
use wasm_sink_core::{Error, Result};

use super::{Halt, Written};

/// The type of values without dictionaries and run ends.
pub(super) fn plain_type(of: &DataType) -> &DataType {
    match of {
        DataType::Dictionary(_, inner) => plain_type(inner),
        DataType::RunEndEncoded(_, inner) => plain_type(inner.data_type()),
        plain => plain,
    }
}

/// The same values without dictionaries and run ends.
pub(super) fn plain(path: &str, values: &ArrayRef) -> Result<ArrayRef> {
    let to = plain_type(values.data_type());
    if to == values.data_type() {
        return Ok(Arc::clone(values));
    }
    cast(values, to).map_err(|error| {
        Error::invalid(format!("column `{path}` could not be unpacked")).with_source(error)
    })
}

/// Text.
pub(super) enum Texts {
    Small(StringArray),
    Large(LargeStringArray),
    View(StringViewArray),
}

impl Texts {
    pub(super) fn of(values: &ArrayRef) -> Option<Self> {
        Some(match values.data_type() {
            DataType::Utf8 => Self::Small(values.as_string_opt()?.clone()),
            DataType::LargeUtf8 => Self::Large(values.as_string_opt()?.clone()),
            DataType::Utf8View => Self::View(values.as_string_view_opt()?.clone()),
            _ => return None,
        })
    }

    #[inline]
    pub(super) fn get(&self, row: usize) -> &str {
        match self {
            Self::Small(values) => values.value(row),
            Self::Large(values) => values.value(row),
            Self::View(values) => values.value(row),
        }
    }
}

pub(super) fn is_text(of: &DataType) -> bool {
    matches!(
        of,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

/// Bytes.
pub(super) enum Blobs {
    Small(BinaryArray),
    Large(LargeBinaryArray),
    View(BinaryViewArray),
    Fixed(FixedSizeBinaryArray),
}

impl Blobs {
    pub(super) fn of(values: &ArrayRef) -> Option<Self> {
        Some(match values.data_type() {
            DataType::Binary => Self::Small(values.as_binary_opt()?.clone()),
            DataType::LargeBinary => Self::Large(values.as_binary_opt()?.clone()),
            DataType::BinaryView => Self::View(values.as_binary_view_opt()?.clone()),
            DataType::FixedSizeBinary(_) => Self::Fixed(values.as_fixed_size_binary_opt()?.clone()),
            _ => return None,
        })
    }

    #[inline]
    pub(super) fn get(&self, row: usize) -> &[u8] {
        match self {
            Self::Small(values) => values.value(row),
            Self::Large(values) => values.value(row),
            Self::View(values) => values.value(row),
            Self::Fixed(values) => values.value(row),
        }
    }
}

/// Whole numbers, and the units of times and durations; not those of 64 bits without a sign.
pub(super) fn whole(values: &ArrayRef) -> Option<Int64Array> {
    let narrow = match values.data_type() {
        DataType::Date32 | DataType::Time32(_) => &cast(values, &DataType::Int32).ok()?,
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::Date64
        | DataType::Time64(_)
        | DataType::Timestamp(..)
        | DataType::Duration(_) => values,
        _ => return None,
    };
    let wide = cast(narrow, &DataType::Int64).ok()?;
    wide.as_primitive_opt().cloned()
}

/// Decimals, unscaled.
pub(super) enum Decimals {
    Narrow(Decimal128Array),
    Wide(Decimal256Array),
}

impl Decimals {
    /// With the digits that they have, and those after the point.
    pub(super) fn of(values: &ArrayRef) -> Option<(Self, u8, i8)> {
        // Not by casts, which make null of what has too many digits.
        Some(match values.data_type() {
            DataType::Decimal32(digits, scale) => {
                let values = values.as_primitive_opt::<Decimal32Type>()?;
                let wider = values.unary::<_, Decimal128Type>(i128::from);
                (Self::Narrow(wider), *digits, *scale)
            }
            DataType::Decimal64(digits, scale) => {
                let values = values.as_primitive_opt::<Decimal64Type>()?;
                let wider = values.unary::<_, Decimal128Type>(i128::from);
                (Self::Narrow(wider), *digits, *scale)
            }
            DataType::Decimal128(digits, scale) => (
                Self::Narrow(values.as_primitive_opt()?.clone()),
                *digits,
                *scale,
            ),
            DataType::Decimal256(digits, scale) => {
                let values = values.as_primitive_opt::<Decimal256Type>()?;
                (Self::Wide(values.clone()), *digits, *scale)
            }
            _ => return None,
        })
    }

    pub(super) fn wide(&self, row: usize) -> i256 {
        match self {
            Self::Narrow(values) => i256::from_i128(values.value(row)),
            Self::Wide(values) => values.value(row),
        }
    }
}

/// Lists of any kind.
pub(super) fn lists(values: &ArrayRef) -> Option<Box<dyn ListLikeArray>> {
    Some(match values.data_type() {
        DataType::List(_) => Box::new(values.as_list_opt::<i32>()?.clone()),
        DataType::LargeList(_) => Box::new(values.as_list_opt::<i64>()?.clone()),
        DataType::ListView(_) => Box::new(values.as_list_view_opt::<i32>()?.clone()),
        DataType::LargeListView(_) => Box::new(values.as_list_view_opt::<i64>()?.clone()),
        DataType::FixedSizeList(..) => Box::new(values.as_fixed_size_list_opt()?.clone()),
        _ => return None,
    })
}

/// The item of a type of lists.
pub(super) fn item(of: &DataType) -> Option<&FieldRef> {
    match of {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => Some(item),
        _ => None,
    }
}

/// Key and value of a type of maps.
pub(super) fn pair(of: &DataType) -> Option<(&FieldRef, &FieldRef)> {
    let DataType::Map(entries, _) = of else {
        return None;
    };
    let DataType::Struct(pair) = entries.data_type() else {
        return None;
    };
    match pair.as_ref() {
        [key, value] => Some((key, value)),
        _ => None,
    }
}

/// Which entries of all maps are one row's.
pub(super) fn entries_of(offsets: &OffsetBuffer<i32>, row: usize) -> Range<usize> {
    match (offsets.get(row), offsets.get(row + 1)) {
        (Some(begin), Some(end)) => *begin as usize..*end as usize,
        _ => 0..0,
    }
}

/// So many keys are held against each other without more ado.
const FEW: usize = 16;

/// Halts where a map has a key twice: whoever reads it would keep one.
pub(super) fn keys_differ(keys: &Texts, entries: Range<usize>) -> Written {
    let twice = match entries.len() {
        ..=FEW => entries.clone().find(|entry| {
            let mut before = entries.start..*entry;
            before.any(|other| keys.get(other) == keys.get(*entry))
        }),
        _ => {
            let mut seen = HashSet::with_capacity(entries.len());
            entries
                .into_iter()
                .find(|entry| !seen.insert(keys.get(*entry)))
        }
    };
    match twice {
        None => Ok(()),
        Some(entry) => {
            let key = crate::fault::shown(keys.get(entry).as_bytes());
            Err(Halt::misfit(format!("has the key {key:?} twice")))
        }
    }
}

pub(super) fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// The name of a unit.
pub(super) fn unit(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "seconds",
        TimeUnit::Millisecond => "milliseconds",
        TimeUnit::Microsecond => "microseconds",
        TimeUnit::Nanosecond => "nanoseconds",
    }
}
