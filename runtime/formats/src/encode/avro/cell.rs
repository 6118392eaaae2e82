//! How values of a type are written.

use arrow::array::types::{
    Decimal128Type, Decimal256Type, DecimalType, Float16Type, Float32Type, Float64Type, UInt64Type,
};
use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, i256};
use wasm_sink_core::{Error, Result, data_type};

use super::number::{put_bytes, put_long, put_twos_complement};
use super::{nested, time};
use crate::encode::values::{Blobs, Decimals, Texts, whole};
use crate::encode::{Cell, Halt};

/// How the values of a column are written, which have no dictionaries and run ends.
///
/// # Errors
/// `invalid`: there is no such way.
pub(super) fn cell(path: &str, values: &ArrayRef) -> Result<Cell> {
    let found = match values.data_type() {
        DataType::Null => Some(Box::new(|_, _: &mut Vec<u8>| Ok(())) as Cell),
        DataType::Boolean => boolean(values),
        DataType::UInt64 => unsigned(values),
        DataType::Float16 | DataType::Float32 => single(values),
        DataType::Float64 => double(values),
        of if of.is_integer() => integer(values),
        of if of.is_decimal() => decimal(values),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => text(values),
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => bytes(values),
        of if of.is_temporal() => time::cell(values),
        DataType::Struct(_) => nested::record(path, values)?,
        DataType::Map(..) => nested::map(path, values)?,
        _ => nested::array(path, values)?,
    };
    found.ok_or_else(|| {
        let of = data_type::name(values.data_type());
        Error::invalid(format!(
            "column `{path}` is {of}, which Avro has no type for"
        ))
    })
}

fn boolean(values: &ArrayRef) -> Option<Cell> {
    let values = values.as_boolean_opt()?.clone();
    Some(Box::new(move |row, out| {
        out.push(values.value(row).into());
        Ok(())
    }))
}

fn integer(values: &ArrayRef) -> Option<Cell> {
    let values = whole(values)?;
    Some(Box::new(move |row, out| {
        put_long(values.value(row), out);
        Ok(())
    }))
}

/// As a decimal, since a `long` has a sign.
fn unsigned(values: &ArrayRef) -> Option<Cell> {
    let values = values.as_primitive_opt::<UInt64Type>()?.clone();
    Some(Box::new(move |row, out| {
        put_twos_complement(&i128::from(values.value(row)).to_be_bytes(), out);
        Ok(())
    }))
}

fn single(values: &ArrayRef) -> Option<Cell> {
    let wide = match values.as_primitive_opt::<Float16Type>() {
        Some(_) => &cast(values, &DataType::Float32).ok()?,
        None => values,
    };
    let values = wide.as_primitive_opt::<Float32Type>()?.clone();
    Some(Box::new(move |row, out| {
        out.extend_from_slice(&values.value(row).to_le_bytes());
        Ok(())
    }))
}

fn double(values: &ArrayRef) -> Option<Cell> {
    let values = values.as_primitive_opt::<Float64Type>()?.clone();
    Some(Box::new(move |row, out| {
        out.extend_from_slice(&values.value(row).to_le_bytes());
        Ok(())
    }))
}

fn text(values: &ArrayRef) -> Option<Cell> {
    let texts = Texts::of(values)?;
    Some(Box::new(move |row, out| {
        put_bytes(texts.get(row).as_bytes(), out);
        Ok(())
    }))
}

fn bytes(values: &ArrayRef) -> Option<Cell> {
    let blobs = Blobs::of(values)?;
    Some(match blobs {
        // The schema has their length.
        Blobs::Fixed(_) => Box::new(move |row, out: &mut Vec<u8>| {
            out.extend_from_slice(blobs.get(row));
            Ok(())
        }),
        _ => Box::new(move |row, out| {
            put_bytes(blobs.get(row), out);
            Ok(())
        }),
    })
}

fn decimal(values: &ArrayRef) -> Option<Cell> {
    let (decimals, digits, scale) = Decimals::of(values)?;
    let too_long = move |value: String| {
        Halt::misfit(format!(
            "is {value} times ten to the {}, which has more than {digits} digits",
            -i16::from(scale)
        ))
    };
    Some(match decimals {
        Decimals::Narrow(values) if scale >= 0 => Box::new(move |row, out: &mut Vec<u8>| {
            let value = values.value(row);
            if !Decimal128Type::is_valid_decimal_precision(value, digits) {
                return Err(too_long(value.to_string()));
            }
            put_twos_complement(&value.to_be_bytes(), out);
            Ok(())
        }),
        decimals => {
            // The zeros before the point, which Avro has no scale for.
            let zeros = u32::from(scale.min(0).unsigned_abs());
            let factor = i256::from(10).checked_pow(zeros)?;
            Box::new(move |row, out| {
                let value = decimals.wide(row);
                let is_valid = Decimal256Type::is_valid_decimal_precision(value, digits);
                let scaled = value.checked_mul(factor).filter(|_| is_valid);
                let scaled = scaled.ok_or_else(|| too_long(value.to_string()))?;
                put_twos_complement(&scaled.to_be_bytes(), out);
                Ok(())
            })
        }
    })
}
