//! Dates, times of day, instants and durations.

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::{DataType, TimeUnit};

use super::number::put_long;
use crate::encode::values::{per_second, unit, whole};
use crate::encode::{Cell, Halt};

const DAY_SECONDS: i64 = 86_400;
const DAY_MILLIS: i64 = DAY_SECONDS * 1_000;

pub(super) fn cell(values: &ArrayRef) -> Option<Cell> {
    let of = values.data_type().clone();
    let values = whole(values)?;
    let as_they_are = |values: Int64Array| -> Cell {
        Box::new(move |row, out| {
            put_long(values.value(row), out);
            Ok(())
        })
    };
    Some(match of {
        DataType::Date64 => Box::new(move |row, out| {
            put_long(whole_days(values.value(row))?, out);
            Ok(())
        }),
        DataType::Time32(of) | DataType::Time64(of) => Box::new(move |row, out: &mut Vec<u8>| {
            put_long(of_day(values.value(row), of)?, out);
            Ok(())
        }),
        DataType::Timestamp(TimeUnit::Second, _) => Box::new(move |row, out| {
            let seconds = values.value(row);
            let millis = seconds.checked_mul(1_000).ok_or_else(|| {
                Halt::misfit(format!(
                    "is {seconds} seconds since 1970, which is too far for milliseconds"
                ))
            })?;
            put_long(millis, out);
            Ok(())
        }),
        DataType::Date32 | DataType::Timestamp(..) | DataType::Duration(_) => as_they_are(values),
        _ => return None,
    })
}

fn whole_days(millis: i64) -> Result<i64, Box<Halt>> {
    let days = millis / DAY_MILLIS;
    match millis % DAY_MILLIS == 0 && i32::try_from(days).is_ok() {
        true => Ok(days),
        false => Err(Halt::misfit(format!(
            "is {millis} milliseconds since 1970, which is no whole day that a date of Avro reaches"
        ))),
    }
}

/// Milliseconds for times of 32 bits, microseconds for those of 64.
fn of_day(count: i64, of: TimeUnit) -> Result<i64, Box<Halt>> {
    let why = |why: &str| Halt::misfit(format!("is {count} {} after midnight, {why}", unit(of)));
    if !(0..DAY_SECONDS * per_second(of)).contains(&count) {
        return Err(why("which is no time of a day"));
    }
    match of {
        TimeUnit::Second => Ok(count * 1_000),
        TimeUnit::Millisecond | TimeUnit::Microsecond => Ok(count),
        TimeUnit::Nanosecond if count % 1_000 == 0 => Ok(count / 1_000),
        TimeUnit::Nanosecond => Err(why("and Avro has only microseconds")),
    }
}
