//! The library behind its C interface, as far as it is used here; all that is unsafe stands in this
//! folder. Calls block.
//!
//! Source: <https://duckdb.org/docs/stable/clients/c/api>. Rows go in and out as Arrow, by the C data
//! interface (<https://arrow.apache.org/docs/format/CDataInterface.html>).

mod arrow_data;
mod database;
mod feed;
mod intake;
mod session;
mod stream;

use std::ffi::{CStr, CString, c_char};
use std::fmt;

use libduckdb_sys as ffi;

pub(crate) use database::Database;
pub(crate) use feed::MAX_READERS;
pub(crate) use intake::ROWS;
use session::Answer;
pub(crate) use session::{Session, Value};
pub(crate) use stream::Stream;

/// What the library says that went wrong.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ffi::duckdb_error_type,
    pub(crate) message: String,
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// `Exception::ExceptionTypeToString` in the library's source, as far as kinds are told apart here.
const KINDS: &[(&str, ffi::duckdb_error_type)] = &[
    ("Binder", ffi::duckdb_error_type_DUCKDB_ERROR_BINDER),
    ("Catalog", ffi::duckdb_error_type_DUCKDB_ERROR_CATALOG),
    ("Constraint", ffi::duckdb_error_type_DUCKDB_ERROR_CONSTRAINT),
    ("Conversion", ffi::duckdb_error_type_DUCKDB_ERROR_CONVERSION),
    ("Decimal", ffi::duckdb_error_type_DUCKDB_ERROR_DECIMAL),
    (
        "Divide by Zero",
        ffi::duckdb_error_type_DUCKDB_ERROR_DIVIDE_BY_ZERO,
    ),
    ("FATAL", ffi::duckdb_error_type_DUCKDB_ERROR_FATAL),
    ("INTERNAL", ffi::duckdb_error_type_DUCKDB_ERROR_INTERNAL),
    ("INTERRUPT", ffi::duckdb_error_type_DUCKDB_ERROR_INTERRUPT),
    ("IO", ffi::duckdb_error_type_DUCKDB_ERROR_IO),
    (
        "Invalid Input",
        ffi::duckdb_error_type_DUCKDB_ERROR_INVALID_INPUT,
    ),
    (
        "Invalid type",
        ffi::duckdb_error_type_DUCKDB_ERROR_INVALID_TYPE,
    ),
    (
        "Mismatch Type",
        ffi::duckdb_error_type_DUCKDB_ERROR_MISMATCH_TYPE,
    ),
    (
        "Object Size",
        ffi::duckdb_error_type_DUCKDB_ERROR_OBJECT_SIZE,
    ),
    (
        "Out of Memory",
        ffi::duckdb_error_type_DUCKDB_ERROR_OUT_OF_MEMORY,
    ),
    (
        "Out of Range",
        ffi::duckdb_error_type_DUCKDB_ERROR_OUT_OF_RANGE,
    ),
    ("Permission", ffi::duckdb_error_type_DUCKDB_ERROR_PERMISSION),
    ("Sequence", ffi::duckdb_error_type_DUCKDB_ERROR_SEQUENCE),
    (
        "TransactionContext",
        ffi::duckdb_error_type_DUCKDB_ERROR_TRANSACTION,
    ),
];

impl Failure {
    /// What the library had to say, where it gave a text and a kind.
    ///
    /// # Safety
    /// `message` is null or a string of the library that is still there.
    unsafe fn told(kind: ffi::duckdb_error_type, message: *const c_char) -> Self {
        Self {
            kind,
            // SAFETY: as promised by the caller.
            message: unsafe { text(message) }.unwrap_or_else(|| "no reason was given".to_owned()),
        }
    }

    /// Where there is a text alone, it begins with the kind.
    fn named(message: String) -> Self {
        let name = message.split_once(" Error:").map(|(name, _)| name);
        let known = KINDS.iter().find(|(known, _)| Some(*known) == name);
        let kind = known.map_or(ffi::duckdb_error_type_DUCKDB_ERROR_INVALID, |(_, kind)| {
            *kind
        });
        Self { kind, message }
    }

    /// What the disk said to us, not to the library.
    pub(crate) fn of_disk(error: &std::io::Error) -> Self {
        Self {
            kind: ffi::duckdb_error_type_DUCKDB_ERROR_IO,
            message: error.to_string(),
        }
    }

    /// What only a mistake of ours leads to.
    fn ours(message: impl fmt::Display) -> Self {
        Self {
            kind: ffi::duckdb_error_type_DUCKDB_ERROR_INVALID,
            message: message.to_string(),
        }
    }

    /// The error in `data`, if there is one. Takes it.
    ///
    /// # Safety
    /// `data` is null or error data that nobody else destroys.
    unsafe fn check(mut data: ffi::duckdb_error_data) -> Result<()> {
        if data.is_null() {
            return Ok(());
        }
        // SAFETY: it is not null, and destroyed once, after its text was copied.
        unsafe {
            let failed = match ffi::duckdb_error_data_has_error(data) {
                true => Err(Self::told(
                    ffi::duckdb_error_data_error_type(data),
                    ffi::duckdb_error_data_message(data),
                )),
                false => Ok(()),
            };
            ffi::duckdb_destroy_error_data(&mut data);
            failed
        }
    }
}

/// A copy of a string of the library; None for null.
///
/// # Safety
/// It is null or ends with a zero byte.
unsafe fn text(string: *const c_char) -> Option<String> {
    if string.is_null() {
        return None;
    }
    // SAFETY: not null, and as promised.
    let string = unsafe { CStr::from_ptr(string) };
    Some(string.to_string_lossy().into_owned())
}

fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Failure::ours("a statement holds a zero byte"))
}

#[cfg(test)]
mod changes;
#[cfg(test)]
mod tests;
