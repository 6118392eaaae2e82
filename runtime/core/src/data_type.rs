//! The text form of Arrow types that pipeline.toml and the contract use.

use arrow::datatypes::DataType;

use crate::error::Result;

/// "int64", "decimal(10,2)", "timestamp(us,+00:00)", "list<utf8>", "struct<country: utf8>".
///
/// # Errors
/// A text that names no type that we carry, with a hint.
pub fn parse(_text: &str) -> Result<DataType> {
    todo!()
}

/// The text of a type; what `parse` reads back.
pub fn name(_data_type: &DataType) -> String {
    todo!()
}
