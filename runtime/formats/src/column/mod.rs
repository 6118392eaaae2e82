//! Columns under construction. A value goes in whole or not at all: what a bad record has left
//! behind is cut off again, so that one record never harms another.

pub(crate) mod number;
mod slices;
pub(crate) mod time;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, BooleanBufferBuilder, Decimal128Array,
    Float64Array, Int32Array, Int64Array, LargeListArray, ListArray, MapArray, NullBufferBuilder,
    StringArray, StructArray, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use arrow::error::ArrowError;

use crate::fault::{Fault, Parsed};
use number::Number;
use slices::trimmed;
pub(crate) use slices::{Offsets, Slices, check_distinct};
use time::Clock;

/// What a cell is: the room of a number.
const CELL_BYTES: usize = 8;

/// One column: a flat one, or the root of nested ones.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) field: FieldRef,
    nulls: NullBufferBuilder,
    /// Cells of one value.
    pub(crate) width: usize,
    pub(crate) values: Values,
}

/// What is in a column, in the widest form of its kind; narrower types are made at the end.
#[derive(Debug)]
pub(crate) enum Values {
    Boolean(BooleanBufferBuilder),
    Integer {
        values: Vec<i64>,
        least: i64,
        most: i64,
    },
    Unsigned(Vec<u64>),
    Float {
        values: Vec<f64>,
        single: bool,
    },
    Decimal {
        values: Vec<i128>,
        precision: u8,
        scale: i8,
    },
    Time {
        values: Vec<i64>,
        clock: Clock,
    },
    Text(Slices),
    /// Bytes; as text they are base64. The width where every value has the same.
    Binary {
        slices: Slices,
        width: Option<usize>,
    },
    List {
        offsets: Offsets,
        item: Box<Column>,
    },
    Struct(Record),
    Map {
        offsets: Offsets,
        keys: Slices,
        values: Box<Column>,
    },
}

/// A type that cannot be decoded into.
#[derive(Debug)]
pub(crate) struct Unsupported {
    /// The column, from the outside in, with dots between.
    pub(crate) path: String,
    pub(crate) data_type: DataType,
}

impl Column {
    pub(crate) fn new(field: &FieldRef) -> Result<Self, Unsupported> {
        let values = Values::new(field).map_err(|inner| Unsupported {
            path: if inner.path.is_empty() {
                field.name().clone()
            } else {
                format!("{}.{}", field.name(), inner.path)
            },
            ..inner
        })?;
        Ok(Self {
            field: Arc::clone(field),
            nulls: NullBufferBuilder::new(0),
            width: values.width(),
            values,
        })
    }

    pub(crate) fn name(&self) -> &str {
        self.field.name()
    }

    pub(crate) fn is_nullable(&self) -> bool {
        self.field.is_nullable()
    }

