//! A record's headers, from a column of JSON.

use std::ffi::CString;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use serde_json::Value;
use wasm_sink_core::guest::json_texts;
use wasm_sink_core::{Error, Result};

/// Names and values in their order.
pub(super) type Headers = Vec<(CString, Option<Vec<u8>>)>;

/// A column as JSON text.
///
/// # Errors
/// `invalid`: it has no such form.
pub(super) fn texts(values: &ArrayRef) -> Result<StringArray> {
    let none = || {
        Error::invalid(format!(
            "headers are JSON text, a map or a struct, and not {}",
            values.data_type()
        ))
    };
    let text = match values.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            cast(values, &DataType::Utf8).map_err(|_| none())?
        }
        DataType::Map(..) | DataType::Struct(_) | DataType::Null => {
            json_texts(values).ok_or_else(none)?
        }
        _ => return Err(none()),
    };
    text.as_string_opt().cloned().ok_or_else(none)
}

/// The headers of a row; otherwise why it has none.
pub(super) fn of_row(texts: &StringArray, row: usize) -> Result<Headers, String> {
    if texts.is_null(row) {
        return Ok(Headers::new());
    }
    let wrong = || {
        "its headers are neither a JSON object nor a list of such, or of pairs of name and value"
            .to_owned()
    };
    let value: Value = serde_json::from_str(texts.value(row)).map_err(|_| wrong())?;
    let mut headers = Headers::new();
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (name, value) in members {
                headers.push(header(name, value)?);
            }
        }
        Value::Array(items) => {
            for item in items {
                match item {
                    Value::Object(members) => {
                        for (name, value) in members {
                            headers.push(header(name, value)?);
                        }
                    }
                    Value::Array(pair) => match <[Value; 2]>::try_from(pair) {
                        Ok([Value::String(name), value]) => headers.push(header(name, value)?),
                        _ => return Err(wrong()),
                    },
                    _ => return Err(wrong()),
                }
            }
        }
        _ => return Err(wrong()),
    }
    Ok(headers)
}

fn header(name: String, value: Value) -> Result<(CString, Option<Vec<u8>>), String> {
    let value = match value {
        Value::Null => None,
        Value::String(text) => Some(text.into_bytes()),
        other => Some(other.to_string().into_bytes()),
    };
    let zero = |_| "a header's name has a zero byte in it".to_owned();
    Ok((CString::new(name).map_err(zero)?, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_and_lists_of_them() {
        let texts = StringArray::from(vec![
            Some(r#"{"a": "x", "b": null, "c": 7}"#),
            Some(r#"[{"a": "x"}, ["a", "y"]]"#),
            None,
            Some(r#"[["a"]]"#),
            Some("no"),
        ]);
        let of = |row| of_row(&texts, row);
        let name = |text: &str| CString::new(text).unwrap();
        assert_eq!(
            of(0).unwrap(),
            [
                (name("a"), Some(b"x".to_vec())),
                (name("b"), None),
                (name("c"), Some(b"7".to_vec()))
            ]
        );
        assert_eq!(
            of(1).unwrap(),
            [
                (name("a"), Some(b"x".to_vec())),
                (name("a"), Some(b"y".to_vec()))
            ]
        );
        assert!(of(2).unwrap().is_empty());
        assert!(of(3).is_err() && of(4).is_err());
    }
}
