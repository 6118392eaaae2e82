//! Values as a table's column takes them, where Arrow has that column's type: exactly, or not.
//!
//! A plan casts because a person asked for it; here nobody did. So nothing is rounded, no text is
//! read as something else, and no part of a time is left out.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use arrow::array::{ArrayRef, BooleanArray, make_comparator};
use arrow::buffer::BooleanBuffer;
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Fields};

use super::convert::{Failure, convert, without};
use super::room::Room;
use super::tables::Refused;
use super::{cut, ipc, json, reason_limit};

/// Whether values of a type can go into a column of another, as far as the types tell.
pub fn goes_into(from: &DataType, to: &DataType) -> bool {
    use DataType::{
        Date32, Date64, Duration, LargeUtf8, Map, Null, Struct, Time32, Time64, Timestamp, Utf8,
    };
    if from == to {
        return true;
    }
    if let Some(plain) = ipc::plain_type(from) {
        return goes_into(&plain, to);
    }
    if let Some(plain) = ipc::plain_type(to) {
        return goes_into(from, &plain);
    }
    let is_text = |kind: &DataType| matches!(kind, Utf8 | LargeUtf8);
    match (from, to) {
        (Null, _) => true,
        (Struct(given), Struct(members)) => all_members_go(given, members),
        (Map(given, _), Map(entries, _)) => goes_into(given.data_type(), entries.data_type()),
        (from, to) if from.is_nested() || to.is_nested() => match (element(from), element(to)) {
            (Some(given), Some(items)) => goes_into(given, items),
            _ => false,
        },
        (from, to) if is_text(from) || is_text(to) => is_text(from) && is_text(to),
        (from, to) if is_bytes(from) || is_bytes(to) => is_bytes(from) && is_bytes(to),
        (Timestamp(_, from), Timestamp(_, to)) => from.is_some() == to.is_some(),
        // A day is the moment of its midnight, as it is in a column that was widened.
        (Date32 | Date64, Date32 | Date64 | Timestamp(_, None))
        | (Time32(_) | Time64(_), Time32(_) | Time64(_))
        | (Duration(_), Duration(_)) => true,
        (from, to) => from.is_numeric() && to.is_numeric(),
    }
}

/// A field that is not there would be lost.
fn all_members_go(given: &Fields, members: &Fields) -> bool {
    given.iter().all(|field| {
        let member = members.find(field.name());
        member.is_some_and(|(_, member)| goes_into(field.data_type(), member.data_type()))
    })
}

fn element(list: &DataType) -> Option<&DataType> {
    match list {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            Some(item.data_type())
        }
        _ => None,
    }
}

fn is_bytes(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Binary | DataType::LargeBinary | DataType::FixedSizeBinary(_)
    )
}

/// Every value as `to`, the same value; null stays null. The types [go](goes_into).
///
/// # Errors
/// The rows whose values `to` does not have: with null in their place, the rest goes.
pub fn exactly(values: &ArrayRef, to: &DataType) -> Result<ArrayRef, BooleanBuffer> {
    let mut lost: Option<BooleanBuffer> = None;
    let mut rest = ArrayRef::clone(values);
    loop {
        // What does not convert hides what would be rounded. Each turn takes rows away.
        match (exactly_once(&rest, to), lost) {
            (Ok(converted), None) => return Ok(converted),
            (Ok(_), Some(rows)) => return Err(rows),
            (Err(rows), None) => lost = Some(rows),
            (Err(rows), Some(before)) => {
                let all = &before | &rows;
                if all.count_set_bits() == before.count_set_bits() {
                    return Err(BooleanBuffer::new_set(values.len()));
                }
                lost = Some(all);
            }
        }
        if let Some(rows) = &lost {
            rest = without(values, rows.clone());
        }
    }
}

fn exactly_once(values: &ArrayRef, to: &DataType) -> Result<ArrayRef, BooleanBuffer> {
    let everything = || BooleanBuffer::new_set(values.len());
    if values.data_type() == to {
        return Ok(ArrayRef::clone(values));
    }
    // Values that are in memory already: what they become is of the same order.
    let mut room = Room::new(usize::MAX);
    let converted = match convert(values, to, &mut room) {
        Ok(converted) => converted,
        Err(Failure::Rows(rows)) => return Err(rows),
        Err(Failure::Full) => return Err(everything()),
    };
    if !may_round(values.data_type(), to) {
        return Ok(converted);
    }
    let back = match convert(&converted, values.data_type(), &mut room) {
        Ok(back) => back,
        Err(Failure::Rows(rows)) => return Err(rows),
        Err(Failure::Full) => return Err(everything()),
    };
    let Ok(compare) = make_comparator(values, &back, SortOptions::default()) else {
        return Err(everything());
    };
    let changed =
        BooleanBuffer::collect_bool(values.len(), |row| compare(row, row) != Ordering::Equal);
    match changed.count_set_bits() {
        0 => Ok(converted),
        _ => Err(changed),
    }
}

