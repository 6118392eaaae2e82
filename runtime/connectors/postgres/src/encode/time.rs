//! Dates and times: counted from 2000-01-01, in days and µs (`timestamp.h` of PostgreSQL).

use arrow::array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, DurationMicrosecondType, DurationMillisecondType,
    DurationNanosecondType, DurationSecondType, IntervalDayTimeType, IntervalMonthDayNanoType,
    IntervalYearMonthType, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};

use super::Misfit;
use super::cell::Cell;
use crate::types::Digits;

/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH_US: i64 = EPOCH_DAYS * 86_400 * 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
const MS_PER_DAY: i64 = 86_400_000;
const US_PER_DAY: i64 = 86_400_000_000;
/// Days that date holds, from 4713 BC to 5874897 AD.
const DAYS: std::ops::Range<i64> = -2_451_545..2_145_031_949;
/// µs that timestamp holds, from 4713 BC to 294276 AD.
const MICROSECONDS: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;

/// Whether a point in time belongs to a zone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    None,
    Some,
}

fn counts<T>(values: &ArrayRef) -> Option<Box<dyn Fn(usize) -> i64 + Send>>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64>,
{
    let values: PrimitiveArray<T> = values.as_primitive_opt::<T>()?.clone();
    Some(Box::new(move |row| values.value(row).into()))
}

/// Exact µs, or why there are none.
fn microseconds(count: i64, unit: TimeUnit) -> Result<i64, Misfit> {
    let far = || "is too far away for PostgreSQL".into();
    match unit {
        TimeUnit::Second => count.checked_mul(1_000_000).ok_or_else(far),
        TimeUnit::Millisecond => count.checked_mul(1_000).ok_or_else(far),
        TimeUnit::Microsecond => Ok(count),
        TimeUnit::Nanosecond => match count % 1_000 {
            0 => Ok(count / 1_000),
            _ => Err(format!("is {count} ns, and PostgreSQL counts whole microseconds").into()),
        },
    }
}

/// A time that the column keeps whole: the server would round it.
fn kept(us: i64, digits: Digits) -> Result<i64, Misfit> {
    match us % digits.step_us() {
        0 => Ok(us),
        _ => Err("has more digits of a second than the column keeps".into()),
    }
}

pub(super) fn date(values: &ArrayRef) -> Option<Cell> {
    let (count, per_day) = match values.data_type() {
        DataType::Date32 => (counts::<Date32Type>(values)?, 1),
        DataType::Date64 => (counts::<Date64Type>(values)?, MS_PER_DAY),
        _ => return None,
    };
    Some(Box::new(move |row, out| {
        let count = count(row);
        if count % per_day != 0 {
            return Err(format!("is {count} ms since 1970, which is no whole day").into());
        }
        let days = count / per_day - EPOCH_DAYS;
        let days = i32::try_from(days)
            .ok()
            .filter(|days| DAYS.contains(&i64::from(*days)))
            .ok_or("is too far away for PostgreSQL's date")?;
        out.extend_from_slice(&days.to_be_bytes());
        Ok(())
    }))
}

pub(super) fn timestamp(values: &ArrayRef, zone: Zone, digits: Digits) -> Option<Cell> {
    let (count, unit) = match values.data_type() {
        // The moment of its midnight, as it is in a column that was widened.
        DataType::Date32 if zone == Zone::None => {
            let days = counts::<Date32Type>(values)?;
            let seconds: Box<dyn Fn(usize) -> i64 + Send> =
                Box::new(move |row| days(row) * SECONDS_PER_DAY);
            (seconds, TimeUnit::Second)
        }
        DataType::Date64 if zone == Zone::None => {
            (counts::<Date64Type>(values)?, TimeUnit::Millisecond)
        }
        DataType::Timestamp(unit, given) if (zone == Zone::Some) == given.is_some() => {
            let count = match unit {
                TimeUnit::Second => counts::<TimestampSecondType>(values)?,
                TimeUnit::Millisecond => counts::<TimestampMillisecondType>(values)?,
                TimeUnit::Microsecond => counts::<TimestampMicrosecondType>(values)?,
                TimeUnit::Nanosecond => counts::<TimestampNanosecondType>(values)?,
            };
            (count, *unit)
        }
        _ => return None,
    };
    Some(Box::new(move |row, out| {
        let since_2000 = kept(microseconds(count(row), unit)?, digits)?
            .checked_sub(EPOCH_US)
            .filter(|us| MICROSECONDS.contains(us))
            .ok_or("is too far away for PostgreSQL's timestamp")?;
        out.extend_from_slice(&since_2000.to_be_bytes());
        Ok(())
    }))
}

pub(super) fn time_of_day(values: &ArrayRef, digits: Digits) -> Option<Cell> {
    let (count, unit) = match values.data_type() {
        DataType::Time32(TimeUnit::Second) => {
            (counts::<Time32SecondType>(values)?, TimeUnit::Second)
        }
        DataType::Time32(TimeUnit::Millisecond) => (
            counts::<Time32MillisecondType>(values)?,
            TimeUnit::Millisecond,
        ),
        DataType::Time64(TimeUnit::Microsecond) => (
            counts::<Time64MicrosecondType>(values)?,
            TimeUnit::Microsecond,
        ),
        DataType::Time64(TimeUnit::Nanosecond) => (
            counts::<Time64NanosecondType>(values)?,
            TimeUnit::Nanosecond,
        ),
        _ => return None,
    };
    Some(Box::new(move |row, out| {
        let of_day = kept(microseconds(count(row), unit)?, digits)?;
        if !(0..=US_PER_DAY).contains(&of_day) {
            return Err("is no time of a day".into());
        }
        out.extend_from_slice(&of_day.to_be_bytes());
        Ok(())
    }))
}

/// µs, days, months: counted apart, since a month has no length.
fn write_interval(us: i64, days: i32, months: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&us.to_be_bytes());
    out.extend_from_slice(&days.to_be_bytes());
    out.extend_from_slice(&months.to_be_bytes());
}

pub(super) fn interval(values: &ArrayRef) -> Option<Cell> {
    Some(match values.data_type() {
        DataType::Duration(unit) => {
            let unit = *unit;
            let count = match unit {
                TimeUnit::Second => counts::<DurationSecondType>(values)?,
                TimeUnit::Millisecond => counts::<DurationMillisecondType>(values)?,
                TimeUnit::Microsecond => counts::<DurationMicrosecondType>(values)?,
                TimeUnit::Nanosecond => counts::<DurationNanosecondType>(values)?,
            };
            Box::new(move |row, out| {
                write_interval(microseconds(count(row), unit)?, 0, 0, out);
                Ok(())
            })
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            let values = values.as_primitive::<IntervalYearMonthType>().clone();
            Box::new(move |row, out| {
                write_interval(0, 0, values.value(row), out);
                Ok(())
            })
        }
        DataType::Interval(IntervalUnit::DayTime) => {
            let values = values.as_primitive::<IntervalDayTimeType>().clone();
            Box::new(move |row, out| {
                let value = values.value(row);
                write_interval(i64::from(value.milliseconds) * 1_000, value.days, 0, out);
                Ok(())
            })
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let values = values.as_primitive::<IntervalMonthDayNanoType>().clone();
            Box::new(move |row, out| {
                let value = values.value(row);
                let us = microseconds(value.nanoseconds, TimeUnit::Nanosecond)?;
                write_interval(us, value.days, value.months, out);
                Ok(())
            })
        }
        _ => return None,
    })
}
