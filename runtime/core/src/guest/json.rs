//! Values as JSON text, as `plan.json`, dead letters and messages show them.
//!
//! Fields that are null are left out of objects. Binary values are hexadecimal, times are ISO 8601
//! (an instant in UTC, with `Z`), and what has no such form prints as null.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::error::ArrowError;
use arrow::json::writer::{NullableEncoder, make_encoder};
use arrow::json::{Encoder, EncoderFactory, EncoderOptions};

use super::convert::text;
use super::room::{Full, Room};

/// Characters of a value that a message shows.
const SHOWN_CHARS: usize = 100;

/// Each value as JSON text; null stays null.
pub(super) fn texts(array: &ArrayRef, room: &mut Room) -> Result<ArrayRef, Full> {
    let mut builder = StringBuilder::new();
    let options = options();
    let field = Arc::new(Field::new("", array.data_type().clone(), true));
    let Ok(mut encoder) = make_encoder(&field, array.as_ref(), &options) else {
        return room.nulls(&DataType::Utf8, array.len());
    };
    room.take(array.len().saturating_mul(size_of::<i32>()))?;
    // An array of text counts its bytes in 31 bits.
    let most = room.left().min(i32::MAX as usize);
    let mut written = 0_usize;
    let mut text = Vec::new();
    for row in 0..array.len() {
        if encoder.is_null(row) {
            builder.append_null();
            continue;
        }
        text.clear();
        encoder.encode(row, &mut text);
        written = written.saturating_add(text.len());
        if written > most {
            return Err(Full);
        }
        match std::str::from_utf8(&text) {
            Ok(text) => builder.append_value(text),
            Err(_) => builder.append_null(),
        }
    }
    room.take(written)?;
    Ok(Arc::new(builder.finish()))
}

/// Each value as JSON text, however much that is; None where one array cannot hold it.
pub fn whole(array: &ArrayRef) -> Option<ArrayRef> {
    texts(array, &mut Room::new(usize::MAX)).ok()
}

/// One value for a message, cut to what a line can hold.
pub(super) fn shown(array: &dyn Array, row: usize) -> String {
    let one = array.slice(row.min(array.len()), 1.min(array.len().saturating_sub(row)));
    let mut room = Room::new(1 << 20);
    let text = texts(&one, &mut room).ok();
    let text = text.as_ref().and_then(|text| {
        let text: &StringArray = text.as_string_opt()?;
        text.iter().next().flatten()
    });
    match text {
        None => "a value that does not print".to_owned(),
        Some(text) => match text.char_indices().nth(SHOWN_CHARS) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text.to_owned(),
        },
    }
}

fn options() -> EncoderOptions {
    EncoderOptions::default().with_encoder_factory(Arc::new(Exact))
}

/// Encoders for what arrow-json prints with error texts, or not at all.
#[derive(Debug)]
struct Exact;

impl EncoderFactory for Exact {
    fn make_default_encoder<'a>(
        &self,
        _field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let mut quote: &'static [u8] = b"\"";
        let texts = match array.data_type() {
            // Arrow writes 0 with a scale of -2 as "000", which is no JSON.
            DataType::Decimal32(_, scale)
            | DataType::Decimal64(_, scale)
            | DataType::Decimal128(_, scale)
            | DataType::Decimal256(_, scale)
                if *scale < 0 =>
            {
                quote = b"";
                let texts = cast(array, &DataType::Utf8)?;
                let zero_once = |text| {
                    if str::starts_with(text, '0') {
                        "0"
                    } else {
                        text
                    }
                };
                let texts = texts.as_string::<i32>().iter();
                texts.map(|text| text.map(zero_once)).collect()
            }
            temporal if temporal.is_temporal() => text::temporal_texts(array),
            DataType::Union(..) | DataType::Null => StringArray::new_null(array.len()),
            DataType::Map(entries, _) if !has_text_keys(entries) => {
                StringArray::new_null(array.len())
            }
            _ => return Ok(None),
        };
        let nulls = texts.nulls().cloned();
        Ok(Some(NullableEncoder::new(
            Box::new(Texts { texts, quote }),
            nulls,
        )))
    }
}

fn has_text_keys(entries: &Field) -> bool {
    match entries.data_type() {
        DataType::Struct(pair) => pair.first().is_some_and(|key| {
            matches!(
                key.data_type(),
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
            )
        }),
        _ => false,
    }
}

/// Texts that need no escaping.
struct Texts {
    texts: StringArray,
    /// What stands around each.
    quote: &'static [u8],
}

impl Encoder for Texts {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(self.quote);
        out.extend_from_slice(self.texts.value(row).as_bytes());
        out.extend_from_slice(self.quote);
    }
}
