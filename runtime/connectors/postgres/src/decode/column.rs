//! The values of a column on their way into an array.

use arrow::array::ArrayRef;
use arrow::array::builder::{
    ArrayBuilder, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder,
    Decimal256Builder, Float32Builder, Float64Builder, Int16Builder, Int32Builder, Int64Builder,
    IntervalMonthDayNanoBuilder, StringBuilder, Time64MicrosecondBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::array::types::{Decimal128Type, Decimal256Type};
use arrow::error::ArrowError;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::array::Lists;
use super::source::{Decimal, UTC};
use super::{Fault, Malformed, SourceColumn, SourceType, number, time};

pub(super) const NO_ROOM: &str = "has more than 2 GiB or 2^31 elements in one batch";

/// A column and its values since the last batch.
#[derive(Debug)]
pub(super) struct Column {
    name: String,
    values: Values,
}

impl Column {
    pub(super) fn new(column: SourceColumn) -> Self {
        Self {
            name: column.name,
            values: Values::new(column.kind),
        }
    }

    /// Appends a value, None for null. Where Arrow has no such value it is null too, and the reason is
    /// returned.
    pub(super) fn append(&mut self, value: Option<&[u8]>) -> Result<Option<String>, Malformed> {
        let appended = match value {
            Some(value) => self.values.append(value),
            None => {
                self.values.append_null();
                Ok(())
            }
        };
        match appended {
            Ok(()) => Ok(None),
            Err(Fault::Misfit(what)) => {
                self.values.append_null();
                Ok(Some(format!("column `{}` {what}", self.name)))
            }
            Err(Fault::Malformed(why)) => Err(why.in_column(&self.name)),
        }
    }

    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        self.values.finish()
    }

    pub(super) fn bytes(&self) -> usize {
        self.values.bytes()
    }
}

#[derive(Debug)]
pub(super) enum Values {
    Bool(BooleanBuilder),
    Int2(Int16Builder),
    Int4(Int32Builder),
    Int8(Int64Builder),
    Oid(Int64Builder),
    Float4(Float32Builder),
    Float8(Float64Builder),
    Narrow(Decimal128Builder, Decimal),
    Wide(Decimal256Builder, Decimal),
    Text(StringBuilder),
    Jsonb(StringBuilder),
    Uuid(StringBuilder),
    Bytea(BinaryBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Interval(IntervalMonthDayNanoBuilder),
    Array(Box<Lists>),
}

/// The same with whatever builder there is.
macro_rules! each {
    ($values:expr, $builder:ident => $do:expr, $lists:ident => $do_lists:expr) => {
        match $values {
            Self::Bool($builder) => $do,
            Self::Int2($builder) => $do,
            Self::Int4($builder) => $do,
            Self::Int8($builder) | Self::Oid($builder) => $do,
            Self::Float4($builder) => $do,
            Self::Float8($builder) => $do,
            Self::Narrow($builder, _) => $do,
            Self::Wide($builder, _) => $do,
            Self::Text($builder) | Self::Jsonb($builder) | Self::Uuid($builder) => $do,
            Self::Bytea($builder) => $do,
            Self::Date($builder) => $do,
            Self::Time($builder) => $do,
            Self::Timestamp($builder) => $do,
            Self::Interval($builder) => $do,
            Self::Array($lists) => $do_lists,
        }
    };
}

impl Values {
    pub(super) fn new(kind: SourceType) -> Self {
        let arrow = kind.arrow();
        match kind {
            SourceType::Bool => Self::Bool(BooleanBuilder::new()),
            SourceType::Int2 => Self::Int2(Int16Builder::new()),
            SourceType::Int4 => Self::Int4(Int32Builder::new()),
            SourceType::Int8 => Self::Int8(Int64Builder::new()),
            SourceType::Oid => Self::Oid(Int64Builder::new()),
            SourceType::Float4 => Self::Float4(Float32Builder::new()),
            SourceType::Float8 => Self::Float8(Float64Builder::new()),
            SourceType::Numeric(digits) if digits.is_narrow() => {
                Self::Narrow(Decimal128Builder::new().with_data_type(arrow), digits)
            }
            SourceType::Numeric(digits) => {
                Self::Wide(Decimal256Builder::new().with_data_type(arrow), digits)
            }
            SourceType::Text => Self::Text(StringBuilder::new()),
            SourceType::Jsonb => Self::Jsonb(StringBuilder::new()),
            SourceType::Uuid => Self::Uuid(StringBuilder::new()),
            SourceType::Bytea => Self::Bytea(BinaryBuilder::new()),
            SourceType::Date => Self::Date(Date32Builder::new()),
            SourceType::Time => Self::Time(Time64MicrosecondBuilder::new()),
            SourceType::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new()),
            SourceType::Timestamptz => {
                Self::Timestamp(TimestampMicrosecondBuilder::new().with_timezone(UTC))
            }
            SourceType::Interval => Self::Interval(IntervalMonthDayNanoBuilder::new()),
            SourceType::Array(element) => Self::Array(Box::new(Lists::new(*element))),
        }
    }

