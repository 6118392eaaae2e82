//! The schema message of a stream that a guest made. Arrow's own conversion panics on what a
//! flatbuffer may well say (a list without an item, an integer of 7 bits), so it is not used.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{
    DECIMAL32_MAX_PRECISION, DECIMAL64_MAX_PRECISION, DECIMAL128_MAX_PRECISION,
    DECIMAL256_MAX_PRECISION, DataType, Field, FieldRef, IntervalUnit, Schema, TimeUnit,
};
use arrow::ipc;

use crate::data_type::{MAX_DEPTH, MAX_FIXED_SIZE};

/// Fields of one schema, at all depths.
const MAX_FIELDS: usize = 10_000;

/// Why a stream is refused.
pub(super) type Read<T> = Result<T, String>;

pub(super) fn schema(schema: ipc::Schema<'_>) -> Read<Schema> {
    if schema.endianness() != ipc::Endianness::Little {
        return Err("the stream is not little-endian".into());
    }
    let mut fields = Vec::new();
    let mut left = MAX_FIELDS;
    for field in schema.fields().iter().flatten() {
        fields.push(self::field(field, 0, &mut left)?);
    }
    distinct(&fields)?;
    Ok(Schema::new(fields))
}

fn distinct(fields: &[FieldRef]) -> Read<()> {
    let mut names = HashSet::new();
    match fields.iter().find(|field| !names.insert(field.name())) {
        Some(twice) => Err(format!("the name `{}` stands twice", twice.name())),
        None => Ok(()),
    }
}

fn field(field: ipc::Field<'_>, depth: usize, left: &mut usize) -> Read<FieldRef> {
    *left = left
        .checked_sub(1)
        .ok_or_else(|| format!("more than {MAX_FIELDS} fields"))?;
    if depth > MAX_DEPTH {
        return Err(format!("types are nested more than {MAX_DEPTH} deep"));
    }
    let name = field.name().unwrap_or_default();
    if field.dictionary().is_some() {
        return Err(format!(
            "field `{name}` is dictionary-encoded: write its values as they are"
        ));
    }
    let data_type =
        data_type(field, depth, left).map_err(|reason| format!("field `{name}`: {reason}"))?;
    Ok(Arc::new(Field::new(name, data_type, field.nullable())))
}

fn data_type(of: ipc::Field<'_>, depth: usize, left: &mut usize) -> Read<DataType> {
    let malformed = || "its type says too little".to_owned();
    Ok(match of.type_type() {
        ipc::Type::Null => DataType::Null,
        ipc::Type::Bool => DataType::Boolean,
        ipc::Type::Utf8 => DataType::Utf8,
        ipc::Type::LargeUtf8 => DataType::LargeUtf8,
        ipc::Type::Binary => DataType::Binary,
        ipc::Type::LargeBinary => DataType::LargeBinary,
        ipc::Type::Int => {
            let int = of.type_as_int().ok_or_else(malformed)?;
            match (int.bitWidth(), int.is_signed()) {
                (8, true) => DataType::Int8,
                (16, true) => DataType::Int16,
                (32, true) => DataType::Int32,
                (64, true) => DataType::Int64,
                (8, false) => DataType::UInt8,
                (16, false) => DataType::UInt16,
                (32, false) => DataType::UInt32,
                (64, false) => DataType::UInt64,
                (bits, _) => return Err(format!("an integer of {bits} bits")),
            }
        }
        ipc::Type::FloatingPoint => {
            match of
                .type_as_floating_point()
                .ok_or_else(malformed)?
                .precision()
            {
                ipc::Precision::HALF => DataType::Float16,
                ipc::Precision::SINGLE => DataType::Float32,
                ipc::Precision::DOUBLE => DataType::Float64,
                _ => return Err("a float of unknown width".into()),
            }
        }
        ipc::Type::FixedSizeBinary => {
            let size = of.type_as_fixed_size_binary().ok_or_else(malformed)?;
            DataType::FixedSizeBinary(fixed_size(size.byteWidth())?)
        }
        ipc::Type::Decimal => decimal(of.type_as_decimal().ok_or_else(malformed)?)?,
        ipc::Type::Date => match of.type_as_date().ok_or_else(malformed)?.unit() {
            ipc::DateUnit::DAY => DataType::Date32,
            ipc::DateUnit::MILLISECOND => DataType::Date64,
            _ => return Err("a date of unknown unit".into()),
        },
        ipc::Type::Time => {
            let time = of.type_as_time().ok_or_else(malformed)?;
            match (time.bitWidth(), unit(time.unit())?) {
                (32, unit @ (TimeUnit::Second | TimeUnit::Millisecond)) => DataType::Time32(unit),
                (64, unit @ (TimeUnit::Microsecond | TimeUnit::Nanosecond)) => {
                    DataType::Time64(unit)
                }
                _ => return Err("a time whose width and unit do not agree".into()),
            }
        }
        ipc::Type::Timestamp => {
            let timestamp = of.type_as_timestamp().ok_or_else(malformed)?;
            DataType::Timestamp(
                unit(timestamp.unit())?,
                timestamp
                    .timezone()
                    .filter(|zone| !zone.is_empty())
                    .map(Arc::from),
            )
        }
        ipc::Type::Duration => {
            DataType::Duration(unit(of.type_as_duration().ok_or_else(malformed)?.unit())?)
        }
        ipc::Type::Interval => match of.type_as_interval().ok_or_else(malformed)?.unit() {
            ipc::IntervalUnit::YEAR_MONTH => DataType::Interval(IntervalUnit::YearMonth),
            ipc::IntervalUnit::DAY_TIME => DataType::Interval(IntervalUnit::DayTime),
            ipc::IntervalUnit::MONTH_DAY_NANO => DataType::Interval(IntervalUnit::MonthDayNano),
            _ => return Err("an interval of unknown unit".into()),
        },
        ipc::Type::List => DataType::List(item(of, depth, left)?),
        ipc::Type::LargeList => DataType::LargeList(item(of, depth, left)?),
        ipc::Type::FixedSizeList => {
            let size = of.type_as_fixed_size_list().ok_or_else(malformed)?;
            DataType::FixedSizeList(item(of, depth, left)?, fixed_size(size.listSize())?)
        }
        ipc::Type::Struct_ => {
            let members = children(of, depth, left)?;
            distinct(&members)?;
            DataType::Struct(members.into())
        }
        ipc::Type::Map => {
            let map = of.type_as_map().ok_or_else(malformed)?;
            DataType::Map(entries(of, depth, left)?, map.keysSorted())
        }
        ipc::Type::Utf8View | ipc::Type::BinaryView => {
            return Err("views are not taken: write utf8 or binary".into());
        }
        _ => return Err("its type is not taken: plain values, structs, lists and maps are".into()),
    })
}

