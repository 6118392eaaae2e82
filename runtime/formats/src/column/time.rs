//! Dates, times and timestamps as text.

use arrow::array::timezone::Tz;
use arrow::compute::kernels::cast_utils::string_to_datetime;
use arrow::datatypes::{DataType, TimeUnit};
use chrono::{DateTime, NaiveDate, NaiveTime, Timelike, Utc};

/// Longer texts are no times.
const MAX_TEXT_BYTES: usize = 64;

/// What one unit of a time column is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    /// Days since 1970.
    Days,
    /// Milliseconds since 1970, whole days.
    DayMillis,
    /// Units since midnight.
    OfDay(TimeUnit),
    /// Units since 1970; a text without zone is in the column's.
    Instant(TimeUnit, Option<Tz>),
}

impl Clock {
    /// How a type counts; None for one that is no time, or of a zone that is not known here.
    pub(crate) fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Date32 => Self::Days,
            DataType::Date64 => Self::DayMillis,
            DataType::Time32(unit) | DataType::Time64(unit) => Self::OfDay(*unit),
            DataType::Timestamp(unit, None) => Self::Instant(*unit, None),
            DataType::Timestamp(unit, Some(zone)) => Self::Instant(*unit, Some(zone.parse().ok()?)),
            _ => return None,
        })
    }

    /// What values look like.
    pub(crate) fn takes(self) -> &'static str {
        match self {
            Self::Days | Self::DayMillis => "a date like \"2026-01-31\"",
            Self::OfDay(TimeUnit::Second) => "a time of day like \"09:26:56\"",
            Self::OfDay(TimeUnit::Millisecond) => "a time of day like \"09:26:56.123\"",
            Self::OfDay(_) => "a time of day like \"09:26:56.123456\"",
            Self::Instant(TimeUnit::Second, _) => "a time like \"2026-01-31T09:26:56Z\"",
            Self::Instant(TimeUnit::Millisecond, _) => "a time like \"2026-01-31T09:26:56.123Z\"",
            Self::Instant(..) => "a time like \"2026-01-31T09:26:56.123456Z\"",
        }
    }

    /// Units; None where the text is no such time, or finer than the unit.
    pub(crate) fn parse(self, text: &[u8]) -> Option<i64> {
        let text = std::str::from_utf8(text).ok()?;
        if !text.is_ascii() || text.len() > MAX_TEXT_BYTES {
            return None;
        }
        match self {
            Self::Days => days(text),
            Self::DayMillis => days(text)?.checked_mul(86_400_000),
            Self::OfDay(unit) => {
                let time = time_of_day(text)?;
                let seconds = i64::from(time.num_seconds_from_midnight());
                in_units(seconds, time.nanosecond(), unit)
            }
            Self::Instant(unit, zone) => {
                let text = without_needless_digits(text)?;
                let at: DateTime<Utc> = match zone {
                    None => string_to_datetime(&Utc, &text).ok()?,
                    Some(zone) => string_to_datetime(&zone, &text).ok()?.to_utc(),
                };
                in_units(at.timestamp(), at.timestamp_subsec_nanos(), unit)
            }
        }
    }

    /// A number, which counts units itself; None where the type does not reach so far.
    pub(crate) fn count(self, units: i64) -> Option<i64> {
        const DAY_SECONDS: i64 = 86_400;
        let fits = match self {
            Self::Days => i32::try_from(units).is_ok(),
            Self::DayMillis => units % (DAY_SECONDS * 1000) == 0,
            Self::OfDay(unit) => (0..DAY_SECONDS * per_second(unit)).contains(&units),
            Self::Instant(..) => true,
        };
        fits.then_some(units)
    }
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// None where a part of a unit would be lost.
fn in_units(seconds: i64, nanos: u32, unit: TimeUnit) -> Option<i64> {
    let per_second = per_second(unit);
    let nanos_per_unit = 1_000_000_000 / per_second;
    if i64::from(nanos) % nanos_per_unit != 0 {
        return None;
    }
    seconds
        .checked_mul(per_second)?
        .checked_add(i64::from(nanos) / nanos_per_unit)
}

