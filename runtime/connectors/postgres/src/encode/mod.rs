//! Rows in the binary form of COPY, straight from Arrow
//! (<https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format"; the forms of values are
//! those of the server's `*_send` functions).
//!
//! A value that does not fit exactly is never wrapped, cut or rounded: its row is refused, with the
//! column's name and why.

mod cell;
mod composite;
mod json;
mod network;
mod number;
mod text;
mod time;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::buffer::NullBuffer;
use bytes::Bytes;
use wasm_sink_core::Result;
use wasm_sink_core::guest::tables::Refused;

use crate::types::PgType;

pub(crate) use cell::check;
use cell::{Cell, cell};

/// What stands before the first row: signature, flags, no extension.
pub(crate) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What stands after the last.
pub(crate) const TRAILER: &[u8] = &(-1_i16).to_be_bytes();

/// That a value does not fit.
#[derive(Debug)]
struct Misfit {
    /// Which part of the column's value: `.member.element`, or nothing.
    part: String,
    /// What follows "column `x` ".
    why: String,
}

impl From<String> for Misfit {
    fn from(why: String) -> Self {
        let part = String::new();
        Self { part, why }
    }
}

impl From<&str> for Misfit {
    fn from(why: &str) -> Self {
        why.to_owned().into()
    }
}

impl Misfit {
    /// As the struct around it tells it.
    fn of_member(self, name: &str) -> Self {
        Self {
            part: format!(".{name}{}", self.part),
            why: self.why,
        }
    }

    /// As the list around it tells it.
    fn of_element(self) -> Self {
        match self.part.is_empty() {
            true => format!("has an element that {}", self.why).into(),
            false => self.of_member("element"),
        }
    }
}

/// Rows of a batch, encoded.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) bytes: Bytes,
    pub(crate) rows: usize,
    pub(crate) refused: Option<Refused>,
}

/// One column of a batch and where it goes.
pub(crate) struct Column<'a> {
    pub(crate) name: &'a str,
    pub(crate) values: &'a ArrayRef,
    pub(crate) to: &'a PgType,
    pub(crate) allows_null: bool,
}

/// # Errors
/// `invalid`: values of such a type do not go into the column.
pub(crate) fn rows(columns: &[Column<'_>], row_count: usize) -> Result<Encoded> {
    struct Ready<'a> {
        column: &'a Column<'a>,
        nulls: Option<NullBuffer>,
        cell: Cell,
    }
    let ready = columns
        .iter()
        .map(|column| {
            Ok(Ready {
                nulls: column.values.logical_nulls(),
                cell: cell(column.name, column.values, column.to)?,
                column,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let count = (columns.len() as i16).to_be_bytes();
    let mut out = Vec::with_capacity(row_count * (2 + 12 * columns.len()));
    let mut refused: Vec<bool> = Vec::with_capacity(row_count);
    let mut reasons = Vec::new();
    for row in 0..row_count {
        let begin = out.len();
        out.extend_from_slice(&count);
        let mut misfit = None;
        for Ready {
            column,
            nulls,
            cell,
        } in &ready
        {
            let written = if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                match column.allows_null {
                    true => {
                        out.extend_from_slice(&(-1_i32).to_be_bytes());
                        Ok(())
                    }
                    false => Err("is null, and the table does not allow that".into()),
                }
            } else {
                sized(&mut out, |out| cell(row, out))
            };
            if let Err(Misfit { part, why }) = written {
                misfit = Some(format!("column `{}{part}` {why}", column.name));
                break;
            }
        }
        refused.push(misfit.is_some());
        if let Some(reason) = misfit {
            out.truncate(begin);
            reasons.push(reason);
        }
    }
    Ok(Encoded {
        bytes: out.into(),
        rows: row_count - reasons.len(),
        refused: (!reasons.is_empty()).then(|| Refused {
            rows: BooleanArray::from(refused),
            reasons,
        }),
    })
}

/// Writes a value behind its length.
fn sized(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> std::result::Result<(), Misfit>,
) -> std::result::Result<(), Misfit> {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out)?;
    let length = i32::try_from(out.len() - at - 4)
        .ok()
        .filter(|length| *length <= MAX_VALUE_BYTES)
        .ok_or("is longer than the 1 GB that PostgreSQL takes")?;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// Bytes of the longest value (MaxAllocSize of the server).
const MAX_VALUE_BYTES: i32 = 0x3fff_ffff;
