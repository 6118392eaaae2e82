//! How much DuckDB may keep in memory.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::DataType;

use crate::catalog::Columns;
use crate::library::MAX_READERS;
use crate::settings::DatabaseFile;

/// Without any tables. What it has written it keeps as well, up to the limit, so more is never given back.
const BASE_BYTES: u64 = 48 << 20;
/// For each column, and each inside of it, that a thread fills: its values and its nulls have blocks of
/// 256 KiB, which cannot be moved to disk while they are filled.
const COLUMN_BYTES: u64 = 2 * (256 << 10);

/// The limit that the database has, or gets when it is opened.
#[derive(Debug)]
pub(crate) struct Memory {
    bytes: AtomicU64,
    /// Whether the user chose it.
    is_fixed: bool,
    threads: u64,
}

impl Memory {
    pub(crate) fn of(file: &DatabaseFile) -> Self {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get) as u64;
        Self {
            bytes: AtomicU64::new(file.memory_limit_bytes.unwrap_or(BASE_BYTES)),
            is_fixed: file.memory_limit_bytes.is_some(),
            threads: file.threads.unwrap_or_else(cores).min(MAX_READERS),
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The limit that a table needs, where that is more than there is.
    pub(crate) fn wanted(&self, columns: &Columns) -> Option<u64> {
        let filled: u64 = columns.iter().map(|column| within(&column.data_type)).sum();
        let wanted = BASE_BYTES + filled * COLUMN_BYTES * self.threads;
        let is_more = !self.is_fixed && self.bytes.fetch_max(wanted, Ordering::Relaxed) < wanted;
        is_more.then_some(wanted)
    }
}

/// Columns in a column: itself, and those of its fields.
fn within(data_type: &DataType) -> u64 {
    1 + match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            within(item.data_type())
        }
        DataType::Map(entries, _) => within(entries.data_type()),
        DataType::Struct(fields) => fields.iter().map(|field| within(field.data_type())).sum(),
        _ => 0,
    }
}