    /// Values so far.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.nulls.len()
    }

    /// Makes room for so many values; how long texts and lists will be is not known.
    pub(crate) fn reserve(&mut self, values: usize) {
        match &mut self.values {
            Values::Boolean(bits) => bits.reserve(values),
            Values::Integer { values: to, .. } | Values::Time { values: to, .. } => {
                to.reserve(values);
            }
            Values::Unsigned(to) => to.reserve(values),
            Values::Float { values: to, .. } => to.reserve(values),
            Values::Decimal { values: to, .. } => to.reserve(values),
            Values::Text(slices) | Values::Binary { slices, .. } => slices.reserve(values),
            Values::List { offsets, .. } | Values::Map { offsets, .. } => offsets.reserve(values),
            Values::Struct(record) => record.reserve(values),
        }
    }

    /// A null that was written, or a value that was left out.
    pub(crate) fn push_null(&mut self, at: usize, what: &str) -> Parsed<()> {
        if !self.is_nullable() {
            let reason = format!("allows no null, and {what}");
            return Err(Fault::new(at, reason).inside(self.name()));
        }
        self.push_hidden();
        Ok(())
    }

    /// A null that is allowed here, or hidden by one further out.
    fn push_hidden(&mut self) {
        match &mut self.values {
            Values::Boolean(bits) => bits.append(false),
            Values::Integer { values, .. } | Values::Time { values, .. } => values.push(0),
            Values::Unsigned(values) => values.push(0),
            Values::Float { values, .. } => values.push(0.0),
            Values::Decimal { values, .. } => values.push(0),
            Values::Text(slices) | Values::Binary { slices, .. } => slices.close_empty(),
            Values::List { offsets, .. } | Values::Map { offsets, .. } => offsets.repeat(),
            Values::Struct(record) => record.push_hidden(),
        }
        self.nulls.append_null();
    }

    /// What has just been put into the values counts.
    #[inline]
    pub(crate) fn seal(&mut self) {
        self.nulls.append_non_null();
    }

    /// Keeps the first `len` values.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.nulls.truncate(len);
        match &mut self.values {
            Values::Boolean(bits) => bits.truncate(len),
            Values::Integer { values, .. } | Values::Time { values, .. } => values.truncate(len),
            Values::Unsigned(values) => values.truncate(len),
            Values::Float { values, .. } => values.truncate(len),
            Values::Decimal { values, .. } => values.truncate(len),
            Values::Text(slices) | Values::Binary { slices, .. } => slices.truncate(len),
            Values::List { offsets, item } => item.truncate(offsets.truncate(len)),
            Values::Struct(record) => record.truncate(len),
            Values::Map {
                offsets,
                keys,
                values,
            } => {
                let entries = offsets.truncate(len);
                keys.truncate(entries);
                values.truncate(entries);
            }
        }
    }

    /// A number, where the column takes one. `at` is for the message.
    #[inline]
    pub(crate) fn push_number(&mut self, number: Number<'_>, at: usize) -> Parsed<()> {
        match self.put_number(number) {
            Some(()) => {
                self.seal();
                Ok(())
            }
            None => {
                let mut fault = self.mismatch(at, number.text());
                fault.wants_fractions =
                    matches!(self.values, Values::Integer { .. }) && number.to_i64().is_none();
                Err(fault)
            }
        }
    }

    /// Puts a number in, which is not sealed yet; None where the column does not take it.
    #[inline]
    pub(crate) fn put_number(&mut self, number: Number<'_>) -> Option<()> {
        match &mut self.values {
            Values::Integer {
                values,
                least,
                most,
            } => number
                .to_i64()
                .filter(|value| (*least..=*most).contains(value))
                .map(|value| values.push(value)),
            Values::Unsigned(values) => number.to_u64().map(|value| values.push(value)),
            Values::Float { values, single } => if *single {
                number.to_f32().map(f64::from)
            } else {
                number.to_f64()
            }
            .map(|value| values.push(value)),
            Values::Decimal {
                values,
                precision,
                scale,
            } => number
                .to_decimal(*scale)
                .filter(|value| has_digits(*value, *precision))
                .map(|value| values.push(value)),
            Values::Time { values, clock } => number
                .to_i64()
                .and_then(|units| clock.count(units))
                .map(|units| values.push(units)),
            _ => None,
        }
    }

    /// What this column takes, against a value that it does not take.
    pub(crate) fn mismatch(&self, at: usize, value: &[u8]) -> Box<Fault> {
        let takes = match &self.values {
            Values::Time { clock, .. } => clock.takes().to_owned(),
            Values::Binary { width: None, .. } => "bytes in base64".to_owned(),
            Values::Binary {
                width: Some(width), ..
            } => format!("{width} bytes in base64"),
            Values::List { .. } => "a list".to_owned(),
            Values::Struct(_) | Values::Map { .. } => "an object".to_owned(),
            _ => wasm_sink_core::data_type::name(self.field.data_type()),
        };
        Fault::mismatch(at, takes, value).inside(self.name())
    }

    pub(crate) fn finish(self) -> Result<ArrayRef, ArrowError> {
        let Self {
            field,
            mut nulls,
            values,
            ..
        } = self;
        let array = values.finish(field.data_type(), nulls.finish())?;
        if array.data_type() == field.data_type() {
            return Ok(array);
        }
        // Every value was held against the bounds of the narrower type when it was read.
        let options = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        cast_with_options(&array, field.data_type(), &options)
    }
}

