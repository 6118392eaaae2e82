//! Partition values: as text in the log, as directories on disk, and rows split by them.

use std::collections::HashMap;
use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::take_record_batch;
use arrow::datatypes::{
    DataType as Arrow, Date32Type, Decimal128Type, TimeUnit, TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::convert::Refusal;

/// What stands in a directory's name for null.
const NULL_DIRECTORY: &str = "__HIVE_DEFAULT_PARTITION__";
/// File systems refuse longer names.
const MAX_DIRECTORY_BYTES: usize = 200;

/// 0000-01-01 and 9999-12-31, in days since 1970: the protocol's text of a date has four digits
/// for the year.
const TEXT_DAYS: (i32, i32) = (-719_528, 2_932_896);
const US_PER_DAY: i64 = 86_400_000_000;

/// One text per partition column; None for null.
pub(crate) type PartitionValues = Vec<Option<String>>;

/// Splits rows by the values of `columns`, in order of first appearance. The parts keep all
/// columns and the order of their rows.
///
/// # Errors
/// Only a host bug.
pub(crate) fn split(
    rows: &RecordBatch,
    columns: &[usize],
) -> Result<Vec<(PartitionValues, RecordBatch)>, ArrowError> {
    let arrays: Vec<ArrayRef> = columns
        .iter()
        .map(|index| rows.column(*index).clone())
        .collect();
    let fields = arrays
        .iter()
        .map(|array| SortField::new(array.data_type().clone()));
    let converter = RowConverter::new(fields.collect())?;
    let keys = converter.convert_columns(&arrays)?;
    let mut groups: Vec<Vec<u32>> = Vec::new();
    let mut by_key: HashMap<&[u8], usize> = HashMap::new();
    let mut last: Option<(arrow::row::Row<'_>, usize)> = None;
    for (row, key) in (0_u32..).zip(keys.iter()) {
        let group = match &last {
            Some((before, group)) if *before == key => *group,
            _ => *by_key
                .entry(keys.row(row as usize).data())
                .or_insert_with(|| {
                    groups.push(Vec::new());
                    groups.len() - 1
                }),
        };
        last = Some((key, group));
        if let Some(members) = groups.get_mut(group) {
            members.push(row);
        }
    }
    let is_one = groups.len() == 1;
    groups
        .into_iter()
        .map(|members| {
            let first = members.first().copied().unwrap_or(0) as usize;
            let values = arrays
                .iter()
                .map(|array| text(array, first))
                .collect::<Result<PartitionValues, ArrowError>>()?;
            let part = if is_one {
                rows.clone()
            } else {
                take_record_batch(rows, &UInt32Array::from(members))?
            };
            Ok((values, part))
        })
        .collect()
}

/// A value in the form that the Delta protocol gives partition values.
fn text(array: &ArrayRef, row: usize) -> Result<Option<String>, ArrowError> {
    if array.is_null(row) {
        return Ok(None);
    }
    let unprintable = || ArrowError::CastError(format!("row {row} is no date that has a text"));
    Ok(Some(match array.data_type() {
        Arrow::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        Arrow::Date32 => {
            let date = array.as_primitive::<Date32Type>().value_as_date(row);
            date.ok_or_else(unprintable)?.to_string()
        }
        Arrow::Timestamp(_, zone) => {
            let time = array
                .as_primitive::<TimestampMicrosecondType>()
                .value_as_datetime(row)
                .ok_or_else(unprintable)?;
            match zone {
                Some(_) => time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
                None => time.format("%Y-%m-%d %H:%M:%S%.6f").to_string(),
            }
        }
        Arrow::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        _ => {
            let options = FormatOptions::default();
            ArrayFormatter::try_new(array, &options)?
                .value(row)
                .try_to_string()?
        }
    }))
}

/// Dates and times in a partition column that have no text in the form of the protocol.
pub(crate) fn refuse_far_times(path: &str, values: &ArrayRef) -> Option<Refusal> {
    let (first, last) = TEXT_DAYS;
    let is_far = |row: usize, value: i64, per_day: i64| {
        let range = i64::from(first) * per_day..(i64::from(last) + 1) * per_day;
        values.is_valid(row) && !range.contains(&value)
    };
    let rows = match values.data_type() {
        Arrow::Date32 => {
            let days = values.as_primitive::<Date32Type>().values();
            let far = |row: usize| {
                days.get(row)
                    .is_some_and(|day| is_far(row, (*day).into(), 1))
            };
            BooleanBuffer::collect_bool(days.len(), far)
        }
        Arrow::Timestamp(TimeUnit::Microsecond, _) => {
            let times = values.as_primitive::<TimestampMicrosecondType>().values();
            let far = |row: usize| {
                times
                    .get(row)
                    .is_some_and(|us| is_far(row, *us, US_PER_DAY))
            };
            BooleanBuffer::collect_bool(times.len(), far)
        }
        _ => return None,
    };
    (rows.count_set_bits() > 0).then(|| Refusal {
        rows,
        reason: format!(
            "column `{path}` is not in the years 0 to 9999, and Delta has no text for that in \
             `partition_by`"
        ),
    })
}

/// The directory of a partition below the table, as an object's name: "" for none.
pub(crate) fn directory(names: &[String], values: &[Option<String>]) -> String {
    let mut directory = String::new();
    for (name, value) in names.iter().zip(values) {
        let value = value
            .as_deref()
            .map_or_else(|| NULL_DIRECTORY.to_owned(), escape);
        let mut part = format!("{}={value}", escape(name));
        if part.len() > MAX_DIRECTORY_BYTES {
            part = shorten(&part);
        }
        directory.push_str(&part);
        directory.push('/');
    }
    directory
}

/// Directories only help people find things; the values stand in the log. So a long name may be
/// cut, as long as different ones stay different.
fn shorten(part: &str) -> String {
    let hash = part.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    // The escaped text is ASCII.
    let cut = part.get(..MAX_DIRECTORY_BYTES - 20).unwrap_or_default();
    // Never in the middle of an escaped byte.
    let end = cut
        .rfind('%')
        .filter(|at| cut.len() - at < 3)
        .unwrap_or(cut.len());
    format!("{}~{hash:016x}", cut.get(..end).unwrap_or_default())
}

/// Percent-encodes all but what is safe in every file system and address.
fn escape(text: &str) -> String {
    encode(text, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
    })
}

/// An object's name as the `path` of an action: an address relative to the table.
pub(crate) fn action_path(object: &str) -> String {
    encode(object, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'=' | b'/')
    })
}

