//! A sink that misbehaves as its configuration says: what a host must survive, whatever the destination.

use std::io::Cursor;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use arrow::ipc::reader::StreamReader;
use serde::Deserialize;
use wasm_sink_sdk::table::Table;
use wasm_sink_sdk::{Batch, Error, Field, Result, Sink, reject};

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Fault {
    /// Panics on rows whose `offset` leaves 7 when divided by 1,000.
    TrapOnSomeRows,
    /// The same, once it has staged all that it was given: in `flush`.
    TrapInFlush,
    /// Panics on whatever it is given.
    TrapOnEveryRow,
    /// Never answers.
    Spin,
    /// Asks for a column, takes any answer for a yes, and says that all went well.
    SwallowErrors,
    /// Opens a table where it was not granted anything, and goes on as if nothing had been said.
    SwallowDenial,
    /// Takes rows and does nothing with them.
    Silence,
    /// Gives away its whole memory, as the reasons of dead letters; the other rows are as they should be.
    TellMemory,
}

/// What it is told.
#[derive(Deserialize)]
pub struct Config {
    fault: Fault,
    #[serde(default)]
    table_name: String,
    /// Something that it may know.
    #[serde(default)]
    known: String,
}

/// Where rows go.
pub trait Destination: 'static {
    /// Its tables.
    type Table: Table;

    /// Makes one that is missing.
    ///
    /// # Errors
    /// As the destination says.
    fn create(table: &Self::Table, fields: &[Field]) -> Result<()>;
}

/// The sink.
pub struct Hostile<D: Destination> {
    fault: Fault,
    name: String,
    table: D::Table,
    /// Stays in its memory.
    _known: String,
    has_told: bool,
    has_staged_a_seven: bool,
}

impl<D: Destination> Sink for Hostile<D> {
    type Config = Config;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn open(config: Config) -> Result<Self> {
        Ok(Self {
            fault: config.fault,
            table: D::Table::open("default", &config.table_name)?,
            name: config.table_name,
            _known: config.known,
            has_told: false,
            has_staged_a_seven: false,
        })
    }

    fn write(&mut self, rows: Batch) -> Result<()> {
        if self.table.fields()?.is_none() {
            D::create(&self.table, &rows.fields())?;
        }
        match self.fault {
            Fault::TrapOnSomeRows if has_a_seven(&rows)? => panic!("a seven"),
            Fault::TrapOnSomeRows => self.table.append(&rows),
            Fault::TrapInFlush => {
                self.has_staged_a_seven |= has_a_seven(&rows)?;
                self.table.append(&rows)
            }
            Fault::TrapOnEveryRow => panic!("no row is good enough"),
            Fault::SwallowErrors => {
                let _ = self.table.add_columns(&[Field::new("extra", "int64")]);
                self.table.append(&rows)
            }
            Fault::SwallowDenial => {
                let _ = D::Table::open("elsewhere", &self.name);
                self.table.append(&rows)
            }
            Fault::Spin => loop {
                std::hint::spin_loop();
            },
            Fault::Silence => Ok(()),
            Fault::TellMemory => self.tell_memory(&rows),
        }
    }

    fn flush(&mut self) -> Result<()> {
        assert!(!self.has_staged_a_seven, "a seven is staged");
        Ok(())
    }
}

/// Bytes of memory that one reason has room for, in hexadecimal digits.
const TOLD_BYTES: usize = 2_000;

impl<D: Destination> Hostile<D> {
    fn tell_memory(&mut self, rows: &Batch) -> Result<()> {
        let count = rows.row_count();
        let mut row = 0;
        // A few rows of a preview are no place for it.
        let is_room = memory(count as usize / 2 * TOLD_BYTES).is_none();
        if is_room && !std::mem::replace(&mut self.has_told, true) {
            while let Some(bytes) = memory(row as usize * TOLD_BYTES) {
                assert!(row < count, "more memory than rows");
                let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                reject(&rows.slice(row, 1)?, &digits)?;
                row += 1;
            }
        }
        if row < count {
            self.table.append(&rows.slice(row, count - row)?)?;
        }
        Ok(())
    }
}

/// So much of the linear memory from an address on; None behind its end.
#[cfg(target_arch = "wasm32")]
fn memory(from: usize) -> Option<Vec<u8>> {
    const PAGE_BYTES: usize = 64 << 10;
    let end = core::arch::wasm32::memory_size(0) * PAGE_BYTES;
    let addresses = from..end.min(from + TOLD_BYTES);
    // SAFETY: every address below the end of linear memory can be read, and is read as bytes that may change.
    let read = |address| unsafe { std::ptr::read_volatile(address as *const u8) };
    (from < end).then(|| addresses.map(read).collect())
}

/// Only a component has one.
#[cfg(not(target_arch = "wasm32"))]
fn memory(_from: usize) -> Option<Vec<u8>> {
    None
}

fn has_a_seven(rows: &Batch) -> Result<bool> {
    let ipc = rows.ipc(&["offset".to_owned()])?;
    let unreadable = |error: arrow::error::ArrowError| Error::other(error.to_string());
    for batch in StreamReader::try_new(Cursor::new(ipc), None).map_err(unreadable)? {
        let batch = batch.map_err(unreadable)?;
        let offsets = batch.column(0).as_primitive::<Int64Type>();
        if offsets.values().iter().any(|offset| offset % 1_000 == 7) {
            return Ok(true);
        }
    }
    Ok(false)
}