fn children(of: ipc::Field<'_>, depth: usize, left: &mut usize) -> Read<Vec<FieldRef>> {
    of.children()
        .iter()
        .flatten()
        .map(|child| field(child, depth + 1, left))
        .collect()
}

fn item(of: ipc::Field<'_>, depth: usize, left: &mut usize) -> Read<FieldRef> {
    <[FieldRef; 1]>::try_from(children(of, depth, left)?)
        .map(|[item]| item)
        .map_err(|children| format!("a list of {} items", children.len()))
}

/// Entries are pairs and none of them is null; nor is a key.
fn entries(of: ipc::Field<'_>, depth: usize, left: &mut usize) -> Read<FieldRef> {
    let entries = item(of, depth, left)?;
    let DataType::Struct(pair) = entries.data_type() else {
        return Err("a map of something else than pairs".into());
    };
    let [key, value] = pair.as_ref() else {
        return Err(format!("a map of {} values each", pair.len()));
    };
    let key = Arc::new(key.as_ref().clone().with_nullable(false));
    let pair = DataType::Struct(vec![key, Arc::clone(value)].into());
    Ok(Arc::new(Field::new(entries.name(), pair, false)))
}

fn fixed_size(size: i32) -> Read<i32> {
    if (0..=MAX_FIXED_SIZE).contains(&size) {
        Ok(size)
    } else {
        Err(format!(
            "the fixed size {size} is not between 0 and {MAX_FIXED_SIZE}"
        ))
    }
}

fn decimal(decimal: ipc::Decimal<'_>) -> Read<DataType> {
    let (digits, scale) = (
        u8::try_from(decimal.precision()).unwrap_or_default(),
        i8::try_from(decimal.scale()).unwrap_or(i8::MAX),
    );
    let (most, data_type) = match decimal.bitWidth() {
        32 => (DECIMAL32_MAX_PRECISION, DataType::Decimal32(digits, scale)),
        64 => (DECIMAL64_MAX_PRECISION, DataType::Decimal64(digits, scale)),
        128 => (
            DECIMAL128_MAX_PRECISION,
            DataType::Decimal128(digits, scale),
        ),
        256 => (
            DECIMAL256_MAX_PRECISION,
            DataType::Decimal256(digits, scale),
        ),
        bits => return Err(format!("a decimal of {bits} bits")),
    };
    // As the text form of types has it: no more digits after the point than in all.
    if (1..=most).contains(&digits) && i16::from(scale) <= i16::from(digits) {
        Ok(data_type)
    } else {
        Err(format!(
            "a decimal of {} digits, {} of them after the point",
            decimal.precision(),
            decimal.scale()
        ))
    }
}

fn unit(unit: ipc::TimeUnit) -> Read<TimeUnit> {
    Ok(match unit {
        ipc::TimeUnit::SECOND => TimeUnit::Second,
        ipc::TimeUnit::MILLISECOND => TimeUnit::Millisecond,
        ipc::TimeUnit::MICROSECOND => TimeUnit::Microsecond,
        ipc::TimeUnit::NANOSECOND => TimeUnit::Nanosecond,
        _ => return Err("a time of unknown unit".into()),
    })
}