/// Whether a plan's cast would round or cut.
fn may_round(from: &DataType, to: &DataType) -> bool {
    from.is_nested() || to.is_floating() || matches!((from, to), (DataType::Date64, _))
}

/// A value as a message shows it.
pub fn shown(values: &ArrayRef, row: usize) -> String {
    json::shown(values, row)
}

/// Rows that are left out, each for the first reason that was given.
#[derive(Debug, Default)]
pub struct Refusals {
    reasons: BTreeMap<usize, String>,
    /// Bytes of all reasons.
    bytes: usize,
}

impl Refusals {
    /// Leaves out the rows that are set.
    pub fn add(&mut self, rows: &BooleanBuffer, reason: impl Fn(usize) -> String) {
        for row in rows.set_indices() {
            if let Entry::Vacant(free) = self.reasons.entry(row) {
                let reason = cut(&reason(row), reason_limit(self.bytes)).into_owned();
                self.bytes += reason.len();
                free.insert(reason);
            }
        }
    }

    /// Of so many rows; None where none is left out.
    pub fn finish(self, row_count: usize) -> Option<Refused> {
        if self.reasons.is_empty() {
            return None;
        }
        let rows = BooleanBuffer::collect_bool(row_count, |row| self.reasons.contains_key(&row));
        Some(Refused {
            rows: BooleanArray::new(rows, None),
            reasons: self.reasons.into_values().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        Date64Array, Float64Array, Int64Array, ListArray, StructArray, TimestampMillisecondArray,
        UInt64Array,
    };
    use arrow::datatypes::{Field, Float64Type, TimeUnit};

    use super::*;

    fn refused(values: ArrayRef, to: DataType) -> Vec<usize> {
        assert!(goes_into(values.data_type(), &to));
        match exactly(&values, &to) {
            Ok(converted) => {
                assert_eq!(*converted.data_type(), to);
                Vec::new()
            }
            Err(rows) => rows.set_indices().collect(),
        }
    }

    #[test]
    fn what_would_change_is_refused() {
        let floats = Float64Array::from(vec![0.5, 0.1, f64::NAN, 1e300, -0.0]);
        // Both those that would be rounded and those that are too large.
        assert_eq!(refused(Arc::new(floats), DataType::Float32), [1, 3]);
        let large = UInt64Array::from(vec![1, 1 << 53, (1 << 53) + 1]);
        assert_eq!(refused(Arc::new(large), DataType::Float64), [2]);
        let small = Int64Array::from(vec![Some(1), None, Some(300)]);
        assert_eq!(refused(Arc::new(small), DataType::Int8), [2]);
        let days = Date64Array::from(vec![0, 1]);
        assert_eq!(refused(Arc::new(days), DataType::Date32), [1]);
        let lists = ListArray::from_iter_primitive::<Float64Type, _, _>([
            Some(vec![Some(0.5)]),
            Some(vec![Some(0.1)]),
        ]);
        let to = DataType::List(Arc::new(Field::new("element", DataType::Float32, true)));
        assert_eq!(refused(Arc::new(lists), to), [1]);
        let times = TimestampMillisecondArray::from(vec![1_000, 1_001]);
        let seconds = DataType::Timestamp(TimeUnit::Second, None);
        assert_eq!(refused(Arc::new(times), seconds), [1]);
    }

    #[test]
    fn nothing_is_read_as_something_else() {
        let zone = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let no_zone = DataType::Timestamp(TimeUnit::Microsecond, None);
        let point = |names: &[&str]| {
            let fields = names
                .iter()
                .map(|name| Field::new(*name, DataType::Int64, true));
            DataType::Struct(fields.collect())
        };
        for (from, to) in [
            (DataType::Utf8, DataType::Int64),
            (DataType::Int64, DataType::Utf8),
            (DataType::Boolean, DataType::Int8),
            (DataType::Int64, no_zone.clone()),
            (no_zone.clone(), DataType::Date32),
            (zone, no_zone),
            (point(&["x", "y"]), point(&["x"])),
            (point(&["x"]), DataType::Utf8),
        ] {
            assert!(!goes_into(&from, &to), "{from} → {to}");
        }
        assert!(goes_into(&point(&["x"]), &point(&["x", "y"])));
    }

    #[test]
    fn a_member_that_is_not_there_is_null() {
        let x = Arc::new(Field::new("x", DataType::Int64, true));
        let values: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let points: ArrayRef = Arc::new(StructArray::from(vec![(Arc::clone(&x), values)]));
        let y = Arc::new(Field::new("y", DataType::Int64, true));
        let to = DataType::Struct(vec![y, x].into());
        let fitted = exactly(&points, &to).unwrap();
        assert_eq!(shown(&fitted, 0), r#"{"x":1}"#);
    }
}
