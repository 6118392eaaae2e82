//! Dates, times, instants and durations, and the integers that count them.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, Date32Array, Int64Array, PrimitiveArray,
};
use arrow::compute::kernels::arity::unary;
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, DurationMicrosecondType, DurationMillisecondType,
    DurationNanosecondType, DurationSecondType, Int64Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use chrono::FixedOffset;

use super::{Converted, Room, cast, settled, text, unsupported};

pub(super) const SECOND_NS: i64 = 1_000_000_000;
pub(super) const DAY_NS: i64 = 86_400 * SECOND_NS;

/// What a type counts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Quantity<'a> {
    /// Instants, or moments without zone.
    Moment {
        unit_ns: i64,
        zone: Option<&'a str>,
    },
    /// Days, counted in this unit.
    Date {
        unit_ns: i64,
    },
    TimeOfDay {
        unit_ns: i64,
    },
    Duration {
        unit_ns: i64,
    },
    Integer,
}

/// What to do with the part of a unit that is left over.
#[derive(Clone, Copy)]
enum Remainder {
    Refuse,
    Drop,
}

pub(super) fn convert(array: &ArrayRef, to: &DataType, room: &mut Room) -> Converted {
    use Quantity::{Date, Duration, Integer, Moment, TimeOfDay};
    let (Some(from), Some(into)) = (quantity(array.data_type()), quantity(to)) else {
        return unsupported(array, to, room);
    };
    room.take(array.len().saturating_mul(2 * size_of::<i64>()))?;
    let Some(counts) = counts(array) else {
        return unsupported(array, to, room);
    };
    let counts = match (from, into) {
        (
            Moment {
                unit_ns: old,
                zone: from,
            },
            Moment {
                unit_ns: new,
                zone: to_zone,
            },
        ) => {
            // Between zones nothing changes: an instant is the same everywhere.
            let shift_s = match (from, to_zone) {
                (None, Some(zone)) => {
                    offset(zone).map(|offset| -i64::from(offset.local_minus_utc()))
                }
                (Some(zone), None) => {
                    offset(zone).map(|offset| i64::from(offset.local_minus_utc()))
                }
                _ => Some(0),
            };
            let Some(shift_s) = shift_s else {
                return unsupported(array, to, room);
            };
            shifted(rescaled(&counts, old, new, Remainder::Refuse), shift_s, new)
        }
        (Moment { unit_ns, .. }, Date { unit_ns: new }) => {
            let days = rescaled(&counts, unit_ns, DAY_NS, Remainder::Drop);
            rescaled(&days, DAY_NS, new, Remainder::Refuse)
        }
        (Date { unit_ns }, Moment { unit_ns: new, zone }) => {
            let Some(offset) = zone.map_or(Some(0), |zone| {
                offset(zone).map(|offset| i64::from(offset.local_minus_utc()))
            }) else {
                return unsupported(array, to, room);
            };
            shifted(
                rescaled(&counts, unit_ns, new, Remainder::Refuse),
                -offset,
                new,
            )
        }
        (Date { unit_ns }, Date { unit_ns: new }) => {
            let days = rescaled(&counts, unit_ns, DAY_NS, Remainder::Drop);
            rescaled(&days, DAY_NS, new, Remainder::Refuse)
        }
        (TimeOfDay { unit_ns }, TimeOfDay { unit_ns: new })
        | (Duration { unit_ns }, Duration { unit_ns: new }) => {
            rescaled(&counts, unit_ns, new, Remainder::Refuse)
        }
        (Integer, Moment { .. } | Date { .. } | TimeOfDay { .. } | Duration { .. }) => counts,
        (Moment { .. } | Date { .. } | TimeOfDay { .. } | Duration { .. }, Integer) => {
            return match cast(&counts, to) {
                Ok(integers) => settled(array, integers),
                Err(_) => unsupported(array, to, room),
            };
        }
        _ => return unsupported(array, to, room),
    };
    from_counts(array, counts, to, room)
}

fn quantity(data_type: &DataType) -> Option<Quantity<'_>> {
    Some(match data_type {
        DataType::Timestamp(unit, zone) => Quantity::Moment {
            unit_ns: unit_ns(*unit),
            zone: zone.as_deref(),
        },
        DataType::Date32 => Quantity::Date { unit_ns: DAY_NS },
        DataType::Date64 => Quantity::Date {
            unit_ns: unit_ns(TimeUnit::Millisecond),
        },
        DataType::Time32(unit) | DataType::Time64(unit) => Quantity::TimeOfDay {
            unit_ns: unit_ns(*unit),
        },
        DataType::Duration(unit) => Quantity::Duration {
            unit_ns: unit_ns(*unit),
        },
        integer if integer.is_integer() => Quantity::Integer,
        _ => return None,
    })
}

pub(super) fn unit_ns(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => SECOND_NS,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}

/// The offset of a zone that has one; None for a zone that has a history.
pub(super) fn offset(zone: &str) -> Option<FixedOffset> {
    text::parse_offset(zone)
}

