//! How many bytes a kernel may still allocate for a guest.

use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::DataType;

/// There is no room left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// Bytes that are left.
#[derive(Debug)]
pub(super) struct Room(usize);

impl Room {
    pub(super) fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    pub(super) fn left(&self) -> usize {
        self.0
    }

    pub(super) fn take(&mut self, bytes: usize) -> Result<(), Full> {
        self.0 = self.0.checked_sub(bytes).ok_or(Full)?;
        Ok(())
    }

    /// Takes what is missing of `bytes` after what was taken since so much was `left`.
    pub(super) fn take_since(&mut self, left: usize, bytes: usize) -> Result<(), Full> {
        let taken = left.saturating_sub(self.0);
        self.take(bytes.saturating_sub(taken))
    }

    /// So many nulls: some types take room for each.
    pub(super) fn nulls(&mut self, data_type: &DataType, rows: usize) -> Result<ArrayRef, Full> {
        self.take(null_bytes(data_type, rows))?;
        Ok(new_null_array(data_type, rows))
    }
}

/// What so many nulls take, and so many values of a type at least.
pub(super) fn null_bytes(data_type: &DataType, rows: usize) -> usize {
    null_bits(data_type).saturating_mul(rows) / 8
}

/// What one null takes, in bits.
fn null_bits(data_type: &DataType) -> usize {
    const VALIDITY: usize = 1;
    let value = match data_type {
        DataType::Null => return 0,
        DataType::Boolean => 1,
        DataType::Utf8 | DataType::Binary | DataType::List(_) | DataType::Map(..) => 32,
        DataType::LargeUtf8 | DataType::LargeBinary | DataType::LargeList(_) => 64,
        DataType::ListView(_) => 64,
        DataType::LargeListView(_) | DataType::Utf8View | DataType::BinaryView => 128,
        DataType::FixedSizeBinary(size) => usize::try_from(*size).unwrap_or_default() * 8,
        DataType::FixedSizeList(item, size) => {
            null_bits(item.data_type()).saturating_mul(usize::try_from(*size).unwrap_or_default())
        }
        DataType::Struct(members) => members
            .iter()
            .map(|member| null_bits(member.data_type()))
            .fold(0, usize::saturating_add),
        DataType::Dictionary(key, _) => null_bits(key),
        other => other.primitive_width().unwrap_or(16) * 8,
    };
    value.saturating_add(VALIDITY)
}