fn encode(text: &str, is_plain: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array};
    use arrow::array::{StringArray, TimestampMicrosecondArray};

    use super::*;

    fn texts(array: ArrayRef) -> Vec<Option<String>> {
        (0..array.len())
            .map(|row| text(&array, row).unwrap())
            .collect()
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn values_have_the_text_of_the_protocol() {
        let date = Date32Array::from(vec![Some(20_000), None, Some(-1)]);
        assert_eq!(
            texts(Arc::new(date)),
            [some("2024-10-04"), None, some("1969-12-31")]
        );
        let time = TimestampMicrosecondArray::from(vec![1_500_000]);
        assert_eq!(
            texts(Arc::new(time.clone())),
            [some("1970-01-01 00:00:01.500000")]
        );
        let time = time.with_timezone("+00:00");
        assert_eq!(texts(Arc::new(time)), [some("1970-01-01T00:00:01.500000Z")]);
        let decimal = Decimal128Array::from(vec![-1205])
            .with_precision_and_scale(10, 2)
            .unwrap();
        assert_eq!(texts(Arc::new(decimal)), [some("-12.05")]);
        assert_eq!(
            texts(Arc::new(BooleanArray::from(vec![true]))),
            [some("true")]
        );
        assert_eq!(texts(Arc::new(Int32Array::from(vec![-7]))), [some("-7")]);
        assert_eq!(
            texts(Arc::new(Float64Array::from(vec![1.5]))),
            [some("1.5")]
        );
        let odd = StringArray::from(vec!["a/b=%c d", "München 日本"]);
        assert_eq!(
            texts(Arc::new(odd)),
            [some("a/b=%c d"), some("München 日本")]
        );
    }

    #[test]
    fn directories_are_escaped_and_bounded() {
        let names = ["a b".to_owned(), "c".to_owned()];
        let values = [some("x/y=1%"), None];
        let directory_of = directory(&names, &values);
        assert_eq!(
            directory_of,
            "a%20b=x%2Fy%3D1%25/c=__HIVE_DEFAULT_PARTITION__/"
        );
        assert!(action_path(&directory_of).starts_with("a%2520b=x%252Fy%253D1%2525/"));
        let long = |last: &str| directory(&names[1..], &[some(&("日".repeat(200) + last))]);
        assert!(long("a").len() <= MAX_DIRECTORY_BYTES + 1);
        assert_ne!(long("a"), long("b"));
        assert_eq!(directory(&names[1..], &[some("..")]), "c=../");
    }

    #[test]
    fn rows_are_split_in_order() {
        let rows = RecordBatch::try_from_iter([
            (
                "p",
                Arc::new(StringArray::from(vec!["b", "a", "b", "b", "a"])) as ArrayRef,
            ),
            (
                "n",
                Arc::new(Int32Array::from(vec![0, 1, 2, 3, 4])) as ArrayRef,
            ),
        ])
        .unwrap();
        let parts: Vec<_> = split(&rows, &[0])
            .unwrap()
            .into_iter()
            .map(|(values, part)| {
                let numbers = part.column(1).as_primitive::<arrow::datatypes::Int32Type>();
                (values[0].clone().unwrap(), numbers.values().to_vec())
            })
            .collect();
        assert_eq!(
            parts,
            [
                ("b".to_owned(), vec![0, 2, 3]),
                ("a".to_owned(), vec![1, 4])
            ]
        );
    }
}
