//! Rows as Avro, by a schema that is made of an Arrow schema.
//!
//! A column that allows nulls is a union of `null`, which is first and the default, and its type. What
//! is called Avro here is <https://avro.apache.org/docs/1.12.0/specification/>.

mod cell;
mod names;
mod nested;
mod number;
mod schema;
mod time;

#[cfg(test)]
mod tests;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{Fields, Schema};
use wasm_sink_core::{Error, Result};

use super::rows::EncodedRows;
use nested::Members;

/// Encodes rows of one schema.
#[derive(Clone, Debug)]
pub struct AvroEncoder {
    fields: Fields,
    schema: String,
}

impl AvroEncoder {
    /// For rows with these columns. What in `record_name` no Avro name has becomes `_`; points divide
    /// its namespace.
    ///
    /// # Errors
    /// `invalid`: a type that Avro has no counterpart of, a name that it does not allow, or one that
    /// stands twice.
    pub fn new(schema: &Schema, record_name: &str) -> Result<Self> {
        Ok(Self {
            fields: schema.fields().clone(),
            schema: schema::json(schema.fields(), record_name)?,
        })
    }

    /// The schema that records are written with. The same columns and name give the same text.
    pub fn schema_json(&self) -> &str {
        &self.schema
    }

    /// Each row as a record, with `prefix` in front, such as the number of its schema.
    ///
    /// # Errors
    /// `invalid`: rows with other columns, or that are too long for one call.
    pub fn encode(&self, rows: &RecordBatch, prefix: &[u8]) -> Result<EncodedRows> {
        let columns = rows.columns();
        let schema = rows.schema_ref();
        let of_rows = schema.fields().iter().map(|field| field.name());
        let is_same = of_rows.eq(self.fields.iter().map(|field| field.name()))
            && columns
                .iter()
                .zip(&self.fields)
                .all(|(values, field)| values.data_type() == field.data_type());
        if !is_same {
            return Err(Error::invalid(
                "rows have other columns than the Avro schema that they are to be written with",
            ));
        }
        let members = Members::new("", &self.fields, columns)?;
        let guess = prefix.len() + 8 * columns.len();
        EncodedRows::of(rows.num_rows(), None, guess, |row, out| {
            out.extend_from_slice(prefix);
            members.write(row, out)
        })
    }
}
