//! Arrow's types and DuckDB's.
//!
//! | Arrow | a new column is |
//! |---|---|
//! | Boolean | BOOLEAN |
//! | Int8 … Int64, UInt8 … UInt64 | TINYINT … BIGINT, UTINYINT … UBIGINT |
//! | Float16, Float32 / Float64 | FLOAT / DOUBLE |
//! | Utf8 and its kin | VARCHAR |
//! | Binary and its kin | BLOB |
//! | Date32, Date64 | DATE; a Date64 that is no whole day is refused row by row |
//! | Time32, Time64 | TIME; what is no whole µs is refused row by row |
//! | Timestamp with a zone | TIMESTAMP WITH TIME ZONE, likewise |
//! | Timestamp without: s, ms, µs / ns | TIMESTAMP / TIMESTAMP_NS |
//! | Duration, Interval | INTERVAL, likewise |
//! | Decimal32 … Decimal256 up to 38 digits | DECIMAL(p,s); a negative scale becomes further digits |
//! | lists / FixedSizeList | T\[\] / T\[n\] |
//! | Struct, Map | STRUCT, MAP |
//! | Dictionary, RunEndEncoded | the type of their values |
//! | Null, Union, longer decimals | refused, with what to do |
//!
//! An existing column may be of other types: what goes into it is what [`wanted`] makes of the type
//! that DuckDB itself gives it in Arrow.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{
    DataType, Date32Type, Field, FieldRef, IntervalMonthDayNanoType, IntervalUnit,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use wasm_sink_core::{Error, Result, data_type};

use crate::NAMES;

/// Digits of the longest decimal.
const MAX_DIGITS: u8 = 38;
/// Elements of the longest array (`ArrayType::MAX_ARRAY_SIZE` in the library's source).
const MAX_ARRAY: i32 = 100_000;
const NS_PER_US: i64 = 1_000;
const DAY_US: i64 = 86_400_000_000;

/// A new column's type as SQL names it. `path` names it in messages.
///
/// # Errors
/// `invalid`, with what to do instead.
pub(crate) fn new_column(path: &str, arrow: &DataType) -> Result<String> {
    let item = |field: &FieldRef, what: &str| inside(&format!("{path}.{what}"), field.data_type());
    Ok(match arrow {
        DataType::Boolean => "BOOLEAN",
        DataType::Int8 => "TINYINT",
        DataType::Int16 => "SMALLINT",
        DataType::Int32 => "INTEGER",
        DataType::Int64 => "BIGINT",
        DataType::UInt8 => "UTINYINT",
        DataType::UInt16 => "USMALLINT",
        DataType::UInt32 => "UINTEGER",
        DataType::UInt64 => "UBIGINT",
        DataType::Float16 | DataType::Float32 => "FLOAT",
        DataType::Float64 => "DOUBLE",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR",
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => "BLOB",
        DataType::Date32 | DataType::Date64 => "DATE",
        DataType::Time32(_) | DataType::Time64(_) => "TIME",
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE",
        DataType::Timestamp(TimeUnit::Nanosecond, None) => "TIMESTAMP_NS",
        DataType::Timestamp(_, None) => "TIMESTAMP",
        DataType::Duration(_) | DataType::Interval(_) => "INTERVAL",
        DataType::Decimal32(digits, scale)
        | DataType::Decimal64(digits, scale)
        | DataType::Decimal128(digits, scale)
        | DataType::Decimal256(digits, scale) => return decimal(path, arrow, *digits, *scale),
        DataType::FixedSizeList(field, size @ 1..=MAX_ARRAY) => {
            return Ok(format!("{}[{size}]", item(field, "element")?));
        }
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field) => return Ok(format!("{}[]", item(field, "element")?)),
        DataType::Struct(members) if !members.is_empty() => {
            let members: Result<Vec<String>> = members
                .iter()
                .map(|member| {
                    let name = NAMES.name(member.name())?;
                    Ok(format!("{name} {}", item(member, member.name())?))
                })
                .collect();
            return Ok(format!("STRUCT({})", members?.join(", ")));
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(pair) = entries.data_type() else {
                return Err(refused(path, arrow, "it is no map"));
            };
            let [key, value] = pair.as_ref() else {
                return Err(refused(path, arrow, "it is no map"));
            };
            return Ok(format!(
                "MAP({}, {})",
                item(key, "key")?,
                item(value, "value")?
            ));
        }
        DataType::Dictionary(_, values) => return new_column(path, values),
        DataType::RunEndEncoded(_, values) => return new_column(path, values.data_type()),
        DataType::Null => {
            return Err(refused(
                path,
                arrow,
                "give it a type in `schema`, or leave it out",
            ));
        }
        DataType::Union(..) | DataType::FixedSizeList(..) | DataType::Struct(_) => {
            return Err(refused(path, arrow, "make it \"utf8\" in `schema`: JSON"));
        }
    }
    .to_owned())
}

