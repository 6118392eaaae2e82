//! Values of no fixed length, one after the other.

use arrow::buffer::{Buffer, OffsetBuffer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::fault::{Fault, Parsed, shown};

/// Ends of lists, as Arrow keeps them: a zero first.
#[derive(Debug)]
pub(crate) struct Offsets(pub(super) Vec<i32>);

impl Default for Offsets {
    fn default() -> Self {
        Self(vec![0])
    }
}

impl Offsets {
    pub(super) fn reserve(&mut self, values: usize) {
        self.0.reserve(values);
    }

    pub(super) fn last(&self) -> i32 {
        self.0.last().copied().unwrap_or_default()
    }

    /// Where the list that is open now begins.
    pub(crate) fn open(&self) -> usize {
        self.last() as usize
    }

    pub(super) fn repeat(&mut self) {
        self.0.push(self.last());
    }

    /// Ends the open list at `end`; false where that is too far for 32 bits.
    #[inline]
    #[must_use]
    pub(crate) fn close(&mut self, end: usize) -> bool {
        let end = i32::try_from(end);
        end.map(|end| self.0.push(end)).is_ok()
    }

    /// Keeps the first `len` lists and says where the last of them ends.
    pub(super) fn truncate(&mut self, len: usize) -> usize {
        self.0.truncate(len + 1);
        self.open()
    }

    pub(super) fn finish(self) -> OffsetBuffer<i32> {
        OffsetBuffer::new(trimmed(self.0).into())
    }
}

/// Without the room for more: batches are kept until they are committed.
pub(super) fn trimmed<T>(mut values: Vec<T>) -> Vec<T> {
    values.shrink_to_fit();
    values
}

/// Texts or bytes, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Slices {
    offsets: Offsets,
    /// Bytes after the last end belong to the value that is being read.
    pub(crate) bytes: Vec<u8>,
}

impl Slices {
    pub(super) fn reserve(&mut self, values: usize) {
        self.offsets.reserve(values);
    }

    /// Ends a value; false where there are too many bytes for 32 bits.
    #[inline]
    #[must_use]
    pub(crate) fn close(&mut self) -> bool {
        self.offsets.close(self.bytes.len())
    }

    /// Adds the bytes that `text` means in base64; false where it means none, or not `width` many.
    #[must_use]
    pub(crate) fn push_base64(&mut self, text: &[u8], width: Option<usize>) -> bool {
        STANDARD.decode_vec(text, &mut self.bytes).is_ok()
            && width.is_none_or(|width| self.open_bytes().len() == width)
            && self.close()
    }

    pub(super) fn close_empty(&mut self) {
        self.bytes.truncate(self.offsets.open());
        self.offsets.repeat();
    }

    pub(super) fn open_bytes(&self) -> &[u8] {
        self.bytes.get(self.offsets.open()..).unwrap_or_default()
    }

    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        self.offsets.0.len() - 1
    }

    /// One value.
    pub(crate) fn get(&self, index: usize) -> Option<&[u8]> {
        let start = *self.offsets.0.get(index)?;
        let end = *self.offsets.0.get(index + 1)?;
        self.bytes.get(start as usize..end as usize)
    }

    pub(super) fn truncate(&mut self, len: usize) {
        let end = self.offsets.truncate(len);
        self.bytes.truncate(end);
    }

    pub(super) fn finish(self) -> (OffsetBuffer<i32>, Buffer) {
        (self.offsets.finish(), trimmed(self.bytes).into())
    }
}

/// The keys of one map, from `first` on: which of two that are the same counts would be a guess.
pub(crate) fn check_distinct(keys: &Slices, first: usize, at: usize) -> Parsed<()> {
    let mut sorted: Vec<&[u8]> = (first..keys.len())
        .filter_map(|key| keys.get(key))
        .collect();
    sorted.sort_unstable();
    match sorted.array_windows().find(|[one, next]| one == next) {
        Some([key, _]) => {
            let reason = format!("the key `{}` stands twice", shown(key));
            Err(Fault::new(at, reason))
        }
        None => Ok(()),
    }
}
