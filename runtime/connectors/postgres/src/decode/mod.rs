//! Rows in the binary form of COPY, into Arrow: the mirror of `encode`.
//!
//! The form is that of <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format":
//! a header of 19 bytes and its extension; for each row the number of its fields (i16) and each
//! field behind its length (i32, -1 for null); -1 (i16) at the end. Numbers are big-endian. The
//! forms of values are those of the server's `*_send` functions. The session's `client_encoding`
//! must be UTF8.
//!
//! A value that Arrow does not have is never wrapped, cut or rounded: it is null in the batch, and
//! [`Misfit`] says what it was.

mod array;
mod column;
mod frame;
mod number;
mod source;
#[cfg(test)]
mod tests;
mod time;

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::mem;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};

use column::Column;
use frame::Frames;
pub(crate) use source::{Decimal, SourceColumn, SourceType};

/// The stream is not what the server writes, or its columns are not those that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(Cow<'static, str>);

impl Malformed {
    fn new(why: impl Into<Cow<'static, str>>) -> Self {
        Self(why.into())
    }

    fn in_column(&self, name: &str) -> Self {
        Self::new(format!("column `{name}` {}", self.0))
    }
}

impl Display for Malformed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

/// Why a value is not in the batch; what precedes both texts is "column `x` ".
#[derive(Debug)]
enum Fault {
    /// Nothing after it can be trusted.
    Malformed(Malformed),
    /// Arrow has no such value.
    Misfit(String),
}

impl Fault {
    #[cold]
    fn malformed(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Malformed(Malformed::new(why))
    }

    #[cold]
    fn misfit(why: impl Into<String>) -> Self {
        Self::Misfit(why.into())
    }
}

/// A value that Arrow does not have. It is null in the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// In the batch, from 0.
    pub(crate) row: usize,
    /// Names the column and says what the value is.
    pub(crate) reason: String,
}

/// What [`Decoder::take`] hands out.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// Of the decoder's schema.
    pub(crate) rows: RecordBatch,
    /// By row; one row may have several.
    pub(crate) misfits: Vec<Misfit>,
}

/// Turns pieces of a stream into batches.
///
/// After an error it gives nothing but that error: rows not yet taken are lost with it.
#[derive(Debug)]
pub(crate) struct Decoder {
    frames: Frames,
    columns: Vec<Column>,
    schema: SchemaRef,
    rows: usize,
    misfits: Vec<Misfit>,
    failed: Option<Malformed>,
}

impl Decoder {
    /// For a query that returns these columns, in this order.
    pub(crate) fn new(columns: Vec<SourceColumn>) -> Self {
        let fields: Vec<Field> = columns
            .iter()
            .map(|column| Field::new(&column.name, column.kind.arrow(), true))
            .collect();
        Self {
            frames: Frames::new(columns.len()),
            columns: columns.into_iter().map(Column::new).collect(),
            schema: Arc::new(Schema::new(fields)),
            rows: 0,
            misfits: Vec::new(),
            failed: None,
        }
    }

    /// Of every batch: a field per column, all nullable.
    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Reads a piece of the stream, cut anywhere. A row that the piece leaves unfinished is kept.
    ///
    /// A column of a batch has room for 2 GiB of text, and a row is at most 1 GiB: [`Self::take`]
    /// before [`Self::bytes`] is anywhere near.
    ///
    /// # Errors
    /// The stream is not what the server writes, or a column has no room left.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<(), Malformed> {
        self.check()?;
        let read = self.read(piece);
        if let Err(malformed) = &read {
            self.failed = Some(malformed.clone());
        }
        read
    }

    fn read(&mut self, mut piece: &[u8]) -> Result<(), Malformed> {
        while let Some(mut fields) = self.frames.next(&mut piece)? {
            for column in &mut self.columns {
                let value = frame::field(&mut fields)?;
                if let Some(reason) = column.append(value)? {
                    let row = self.rows;
                    self.misfits.push(Misfit { row, reason });
                }
            }
            self.rows += 1;
        }
        Ok(())
    }

    /// Complete rows not yet taken.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// About what the rows not yet taken, and the unfinished one, hold in memory.
    pub(crate) fn bytes(&self) -> usize {
        let values: usize = self.columns.iter().map(Column::bytes).sum();
        let reasons: usize = self
            .misfits
            .iter()
            .map(|misfit| misfit.reason.len() + size_of::<Misfit>())
            .sum();
        values + reasons + self.frames.bytes()
    }

    /// The complete rows so far; none are a batch of none.
    ///
    /// # Errors
    /// What [`Self::feed`] failed with before.
    pub(crate) fn take(&mut self) -> Result<Decoded, Malformed> {
        self.check()?;
        let taken = self.batch();
        if let Err(malformed) = &taken {
            self.failed = Some(malformed.clone());
        }
        let rows = taken?;
        self.rows = 0;
        Ok(Decoded {
            rows,
            misfits: mem::take(&mut self.misfits),
        })
    }

    fn batch(&mut self) -> Result<RecordBatch, Malformed> {
        let values: Result<_, _> = self.columns.iter_mut().map(Column::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        values
            .and_then(|values| RecordBatch::try_new_with_options(self.schema(), values, &options))
            .map_err(|error| Malformed::new(format!("the columns make no batch: {error}")))
    }

    /// Whether the stream's end was seen. What ends without it was cut off.
    pub(crate) fn is_complete(&self) -> bool {
        self.failed.is_none() && self.frames.is_complete()
    }

    fn check(&self) -> Result<(), Malformed> {
        match &self.failed {
            Some(malformed) => Err(malformed.clone()),
            None => Ok(()),
        }
    }
}