/// The type of what is inside of another value: what [`readable`] and [`on_the_way`] do, they do outside.
fn inside(path: &str, arrow: &DataType) -> Result<String> {
    match arrow {
        DataType::Duration(_)
        | DataType::Interval(IntervalUnit::DayTime | IntervalUnit::YearMonth) => Err(refused(
            path,
            arrow,
            "inside of other values it goes as `interval(month_day_nano)` or `utf8` alone",
        )),
        _ => new_column(path, arrow),
    }
}

fn decimal(path: &str, arrow: &DataType, digits: u8, scale: i8) -> Result<String> {
    let (digits, scale) = match u8::try_from(scale) {
        Ok(scale) => (Some(digits.max(scale)), scale),
        Err(_) => (digits.checked_add(scale.unsigned_abs()), 0),
    };
    match digits {
        Some(digits @ 1..=MAX_DIGITS) => Ok(format!("DECIMAL({digits},{scale})")),
        _ => Err(refused(
            path,
            arrow,
            "DECIMAL has 38 digits at most; make it \"decimal(38,…)\", \"float64\" or \"utf8\" in \
             `schema`",
        )),
    }
}

fn refused(path: &str, arrow: &DataType, why: &str) -> Error {
    Error::invalid(format!(
        "column `{path}` is {}, which a DuckDB table cannot hold: {why}",
        data_type::name(arrow)
    ))
}

/// What values become on their way into a column that Arrow knows as `of`: types that the library
/// reads without loss. Text goes into what only looks like text in Arrow (enums, UUIDs), and is
/// judged there.
pub(crate) fn wanted(of: &DataType) -> DataType {
    let item = |field: &FieldRef| -> FieldRef {
        Arc::new(Field::new(field.name(), wanted(field.data_type()), true))
    };
    match of {
        DataType::Dictionary(_, values) => wanted(values),
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::Timestamp(_, Some(_)) => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
        }
        DataType::List(field) | DataType::LargeList(field) => DataType::List(item(field)),
        DataType::FixedSizeList(field, size) => DataType::FixedSizeList(item(field), *size),
        DataType::Struct(members) => DataType::Struct(members.iter().map(item).collect()),
        DataType::Map(entries, sorted) => match entries.data_type() {
            DataType::Struct(pair) => {
                let pair = pair.iter().map(|field| {
                    let kind = wanted(field.data_type());
                    Arc::new(Field::new(field.name(), kind, field.is_nullable()))
                });
                let pair = DataType::Struct(pair.collect());
                DataType::Map(Arc::new(Field::new(entries.name(), pair, false)), *sorted)
            }
            _ => of.clone(),
        },
        other => other.clone(),
    }
}

/// What is beside the rule that [`wanted`] gives: durations and months go into intervals as they are.
pub(crate) fn on_the_way(from: &DataType, to: &DataType) -> DataType {
    match (from, to) {
        (DataType::Duration(_), DataType::Interval(_)) => DataType::Duration(TimeUnit::Microsecond),
        (DataType::Interval(IntervalUnit::YearMonth), DataType::Interval(_)) => from.clone(),
        _ if is_laid_out_alike(from, to) => from.clone(),
        _ => to.clone(),
    }
}

