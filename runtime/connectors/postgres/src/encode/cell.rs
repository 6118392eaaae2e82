//! Which values go into which columns, and how each is written.

use std::sync::Arc;

use arrow::array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait, PrimitiveArray, new_empty_array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use wasm_sink_core::{Error, Result, data_type};

use super::{Misfit, composite, json, network, number, sized, text, time};
use crate::types::{Element, PgType};

/// Writes the value of one row, which is not null.
pub(super) type Cell = Box<dyn Fn(usize, &mut Vec<u8>) -> std::result::Result<(), Misfit> + Send>;

/// Checks that values of a type go into a column.
///
/// # Errors
/// `invalid`, with what the column takes.
pub(crate) fn check(path: &str, arrow: &DataType, to: &PgType) -> Result<()> {
    cell(path, &new_empty_array(arrow), to).map(drop)
}

/// How the values of a column are written.
///
/// # Errors
/// `invalid`: values of this type do not go there.
pub(super) fn cell(path: &str, values: &ArrayRef, to: &PgType) -> Result<Cell> {
    let values = &plain(path, values)?;
    if values.data_type().is_null() {
        // Every row is null, and nothing is written but that.
        return Ok(Box::new(|_, _| Ok(())));
    }
    let found = match to {
        PgType::Bool => boolean(values),
        PgType::Int2 => integer(values, |n| i16::try_from(n).ok().map(i16::to_be_bytes)),
        PgType::Int4 => integer(values, |n| i32::try_from(n).ok().map(i32::to_be_bytes)),
        PgType::Int8 => integer(values, |n| i64::try_from(n).ok().map(i64::to_be_bytes)),
        PgType::Float4 => float4(values),
        PgType::Float8 => float8(values),
        PgType::Numeric(digits) => number::numeric(values, *digits),
        PgType::Text(most) => text::text(values, *most),
        PgType::Enum => text::text(values, None),
        PgType::Bytea => bytes(values),
        PgType::Uuid => text::uuid(values),
        PgType::Inet(network) => network::address(values, *network),
        PgType::Json => json::json(path, values, b"")?,
        PgType::Jsonb => json::json(path, values, &[1])?,
        PgType::Date => time::date(values),
        PgType::Time(digits) => time::time_of_day(values, *digits),
        PgType::Timestamp(digits) => time::timestamp(values, time::Zone::None, *digits),
        PgType::Timestamptz(digits) => time::timestamp(values, time::Zone::Some, *digits),
        PgType::Interval => time::interval(values),
        PgType::Array(element) => array(path, values, element)?,
        PgType::Composite(to) => composite::composite(path, values, to)?,
        PgType::Other(_) => None,
    };
    found.ok_or_else(|| {
        Error::invalid(format!(
            "column `{path}` is {} in the table, which takes no {}; give it another type in \
             `schema` or `field_mappings`",
            to.sql(),
            data_type::name(values.data_type())
        ))
    })
}

/// The same values without dictionaries, run ends and views.
fn plain(path: &str, values: &ArrayRef) -> Result<ArrayRef> {
    let to = match values.data_type() {
        DataType::Dictionary(_, inner) => inner.as_ref().clone(),
        DataType::RunEndEncoded(_, inner) => inner.data_type().clone(),
        DataType::Utf8View | DataType::LargeUtf8 => DataType::LargeUtf8,
        DataType::BinaryView | DataType::LargeBinary | DataType::FixedSizeBinary(_) => {
            DataType::LargeBinary
        }
        DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => DataType::LargeList(Arc::clone(item)),
        _ => return Ok(Arc::clone(values)),
    };
    if to == *values.data_type() {
        return Ok(Arc::clone(values));
    }
    let cast = cast(values, &to).map_err(|error| {
        Error::invalid(format!("column `{path}` could not be unpacked")).with_source(error)
    })?;
    plain(path, &cast)
}

fn boolean(values: &ArrayRef) -> Option<Cell> {
    let values = values.as_boolean_opt()?.clone();
    Some(Box::new(move |row, out| {
        out.push(values.value(row).into());
        Ok(())
    }))
}

/// Whole numbers of any width as an i128.
fn wide(values: &ArrayRef) -> Option<Box<dyn Fn(usize) -> i128 + Send>> {
    fn of<T>(values: &ArrayRef) -> Option<Box<dyn Fn(usize) -> i128 + Send>>
    where
        T: ArrowPrimitiveType,
        T::Native: Into<i128>,
    {
        let values: PrimitiveArray<T> = values.as_primitive_opt::<T>()?.clone();
        Some(Box::new(move |row| values.value(row).into()))
    }
    match values.data_type() {
        DataType::Int8 => of::<Int8Type>(values),
        DataType::Int16 => of::<Int16Type>(values),
        DataType::Int32 => of::<Int32Type>(values),
        DataType::Int64 => of::<Int64Type>(values),
        DataType::UInt8 => of::<UInt8Type>(values),
        DataType::UInt16 => of::<UInt16Type>(values),
        DataType::UInt32 => of::<UInt32Type>(values),
        DataType::UInt64 => of::<UInt64Type>(values),
        _ => None,
    }
}

