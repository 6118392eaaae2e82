//! Dates and times: the server counts from 2000-01-01, in days and µs (PostgreSQL's timestamp.h);
//! Arrow counts from 1970-01-01.

use arrow::datatypes::IntervalMonthDayNano;

use super::Fault;
use super::column::fixed;

/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_US: i64 = EPOCH_DAYS as i64 * US_PER_DAY;
const US_PER_DAY: i64 = 86_400_000_000;

/// Days since 1970.
pub(super) fn date(value: &[u8]) -> Result<i32, Fault> {
    match i32::from_be_bytes(fixed(value)?) {
        i32::MIN => Err(Fault::misfit("is -infinity, which is no date in Arrow")),
        i32::MAX => Err(Fault::misfit("is infinity, which is no date in Arrow")),
        days => days.checked_add(EPOCH_DAYS).ok_or_else(|| {
            Fault::misfit(format!(
                "is {days} days after 2000-01-01, too far for a date in Arrow"
            ))
        }),
    }
}

/// µs since 1970, in UTC or without a zone.
pub(super) fn timestamp(value: &[u8]) -> Result<i64, Fault> {
    match i64::from_be_bytes(fixed(value)?) {
        i64::MIN => Err(Fault::misfit(
            "is -infinity, which is no timestamp in Arrow",
        )),
        i64::MAX => Err(Fault::misfit("is infinity, which is no timestamp in Arrow")),
        us => us.checked_add(EPOCH_US).ok_or_else(|| {
            Fault::misfit(format!(
                "is {us} µs after 2000-01-01, too far for a timestamp in Arrow"
            ))
        }),
    }
}

/// µs since midnight.
pub(super) fn time(value: &[u8]) -> Result<i64, Fault> {
    match i64::from_be_bytes(fixed(value)?) {
        us @ 0..US_PER_DAY => Ok(us),
        US_PER_DAY => Err(Fault::misfit("is 24:00:00, which is no time in Arrow")),
        us => Err(Fault::malformed(format!(
            "is {us} µs, which is no time of a day"
        ))),
    }
}

/// Months, days and ns; the server has µs (`interval_send` in PostgreSQL's timestamp.c), and since version
/// 17 infinities, whose µs are the most or the least.
pub(super) fn interval(value: &[u8]) -> Result<IntervalMonthDayNano, Fault> {
    let bytes: [u8; 16] = fixed(value)?;
    let [us @ .., d1, d2, d3, d4, m1, m2, m3, m4] = bytes;
    let us = i64::from_be_bytes(us);
    let nanos = us
        .checked_mul(1_000)
        .ok_or_else(|| Fault::misfit(format!("is an interval with {us} µs, too long for Arrow")))?;
    let days = i32::from_be_bytes([d1, d2, d3, d4]);
    let months = i32::from_be_bytes([m1, m2, m3, m4]);
    Ok(IntervalMonthDayNano::new(months, days, nanos))
}
