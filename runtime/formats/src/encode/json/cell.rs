//! How values of a type are written.

use std::io::Write;

use arrow::array::types::{Float16Type, Float32Type, Float64Type, UInt64Type};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::ser::{CompactFormatter, Formatter};
use wasm_sink_core::{Error, Result, data_type};

use super::{nested, number, time};
use crate::encode::values::{Blobs, Decimals, Texts, plain, whole};
use crate::encode::{Cell, Halt, Written};

/// What stands around a text.
pub(super) type Quote = &'static [u8];
pub(super) const QUOTED: Quote = b"\"";
pub(super) const BARE: Quote = b"";

/// How the values of a column are written. `quote` is for what is one text and needs no escaping, such
/// as a time.
///
/// # Errors
/// `invalid`: this type has no JSON.
pub(super) fn cell(path: &str, values: &ArrayRef, quote: Quote) -> Result<Cell> {
    let values = &plain(path, values)?;
    let found = match values.data_type() {
        // Every row is null, and nothing else is written.
        DataType::Null => Some(Box::new(|_, _: &mut Vec<u8>| Ok(())) as Cell),
        DataType::Boolean => boolean(values),
        DataType::UInt64 => unsigned(values),
        of if of.is_integer() => integer(values),
        DataType::Float16 | DataType::Float32 => single(values, quote),
        DataType::Float64 => double(values, quote),
        of if of.is_decimal() => decimal(values),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => text(values),
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => base64(values, quote),
        DataType::Duration(_) | DataType::Interval(_) => displayed(values, quote),
        of if of.is_temporal() => time::cell(values, quote),
        DataType::Struct(_) => nested::object(path, values)?,
        DataType::Map(..) => nested::map(path, values)?,
        _ => nested::list(path, values)?,
    };
    found.ok_or_else(|| {
        let of = data_type::name(values.data_type());
        let subject = match path {
            "" => "the value".to_owned(),
            path => format!("column `{path}`"),
        };
        Error::invalid(format!(
            "{subject} is {of}, which has no JSON: leave it out"
        ))
    })
}

/// What writing into memory says, which does not fail.
pub(super) fn written(result: std::io::Result<()>) -> Written {
    result.map_err(|error| Halt::misfit(format!("cannot be written: {error}")))
}

fn boolean(values: &ArrayRef) -> Option<Cell> {
    let values = values.as_boolean_opt()?.clone();
    Some(Box::new(move |row, out| {
        out.extend_from_slice(match values.value(row) {
            true => b"true",
            false => b"false",
        });
        Ok(())
    }))
}

fn integer(values: &ArrayRef) -> Option<Cell> {
    let values = whole(values)?;
    Some(Box::new(move |row, out| {
        written(CompactFormatter.write_i64(out, values.value(row)))
    }))
}

fn unsigned(values: &ArrayRef) -> Option<Cell> {
    let values = values.as_primitive_opt::<UInt64Type>()?.clone();
    Some(Box::new(move |row, out| {
        written(CompactFormatter.write_u64(out, values.value(row)))
    }))
}

fn single(values: &ArrayRef, quote: Quote) -> Option<Cell> {
    let wide = match values.as_primitive_opt::<Float16Type>() {
        Some(_) => &cast(values, &DataType::Float32).ok()?,
        None => values,
    };
    let values = wide.as_primitive_opt::<Float32Type>()?.clone();
    Some(Box::new(move |row, out| {
        let value = values.value(row);
        match value.is_finite() {
            true => written(CompactFormatter.write_f32(out, value)),
            false => quoted(no_number(value.into()), quote, out),
        }
    }))
}

fn double(values: &ArrayRef, quote: Quote) -> Option<Cell> {
    let values = values.as_primitive_opt::<Float64Type>()?.clone();
    Some(Box::new(move |row, out| {
        let value = values.value(row);
        match value.is_finite() {
            true => written(CompactFormatter.write_f64(out, value)),
            false => quoted(no_number(value), quote, out),
        }
    }))
}

fn no_number(value: f64) -> &'static str {
    match value {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

/// A text that needs no escaping.
fn quoted(text: &str, quote: Quote, out: &mut Vec<u8>) -> Written {
    out.extend_from_slice(quote);
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(quote);
    Ok(())
}

fn decimal(values: &ArrayRef) -> Option<Cell> {
    let (decimals, _, scale) = Decimals::of(values)?;
    Some(match decimals {
        Decimals::Narrow(values) => Box::new(move |row, out: &mut Vec<u8>| {
            let value = values.value(row);
            number::decimal(value < 0, scale, out, |out| {
                CompactFormatter.write_u128(out, value.unsigned_abs())
            })
        }),
        Decimals::Wide(values) => Box::new(move |row, out| {
            let text = values.value(row).to_string();
            let (is_negative, digits) = match text.strip_prefix('-') {
                Some(digits) => (true, digits),
                None => (false, text.as_str()),
            };
            number::decimal(is_negative, scale, out, |out| {
                out.write_all(digits.as_bytes())
            })
        }),
    })
}

fn text(values: &ArrayRef) -> Option<Cell> {
    let texts = Texts::of(values)?;
    Some(Box::new(move |row, out| string(texts.get(row), out)))
}

/// A string, escaped.
pub(super) fn string(text: &str, out: &mut Vec<u8>) -> Written {
    written(serde_json::to_writer(out, text).map_err(Into::into))
}

fn base64(values: &ArrayRef, quote: Quote) -> Option<Cell> {
    let blobs = Blobs::of(values)?;
    Some(Box::new(move |row, out| {
        let blob = blobs.get(row);
        out.extend_from_slice(quote);
        let begin = out.len();
        // Four characters for three bytes, or fewer.
        out.resize(begin + blob.len().div_ceil(3) * 4, 0);
        let room = out.get_mut(begin..).unwrap_or_default();
        let length = STANDARD.encode_slice(blob, room);
        let length = length.map_err(|error| Halt::misfit(format!("cannot be written: {error}")))?;
        out.truncate(begin + length);
        out.extend_from_slice(quote);
        Ok(())
    }))
}

/// Durations and intervals, as Arrow shows them: in ISO 8601, or in words.
fn displayed(values: &ArrayRef, quote: Quote) -> Option<Cell> {
    let values = values.clone();
    // A formatter borrows its array, and is cheap to make.
    Some(Box::new(move |row, out| {
        let options = FormatOptions::new().with_duration_format(DurationFormat::ISO8601);
        let formatter = ArrayFormatter::try_new(values.as_ref(), &options);
        let text = formatter.and_then(|formatter| formatter.value(row).try_to_string());
        match text {
            Ok(text) => quoted(&text, quote, out),
            Err(error) => Err(Halt::misfit(format!("cannot be shown: {error}"))),
        }
    }))
}
