//! Arrow's types and Delta's.
//!
//! | Arrow | Delta |
//! |---|---|
//! | Boolean, Int8/16/32/64, Float32/64 | boolean, byte/short/integer/long, float/double |
//! | UInt8, UInt16, UInt32 | short, integer, long |
//! | UInt64 | decimal(20,0) |
//! | Float16 | float |
//! | Utf8, LargeUtf8, Utf8View | string |
//! | Binary, LargeBinary, BinaryView, FixedSizeBinary | binary |
//! | Date32, Date64 | date; a Date64 that is no whole day is refused row by row |
//! | Timestamp with a zone | timestamp, in µs; what is no whole µs is refused row by row |
//! | Timestamp without a zone | timestamp_ntz, likewise |
//! | Decimal32/64/128 | decimal; a negative scale becomes further digits |
//! | Decimal256 | decimal of at most 38 digits; longer values are refused row by row |
//! | List, LargeList, FixedSizeList, ListView, LargeListView | array |
//! | Struct, Map | struct, map |
//! | Dictionary, RunEndEncoded | the type of their values |
//! | Null, Time, Duration, Interval, Union | refused, with what to do |

use std::sync::Arc;

use arrow::datatypes::{DataType as Arrow, Field, TimeUnit};
use deltalake_core::kernel::{
    ArrayType, DataType, MapType, PrimitiveType, StructField, StructType,
};
use wasm_sink_core::guest::fit::goes_into;
use wasm_sink_core::{Error, Result, data_type};

use crate::protocol::Timestamps;

/// Digits of Delta's widest decimal.
pub(crate) const MAX_DECIMAL_DIGITS: u8 = 38;

/// Delta's type for an Arrow type. `path` names the column in messages.
///
/// # Errors
/// `invalid`, with what to do instead.
pub(crate) fn delta_type(path: &str, arrow: &Arrow) -> Result<DataType> {
    Ok(match arrow {
        Arrow::Boolean => DataType::BOOLEAN,
        Arrow::Int8 => DataType::BYTE,
        Arrow::Int16 | Arrow::UInt8 => DataType::SHORT,
        Arrow::Int32 | Arrow::UInt16 => DataType::INTEGER,
        Arrow::Int64 | Arrow::UInt32 => DataType::LONG,
        Arrow::UInt64 => decimal(path, arrow, 20, 0)?,
        Arrow::Float16 | Arrow::Float32 => DataType::FLOAT,
        Arrow::Float64 => DataType::DOUBLE,
        Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View => DataType::STRING,
        Arrow::Binary | Arrow::LargeBinary | Arrow::BinaryView | Arrow::FixedSizeBinary(_) => {
            DataType::BINARY
        }
        Arrow::Date32 | Arrow::Date64 => DataType::DATE,
        Arrow::Timestamp(_, Some(_)) => DataType::TIMESTAMP,
        Arrow::Timestamp(_, None) => DataType::TIMESTAMP_NTZ,
        Arrow::Decimal32(precision, scale)
        | Arrow::Decimal64(precision, scale)
        | Arrow::Decimal128(precision, scale) => decimal(path, arrow, *precision, *scale)?,
        Arrow::Decimal256(precision, scale) => {
            decimal(path, arrow, (*precision).min(MAX_DECIMAL_DIGITS), *scale)?
        }
        Arrow::List(item)
        | Arrow::LargeList(item)
        | Arrow::FixedSizeList(item, _)
        | Arrow::ListView(item)
        | Arrow::LargeListView(item) => {
            let element = delta_type(&format!("{path}.element"), item.data_type())?;
            ArrayType::new(element, item.is_nullable()).into()
        }
        Arrow::Struct(fields) => {
            let fields: Vec<StructField> = fields
                .iter()
                .map(|field| {
                    let inner = delta_type(&format!("{path}.{}", field.name()), field.data_type())?;
                    Ok(StructField::new(field.name(), inner, field.is_nullable()))
                })
                .collect::<Result<_>>()?;
            struct_type(path, fields)?.into()
        }
        Arrow::Map(entries, _) => {
            let Arrow::Struct(fields) = entries.data_type() else {
                return Err(refused(path, arrow, "its entries are no key and value"));
            };
            let [key, value] = fields.as_ref() else {
                return Err(refused(path, arrow, "its entries are no key and value"));
            };
            MapType::new(
                delta_type(&format!("{path}.key"), key.data_type())?,
                delta_type(&format!("{path}.value"), value.data_type())?,
                value.is_nullable(),
            )
            .into()
        }
        Arrow::Dictionary(_, value) => delta_type(path, value)?,
        Arrow::RunEndEncoded(_, value) => delta_type(path, value.data_type())?,
        Arrow::Null => {
            return Err(refused(
                path,
                arrow,
                "no value has shown its type yet; give it one in `schema` or `field_mappings`, or \
                 leave the column out until it has values",
            ));
        }
        Arrow::Time32(_) | Arrow::Time64(_) => {
            return Err(refused(
                path,
                arrow,
                "Delta has no time of day; cast it to utf8 or int64",
            ));
        }
        Arrow::Duration(_) | Arrow::Interval(_) => {
            return Err(refused(
                path,
                arrow,
                "Delta has no spans of time; cast it to int64 or utf8",
            ));
        }
        Arrow::Union(..) => {
            return Err(refused(
                path,
                arrow,
                "Delta has no unions; make a column of each case",
            ));
        }
    })
}

