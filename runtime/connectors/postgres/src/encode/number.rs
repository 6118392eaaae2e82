//! numeric: groups of four decimal digits (`numeric_send` in PostgreSQL's numeric.c).

use arrow::array::types::{
    ArrowPrimitiveType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow::array::{ArrayRef, AsArray, OffsetSizeTrait, PrimitiveArray};
use arrow::datatypes::DataType;

use super::Misfit;
use super::cell::Cell;

const NEGATIVE: u16 = 0x4000;
const POSITIVE: u16 = 0;
const GROUP: usize = 4;
/// The most that a numeric has before and behind its point
/// (<https://www.postgresql.org/docs/current/datatype-numeric.html>).
const MAX_WHOLE_DIGITS: usize = 131_072;
const MAX_FRACTION_DIGITS: usize = 16_383;

/// `limit`: digits and scale of the column.
pub(super) fn numeric(values: &ArrayRef, limit: Option<(u16, i16)>) -> Option<Cell> {
    fn of<T>(values: &ArrayRef, scale: i8, limit: Option<(u16, i16)>) -> Option<Cell>
    where
        T: ArrowPrimitiveType,
        T::Native: ToString,
    {
        let values: PrimitiveArray<T> = values.as_primitive_opt::<T>()?.clone();
        Some(Box::new(move |row, out| {
            write(&values.value(row).to_string(), scale.into(), limit, out)
        }))
    }
    match values.data_type() {
        DataType::Int8 => of::<Int8Type>(values, 0, limit),
        DataType::Int16 => of::<Int16Type>(values, 0, limit),
        DataType::Int32 => of::<Int32Type>(values, 0, limit),
        DataType::Int64 => of::<Int64Type>(values, 0, limit),
        DataType::UInt8 => of::<UInt8Type>(values, 0, limit),
        DataType::UInt16 => of::<UInt16Type>(values, 0, limit),
        DataType::UInt32 => of::<UInt32Type>(values, 0, limit),
        DataType::UInt64 => of::<UInt64Type>(values, 0, limit),
        DataType::Decimal32(_, scale) => of::<Decimal32Type>(values, *scale, limit),
        DataType::Decimal64(_, scale) => of::<Decimal64Type>(values, *scale, limit),
        DataType::Decimal128(_, scale) => of::<Decimal128Type>(values, *scale, limit),
        DataType::Decimal256(_, scale) => of::<Decimal256Type>(values, *scale, limit),
        DataType::Float16 => floating::<Float16Type>(values, limit),
        DataType::Float32 => floating::<Float32Type>(values, limit),
        DataType::Float64 => floating::<Float64Type>(values, limit),
        DataType::Utf8 => written::<i32>(values, limit),
        DataType::LargeUtf8 => written::<i64>(values, limit),
        _ => None,
    }
}

/// The shortest decimal number that only this float is read from: what stood in the JSON text, and what
/// the server itself makes of a float.
fn floating<T>(values: &ArrayRef, limit: Option<(u16, i16)>) -> Option<Cell>
where
    T: ArrowPrimitiveType,
    T::Native: ToString,
{
    let values: PrimitiveArray<T> = values.as_primitive_opt::<T>()?.clone();
    Some(Box::new(move |row, out| {
        let text = values.value(row).to_string();
        let text = match text.as_str() {
            "inf" => "Infinity",
            "-inf" => "-Infinity",
            text => text,
        };
        put(text, limit, out)
    }))
}

/// Numbers that are written out, exactly.
fn written<O: OffsetSizeTrait>(values: &ArrayRef, limit: Option<(u16, i16)>) -> Option<Cell> {
    let values = values.as_string_opt::<O>()?.clone();
    Some(Box::new(move |row, out| put(values.value(row), limit, out)))
}

fn put(text: &str, limit: Option<(u16, i16)>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    if let Some(sign) = special(text, limit) {
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&sign.to_be_bytes());
        out.extend_from_slice(&[0; 2]);
        return Ok(());
    }
    let (unscaled, scale) =
        unscaled(text).ok_or_else(|| "is no decimal number, or one too long".to_owned())?;
    write(&unscaled, scale, limit, out)
}

/// What stands in the place of the sign. The server keeps infinities where no digits are given.
fn special(text: &str, limit: Option<(u16, i16)>) -> Option<u16> {
    match (text, limit) {
        ("NaN", _) => Some(0xC000),
        ("Infinity", None) => Some(0xD000),
        ("-Infinity", None) => Some(0xF000),
        _ => None,
    }
}

/// A number without its point, and how many digits stood behind that.
fn unscaled(text: &str) -> Option<(String, i32)> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let has_room = whole.len() <= MAX_WHOLE_DIGITS && fraction.len() <= MAX_FRACTION_DIGITS;
    let is_number = !(whole.is_empty() && fraction.is_empty());
    (is_number && has_room && are_digits(whole) && are_digits(fraction))
        .then(|| (format!("{sign}{whole}{fraction}"), fraction.len() as i32))
}

