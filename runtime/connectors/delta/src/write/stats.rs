//! What an `add` action says about the values of its file, so that readers can pass it over.
//!
//! A bound may be loose and must never be wrong: text may be cut (a minimum down, a maximum up),
//! times are widened to whole milliseconds, and a column with a NaN has no maximum, since readers
//! order NaN above everything.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType as Arrow, Float32Type, Float64Type};
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use deltalake_core::kernel::{DataType, PrimitiveType};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;

use crate::schema::TableSchema;

/// Longer bounds are left out.
const MAX_TEXT_BYTES: usize = 256;

/// Floating-point columns in which a NaN was seen, by path.
#[derive(Debug, Default)]
pub(super) struct NansSeen(HashSet<Vec<String>>);

impl NansSeen {
    /// Looks through a batch.
    pub(super) fn look(&mut self, rows: &RecordBatch) {
        for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
            self.look_at(&mut vec![field.name().clone()], column);
        }
    }

    fn look_at(&mut self, path: &mut Vec<String>, column: &ArrayRef) {
        let found = match column.data_type() {
            Arrow::Float32 => column
                .as_primitive::<Float32Type>()
                .values()
                .iter()
                .any(|v| v.is_nan()),
            Arrow::Float64 => column
                .as_primitive::<Float64Type>()
                .values()
                .iter()
                .any(|v| v.is_nan()),
            Arrow::Struct(fields) => {
                for (field, inner) in fields.iter().zip(column.as_struct().columns()) {
                    path.push(field.name().clone());
                    self.look_at(path, inner);
                    path.pop();
                }
                false
            }
            _ => false,
        };
        if found && !self.0.contains(path) {
            self.0.insert(path.clone());
        }
    }
}

/// The JSON text of `add.stats`. `indexed` is how many leaf columns are described.
pub(super) fn describe(
    file: &ParquetMetaData,
    schema: &TableSchema,
    nans: &NansSeen,
    indexed: usize,
) -> String {
    let mut minima = Tree::default();
    let mut maxima = Tree::default();
    let mut nulls = Tree::default();
    let leaves = file.file_metadata().schema_descr().columns();
    for (index, leaf) in leaves.iter().enumerate().take(indexed) {
        let path = leaf.path().parts();
        let Some(primitive) = primitive_at(schema, path) else {
            continue;
        };
        let Some(summary) = Summary::of(file, index) else {
            continue;
        };
        nulls.insert(path, summary.nulls.to_string());
        if let Some(bound) = summary
            .min
            .and_then(|bound| bound.render(primitive, Side::Min))
        {
            minima.insert(path, bound);
        }
        let max = summary.max.filter(|_| !nans.0.contains(path));
        if let Some(bound) = max.and_then(|bound| bound.render(primitive, Side::Max)) {
            maxima.insert(path, bound);
        }
    }
    format!(
        r#"{{"numRecords":{},"minValues":{},"maxValues":{},"nullCount":{}}}"#,
        file.file_metadata().num_rows(),
        minima.into_json(),
        maxima.into_json(),
        nulls.into_json(),
    )
}

/// The type of a leaf that is reached through structs alone.
fn primitive_at<'a>(schema: &'a TableSchema, path: &[String]) -> Option<&'a PrimitiveType> {
    let (first, rest) = path.split_first()?;
    let mut at = schema.column(first)?.data_type();
    for name in rest {
        let DataType::Struct(inner) = at else {
            return None;
        };
        at = inner.field(name)?.data_type();
    }
    at.as_primitive_opt()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Min,
    Max,
}

/// A bound as Parquet keeps it.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
enum Bound {
    Whole(i128),
    Float(f64),
    Text(String),
}

/// One leaf over all row groups.
struct Summary {
    nulls: u64,
    min: Option<Bound>,
    max: Option<Bound>,
}

impl Summary {
    /// None where a row group says nothing.
    fn of(file: &ParquetMetaData, leaf: usize) -> Option<Self> {
        let mut nulls = 0;
        let mut bounds: Option<(Bound, Bound)> = None;
        let mut is_bounded = true;
        for group in file.row_groups() {
            let column = group.columns().get(leaf)?;
            let statistics = column.statistics()?;
            let null_count = statistics.null_count_opt()?;
            nulls += null_count;
            if i64::try_from(null_count).ok() == Some(group.num_rows()) {
                continue;
            }
            let Some((min, max)) = bounds_of(statistics) else {
                is_bounded = false;
                continue;
            };
            bounds = Some(match bounds {
                None => (min, max),
                Some((low, high)) => (
                    if min < low { min } else { low },
                    if max > high { max } else { high },
                ),
            });
        }
        let (min, max) = bounds.filter(|_| is_bounded).unzip();
        Some(Self { nulls, min, max })
    }
}

fn bounds_of(statistics: &Statistics) -> Option<(Bound, Bound)> {
    let text = |bytes: &[u8]| Some(Bound::Text(std::str::from_utf8(bytes).ok()?.to_owned()));
    let whole = |value: i128| Some(Bound::Whole(value));
    let (min, max) = match statistics {
        Statistics::Int32(s) => (whole((*s.min_opt()?).into()), whole((*s.max_opt()?).into())),
        Statistics::Int64(s) => (whole((*s.min_opt()?).into()), whole((*s.max_opt()?).into())),
        Statistics::Float(s) => (
            Some(Bound::Float((*s.min_opt()?).into())),
            Some(Bound::Float((*s.max_opt()?).into())),
        ),
        Statistics::Double(s) => (
            Some(Bound::Float(*s.min_opt()?)),
            Some(Bound::Float(*s.max_opt()?)),
        ),
        Statistics::ByteArray(s) => (text(s.min_opt()?.data()), text(s.max_opt()?.data())),
        Statistics::FixedLenByteArray(s) => (
            whole(signed_big_endian(s.min_opt()?.data())?),
            whole(signed_big_endian(s.max_opt()?.data())?),
        ),
        Statistics::Boolean(_) | Statistics::Int96(_) => return None,
    };
    Some((min?, max?))
}