/// A struct of such fields.
///
/// # Errors
/// `invalid` for no fields, and for names that differ only in case.
pub(crate) fn struct_type(path: &str, fields: Vec<StructField>) -> Result<StructType> {
    if fields.is_empty() {
        return Err(Error::invalid(format!(
            "column `{path}` is a struct without fields, which Parquet cannot hold; leave it out, or \
             map it to utf8"
        )));
    }
    StructType::try_new(fields)
        .map_err(|e| Error::invalid(format!("`{path}` cannot be a struct in Delta")).with_source(e))
}

fn decimal(path: &str, arrow: &Arrow, precision: u8, scale: i8) -> Result<DataType> {
    let (digits, scale) = match u8::try_from(scale) {
        Ok(scale) => (precision, scale),
        Err(_) => (precision.saturating_add(scale.unsigned_abs()), 0),
    };
    if digits > MAX_DECIMAL_DIGITS {
        return Err(refused(
            path,
            arrow,
            "Delta's decimals have at most 38 digits",
        ));
    }
    DataType::decimal(digits, scale)
        .map_err(|e| refused(path, arrow, "Delta cannot hold that scale").with_source(e))
}

fn refused(path: &str, arrow: &Arrow, why: &str) -> Error {
    Error::invalid(format!(
        "column `{path}` is {}, which a Delta table cannot hold: {why}",
        data_type::name(arrow)
    ))
}

/// What nullability an Arrow type is to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// As the table declares it.
    Declared,
    /// Everywhere, as data files are written: nulls are checked before.
    Anywhere,
}

/// Whether a column takes values of an Arrow type that Delta has another type for, as far as types
/// tell.
pub(crate) fn takes(column: &DataType, values: &Arrow) -> bool {
    arrow_type(column, Nulls::Anywhere).is_some_and(|held_as| goes_into(values, &held_as))
}

/// The Arrow type in which values of a Delta type are held here. None for a type of Delta that we
/// do not write.
pub(crate) fn arrow_type(delta: &DataType, nulls: Nulls) -> Option<Arrow> {
    let allows = |declared| nulls == Nulls::Anywhere || declared;
    Some(match delta {
        DataType::Primitive(primitive) => match primitive {
            PrimitiveType::String => Arrow::Utf8,
            PrimitiveType::Long => Arrow::Int64,
            PrimitiveType::Integer => Arrow::Int32,
            PrimitiveType::Short => Arrow::Int16,
            PrimitiveType::Byte => Arrow::Int8,
            PrimitiveType::Float => Arrow::Float32,
            PrimitiveType::Double => Arrow::Float64,
            PrimitiveType::Boolean => Arrow::Boolean,
            PrimitiveType::Binary => Arrow::Binary,
            PrimitiveType::Date => Arrow::Date32,
            PrimitiveType::Timestamp => {
                Arrow::Timestamp(TimeUnit::Microsecond, Some(Arc::from("+00:00")))
            }
            PrimitiveType::TimestampNtz => Arrow::Timestamp(TimeUnit::Microsecond, None),
            PrimitiveType::Decimal(decimal) => {
                Arrow::Decimal128(decimal.precision(), i8::try_from(decimal.scale()).ok()?)
            }
        },
        DataType::Array(array) => {
            let element = arrow_type(array.element_type(), nulls)?;
            Arrow::List(Arc::new(Field::new(
                "element",
                element,
                allows(array.contains_null()),
            )))
        }
        DataType::Struct(inner) => Arrow::Struct(
            inner
                .fields()
                .map(|field| {
                    let inner = arrow_type(field.data_type(), nulls)?;
                    Some(Field::new(field.name(), inner, allows(field.is_nullable())))
                })
                .collect::<Option<_>>()?,
        ),
        DataType::Map(map) => {
            let key = Field::new("key", arrow_type(map.key_type(), nulls)?, false);
            let value = arrow_type(map.value_type(), nulls)?;
            let value = Field::new("value", value, allows(map.value_contains_null()));
            let entries = Arrow::Struct(vec![key, value].into());
            Arrow::Map(Arc::new(Field::new("key_value", entries, false)), false)
        }
        DataType::Variant(_) => return None,
    })
}

/// The text of a Delta type, in the words that pipeline.toml uses.
pub(crate) fn text(delta: &DataType) -> String {
    match arrow_type(delta, Nulls::Declared) {
        Some(arrow) => data_type::name(&arrow),
        None => delta.to_string(),
    }
}

/// Whether values of these types need the feature for timestamps without a zone.
pub(crate) fn timestamps<'a>(types: impl IntoIterator<Item = &'a DataType>) -> Timestamps {
    fn has_unzoned(delta: &DataType) -> bool {
        match delta {
            DataType::Primitive(primitive) => *primitive == PrimitiveType::TimestampNtz,
            DataType::Array(array) => has_unzoned(array.element_type()),
            DataType::Map(map) => has_unzoned(map.key_type()) || has_unzoned(map.value_type()),
            DataType::Struct(inner) => inner.fields().any(|f| has_unzoned(f.data_type())),
            DataType::Variant(_) => false,
        }
    }
    if types.into_iter().any(has_unzoned) {
        Timestamps::SomeWithoutZone
    } else {
        Timestamps::Zoned
    }
}