/// `unscaled` is the value times ten to the power of `scale`, in decimal digits.
fn write(
    unscaled: &str,
    scale: i32,
    limit: Option<(u16, i16)>,
    out: &mut Vec<u8>,
) -> Result<(), Misfit> {
    let (sign, digits) = match unscaled.strip_prefix('-') {
        Some(digits) => (NEGATIVE, digits),
        None => (POSITIVE, unscaled),
    };
    let digits = digits.trim_start_matches('0').as_bytes();
    if let Some((precision, column_scale)) = limit
        && !digits.is_empty()
    {
        let zeros = digits
            .iter()
            .rev()
            .take_while(|digit| **digit == b'0')
            .count() as i32;
        let (precision, column_scale) = (i32::from(precision), i32::from(column_scale));
        let before_point = digits.len() as i32 - scale;
        if scale - zeros > column_scale || before_point > precision - column_scale {
            return Err(format!(
                "is {}, which numeric({precision},{column_scale}) cannot hold exactly",
                shown(sign, digits, scale)
            )
            .into());
        }
    }
    // Whole groups on both sides of the point.
    let fraction = scale.max(0) as usize;
    let whole = (digits.len() as i32 - scale).max(0) as usize;
    let lead = whole.next_multiple_of(GROUP) - whole;
    let mut padded = vec![b'0'; lead];
    // Between the point and the first digit of a small fraction.
    padded.resize(lead + (scale - digits.len() as i32).max(0) as usize, b'0');
    padded.extend_from_slice(digits);
    // A negative scale.
    padded.resize(lead + whole + fraction, b'0');
    padded.resize(
        padded.len() + fraction.next_multiple_of(GROUP) - fraction,
        b'0',
    );
    let groups: Vec<i16> = padded
        .chunks(GROUP)
        .map(|group| {
            group
                .iter()
                .fold(0, |n, digit| n * 10 + i16::from(digit - b'0'))
        })
        .collect();
    let first = groups
        .iter()
        .position(|group| *group != 0)
        .unwrap_or(groups.len());
    let last = groups
        .iter()
        .rposition(|group| *group != 0)
        .map_or(first, |last| last + 1);
    let kept = &groups[first..last];
    let weight = match kept.is_empty() {
        true => 0,
        false => ((lead + whole) / GROUP) as i32 - 1 - first as i32,
    };
    out.extend_from_slice(&(kept.len() as i16).to_be_bytes());
    out.extend_from_slice(&(weight as i16).to_be_bytes());
    let sign = if kept.is_empty() { POSITIVE } else { sign };
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&(fraction as i16).to_be_bytes());
    for group in kept {
        out.extend_from_slice(&group.to_be_bytes());
    }
    Ok(())
}

fn shown(sign: u16, digits: &[u8], scale: i32) -> String {
    let sign = if sign == NEGATIVE { "-" } else { "" };
    let digits = String::from_utf8_lossy(digits);
    match usize::try_from(scale) {
        Ok(0) => format!("{sign}{digits}"),
        Ok(scale) => {
            let digits = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            format!("{sign}{whole}.{fraction}")
        }
        Err(_) => format!("{sign}{digits}e{}", -scale),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Float64Array;

    use super::*;

    /// ndigits, weight, sign, dscale, digits…
    fn words(unscaled: &str, scale: i32) -> Vec<i16> {
        let mut out = Vec::new();
        write(unscaled, scale, None, &mut out).unwrap();
        let words = out
            .chunks(2)
            .map(|word| i16::from_be_bytes([word[0], word[1]]));
        words.collect()
    }

    #[test]
    fn digits_stand_in_groups_of_four() {
        assert_eq!(words("0", 0), [0, 0, 0, 0]);
        assert_eq!(words("0", 5), [0, 0, 0, 5]);
        assert_eq!(words("1", 0), [1, 0, 0, 0, 1]);
        assert_eq!(words("-12345", 0), [2, 1, 0x4000, 0, 1, 2345]);
        assert_eq!(words("10000", 0), [1, 1, 0, 0, 1]);
        assert_eq!(words("12345", 2), [2, 0, 0, 2, 123, 4500]);
        assert_eq!(words("1", 5), [1, -2, 0, 5, 1000]);
        assert_eq!(words("123456", 5), [3, 0, 0, 5, 1, 2345, 6000]);
        assert_eq!(words("5", -3), [1, 0, 0, 0, 5000]);
        assert_eq!(words("5", -4), [1, 1, 0, 0, 5]);
    }

    #[test]
    fn floats_are_the_numbers_that_people_wrote() {
        let fits = |value: f64, limit| {
            let values: ArrayRef = Arc::new(Float64Array::from(vec![value]));
            let mut out = Vec::new();
            let cell = numeric(&values, limit).unwrap();
            cell(0, &mut out).is_ok()
        };
        for (value, is_held) in [
            (0.1, true),
            (-99.99, true),
            (0.125, false),
            (100.0, false),
            (1e300, false),
            (f64::NAN, true),
            (f64::INFINITY, false),
        ] {
            assert_eq!(fits(value, Some((4, 2))), is_held, "{value}");
        }
        for value in [f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::NEG_INFINITY] {
            assert!(fits(value, None), "{value}");
        }
    }

    #[test]
    fn what_the_server_would_round_is_refused() {
        let mut out = Vec::new();
        for (unscaled, scale, fits) in [
            ("1234", 2, true),
            ("12340", 3, true),
            ("12345", 3, false),
            ("9999", 2, true),
            ("10000", 2, false),
            ("0", 9, true),
            ("99", 0, true),
            ("100", 0, false),
        ] {
            let written = write(unscaled, scale, Some((4, 2)), &mut out);
            assert_eq!(written.is_ok(), fits, "{unscaled} {scale}: {written:?}");
        }
        let why = write("-5", 4, Some((4, 2)), &mut out).unwrap_err().why;
        assert!(why.contains("-0.0005"), "{why}");
    }
}
