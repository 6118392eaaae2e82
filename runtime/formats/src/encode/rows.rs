//! What encoding yields.

use std::collections::BTreeMap;

use arrow::buffer::NullBuffer;
use wasm_sink_core::{Error, Result};

use super::{Halt, MAX_BYTES, Written, is_null};

/// Rows as bytes, one value each (None: null).
#[derive(Clone, Debug)]
pub struct EncodedRows {
    /// All values, one after another.
    bytes: Vec<u8>,
    /// Where each ends. A row without a value ends where it begins.
    ends: Vec<usize>,
    nulls: Option<NullBuffer>,
    refused: BTreeMap<usize, String>,
}

impl EncodedRows {
    /// Encodes so many rows, of which some are null. `guess` is about how many bytes one takes.
    ///
    /// # Errors
    /// `invalid`: they are too long for one call.
    pub(super) fn of(
        rows: usize,
        nulls: Option<NullBuffer>,
        guess: usize,
        mut write: impl FnMut(usize, &mut Vec<u8>) -> Written,
    ) -> Result<Self> {
        let room = rows.saturating_mul(guess).min(MAX_BYTES / 16);
        let mut encoded = Self {
            bytes: Vec::with_capacity(room),
            ends: Vec::with_capacity(rows),
            nulls,
            refused: BTreeMap::new(),
        };
        for row in 0..rows {
            let begin = encoded.bytes.len();
            if !is_null(encoded.nulls.as_ref(), row) {
                let written = write(row, &mut encoded.bytes);
                match written.and_then(|()| Halt::if_full(&encoded.bytes)) {
                    Ok(()) => {}
                    Err(halt) => encoded.halt(row, begin, *halt)?,
                }
            }
            encoded.ends.push(encoded.bytes.len());
        }
        Ok(encoded)
    }

    #[cold]
    fn halt(&mut self, row: usize, begin: usize, halt: Halt) -> Result<()> {
        self.bytes.truncate(begin);
        match halt {
            Halt::Misfit { path, why } => {
                let path: Vec<_> = path.iter().rev().map(String::as_str).collect();
                let reason = match path.is_empty() {
                    true => format!("the value {why}"),
                    false => format!("column `{}` {why}", path.join(".")),
                };
                self.refused.insert(row, reason);
                Ok(())
            }
            Halt::Full => Err(Error::invalid(format!(
                "rows take more than {} MiB as records: write smaller batches",
                MAX_BYTES >> 20
            ))),
        }
    }

    /// How many rows there are, also null and refused ones.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A row's value. None where it is null, or the row is refused.
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        let end = *self.ends.get(row)?;
        if is_null(self.nulls.as_ref(), row) || self.is_refused(row) {
            return None;
        }
        let begin = match row.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes.get(begin..end)
    }

    fn is_refused(&self, row: usize) -> bool {
        !self.refused.is_empty() && self.refused.contains_key(&row)
    }

    /// Bytes of all values together.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Rows that cannot be encoded: the row's index, and why, for its dead letter.
    pub fn refused(&self) -> &BTreeMap<usize, String> {
        &self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_its_bytes_or_none() {
        let nulls = NullBuffer::from(vec![true, false, true, true, true]);
        let rows = EncodedRows::of(5, Some(nulls), 1, |row, out| {
            out.extend_from_slice(&b"abcde"[..row]);
            match row {
                2 => Err(Halt::misfit("is 2").inside("item").inside("x")),
                _ => Ok(()),
            }
        });
        let rows = rows.unwrap();
        assert_eq!((rows.len(), rows.byte_len()), (5, 7));
        let values: Vec<_> = (0..6).map(|row| rows.get(row)).collect();
        let all: [Option<&[u8]>; 6] = [Some(b""), None, None, Some(b"abc"), Some(b"abcd"), None];
        assert_eq!(values, all);
        let refused: Vec<_> = rows.refused().iter().collect();
        assert_eq!(refused, [(&2, &"column `x.item` is 2".to_owned())]);
    }

    #[test]
    fn what_is_too_long_stops() {
        let long = vec![0; 1 << 24];
        let rows = EncodedRows::of(70, None, 0, |_, out| {
            out.extend_from_slice(&long);
            Ok(())
        });
        let error = rows.unwrap_err();
        assert!(error.message().contains("more than 1024 MiB"), "{error}");
    }
}