fn signed_big_endian(bytes: &[u8]) -> Option<i128> {
    let first = *bytes.first()?;
    let mut wide = [if first & 0x80 == 0 { 0 } else { 0xff }; 16];
    let start = wide.len().checked_sub(bytes.len())?;
    wide.get_mut(start..)?.copy_from_slice(bytes);
    Some(i128::from_be_bytes(wide))
}

impl Bound {
    /// As JSON, or None where nothing right can be said.
    fn render(&self, primitive: &PrimitiveType, side: Side) -> Option<String> {
        match (self, primitive) {
            (
                Self::Whole(value),
                PrimitiveType::Byte
                | PrimitiveType::Short
                | PrimitiveType::Integer
                | PrimitiveType::Long,
            ) => Some(value.to_string()),
            (Self::Whole(value), PrimitiveType::Decimal(decimal)) => {
                Some(decimal_text(*value, decimal.scale().into()))
            }
            (Self::Whole(days), PrimitiveType::Date) => {
                let days = TimeDelta::try_days(i64::try_from(*days).ok()?)?;
                let date = NaiveDate::from_ymd_opt(1970, 1, 1)?.checked_add_signed(days)?;
                has_plain_year(date.year()).then(|| format!("\"{date}\""))
            }
            (Self::Whole(us), PrimitiveType::Timestamp) => time_text(*us, side, "Z"),
            (Self::Whole(us), PrimitiveType::TimestampNtz) => time_text(*us, side, ""),
            (Self::Float(value), PrimitiveType::Float | PrimitiveType::Double) => value
                .is_finite()
                .then(|| serde_json::to_string(value).ok())
                .flatten(),
            (Self::Text(text), PrimitiveType::String) if text.len() <= MAX_TEXT_BYTES => {
                serde_json::to_string(text).ok()
            }
            _ => None,
        }
    }
}

fn has_plain_year(year: i32) -> bool {
    (0..=9999).contains(&year)
}

fn time_text(us: i128, side: Side, zone: &str) -> Option<String> {
    let us = i64::try_from(us).ok()?;
    let ms = us.div_euclid(1000);
    let ms = if side == Side::Max && us.rem_euclid(1000) > 0 {
        ms + 1
    } else {
        ms
    };
    let time = DateTime::<Utc>::from_timestamp_millis(ms)?;
    let text = time.format("%Y-%m-%dT%H:%M:%S%.3f");
    has_plain_year(time.year()).then(|| format!("\"{text}{zone}\""))
}

fn decimal_text(value: i128, scale: usize) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let point = if scale > 0 { "." } else { "" };
    format!("{sign}{whole}{point}{fraction}")
}

/// A JSON object of finished JSON texts; exact, where numbers of serde_json are not.
#[derive(Default)]
struct Tree(Vec<(String, Node)>);

enum Node {
    Text(String),
    Object(Tree),
}

impl Tree {
    fn insert(&mut self, path: &[String], json: String) {
        let Some((name, rest)) = path.split_first() else {
            return;
        };
        if rest.is_empty() {
            self.0.push((name.clone(), Node::Text(json)));
            return;
        }
        // Leaves come in the order of the schema, so a struct that was begun is the last one.
        match self.0.last_mut() {
            Some((last, Node::Object(inner))) if last == name => inner.insert(rest, json),
            _ => {
                let mut inner = Self::default();
                inner.insert(rest, json);
                self.0.push((name.clone(), Node::Object(inner)));
            }
        }
    }

    fn into_json(self) -> String {
        let members: Vec<String> = self
            .0
            .into_iter()
            .map(|(name, node)| {
                let json = match node {
                    Node::Text(json) => json,
                    Node::Object(inner) => inner.into_json(),
                };
                format!("{}:{json}", serde_json::Value::String(name))
            })
            .collect();
        format!("{{{}}}", members.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_exact_or_looser() {
        let render = |bound: Bound, primitive, side| bound.render(&primitive, side);
        let us = 1_700_000_000_123_456;
        let time = |side| render(Bound::Whole(us), PrimitiveType::Timestamp, side).unwrap();
        assert_eq!(time(Side::Min), "\"2023-11-14T22:13:20.123Z\"");
        assert_eq!(time(Side::Max), "\"2023-11-14T22:13:20.124Z\"");
        let before_1970 = render(Bound::Whole(-1), PrimitiveType::TimestampNtz, Side::Min);
        assert_eq!(before_1970.unwrap(), "\"1969-12-31T23:59:59.999\"");
        assert_eq!(decimal_text(-5, 2), "-0.05");
        assert_eq!(decimal_text(i128::MAX, 0), i128::MAX.to_string());
        let infinite = Bound::Float(f64::INFINITY);
        assert_eq!(render(infinite, PrimitiveType::Double, Side::Max), None);
        let far = Bound::Whole(i128::from(i64::MAX));
        assert_eq!(render(far, PrimitiveType::Timestamp, Side::Max), None);
        assert_eq!(signed_big_endian(&[0xff, 0xfe]), Some(-2));
        assert_eq!(signed_big_endian(&[0; 17]), None);
    }
}