    pub(super) fn len(&self) -> usize {
        each!(self, builder => ArrayBuilder::len(builder), lists => lists.len())
    }

    pub(super) fn append_null(&mut self) {
        each!(self, builder => builder.append_null(), lists => lists.append_null());
    }

    /// After a fault the column is as it was before.
    pub(super) fn append(&mut self, value: &[u8]) -> Result<(), Fault> {
        match self {
            Self::Bool(builder) => match value {
                [flag @ 0..=1] => builder.append_value(*flag == 1),
                _ => return Err(Fault::malformed("is no boolean")),
            },
            Self::Int2(builder) => builder.append_value(i16::from_be_bytes(fixed(value)?)),
            Self::Int4(builder) => builder.append_value(i32::from_be_bytes(fixed(value)?)),
            Self::Int8(builder) => builder.append_value(i64::from_be_bytes(fixed(value)?)),
            Self::Oid(builder) => builder.append_value(u32::from_be_bytes(fixed(value)?).into()),
            Self::Float4(builder) => builder.append_value(f32::from_be_bytes(fixed(value)?)),
            Self::Float8(builder) => builder.append_value(f64::from_be_bytes(fixed(value)?)),
            Self::Narrow(builder, digits) => {
                builder.append_value(number::numeric::<Decimal128Type>(value, *digits)?);
            }
            Self::Wide(builder, digits) => {
                builder.append_value(number::numeric::<Decimal256Type>(value, *digits)?);
            }
            Self::Text(builder) => append_text(builder, value)?,
            Self::Jsonb(builder) => match value {
                [1, text @ ..] => append_text(builder, text)?,
                _ => return Err(Fault::malformed("is jsonb of an unknown version")),
            },
            Self::Uuid(builder) => {
                check_room(builder.values_slice(), Hyphenated::LENGTH)?;
                let uuid = Uuid::from_bytes(fixed(value)?);
                let mut text = [0; Hyphenated::LENGTH];
                builder.append_value(uuid.hyphenated().encode_lower(&mut text));
            }
            Self::Bytea(builder) => {
                check_room(builder.values_slice(), value.len())?;
                builder.append_value(value);
            }
            Self::Date(builder) => builder.append_value(time::date(value)?),
            Self::Time(builder) => builder.append_value(time::time(value)?),
            Self::Timestamp(builder) => builder.append_value(time::timestamp(value)?),
            Self::Interval(builder) => builder.append_value(time::interval(value)?),
            Self::Array(lists) => lists.append(value)?,
        }
        Ok(())
    }

    /// All values, and begins anew.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        each!(self, builder => Ok(ArrayBuilder::finish(builder)), lists => lists.finish())
    }

    /// About what they hold in memory.
    pub(super) fn bytes(&self) -> usize {
        let nulls = self.len() / 8;
        nulls
            + match self {
                Self::Bool(builder) => builder.len() / 8,
                Self::Int2(builder) => size_of_val(builder.values_slice()),
                Self::Int4(builder) => size_of_val(builder.values_slice()),
                Self::Int8(builder) | Self::Oid(builder) => size_of_val(builder.values_slice()),
                Self::Float4(builder) => size_of_val(builder.values_slice()),
                Self::Float8(builder) => size_of_val(builder.values_slice()),
                Self::Narrow(builder, _) => size_of_val(builder.values_slice()),
                Self::Wide(builder, _) => size_of_val(builder.values_slice()),
                Self::Text(builder) | Self::Jsonb(builder) | Self::Uuid(builder) => {
                    size_of_val(builder.values_slice()) + size_of_val(builder.offsets_slice())
                }
                Self::Bytea(builder) => {
                    size_of_val(builder.values_slice()) + size_of_val(builder.offsets_slice())
                }
                Self::Date(builder) => size_of_val(builder.values_slice()),
                Self::Time(builder) => size_of_val(builder.values_slice()),
                Self::Timestamp(builder) => size_of_val(builder.values_slice()),
                Self::Interval(builder) => size_of_val(builder.values_slice()),
                Self::Array(lists) => lists.bytes(),
            }
    }
}

/// The bytes of a value that always has so many.
pub(super) fn fixed<const N: usize>(value: &[u8]) -> Result<[u8; N], Fault> {
    value
        .try_into()
        .map_err(|_| Fault::malformed(format!("is {} bytes long where {N} stand", value.len())))
}

fn append_text(builder: &mut StringBuilder, bytes: &[u8]) -> Result<(), Fault> {
    let text = str::from_utf8(bytes).map_err(|error| {
        let valid = error.valid_up_to();
        Fault::misfit(format!("is not UTF-8 after its first {valid} bytes"))
    })?;
    check_room(builder.values_slice(), text.len())?;
    builder.append_value(text);
    Ok(())
}

/// The builder panics where its offsets end.
fn check_room(held: &[u8], more: usize) -> Result<(), Fault> {
    match i32::try_from(held.len() + more) {
        Ok(_) => Ok(()),
        Err(_) => Err(Fault::malformed(NO_ROOM)),
    }
}
