//! Values as JSON text, for columns of text: those of several kinds, of records that contain
//! themselves, and whatever a user wants as text.
//!
//! Bytes are base64, times are ISO 8601, decimals are numbers with all their digits, and of a union
//! stands the value alone. Floats that JSON has no number for are strings.

use arrow::datatypes::TimeUnit;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, TimeDelta};

use super::input::Input;
use super::number::digits;
use super::schema::{Meaning, Node, Schema, Type};
use crate::fault::{Fault, Parsed, shown};

/// Adds a value's text to `out`; a string, a time or a number without quotes, as a column of text has
/// it.
pub(super) fn bare(
    schema: &Schema,
    node: Node,
    input: &mut Input<'_>,
    out: &mut Vec<u8>,
) -> Parsed<()> {
    let text = match schema.get(node) {
        Type::Fixed(size) => {
            let bytes = input.take(*size)?;
            input.as_text(bytes)?.to_owned()
        }
        of => match unquoted(of, input)? {
            Some(text) => text,
            None => return write(schema, node, input, out, 0),
        },
    };
    put(input, out, text.as_bytes())
}

/// Adds a value's JSON.
fn write(
    schema: &Schema,
    node: Node,
    input: &mut Input<'_>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Parsed<()> {
    // Each value counts, since there may be very many that take no byte.
    input.unfold(1)?;
    match schema.get(node) {
        Type::Null => put(input, out, b"null"),
        Type::Boolean => match input.boolean()? {
            true => put(input, out, b"true"),
            false => put(input, out, b"false"),
        },
        Type::Float | Type::Double | Type::Decimal { .. } => {
            let digits = digits(schema.get(node), input)?;
            match digits.ends_with(|last: char| last.is_ascii_digit()) {
                true => put(input, out, digits.as_bytes()),
                false => quote(input, out, &digits),
            }
        }
        Type::Whole { is_int, meaning } if *meaning == Meaning::Number => {
            let value = if *is_int { input.int() } else { input.long() }?;
            put(input, out, value.to_string().as_bytes())
        }
        Type::Bytes => {
            let bytes = input.bytes()?;
            base64(input, out, bytes)
        }
        Type::Fixed(size) => {
            let bytes = input.take(*size)?;
            base64(input, out, bytes)
        }
        Type::Text => {
            let text = input.string()?;
            quote(input, out, text)
        }
        Type::Enum(symbols) => {
            let symbol = input.index(symbols.len())?;
            quote(input, out, symbols.get(symbol).map_or("", String::as_str))
        }
        of @ (Type::Whole { .. } | Type::Uuid | Type::Duration) => {
            let text = unquoted(of, input)?.unwrap_or_default();
            quote(input, out, &text)
        }
        Type::List(item) => {
            let depth = input.deeper(depth)?;
            let least = schema.least_bytes(*item);
            let mut before: &[u8] = b"[";
            blocks(input, least, |input| {
                put(input, out, before)?;
                before = b",";
                write(schema, *item, input, out, depth)
            })?;
            put(input, out, if before == b"[" { b"[]" } else { b"]" })
        }
        Type::Map(value) => {
            let depth = input.deeper(depth)?;
            let least = schema.least_bytes(*value).saturating_add(1);
            let mut before: &[u8] = b"{";
            let mut keys = Vec::new();
            blocks(input, least, |input| {
                let at = input.at();
                let key = input.string()?;
                keys.push((key, at));
                put(input, out, before)?;
                before = b",";
                quote(input, out, key)?;
                put(input, out, b":")?;
                write(schema, *value, input, out, depth)
            })?;
            keys.sort_unstable();
            if let Some([(key, _), (_, at)]) = keys.array_windows().find(|[a, b]| a.0 == b.0) {
                let reason = format!("the key `{}` stands twice", shown(key.as_bytes()));
                return Err(Fault::new(*at, reason));
            }
            put(input, out, if before == b"{" { b"{}" } else { b"}" })
        }
        Type::Union(branches) => {
            let depth = input.deeper(depth)?;
            let branch = input.index(branches.len())?;
            match branches.get(branch) {
                Some(branch) => write(schema, *branch, input, out, depth),
                None => Ok(()),
            }
        }
        Type::Record(members) => {
            let depth = input.deeper(depth)?;
            put(input, out, b"{")?;
            for (index, member) in members.iter().enumerate() {
                if index > 0 {
                    put(input, out, b",")?;
                }
                quote(input, out, &member.name)?;
                put(input, out, b":")?;
                write(schema, member.node, input, out, depth)?;
            }
            put(input, out, b"}")
        }
    }
}

/// Runs over the values of a list or map.
fn blocks<'a>(
    input: &mut Input<'a>,
    least: usize,
    mut each: impl FnMut(&mut Input<'a>) -> Parsed<()>,
) -> Parsed<()> {
    loop {
        let count = input.block(least)?;
        if count == 0 {
            return Ok(());
        }
        for _ in 0..count {
            each(input)?;
        }
    }
}