pub(super) fn days(counts: Int64Array) -> Date32Array {
    counts.unary_opt(|days| i32::try_from(days).ok())
}

fn rescaled(counts: &Int64Array, from_ns: i64, to_ns: i64, remainder: Remainder) -> Int64Array {
    if from_ns == to_ns {
        return counts.clone();
    }
    if from_ns > to_ns {
        let factor = from_ns / to_ns;
        return counts.unary_opt(|count| count.checked_mul(factor));
    }
    let divisor = to_ns / from_ns;
    counts.unary_opt(|count| match remainder {
        Remainder::Drop => Some(count.div_euclid(divisor)),
        Remainder::Refuse => (count % divisor == 0).then_some(count / divisor),
    })
}

fn shifted(counts: Int64Array, seconds: i64, unit_ns: i64) -> Int64Array {
    if seconds == 0 {
        return counts;
    }
    let shift = seconds * (SECOND_NS / unit_ns);
    counts.unary_opt(|count| count.checked_add(shift))
}

/// What the type counts, as int64.
pub(super) fn counts(array: &dyn Array) -> Option<Int64Array> {
    fn wide<T: ArrowPrimitiveType>(array: &dyn Array) -> Int64Array
    where
        T::Native: Into<i64>,
    {
        unary(array.as_primitive::<T>(), Into::into)
    }
    Some(match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => wide::<TimestampSecondType>(array),
        DataType::Timestamp(TimeUnit::Millisecond, _) => wide::<TimestampMillisecondType>(array),
        DataType::Timestamp(TimeUnit::Microsecond, _) => wide::<TimestampMicrosecondType>(array),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => wide::<TimestampNanosecondType>(array),
        DataType::Date32 => wide::<Date32Type>(array),
        DataType::Date64 => wide::<Date64Type>(array),
        DataType::Time32(TimeUnit::Second) => wide::<Time32SecondType>(array),
        DataType::Time32(TimeUnit::Millisecond) => wide::<Time32MillisecondType>(array),
        DataType::Time64(TimeUnit::Microsecond) => wide::<Time64MicrosecondType>(array),
        DataType::Time64(TimeUnit::Nanosecond) => wide::<Time64NanosecondType>(array),
        DataType::Duration(TimeUnit::Second) => wide::<DurationSecondType>(array),
        DataType::Duration(TimeUnit::Millisecond) => wide::<DurationMillisecondType>(array),
        DataType::Duration(TimeUnit::Microsecond) => wide::<DurationMicrosecondType>(array),
        DataType::Duration(TimeUnit::Nanosecond) => wide::<DurationNanosecondType>(array),
        integer if integer.is_integer() => cast(array, &DataType::Int64)
            .ok()?
            .as_primitive::<Int64Type>()
            .clone(),
        _ => return None,
    })
}

/// Counts as the type that they count; a time of day is within its day.
pub(super) fn from_counts(
    before: &dyn Array,
    counts: Int64Array,
    to: &DataType,
    room: &mut Room,
) -> Converted {
    fn narrow<T: ArrowPrimitiveType>(
        counts: &Int64Array,
        limit: Option<i64>,
        to: &DataType,
    ) -> ArrayRef
    where
        T::Native: TryFrom<i64>,
    {
        let values: PrimitiveArray<T> = counts.unary_opt(|count| {
            let fits = limit.is_none_or(|limit| (0..limit).contains(&count));
            fits.then(|| T::Native::try_from(count).ok()).flatten()
        });
        Arc::new(values.with_data_type(to.clone()))
    }
    let after = match to {
        DataType::Timestamp(TimeUnit::Second, _) => {
            narrow::<TimestampSecondType>(&counts, None, to)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            narrow::<TimestampMillisecondType>(&counts, None, to)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            narrow::<TimestampMicrosecondType>(&counts, None, to)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            narrow::<TimestampNanosecondType>(&counts, None, to)
        }
        DataType::Date32 => narrow::<Date32Type>(&counts, None, to),
        DataType::Date64 => narrow::<Date64Type>(&counts, None, to),
        DataType::Time32(TimeUnit::Second) => narrow::<Time32SecondType>(&counts, Some(86_400), to),
        DataType::Time32(TimeUnit::Millisecond) => {
            narrow::<Time32MillisecondType>(&counts, Some(86_400_000), to)
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            narrow::<Time64MicrosecondType>(&counts, Some(DAY_NS / 1_000), to)
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            narrow::<Time64NanosecondType>(&counts, Some(DAY_NS), to)
        }
        DataType::Duration(TimeUnit::Second) => narrow::<DurationSecondType>(&counts, None, to),
        DataType::Duration(TimeUnit::Millisecond) => {
            narrow::<DurationMillisecondType>(&counts, None, to)
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            narrow::<DurationMicrosecondType>(&counts, None, to)
        }
        DataType::Duration(TimeUnit::Nanosecond) => {
            narrow::<DurationNanosecondType>(&counts, None, to)
        }
        _ => return unsupported(before, to, room),
    };
    settled(before, after)
}
