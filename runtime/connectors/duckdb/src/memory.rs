//! How much DuckDB may keep in memory.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use arrow::datatypes::DataType;

use crate::catalog::Columns;
use crate::library::MAX_READERS;
use crate::settings::DatabaseFile;

/// Without any tables. What it has written it keeps as well, up to the limit, so more is never given back.
const BASE_BYTES: u64 = 24 << 20;
/// What is in memory beside the limit: rows that wait for the library's threads in another form than they
/// came, and what the library does not count.
const BESIDE_BYTES: u64 = 16 << 20;
/// For each column, and each inside of it, that a thread fills: its values and its nulls have blocks of
/// 256 KiB, which cannot be moved to disk while they are filled.
const COLUMN_BYTES: u64 = 2 * (256 << 10);

/// The limit that a database has: one for all of this process that use the file.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    shared: Arc<Shared>,
    first_bytes: u64,
    /// Whether the user chose it.
    is_fixed: bool,
    threads: u64,
}

#[derive(Debug)]
struct Shared {
    bytes: AtomicU64,
    stages: AtomicU64,
}

/// That one more writes at the same time, until it is dropped.
#[derive(Debug)]
pub(crate) struct Writer(Arc<Shared>);

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.stages.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Memory {
    pub(crate) fn of(file: &DatabaseFile) -> Self {
        static KNOWN: LazyLock<Mutex<HashMap<PathBuf, Arc<Shared>>>> =
            LazyLock::new(Mutex::default);
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get) as u64;
        let first_bytes = file.memory_limit_bytes.unwrap_or(BASE_BYTES);
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = known.entry(file.identity()).or_insert_with(|| {
            Arc::new(Shared {
                bytes: AtomicU64::new(first_bytes),
                stages: AtomicU64::new(0),
            })
        });
        Self {
            shared: Arc::clone(shared),
            first_bytes,
            is_fixed: file.memory_limit_bytes.is_some(),
            threads: file.threads.unwrap_or_else(cores),
        }
    }

    /// What the database is opened with.
    pub(crate) fn first_bytes(&self) -> u64 {
        self.first_bytes
    }

    pub(crate) fn bytes(&self) -> u64 {
        match self.is_fixed {
            true => self.first_bytes,
            false => self.shared.bytes.load(Ordering::Relaxed),
        }
    }

    /// The library has had too little: up to twice as much from now on. None where the user chose the limit,
    /// or nearly all that there is has been given.
    pub(crate) fn raise(&self) -> Option<u64> {
        let (now, most) = (self.bytes(), most_bytes());
        if self.is_fixed || now >= most {
            return None;
        }
        let raised = now.saturating_mul(2).min(most);
        self.shared.bytes.fetch_max(raised, Ordering::Relaxed);
        Some(raised)
    }

    /// Its part of the process's byte budget.
    pub(crate) fn staged_bytes(&self) -> u64 {
        self.bytes().saturating_add(BESIDE_BYTES)
    }

    /// Somebody is to write.
    pub(crate) fn writer(&self) -> Writer {
        self.shared.stages.fetch_add(1, Ordering::Relaxed);
        Writer(Arc::clone(&self.shared))
    }

    /// Counts with a table, into which any of those that write may; whether the limit is another one for it.
    pub(crate) fn grow(&self, columns: &Columns) -> bool {
        let filled: u64 = columns.iter().map(|column| within(&column.data_type)).sum();
        // Each that writes lends its thread to those of the library.
        let stages = self.shared.stages.load(Ordering::Relaxed).max(1);
        let readers = (self.threads.saturating_sub(1) + stages).min(MAX_READERS * stages);
        let wanted = BASE_BYTES + filled * COLUMN_BYTES * readers;
        !self.is_fixed && self.shared.bytes.fetch_max(wanted, Ordering::Relaxed) < wanted
    }
}

/// Three quarters of the memory that this process may have, of the machine or of its control group.
fn most_bytes() -> u64 {
    const UNKNOWN: u64 = 4 << 30;
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let machine = read("/proc/meminfo").lines().find_map(|line| {
        let kib = line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?;
        kib.trim().parse::<u64>().ok().map(|kib| kib << 10)
    });
    let group = read("/sys/fs/cgroup/memory.max").trim().parse().ok();
    let all = machine.unwrap_or(UNKNOWN).min(group.unwrap_or(u64::MAX));
    all / 4 * 3
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