fn integer<const N: usize>(
    values: &ArrayRef,
    narrow: impl Fn(i128) -> Option<[u8; N]> + Send + 'static,
) -> Option<Cell> {
    let wide = wide(values)?;
    Some(Box::new(move |row, out| {
        let value = wide(row);
        let bytes = narrow(value).ok_or_else(|| format!("is {value}, which is out of range"))?;
        out.extend_from_slice(&bytes);
        Ok(())
    }))
}

fn float4(values: &ArrayRef) -> Option<Cell> {
    let narrow: Box<dyn Fn(usize) -> f32 + Send> = match values.data_type() {
        DataType::Float16 => {
            let values = values.as_primitive::<Float16Type>().clone();
            Box::new(move |row| values.value(row).to_f32())
        }
        DataType::Float32 => {
            let values = values.as_primitive::<Float32Type>().clone();
            Box::new(move |row| values.value(row))
        }
        DataType::Float64 => {
            let values = values.as_primitive::<Float64Type>().clone();
            return Some(Box::new(move |row, out| {
                let value = values.value(row);
                let narrow = value as f32;
                if f64::from(narrow) != value && !value.is_nan() {
                    return Err(format!("is {value}, which real cannot hold exactly").into());
                }
                out.extend_from_slice(&narrow.to_be_bytes());
                Ok(())
            }));
        }
        _ => {
            let wide = wide(values)?;
            return Some(Box::new(move |row, out| {
                let value = wide(row);
                let float = value as f32;
                if float as i128 != value {
                    return Err(format!("is {value}, which real cannot hold exactly").into());
                }
                out.extend_from_slice(&float.to_be_bytes());
                Ok(())
            }));
        }
    };
    Some(Box::new(move |row, out| {
        out.extend_from_slice(&narrow(row).to_be_bytes());
        Ok(())
    }))
}

fn float8(values: &ArrayRef) -> Option<Cell> {
    let double: Box<dyn Fn(usize) -> f64 + Send> = match values.data_type() {
        DataType::Float16 => {
            let values = values.as_primitive::<Float16Type>().clone();
            Box::new(move |row| values.value(row).to_f64())
        }
        DataType::Float32 => {
            let values = values.as_primitive::<Float32Type>().clone();
            Box::new(move |row| values.value(row).into())
        }
        DataType::Float64 => {
            let values = values.as_primitive::<Float64Type>().clone();
            Box::new(move |row| values.value(row))
        }
        _ => {
            let wide = wide(values)?;
            return Some(Box::new(move |row, out| {
                let value = wide(row);
                let float = value as f64;
                if float as i128 != value {
                    return Err(
                        format!("is {value}, which double precision cannot hold exactly").into(),
                    );
                }
                out.extend_from_slice(&float.to_be_bytes());
                Ok(())
            }));
        }
    };
    Some(Box::new(move |row, out| {
        out.extend_from_slice(&double(row).to_be_bytes());
        Ok(())
    }))
}

fn bytes(values: &ArrayRef) -> Option<Cell> {
    fn of<O: OffsetSizeTrait>(values: &ArrayRef) -> Option<Cell> {
        let values = values.as_binary_opt::<O>()?.clone();
        Some(Box::new(move |row, out| {
            out.extend_from_slice(values.value(row));
            Ok(())
        }))
    }
    of::<i32>(values).or_else(|| of::<i64>(values))
}

/// A list as an array of one dimension.
fn array(path: &str, values: &ArrayRef, element: &Element) -> Result<Option<Cell>> {
    fn of<O: OffsetSizeTrait>(
        path: &str,
        values: &ArrayRef,
        element: &Element,
    ) -> Result<Option<Cell>> {
        let Some(list) = values.as_list_opt::<O>().cloned() else {
            return Ok(None);
        };
        // PostgreSQL has no arrays of arrays, only ones of several dimensions.
        if matches!(element.kind, PgType::Array(_)) {
            return Ok(None);
        }
        let write = cell(&format!("{path}.element"), list.values(), &element.kind)?;
        let nulls = list.values().logical_nulls();
        let oid = element.oid;
        Ok(Some(Box::new(move |row, out| {
            let begin = list.value_offsets()[row].as_usize();
            let end = list.value_offsets()[row + 1].as_usize();
            let is_null = |item| nulls.as_ref().is_some_and(|nulls| nulls.is_null(item));
            let has_nulls = (begin..end).any(is_null);
            out.extend_from_slice(&i32::from(begin < end).to_be_bytes());
            out.extend_from_slice(&i32::from(has_nulls).to_be_bytes());
            out.extend_from_slice(&oid.to_be_bytes());
            if begin == end {
                return Ok(());
            }
            let length = i32::try_from(end - begin).map_err(|_| "has too many elements")?;
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(&1_i32.to_be_bytes());
            for item in begin..end {
                if is_null(item) {
                    out.extend_from_slice(&(-1_i32).to_be_bytes());
                } else {
                    sized(out, |out| write(item, out)).map_err(Misfit::of_element)?;
                }
            }
            Ok(())
        })))
    }
    match of::<i32>(path, values, element)? {
        Some(cell) => Ok(Some(cell)),
        None => of::<i64>(path, values, element),
    }
}