fn days(text: &str) -> Option<i64> {
    let (year, rest) = text.split_at_checked(4)?;
    let (month, day) = rest.strip_prefix('-')?.split_once('-')?;
    let date = NaiveDate::from_ymd_opt(
        i32::try_from(digits(year, 4)?).ok()?,
        digits(month, 2)?,
        digits(day, 2)?,
    )?;
    Some(date.signed_duration_since(NaiveDate::default()).num_days())
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = clock.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next().unwrap_or("00"));
    if parts.next().is_some() || fraction.is_empty() {
        return None;
    }
    let fraction = match fraction.split_at_checked(9) {
        Some((kept, "")) => kept,
        Some((kept, more)) if more.bytes().all(|byte| byte == b'0') => kept,
        Some(_) => return None,
        None => fraction,
    };
    let nanos = digits(fraction, fraction.len())? * 10u32.pow(9 - fraction.len() as u32);
    NaiveTime::from_hms_nano_opt(
        digits(hour, 2)?,
        digits(minute, 2)?,
        digits(second, 2)?,
        nanos,
    )
}

/// Exactly so many digits.
fn digits(text: &str, count: usize) -> Option<u32> {
    let all = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

/// Arrow drops what comes after the ninth digit of a fraction; here only zeros may go.
fn without_needless_digits(text: &str) -> Option<std::borrow::Cow<'_, str>> {
    let Some((before, fraction)) = text.split_once('.') else {
        return Some(text.into());
    };
    let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
    if length <= 9 {
        return Some(text.into());
    }
    let (digits, zone) = fraction.split_at_checked(length)?;
    let (kept, more) = digits.split_at_checked(9)?;
    let needless = more.bytes().all(|byte| byte == b'0');
    needless.then(|| format!("{before}.{kept}{zone}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros() -> Clock {
        Clock::of(&DataType::Timestamp(
            TimeUnit::Microsecond,
            Some("+00:00".into()),
        ))
        .unwrap()
    }

    #[test]
    fn instants_keep_what_their_unit_holds() {
        assert_eq!(micros().parse(b"1970-01-01T00:00:01.5Z"), Some(1_500_000));
        assert_eq!(micros().parse(b"1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(micros().parse(b"1970-01-02"), Some(86_400_000_000));
        assert_eq!(micros().parse(b"1969-12-31 23:59:59.999999"), Some(-1));
        assert_eq!(micros().parse(b"1970-01-01T00:00:00.000001000Z"), Some(1));
        assert_eq!(
            micros().parse(b"1970-01-01T00:00:00.000001000000Z"),
            Some(1)
        );
        for lost in [
            "1970-01-01T00:00:00.0000001Z",
            "1970-01-01T00:00:00.0000010000001Z",
        ] {
            assert_eq!(micros().parse(lost.as_bytes()), None, "{lost}");
        }
        for wrong in [
            "",
            "yesterday",
            "1970-13-01",
            "1970-01-01T25:00:00Z",
            "1970-01-01T00:00:00 \u{e9}",
        ] {
            assert_eq!(micros().parse(wrong.as_bytes()), None, "{wrong}");
        }
        let nanos = Clock::of(&DataType::Timestamp(TimeUnit::Nanosecond, None)).unwrap();
        assert_eq!(nanos.parse(b"2500-01-01T00:00:00Z"), None);
        let east = Clock::of(&DataType::Timestamp(
            TimeUnit::Second,
            Some("+02:00".into()),
        ))
        .unwrap();
        assert_eq!(east.parse(b"1970-01-01T02:00:00"), Some(0));
    }

    #[test]
    fn dates_and_times_of_day() {
        assert_eq!(Clock::Days.parse(b"1970-01-02"), Some(1));
        assert_eq!(Clock::Days.parse(b"1969-12-31"), Some(-1));
        for wrong in [
            "1970-1-2",
            "1970-01-02T10:00:00",
            "1970-02-30",
            "+970-01-01",
            "19700102",
        ] {
            assert_eq!(Clock::Days.parse(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(Clock::DayMillis.parse(b"1970-01-02"), Some(86_400_000));
        let millis = Clock::OfDay(TimeUnit::Millisecond);
        assert_eq!(millis.parse(b"00:00:01.5"), Some(1_500));
        assert_eq!(millis.parse(b"09:26"), Some(33_960_000));
        for wrong in [
            "00:00:01.5555",
            "24:00:00",
            "1:2:3",
            "00:00:01.",
            "00:00:00:00",
        ] {
            assert_eq!(millis.parse(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(millis.count(86_400_000), None);
        assert_eq!(Clock::Days.count(1 << 40), None);
    }
}