/// Whether only the names of list items and what may be null differ, which the library does not look at:
/// such values go as they are.
fn is_laid_out_alike(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::List(from), DataType::List(to)) => {
            is_laid_out_alike(from.data_type(), to.data_type())
        }
        (DataType::Struct(from), DataType::Struct(to)) => {
            from.len() == to.len()
                && from.iter().zip(to).all(|(from, to)| {
                    from.name() == to.name() && is_laid_out_alike(from.data_type(), to.data_type())
                })
        }
        (from, to) => from == to,
    }
}

/// Values that the library reads wrongly, in a type that it reads rightly: it takes the two halves of
/// days and milliseconds for one number.
pub(crate) fn readable(values: &ArrayRef) -> ArrayRef {
    match values.data_type() {
        DataType::Interval(IntervalUnit::DayTime) => {
            let to = DataType::Interval(IntervalUnit::MonthDayNano);
            // There is such a cast, and it loses nothing. Else the rows are refused as they are.
            arrow::compute::cast(values, &to).unwrap_or_else(|_| ArrayRef::clone(values))
        }
        _ => ArrayRef::clone(values),
    }
}

/// Values that the library would take for something else, or cut: its infinities, times of no day,
/// parts of a µs in an interval.
pub(crate) fn strange(values: &ArrayRef) -> Option<BooleanBuffer> {
    fn found<T: arrow::datatypes::ArrowPrimitiveType>(
        values: &ArrayRef,
        is_strange: impl Fn(T::Native) -> bool,
    ) -> Option<BooleanBuffer> {
        let values = values.as_primitive::<T>();
        // Most have none, and this is quick.
        if !values.values().iter().any(|value| is_strange(*value)) {
            return None;
        }
        let rows = BooleanBuffer::collect_bool(values.len(), |row| {
            values.is_valid(row) && is_strange(values.value(row))
        });
        (rows.count_set_bits() > 0).then_some(rows)
    }
    let is_infinite = |value: i64| value == i64::MAX || value <= -i64::MAX;
    match values.data_type() {
        DataType::Struct(_) => {
            let members = values.as_struct();
            let mut rows: Option<BooleanBuffer> = None;
            for strange in members.columns().iter().filter_map(strange) {
                rows = Some(rows.map_or(strange.clone(), |rows| &rows | &strange));
            }
            rows
        }
        DataType::List(_) => {
            let lists = values.as_list::<i32>();
            let found = strange(lists.values())?;
            Some(holding(&found, lists.len(), |row| {
                let offsets = lists.value_offsets();
                offsets[row] as usize..offsets[row + 1] as usize
            }))
        }
        DataType::Map(..) => {
            let maps = values.as_map();
            let entries: ArrayRef = Arc::new(maps.entries().clone());
            let found = strange(&entries)?;
            Some(holding(&found, maps.len(), |row| {
                let offsets = maps.value_offsets();
                offsets[row] as usize..offsets[row + 1] as usize
            }))
        }
        DataType::FixedSizeList(_, size) => {
            let lists = values.as_fixed_size_list();
            let found = strange(lists.values())?;
            let size = usize::try_from(*size).unwrap_or_default();
            Some(holding(&found, lists.len(), |row| {
                row * size..(row + 1) * size
            }))
        }
        DataType::Date32 => {
            found::<Date32Type>(values, |days| days == i32::MAX || days <= -i32::MAX)
        }
        DataType::Timestamp(TimeUnit::Second, _) => {
            found::<TimestampSecondType>(values, is_infinite)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            found::<TimestampMillisecondType>(values, is_infinite)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            found::<TimestampMicrosecondType>(values, is_infinite)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            found::<TimestampNanosecondType>(values, is_infinite)
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            found::<Time64MicrosecondType>(values, |time| !(0..=DAY_US).contains(&time))
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            found::<IntervalMonthDayNanoType>(values, |interval| {
                interval.nanoseconds % NS_PER_US != 0
            })
        }
        _ => None,
    }
}

