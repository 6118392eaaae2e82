//! Rows as JSON objects, and values as text.
//!
//! Every field is written, also where it is null, so that consumers see all columns. Numbers have all
//! their digits; floats that JSON has no number for are the strings "NaN", "Infinity" and "-Infinity",
//! as Jackson has them. Times are ISO 8601, an instant in UTC with `Z`. Bytes are base64, as Kafka
//! Connect has them. A map is an object where its keys are text, otherwise a list of objects with `key`
//! and `value`.

mod cell;
mod nested;
mod number;
mod time;

#[cfg(test)]
mod tests;

use arrow::array::{Array, ArrayRef, RecordBatch};
use wasm_sink_core::Result;

use super::rows::EncodedRows;
use super::values::{Blobs, Texts, plain};
use super::{Cell, nulls};
use nested::Members;

/// A JSON object per row, of these columns in their order.
///
/// # Errors
/// `invalid`: a type that has no JSON, two fields of one name, or rows that are too long for one call.
pub fn json_objects(rows: &RecordBatch) -> Result<EncodedRows> {
    let members = Members::new("", rows.schema_ref().fields(), rows.columns())?;
    let guess = 16 + 16 * rows.num_columns();
    EncodedRows::of(rows.num_rows(), None, guess, |row, out| {
        members.write(row, out)
    })
}

/// The values of one column: text and bytes as they are, numbers, booleans and times as JSON has them
/// but without quotes, nested ones as JSON. Null stays null.
///
/// # Errors
/// The same as of [`json_objects`].
pub fn plain_values(values: &ArrayRef) -> Result<EncodedRows> {
    let values = plain("", values)?;
    let cell: Cell = if let Some(texts) = Texts::of(&values) {
        Box::new(move |row, out| {
            out.extend_from_slice(texts.get(row).as_bytes());
            Ok(())
        })
    } else if let Some(blobs) = Blobs::of(&values) {
        Box::new(move |row, out| {
            out.extend_from_slice(blobs.get(row));
            Ok(())
        })
    } else {
        cell::cell("", &values, cell::BARE)?
    };
    EncodedRows::of(values.len(), nulls(&values), 16, cell)
}