impl Values {
    fn new(field: &Field) -> Result<Self, Unsupported> {
        let integer = |least, most| Self::Integer {
            values: Vec::new(),
            least,
            most,
        };
        let float = |single| Self::Float {
            values: Vec::new(),
            single,
        };
        let binary = |width| Self::Binary {
            slices: Slices::default(),
            width,
        };
        let unsupported = || Unsupported {
            path: String::new(),
            data_type: field.data_type().clone(),
        };
        Ok(match field.data_type() {
            DataType::Boolean => Self::Boolean(BooleanBufferBuilder::new(0)),
            DataType::Int8 => integer(i8::MIN.into(), i8::MAX.into()),
            DataType::Int16 => integer(i16::MIN.into(), i16::MAX.into()),
            DataType::Int32 => integer(i32::MIN.into(), i32::MAX.into()),
            DataType::Int64 => integer(i64::MIN, i64::MAX),
            DataType::UInt8 => integer(0, u8::MAX.into()),
            DataType::UInt16 => integer(0, u16::MAX.into()),
            DataType::UInt32 => integer(0, u32::MAX.into()),
            DataType::UInt64 => Self::Unsigned(Vec::new()),
            DataType::Float32 => float(true),
            DataType::Float64 => float(false),
            DataType::Decimal128(precision, scale) => Self::Decimal {
                values: Vec::new(),
                precision: *precision,
                scale: *scale,
            },
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Self::Text(Slices::default())
            }
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => binary(None),
            DataType::FixedSizeBinary(width) => {
                binary(Some(usize::try_from(*width).map_err(|_| unsupported())?))
            }
            DataType::List(item) | DataType::LargeList(item) => Self::List {
                offsets: Offsets::default(),
                item: Box::new(Column::new(item)?),
            },
            DataType::Struct(fields) => Self::Struct(Record::new(fields)?),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(pair) => match pair.as_ref() {
                    [key, value] if key.data_type() == &DataType::Utf8 => Self::Map {
                        offsets: Offsets::default(),
                        keys: Slices::default(),
                        values: Box::new(Column::new(value)?),
                    },
                    _ => return Err(unsupported()),
                },
                _ => return Err(unsupported()),
            },
            time => Self::Time {
                values: Vec::new(),
                clock: Clock::of(time).ok_or_else(unsupported)?,
            },
        })
    }

    /// Cells that a value takes, also one that is missing; without what lists and maps hold.
    fn width(&self) -> usize {
        match self {
            Self::Struct(record) => record.width,
            Self::Decimal { .. } => 2,
            Self::Binary {
                width: Some(bytes), ..
            } => 1 + bytes / CELL_BYTES,
            _ => 1,
        }
    }

    fn finish(self, target: &DataType, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Boolean(mut bits) => Arc::new(BooleanArray::new(bits.finish(), nulls)),
            Self::Integer { values, .. } => {
                Arc::new(Int64Array::try_new(trimmed(values).into(), nulls)?)
            }
            Self::Unsigned(values) => {
                Arc::new(UInt64Array::try_new(trimmed(values).into(), nulls)?)
            }
            Self::Float { values, .. } => {
                Arc::new(Float64Array::try_new(trimmed(values).into(), nulls)?)
            }
            Self::Decimal {
                values,
                precision,
                scale,
            } => Arc::new(
                Decimal128Array::try_new(trimmed(values).into(), nulls)?
                    .with_precision_and_scale(precision, scale)?,
            ),
            // Casts from whole numbers to times only name the unit. All fit: see `Clock`.
            Self::Time { values, clock } => match clock {
                Clock::Days | Clock::OfDay(TimeUnit::Second | TimeUnit::Millisecond) => {
                    let values: ScalarBuffer<i32> =
                        values.iter().map(|units| *units as i32).collect();
                    Arc::new(Int32Array::try_new(values, nulls)?)
                }
                Clock::DayMillis | Clock::OfDay(_) | Clock::Instant(..) => {
                    Arc::new(Int64Array::try_new(trimmed(values).into(), nulls)?)
                }
            },
            Self::Text(slices) => {
                let (offsets, bytes) = slices.finish();
                Arc::new(StringArray::try_new(offsets, bytes, nulls)?)
            }
            Self::Binary { slices, .. } => {
                let (offsets, bytes) = slices.finish();
                Arc::new(BinaryArray::try_new(offsets, bytes, nulls)?)
            }
            Self::List { offsets, item } => {
                let values = Arc::clone(&item.field);
                let items = item.finish()?;
                if let DataType::LargeList(_) = target {
                    let offsets: ScalarBuffer<i64> =
                        offsets.0.iter().map(|offset| i64::from(*offset)).collect();
                    let offsets = OffsetBuffer::new(offsets);
                    Arc::new(LargeListArray::try_new(values, offsets, items, nulls)?)
                } else {
                    Arc::new(ListArray::try_new(values, offsets.finish(), items, nulls)?)
                }
            }
            Self::Struct(record) => {
                let len = nulls.as_ref().map_or(0, NullBuffer::len);
                let DataType::Struct(fields) = target else {
                    return Err(ArrowError::SchemaError("no struct".to_owned()));
                };
                let columns = record.finish()?;
                let len = columns.first().map_or(len, |column| column.len());
                Arc::new(StructArray::try_new_with_length(
                    fields.clone(),
                    columns,
                    nulls,
                    len,
                )?)
            }
            Self::Map {
                offsets,
                keys,
                values,
            } => {
                let DataType::Map(entries, sorted) = target else {
                    return Err(ArrowError::SchemaError("no map".to_owned()));
                };
                let DataType::Struct(pair) = entries.data_type() else {
                    return Err(ArrowError::SchemaError("no map".to_owned()));
                };
                let (key_offsets, bytes) = keys.finish();
                let keys = Arc::new(StringArray::try_new(key_offsets, bytes, None)?);
                let pairs = StructArray::try_new(pair.clone(), vec![keys, values.finish()?], None)?;
                Arc::new(MapArray::try_new(
                    Arc::clone(entries),
                    offsets.finish(),
                    pairs,
                    nulls,
                    *sorted,
                )?)
            }
        })
    }
}

