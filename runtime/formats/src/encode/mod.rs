//! Rows as bytes, for destinations that take records one by one: a JSON object a row, one column's
//! values as they are, Avro.
//!
//! The counterpart of decoding, by the same rule: a value is written whole, or its row is refused, with
//! the column's name and why.

mod avro;
mod json;
mod rows;
mod values;

pub use avro::AvroEncoder;
pub use json::{json_objects, plain_values};
pub use rows::EncodedRows;

use arrow::array::{Array, ArrayRef};
use arrow::buffer::NullBuffer;

/// Bytes that the rows of one call may take. Few values may stand for very many: a view array may have
/// one long text for every row, and JSON repeats the names of columns that are null.
const MAX_BYTES: usize = 1 << 30;

/// Writes the value of one row, which is not null.
type Cell = Box<dyn Fn(usize, &mut Vec<u8>) -> Written>;

/// Rarely a halt, so that the way without one stays narrow.
type Written = Result<(), Box<Halt>>;

/// Why a row is not written.
#[derive(Debug)]
enum Halt {
    /// A value cannot be written.
    Misfit {
        /// The column, and where within it, from the inside out.
        path: Vec<String>,
        /// What follows "column `x` ".
        why: String,
    },
    /// All rows together take more than [`MAX_BYTES`].
    Full,
}

impl Halt {
    #[cold]
    fn misfit(why: impl Into<String>) -> Box<Self> {
        Box::new(Self::Misfit {
            path: Vec::new(),
            why: why.into(),
        })
    }

    /// The same, inside `name`.
    #[cold]
    fn inside(mut self: Box<Self>, name: &str) -> Box<Self> {
        if let Self::Misfit { path, .. } = self.as_mut() {
            path.push(name.to_owned());
        }
        self
    }

    /// Halts where there is no room for what has been written.
    fn if_full(out: &[u8]) -> Written {
        match out.len() <= MAX_BYTES {
            true => Ok(()),
            false => Err(Box::new(Self::Full)),
        }
    }
}

/// The nulls of values by themselves, or of what they refer to.
fn nulls(values: &ArrayRef) -> Option<NullBuffer> {
    values
        .logical_nulls()
        .filter(|nulls| nulls.null_count() > 0)
}

fn is_null(nulls: Option<&NullBuffer>, row: usize) -> bool {
    nulls.is_some_and(|nulls| nulls.is_null(row))
}

/// A field within another, for messages.
fn within(path: &str, name: &str) -> String {
    match path.is_empty() {
        true => name.to_owned(),
        false => format!("{path}.{name}"),
    }
}
