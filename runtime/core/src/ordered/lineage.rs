//! Where rows stand in their order.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    UInt32Array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::Place;
use crate::batch::{Lineage, MetadataKey};
use crate::dead_letter::RowOrigin;
use crate::error::{Blame, Error, Kind, Result};
use crate::position::Position;

/// The numbers by which values of an ordering column are compared: integers as they are, dates as days,
/// times in their own unit. One array of the same length; null where the value is.
///
/// # Errors
/// A type whose values have no such numbers, or a number beyond 63 bits.
fn ordinals(name: &str, values: &ArrayRef) -> Result<Int64Array> {
    let wrong = |message: String| Error::new(Kind::Invalid, Blame::Configuration, message);
    let has_numbers = values.data_type().is_integer()
        || matches!(
            values.data_type(),
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _)
        );
    if !has_numbers {
        return Err(wrong(format!(
            "`order_by` names `{name}`, which is of type {}: an integer, a date or a timestamp can \
             say which row comes next",
            values.data_type()
        )));
    }
    // Dates have days, which are 32 bits wide.
    let values = match values.data_type() {
        DataType::Date32 => {
            &cast(values, &DataType::Int32).map_err(|error| wrong(error.to_string()))?
        }
        _ => values,
    };
    let numbers = cast(values, &DataType::Int64).map_err(|_| {
        wrong(format!(
            "`order_by` names `{name}`, which has a number beyond 2^63"
        ))
    })?;
    Ok(numbers.as_primitive::<Int64Type>().clone())
}

/// The place of the only row of `rows`, which has the ordering columns and nothing else; None: there is no
/// row. `rows_of` is for messages.
///
/// # Errors
/// A value that no other can come behind.
pub fn last_place(rows: &RecordBatch, rows_of: &str) -> Result<Option<Place>> {
    if rows.num_rows() == 0 {
        return Ok(None);
    }
    let mut place = Vec::with_capacity(rows.num_columns());
    for (field, values) in rows.schema_ref().fields().iter().zip(rows.columns()) {
        let numbers = ordinals(field.name(), values)?;
        if numbers.is_null(0) {
            return Err(Error::new(
                Kind::Invalid,
                Blame::Source,
                format!(
                    "the last row of {rows_of} is infinite in `{}`, and none can come behind it: leave \
                     such rows out with a `query`",
                    field.name()
                ),
            ));
        }
        place.push(numbers.value(0));
    }
    Ok(Some(Place(place)))
}

fn cast(values: &ArrayRef, to: &DataType) -> Result<ArrayRef, arrow::error::ArrowError> {
    let strictly = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(values, to, &strictly)
}

/// Rows and where each stands.
#[derive(Debug)]
pub(super) struct Placed {
    /// What they are rows of.
    rows_of: Arc<str>,
    /// The ordering columns as read, by name.
    columns: Vec<(String, ArrayRef)>,
    numbers: Vec<Int64Array>,
    /// Rows whose neighbour was left out and stood at the same place; None: no row was left out.
    tied: Option<Vec<bool>>,
}

impl Placed {
    /// # Errors
    /// A column that is not there, or cannot order; a row without a place.
    pub(super) fn new(rows_of: &Arc<str>, order_by: &[String], rows: &RecordBatch) -> Result<Self> {
        let (mut columns, mut numbers) = (Vec::new(), Vec::new());
        for name in order_by {
            let Some(values) = rows.column_by_name(name) else {
                return Err(Error::new(
                    Kind::Invalid,
                    Blame::Configuration,
                    format!("`order_by` names `{name}`, and {rows_of} has no such column"),
                ));
            };
            let own = ordinals(name, values)?;
            if own.null_count() > 0 {
                return Err(without_place(rows_of, name));
            }
            columns.push((name.clone(), Arc::clone(values)));
            numbers.push(own);
        }
        Ok(Self {
            rows_of: Arc::clone(rows_of),
            columns,
            numbers,
            tied: None,
        })
    }

