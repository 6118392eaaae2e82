//! The text form of Arrow types that pipeline.toml and the contract use.
//!
//! | text | type |
//! |---|---|
//! | `boolean`, `int8` … `int64`, `uint8` … `uint64`, `float16`, `float32`, `float64`, `null` | as they say |
//! | `utf8`, `large_utf8`, `utf8_view`, `binary`, `large_binary`, `binary_view`, `fixed_size_binary(16)` | text and bytes |
//! | `date32`, `date64`, `time32(s\|ms)`, `time64(us\|ns)`, `timestamp(us)`, `timestamp(us,+00:00)`, `duration(us)` | units are s, ms, us, ns |
//! | `interval(year_month\|day_time\|month_day_nano)` | calendar intervals |
//! | `decimal(10,2)` | up to 38 digits; `decimal256(50,2)` up to 76; `decimal32`, `decimal64` are the narrow ones |
//! | `list<utf8>`, `large_list<…>`, `list_view<…>`, `large_list_view<…>`, `fixed_size_list<float32, 3>` | lists |
//! | `struct<country: utf8, score: int32 not null>`, `map<utf8, int64>` | nested values |
//! | `dictionary<int32, utf8>`, `run_end_encoded<int32, utf8>` | encodings |
//!
//! What stands inside another type allows nulls unless `not null` follows it; the key of a map never
//! does. Names and time zones that are not made of letters, digits and `_` (zones: also `+-:/`)
//! stand in backticks, with a backtick inside written twice. White space between words is free.
//!
//! The text leaves out what Arrow keeps beside the type: the names of list items and map entries,
//! metadata, and whether the keys of a map are sorted. A union has a text and is not read back.

mod parse;
mod widen;
mod words;

use std::fmt::{self, Display, Formatter};

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};

pub use parse::{MAX_DEPTH, MAX_FIXED_SIZE, parse};
pub use widen::wider;

/// The text of a type; what [`parse()`] reads back.
pub fn name(data_type: &DataType) -> String {
    Text(data_type).to_string()
}

struct Text<'a>(&'a DataType);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(word) = words::plain_word(self.0) {
            return f.write_str(word);
        }
        match self.0 {
            DataType::FixedSizeBinary(size) => write!(f, "fixed_size_binary({size})"),
            DataType::Time32(time) => write!(f, "time32({})", unit(*time)),
            DataType::Time64(time) => write!(f, "time64({})", unit(*time)),
            DataType::Duration(time) => write!(f, "duration({})", unit(*time)),
            DataType::Timestamp(time, None) => write!(f, "timestamp({})", unit(*time)),
            DataType::Timestamp(time, Some(zone)) => {
                write!(
                    f,
                    "timestamp({},{})",
                    unit(*time),
                    Quoted(zone, is_zone_char)
                )
            }
            DataType::Interval(interval) => write!(f, "interval({})", interval_unit(*interval)),
            DataType::Decimal32(digits, scale) => write!(f, "decimal32({digits},{scale})"),
            DataType::Decimal64(digits, scale) => write!(f, "decimal64({digits},{scale})"),
            DataType::Decimal128(digits, scale) => write!(f, "decimal({digits},{scale})"),
            DataType::Decimal256(digits, scale) => write!(f, "decimal256({digits},{scale})"),
            DataType::List(item) => write!(f, "list<{}>", Inner(item)),
            DataType::LargeList(item) => write!(f, "large_list<{}>", Inner(item)),
            DataType::ListView(item) => write!(f, "list_view<{}>", Inner(item)),
            DataType::LargeListView(item) => write!(f, "large_list_view<{}>", Inner(item)),
            DataType::FixedSizeList(item, size) => {
                write!(f, "fixed_size_list<{}, {size}>", Inner(item))
            }
            DataType::Struct(fields) => members(f, "struct", fields.iter().map(AsRef::as_ref)),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(pair) if pair.len() == 2 => {
                    write!(f, "map<{}, {}>", Text(pair[0].data_type()), Inner(&pair[1]))
                }
                other => write!(f, "map<{}>", Text(other)),
            },
            DataType::Dictionary(key, value) => {
                write!(f, "dictionary<{}, {}>", Text(key), Text(value))
            }
            DataType::RunEndEncoded(ends, values) => {
                write!(
                    f,
                    "run_end_encoded<{}, {}>",
                    Text(ends.data_type()),
                    Inner(values)
                )
            }
            DataType::Union(fields, _) => {
                members(f, "union", fields.iter().map(|(_, field)| field.as_ref()))
            }
            // The table of words holds every type that is not spelt out above.
            other => write!(f, "{other}"),
        }
    }
}

/// A type with whether it allows nulls.
struct Inner<'a>(&'a Field);

impl Display for Inner<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Text(self.0.data_type()).fmt(f)?;
        if !self.0.is_nullable() {
            f.write_str(" not null")?;
        }
        Ok(())
    }
}

fn members<'a>(
    f: &mut Formatter<'_>,
    word: &str,
    fields: impl Iterator<Item = &'a Field>,
) -> fmt::Result {
    write!(f, "{word}<")?;
    for (index, field) in fields.enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(
            f,
            "{}: {}",
            Quoted(field.name(), is_name_char),
            Inner(field)
        )?;
    }
    f.write_str(">")
}

/// A name, in backticks where it needs them.
struct Quoted<'a>(&'a str, fn(char) -> bool);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.0.is_empty() && self.0.chars().all(self.1) {
            f.write_str(self.0)
        } else {
            write!(f, "`{}`", self.0.replace('`', "``"))
        }
    }
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_zone_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+-:/".contains(c)
}

fn unit(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

fn interval_unit(unit: IntervalUnit) -> &'static str {
    match unit {
        IntervalUnit::YearMonth => "year_month",
        IntervalUnit::DayTime => "day_time",
        IntervalUnit::MonthDayNano => "month_day_nano",
    }
}

#[cfg(test)]
mod tests;