fn put(input: &mut Input<'_>, out: &mut Vec<u8>, text: &[u8]) -> Parsed<()> {
    input.write(text.len())?;
    out.extend_from_slice(text);
    Ok(())
}

fn base64(input: &mut Input<'_>, out: &mut Vec<u8>, bytes: &[u8]) -> Parsed<()> {
    let text = STANDARD.encode(bytes);
    quote(input, out, &text)
}

fn quote(input: &mut Input<'_>, out: &mut Vec<u8>, text: &str) -> Parsed<()> {
    let before = out.len();
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
    input.write(out.len() - before)
}

/// The text of what stands in quotes in JSON; None, and nothing read, for other types.
fn unquoted(of: &Type, input: &mut Input<'_>) -> Parsed<Option<String>> {
    let from = input.at();
    Ok(Some(match of {
        Type::Whole { meaning, .. } if *meaning == Meaning::Number => return Ok(None),
        Type::Whole { is_int, meaning } => {
            let value = if *is_int { input.int() } else { input.long() }?;
            let text = time(*meaning, value);
            text.ok_or_else(|| Fault::new(from, format!("{value} is no time that can be written")))?
        }
        Type::Float | Type::Double | Type::Decimal { .. } => digits(of, input)?,
        Type::Uuid => {
            let hex = format!("{:032x}", u128::from_be_bytes(input.array()?));
            let mut text = String::with_capacity(36);
            for (index, digit) in hex.char_indices() {
                if matches!(index, 8 | 12 | 16 | 20) {
                    text.push('-');
                }
                text.push(digit);
            }
            text
        }
        Type::Duration => {
            let mut part = || input.array().map(u32::from_le_bytes);
            duration(part()?, part()?, part()?)
        }
        _ => return Ok(None),
    }))
}

fn time(meaning: Meaning, value: i64) -> Option<String> {
    Some(match meaning {
        Meaning::Number => value.to_string(),
        Meaning::Date => {
            let days = TimeDelta::try_days(value)?;
            let date = NaiveDate::default().checked_add_signed(days)?;
            date.to_string()
        }
        Meaning::OfDay(unit) => {
            let value = u64::try_from(value).ok()?;
            let (seconds, nanos) = match unit {
                TimeUnit::Millisecond => (value / 1_000, value % 1_000 * 1_000_000),
                _ => (value / 1_000_000, value % 1_000_000 * 1_000),
            };
            let seconds = u32::try_from(seconds).ok()?;
            let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos as u32)?;
            time.to_string()
        }
        Meaning::Instant { unit, is_local } => {
            let at = match unit {
                TimeUnit::Nanosecond => DateTime::from_timestamp_nanos(value),
                TimeUnit::Microsecond => DateTime::from_timestamp_micros(value)?,
                _ => DateTime::from_timestamp_millis(value)?,
            };
            let mut text = at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
            if is_local {
                text.pop();
            }
            text
        }
    })
}

/// By ISO 8601.
fn duration(months: u32, days: u32, millis: u32) -> String {
    let mut text = "P".to_owned();
    if months > 0 {
        text.push_str(&format!("{months}M"));
    }
    if days > 0 {
        text.push_str(&format!("{days}D"));
    }
    let (seconds, millis) = (millis / 1000, millis % 1000);
    if millis > 0 {
        text.push_str(&format!("T{seconds}.{millis:03}S"));
    } else if seconds > 0 || text.len() == 1 {
        text.push_str(&format!("T{seconds}S"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_iso() {
        let instant = |unit, is_local, value| time(Meaning::Instant { unit, is_local }, value);
        let millis = TimeUnit::Millisecond;
        assert_eq!(time(Meaning::Date, -1).as_deref(), Some("1969-12-31"));
        assert_eq!(time(Meaning::Date, i32::MIN.into()), None);
        assert_eq!(
            instant(millis, false, -1).as_deref(),
            Some("1969-12-31T23:59:59.999Z")
        );
        assert_eq!(
            instant(TimeUnit::Microsecond, true, 1).as_deref(),
            Some("1970-01-01T00:00:00.000001")
        );
        assert_eq!(instant(millis, false, i64::MAX), None);
        let last = instant(TimeUnit::Nanosecond, false, i64::MAX);
        assert_eq!(last.as_deref(), Some("2262-04-11T23:47:16.854775807Z"));
        let of_day = |value| time(Meaning::OfDay(millis), value);
        assert_eq!(of_day(86_399_999).as_deref(), Some("23:59:59.999"));
        assert_eq!((of_day(86_400_000), of_day(-1)), (None, None));
    }

    #[test]
    fn durations_are_iso() {
        assert_eq!(duration(0, 0, 0), "PT0S");
        assert_eq!(duration(1, 2, 3_004), "P1M2DT3.004S");
        assert_eq!(duration(0, u32::MAX, 5_000), "P4294967295DT5S");
        assert_eq!(duration(12, 0, 0), "P12M");
    }
}
