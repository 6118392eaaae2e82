//! Rows by the values of one column.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, UInt32Array};
use arrow::datatypes::DataType;

use super::columns::column;
use super::copy::{Copied, taken};
use crate::batch::Rows;
use crate::data_type;
use crate::error::{Error, Result};
use crate::guest::convert::{self, Failure};
use crate::guest::room::{Full, Room};

/// Rows by the text of one column's values, in order of first appearance.
pub(super) enum Parts {
    /// All rows have one value.
    One(Option<String>),
    /// All rows, part after part, and each part's value and number of rows.
    Many(Copied, Vec<(Option<String>, usize)>),
}

pub(super) fn split(
    rows: &Rows,
    name: &str,
    most: usize,
    room: &mut Room,
) -> Result<Result<Parts>, Full> {
    let array = match column(rows.values(), name) {
        Ok((_, array)) => array,
        Err(error) => return Ok(Err(error)),
    };
    let text = match convert::convert(array, &DataType::Utf8, room) {
        Ok(text) => text,
        Err(Failure::Full) => return Err(Full),
        Err(Failure::Rows(_)) => {
            return Ok(Err(Error::invalid(format!(
                "column `{name}` ({}) has values without a text form",
                data_type::name(array.data_type())
            ))));
        }
    };
    let mut parts: HashMap<Option<&str>, u32> = HashMap::new();
    let mut values: Vec<Option<&str>> = Vec::new();
    let mut counts: Vec<usize> = Vec::new();
    let mut part_of_row = Vec::with_capacity(rows.len());
    for value in text.as_string::<i32>() {
        let next = u32::try_from(values.len()).unwrap_or(u32::MAX);
        let part = *parts.entry(value).or_insert(next);
        match counts.get_mut(part as usize) {
            Some(count) => *count += 1,
            None if values.len() < most => {
                values.push(value);
                counts.push(1);
            }
            None => {
                return Ok(Err(Error::invalid(format!(
                    "column `{name}` has more than {most} values in one batch: split by a column \
                     with fewer"
                ))));
            }
        }
        part_of_row.push(part);
    }
    let owned = |value: &Option<&str>| value.map(str::to_owned);
    if let [value] = values.as_slice() {
        return Ok(Ok(Parts::One(owned(value))));
    }
    // A counting sort: where each part begins, then each row to its part's next place.
    let mut next_place: Vec<u32> = Vec::with_capacity(counts.len());
    let mut begin = 0;
    for count in &counts {
        next_place.push(begin);
        begin += *count as u32;
    }
    let mut order = vec![0_u32; rows.len()];
    for (row, part) in (0_u32..).zip(part_of_row) {
        if let Some(place) = next_place.get_mut(part as usize) {
            if let Some(slot) = order.get_mut(*place as usize) {
                *slot = row;
            }
            *place += 1;
        }
    }
    let sorted = taken(rows, &UInt32Array::from(order), room)?;
    let parts = values.iter().map(owned).zip(counts).collect();
    Ok(sorted.map(|sorted| Parts::Many(sorted, parts)))
}
