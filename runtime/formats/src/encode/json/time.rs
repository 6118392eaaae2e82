//! Dates, times of day and instants in ISO 8601, as everywhere in wasm-sink: with as many digits of the
//! second as there are, three at a time, and with a sign before years that have not four digits.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Timelike};

use super::cell::Quote;
use crate::encode::values::{per_second, unit, whole};
use crate::encode::{Cell, Halt};

const DAY_SECONDS: i64 = 86_400;
const DAY_MILLIS: i64 = DAY_SECONDS * 1_000;

pub(super) fn cell(values: &ArrayRef, quote: Quote) -> Option<Cell> {
    let of = values.data_type().clone();
    let values = whole(values)?;
    Some(match of {
        DataType::Date32 => Box::new(move |row, out| {
            let days = values.value(row);
            let date = i32::try_from(days)
                .ok()
                .and_then(NaiveDate::from_epoch_days);
            let date = date.ok_or_else(|| too_far(days, "days"))?;
            quoted(quote, out, |out| put_date(date, out));
            Ok(())
        }),
        DataType::Date64 => Box::new(move |row, out| {
            let millis = values.value(row);
            let at = DateTime::from_timestamp_millis(millis);
            let at = at
                .ok_or_else(|| too_far(millis, "milliseconds"))?
                .naive_utc();
            quoted(quote, out, |out| {
                put_date(at.date(), out);
                // Where it is more than a date, that is not kept back.
                if millis % DAY_MILLIS != 0 {
                    out.push(b'T');
                    put_time(at.time(), out);
                }
            });
            Ok(())
        }),
        DataType::Time32(of) | DataType::Time64(of) => Box::new(move |row, out: &mut Vec<u8>| {
            let count = values.value(row);
            let (seconds, nanos) = split(count, per_second(of));
            let time = u32::try_from(seconds).ok();
            let time =
                time.and_then(|time| NaiveTime::from_num_seconds_from_midnight_opt(time, nanos));
            let time = time.ok_or_else(|| {
                Halt::misfit(format!(
                    "is {count} {} after midnight, which is no time of a day",
                    unit(of)
                ))
            })?;
            quoted(quote, out, |out| put_time(time, out));
            Ok(())
        }),
        DataType::Timestamp(of, zone) => {
            let has_zone = zone.is_some();
            Box::new(move |row, out: &mut Vec<u8>| {
                let count = values.value(row);
                let (seconds, nanos) = split(count, per_second(of));
                let at = DateTime::from_timestamp(seconds, nanos);
                let at = at.ok_or_else(|| too_far(count, unit(of)))?.naive_utc();
                quoted(quote, out, |out| {
                    put_date(at.date(), out);
                    out.push(b'T');
                    put_time(at.time(), out);
                    if has_zone {
                        out.push(b'Z');
                    }
                });
                Ok(())
            })
        }
        _ => return None,
    })
}

fn quoted(quote: Quote, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(quote);
    write(out);
    out.extend_from_slice(quote);
}

#[cold]
fn too_far(count: i64, units: &str) -> Box<Halt> {
    Halt::misfit(format!(
        "is {count} {units} since 1970, in a year that is too far for a date"
    ))
}

/// Seconds, and the nanoseconds of the one that has begun.
fn split(count: i64, per_second: i64) -> (i64, u32) {
    let rest = count.rem_euclid(per_second) * (1_000_000_000 / per_second);
    (count.div_euclid(per_second), rest as u32)
}

fn put_date(date: NaiveDate, out: &mut Vec<u8>) {
    match u32::try_from(date.year()) {
        Ok(year @ 0..=9999) => {
            put_two(year / 100, out);
            put_two(year % 100, out);
        }
        _ => out.extend_from_slice(format!("{:+05}", date.year()).as_bytes()),
    }
    out.push(b'-');
    put_two(date.month(), out);
    out.push(b'-');
    put_two(date.day(), out);
}

fn put_time(time: NaiveTime, out: &mut Vec<u8>) {
    put_two(time.hour(), out);
    out.push(b':');
    put_two(time.minute(), out);
    out.push(b':');
    put_two(time.second(), out);
    let nanos = time.nanosecond();
    if nanos == 0 {
        return;
    }
    out.push(b'.');
    put_three(nanos / 1_000_000, out);
    if !nanos.is_multiple_of(1_000_000) {
        put_three(nanos / 1_000 % 1_000, out);
    }
    if !nanos.is_multiple_of(1_000) {
        put_three(nanos % 1_000, out);
    }
}

fn put_two(number: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&[digit(number / 10), digit(number)]);
}

fn put_three(number: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&[digit(number / 100), digit(number / 10), digit(number)]);
}

fn digit(number: u32) -> u8 {
    b'0' + (number % 10) as u8
}