    pub(super) fn place(&self, row: usize) -> Option<Place> {
        let numbers = self.numbers.iter();
        let place = numbers.map(|numbers| (row < numbers.len()).then(|| numbers.value(row)));
        place.collect::<Option<Vec<_>>>().map(Place)
    }

    /// Whether two rows stand at the same place.
    pub(super) fn are_tied(&self, one: usize, other: usize) -> bool {
        self.place(one) == self.place(other)
    }

    /// The same for the rows that are kept of these: where the next one at the same place is not, its
    /// letter goes with them.
    pub(super) fn kept(
        &self,
        rows: &RecordBatch,
        order_by: &[String],
        keep: &[bool],
    ) -> Result<Self> {
        let all = keep.iter().enumerate().filter(|(_, keep)| **keep);
        let tied = all.map(|(row, _)| self.are_tied(row, row + 1));
        Ok(Self {
            tied: Some(tied.collect()),
            ..Self::new(&self.rows_of, order_by, rows)?
        })
    }

    /// The time of the first row, where time is what orders them.
    pub(super) fn begin(&self) -> Option<DateTime<Utc>> {
        let micros = self.micros(&UInt32Array::from(vec![0]))?;
        (!micros.is_empty()).then(|| DateTime::from_timestamp_micros(micros.value(0)))?
    }

    fn micros(&self, rows: &UInt32Array) -> Option<TimestampMicrosecondArray> {
        let (_, values) = self.columns.first()?;
        let is_time = matches!(
            values.data_type(),
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _)
        );
        if !is_time || values.is_empty() {
            return None;
        }
        let taken = arrow::compute::take(values, rows, None).ok()?;
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()));
        let micros = arrow::compute::cast(&taken, &utc).ok()?;
        Some(micros.as_primitive().clone())
    }
}

/// A row that stands nowhere would never be read.
pub(super) fn without_place(rows_of: &str, column: &str) -> Error {
    Error::new(
        Kind::Invalid,
        Blame::Source,
        format!(
            "{rows_of} has rows without a finite value in `{column}`, by which they are ordered: they have \
             no place; give them one, order by another column, or leave them out with a `query`"
        ),
    )
}

impl Lineage for Placed {
    fn position_after(&self, row: u32) -> Option<Position> {
        let row = row as usize;
        let is_tied = self.tied.as_ref().and_then(|tied| tied.get(row).copied());
        match is_tied.unwrap_or_else(|| self.are_tied(row, row + 1)) {
            true => None,
            false => self.place(row)?.position(),
        }
    }

    fn origin(&self, row: u32) -> RowOrigin {
        let options = FormatOptions::default();
        let shown = |(name, values): &(String, ArrayRef)| {
            let shown = ArrayFormatter::try_new(values, &options)
                .and_then(|format| format.value(row as usize).try_to_string());
            format!("{name} = {}", shown.unwrap_or_else(|_| "?".to_owned()))
        };
        let shown: Vec<_> = match self.numbers.first() {
            Some(numbers) if (row as usize) < numbers.len() => {
                self.columns.iter().map(shown).collect()
            }
            _ => Vec::new(),
        };
        RowOrigin {
            name: format!("{} where {}", self.rows_of, shown.join(" and ")),
            line: None,
            offset: None,
        }
    }

    /// What was read is gone; the values are there.
    fn raw(&self, _row: u32) -> Option<Bytes> {
        None
    }

    fn metadata(&self, key: MetadataKey, rows: &UInt32Array) -> Option<ArrayRef> {
        let same = |text: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
                text,
                rows.len(),
            )))
        };
        Some(match key {
            MetadataKey::Topic => same(&self.rows_of),
            MetadataKey::Partition => same("0"),
            MetadataKey::Offset => arrow::compute::take(self.numbers.first()?, rows, None).ok()?,
            MetadataKey::Timestamp => Arc::new(self.micros(rows)?.with_timezone("+00:00")),
            MetadataKey::Key | MetadataKey::Headers => return None,
        })
    }
}
