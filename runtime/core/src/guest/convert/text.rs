//! Text as values, and times as text.

use std::str::FromStr;
use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, LargeStringArray, PrimitiveArray,
    StringArray,
};
use arrow::compute::kernels::cast_utils::{Parser, string_to_datetime};
use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Date32Type, Decimal128Type, Decimal256Type, DecimalType,
    Float64Type, Time64NanosecondType, i256,
};
use chrono::{DateTime, NaiveDate, Offset as _, SecondsFormat, TimeZone as _, Utc};

use super::number::{lost_rows, unless};
use super::{Converted, Room, by_cast, bytes, cast, settled, time, unsupported};

pub(super) fn parse(array: &ArrayRef, to: &DataType, room: &mut Room) -> Converted {
    let Ok(wide) = cast(array, &DataType::LargeUtf8) else {
        return unsupported(array, to, room);
    };
    let texts: &LargeStringArray = wide.as_string();
    match to {
        DataType::Utf8 | DataType::LargeUtf8 => by_cast(array, to, room),
        DataType::Binary | DataType::LargeBinary | DataType::FixedSizeBinary(_) => {
            match cast(array, &DataType::LargeBinary) {
                Ok(binary) if binary.data_type() == to => Ok(binary),
                Ok(binary) => bytes(&binary, to, room),
                Err(_) => unsupported(array, to, room),
            }
        }
        DataType::Boolean => {
            let truth: BooleanArray = texts.iter().map(|text| text.and_then(boolean)).collect();
            settled(array, Arc::new(truth))
        }
        to if to.is_integer() => by_cast(array, to, room),
        to if to.is_floating() => float(texts, array, to, room),
        DataType::Decimal128(..) => {
            decimals::<Decimal128Type>(array, texts, to, i256::to_i128, room)
        }
        DataType::Decimal256(..) => decimals::<Decimal256Type>(array, texts, to, Some, room),
        DataType::Decimal32(digits, scale) | DataType::Decimal64(digits, scale) => {
            let wide = DataType::Decimal128(*digits, *scale);
            let parsed = decimals::<Decimal128Type>(array, texts, &wide, i256::to_i128, room)?;
            by_cast(&parsed, to, room)
        }
        DataType::Date32 | DataType::Date64 => {
            let days: Int64Array = texts
                .iter()
                .map(|text| text.and_then(Date32Type::parse).map(i64::from))
                .collect();
            let days: ArrayRef = Arc::new(time::days(days));
            settled(array, days).and_then(|days| super::convert(&days, to, room))
        }
        DataType::Timestamp(unit, zone) => {
            let Some(zone) = zone.as_deref().map_or(Some(Utc.fix()), time::offset) else {
                return unsupported(array, to, room);
            };
            let unit = time::unit_ns(*unit);
            let counts: Int64Array = texts
                .iter()
                .map(|text| text.and_then(|text| timestamp(text, zone, unit)))
                .collect();
            time::from_counts(array, counts, to, room)
        }
        DataType::Time32(unit) | DataType::Time64(unit) => {
            let unit = time::unit_ns(*unit);
            let counts: Int64Array = texts
                .iter()
                .map(|text| text.and_then(|text| time_of_day(text, unit)))
                .collect();
            time::from_counts(array, counts, to, room)
        }
        DataType::Interval(_) => by_cast(array, to, room),
        _ => unsupported(array, to, room),
    }
}

fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// A number too large is not infinity; the word is.
fn float(texts: &LargeStringArray, array: &ArrayRef, to: &DataType, room: &mut Room) -> Converted {
    let converted = by_cast(array, to, room)?;
    let Ok(wide) = cast(&converted, &DataType::Float64) else {
        return unsupported(array, to, room);
    };
    let values = wide.as_primitive::<Float64Type>().values();
    let lost = lost_rows(array, |row| {
        values.get(row).is_some_and(|value| value.is_infinite())
            && texts.value(row).bytes().any(|byte| byte.is_ascii_digit())
    });
    unless(lost, converted)
}

fn decimals<T: DecimalType>(
    array: &ArrayRef,
    texts: &LargeStringArray,
    to: &DataType,
    narrow: fn(i256) -> Option<T::Native>,
    room: &mut Room,
) -> Converted {
    let (DataType::Decimal128(digits, scale) | DataType::Decimal256(digits, scale)) = to else {
        return unsupported(array, to, room);
    };
    let values: PrimitiveArray<T> = texts
        .iter()
        .map(|text| {
            let value = text.and_then(|text| decimal(text, *digits, *scale))?;
            narrow(value)
        })
        .collect();
    match values.with_precision_and_scale(*digits, *scale) {
        Ok(values) => settled(array, Arc::new(values)),
        Err(_) => unsupported(array, to, room),
    }
}