/// The columns of an object, by name.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) columns: Vec<Column>,
    /// Names as they stand in JSON: with the quote that ends them; empty where a name needs
    /// escapes, so that it is never found this way.
    pub(crate) quoted: Vec<Box<[u8]>>,
    /// Where the next key is looked for first.
    pub(crate) likely: usize,
    /// Cells that one object takes, however few fields it has.
    pub(crate) width: usize,
}

impl Record {
    pub(crate) fn new(fields: &Fields) -> Result<Self, Unsupported> {
        let quoted = fields.iter().map(|field| {
            let name = field.name().as_bytes();
            if name
                .iter()
                .any(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
            {
                Box::default()
            } else {
                [name, b"\""].concat().into()
            }
        });
        let columns: Vec<_> = fields.iter().map(Column::new).collect::<Result<_, _>>()?;
        Ok(Self {
            quoted: quoted.collect(),
            width: columns
                .iter()
                .map(|column| column.width)
                .sum::<usize>()
                .max(1),
            columns,
            likely: 0,
        })
    }

    pub(crate) fn reserve(&mut self, rows: usize) {
        for column in &mut self.columns {
            column.reserve(rows);
        }
    }

    /// The column of a name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<usize> {
        self.columns
            .iter()
            .position(|column| column.name().as_bytes() == name)
    }

    /// A record without a value: nulls, where all columns allow them.
    pub(crate) fn push_null(&mut self) -> Parsed<()> {
        let mut columns = self.columns.iter_mut();
        columns.try_for_each(|column| column.push_null(0, "the record has no value"))
    }

    fn push_hidden(&mut self) {
        self.columns.iter_mut().for_each(Column::push_hidden);
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        for column in &mut self.columns {
            column.truncate(len);
        }
    }

    pub(crate) fn finish(self) -> Result<Vec<ArrayRef>, ArrowError> {
        self.columns.into_iter().map(Column::finish).collect()
    }
}

/// Whether a decimal of this precision holds the value.
pub(crate) fn has_digits(value: i128, precision: u8) -> bool {
    10u128
        .checked_pow(precision.into())
        .is_none_or(|bound| value.unsigned_abs() < bound)
}