/// Of lists, those with one of the elements.
fn holding(
    elements: &BooleanBuffer,
    rows: usize,
    range: impl Fn(usize) -> std::ops::Range<usize>,
) -> BooleanBuffer {
    BooleanBuffer::collect_bool(rows, |row| {
        range(row).any(|element| elements.value(element))
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::{IntervalDayTimeArray, IntervalMonthDayNanoArray, ListArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::{IntervalDayTime, IntervalMonthDayNano};

    use super::*;

    #[test]
    fn what_is_only_named_otherwise_goes_as_it_is() {
        let list = |name: &str, of: DataType, allows_null| {
            DataType::List(Arc::new(Field::new(name, of, allows_null)))
        };
        let of_structs = |name: &str, member: &str, allows_null| {
            let members = vec![Field::new(member, DataType::Int64, allows_null)];
            list(name, DataType::Struct(members.into()), allows_null)
        };
        let given = of_structs("item", "a", false);
        assert_eq!(on_the_way(&given, &of_structs("l", "a", true)), given);
        for other in [of_structs("l", "b", true), list("l", DataType::Int64, true)] {
            assert_eq!(on_the_way(&given, &other), other);
        }
    }

    #[test]
    fn strange_values_are_found_inside_of_others() {
        let spans = [1_000, 1_500, 2_000].map(|ns| IntervalMonthDayNano::new(0, 0, ns));
        let spans: ArrayRef = Arc::new(IntervalMonthDayNanoArray::from(spans.to_vec()));
        assert_eq!(
            strange(&spans).unwrap().set_indices().collect::<Vec<_>>(),
            [1]
        );
        let field = Arc::new(Field::new("element", spans.data_type().clone(), true));
        let offsets = OffsetBuffer::new(vec![0, 1, 1, 3].into());
        let lists: ArrayRef = Arc::new(ListArray::new(field, offsets, spans, None));
        assert_eq!(
            strange(&lists).unwrap().set_indices().collect::<Vec<_>>(),
            [2]
        );
        assert!(strange(&lists.slice(0, 2)).is_none_or(|rows| rows.count_set_bits() == 0));
    }

    #[test]
    fn days_and_milliseconds_are_what_they_were() {
        let given = vec![IntervalDayTime::new(1, 500)];
        let given: ArrayRef = Arc::new(IntervalDayTimeArray::from(given));
        let read = readable(&given);
        let read = read.as_primitive::<IntervalMonthDayNanoType>().value(0);
        assert_eq!(read, IntervalMonthDayNano::new(0, 1, 500_000_000));
    }

    #[test]
    fn new_columns_have_the_types_of_the_table_above() {
        for (arrow, sql) in [
            ("uint64", "UBIGINT"),
            ("decimal(38,10)", "DECIMAL(38,10)"),
            ("decimal(5,-2)", "DECIMAL(7,0)"),
            ("decimal256(40,2)", "! 38 digits"),
            ("timestamp(ns)", "TIMESTAMP_NS"),
            ("timestamp(ns,+01:00)", "TIMESTAMP WITH TIME ZONE"),
            (
                "list<struct<a: int32, b: list<utf8>>>",
                "STRUCT(\"a\" INTEGER, \"b\" VARCHAR[])[]",
            ),
            ("map<utf8, float32>", "MAP(VARCHAR, FLOAT)"),
            ("null", "! `schema`"),
            ("list<duration(us)>", "! inside"),
            ("struct<a: interval(day_time)>", "! inside"),
            ("interval(day_time)", "INTERVAL"),
        ] {
            let made = new_column("c", &data_type::parse(arrow).unwrap());
            match (made, sql.strip_prefix("! ")) {
                (Ok(made), None) => assert_eq!(made, sql),
                (Err(error), Some(why)) => assert!(error.to_string().contains(why), "{error}"),
                (made, _) => panic!("{arrow}: {made:?}"),
            }
        }
    }
}