/// "-12.50", "1e3": the value times ten to the scale, when nothing is cut and the digits suffice.
fn decimal(text: &str, digits: u8, scale: i8) -> Option<i256> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, i32::from_str(exponent).ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    if !whole
        .bytes()
        .chain(fraction.bytes())
        .all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    // How many zeros the digits lack; or how many of the last must be zeros, to be left out.
    let zeros = i32::from(scale)
        .checked_add(exponent)?
        .checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let length = whole.len() + fraction.len();
    let kept = length.saturating_sub(usize::try_from(-i64::from(zeros)).unwrap_or_default());
    let zeros = usize::try_from(zeros).unwrap_or_default();
    let all = || whole.bytes().chain(fraction.bytes());
    if all().skip(kept).any(|digit| digit != b'0') {
        return None;
    }
    let significant = || all().take(kept).skip_while(|digit| *digit == b'0');
    let count = significant().count();
    if count == 0 {
        return Some(i256::ZERO);
    }
    if count.checked_add(zeros)? > usize::from(digits) {
        return None;
    }
    let zeros = std::iter::repeat_n(b'0', zeros);
    let value = if digits <= DECIMAL128_MAX_PRECISION {
        let value = significant()
            .chain(zeros)
            .fold(0_i128, |value, digit| value * 10 + i128::from(digit - b'0'));
        i256::from_i128(value)
    } else {
        let text = String::from_utf8(significant().chain(zeros).collect()).ok()?;
        i256::from_string(&text)?
    };
    Some(if negative {
        value.wrapping_neg()
    } else {
        value
    })
}

/// In units of so many nanoseconds since 1970; a moment without zone is one in `zone`.
fn timestamp(text: &str, zone: chrono::FixedOffset, unit_ns: i64) -> Option<i64> {
    let at = string_to_datetime(&zone, text).ok()?;
    let nanoseconds = i64::from(at.timestamp_subsec_nanos());
    if !fits_unit(text, unit_ns) || nanoseconds >= time::SECOND_NS {
        return None;
    }
    at.timestamp()
        .checked_mul(time::SECOND_NS / unit_ns)?
        .checked_add(nanoseconds / unit_ns)
}

fn time_of_day(text: &str, unit_ns: i64) -> Option<i64> {
    let nanoseconds = Time64NanosecondType::parse(text)?;
    fits_unit(text, unit_ns).then_some(nanoseconds / unit_ns)
}

/// Whether all digits of the second's fraction beyond the unit are zero. Read from the text,
/// since the parsers drop what comes after the ninth.
fn fits_unit(text: &str, unit_ns: i64) -> bool {
    let kept = match unit_ns {
        1 => 9,
        1_000 => 6,
        1_000_000 => 3,
        _ => 0,
    };
    text.split_once('.').is_none_or(|(_, fraction)| {
        fraction
            .bytes()
            .take_while(u8::is_ascii_digit)
            .skip(kept)
            .all(|digit| digit == b'0')
    })
}

/// Dates, times and instants in ISO 8601; null where there is no such text.
pub(in crate::guest) fn temporal_texts(array: &dyn Array) -> StringArray {
    let unit = match array.data_type() {
        DataType::Timestamp(unit, _) | DataType::Time32(unit) | DataType::Time64(unit) => {
            time::unit_ns(*unit)
        }
        DataType::Date32 => time::DAY_NS,
        DataType::Date64 => time::unit_ns(arrow::datatypes::TimeUnit::Millisecond),
        // Durations and intervals: Arrow's own text, which is ISO 8601 as well.
        _ => return displayed(array),
    };
    let Some(counts) = time::counts(array) else {
        return StringArray::new_null(array.len());
    };
    counts
        .iter()
        .map(|count| {
            let count = count?;
            let per_second = time::SECOND_NS / unit.min(time::SECOND_NS);
            let seconds = match unit {
                time::DAY_NS => count.checked_mul(time::DAY_NS / time::SECOND_NS)?,
                _ => count.div_euclid(per_second),
            };
            let nanoseconds = match unit {
                time::DAY_NS => 0,
                _ => u32::try_from(count.rem_euclid(per_second) * unit).ok()?,
            };
            let at = DateTime::from_timestamp(seconds, nanoseconds)?;
            Some(match array.data_type() {
                DataType::Date32 => date(at.date_naive()),
                DataType::Date64 if count.rem_euclid(86_400_000) == 0 => date(at.date_naive()),
                DataType::Time32(_) | DataType::Time64(_) if (0..86_400).contains(&seconds) => {
                    at.time().to_string()
                }
                DataType::Time32(_) | DataType::Time64(_) => return None,
                DataType::Timestamp(_, Some(_)) => at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
                _ => {
                    let text = at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
                    text.trim_end_matches('Z').to_owned()
                }
            })
        })
        .collect()
}

fn date(date: NaiveDate) -> String {
    date.to_string()
}

fn displayed(array: &dyn Array) -> StringArray {
    use arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};
    let options = FormatOptions::new().with_duration_format(DurationFormat::ISO8601);
    let Ok(formatter) = ArrayFormatter::try_new(array, &options) else {
        return StringArray::new_null(array.len());
    };
    (0..array.len())
        .map(|row| {
            let valid = array.is_valid(row);
            valid
                .then(|| formatter.value(row).try_to_string().ok())
                .flatten()
        })
        .collect()
}

/// Arrow's own zone type knows fixed offsets; UTC has more names than one.
pub(super) fn parse_offset(zone: &str) -> Option<chrono::FixedOffset> {
    if matches!(zone, "UTC" | "utc" | "Z" | "Etc/UTC" | "GMT") {
        return Some(Utc.fix());
    }
    let first = zone.bytes().next()?;
    // Named zones change their offset; those need a database of zones.
    if !matches!(first, b'+' | b'-') {
        return None;
    }
    let zone = Tz::from_str(zone).ok()?;
    Some(
        zone.offset_from_utc_datetime(&DateTime::UNIX_EPOCH.naive_utc())
            .fix(),
    )
}
