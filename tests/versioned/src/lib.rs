//! A sink of which tests make versions without compiling: a word in the file says which one it is, unless the
//! configuration does. Each writes its own name beside every row.

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use serde::Deserialize;
use wasm_sink_sdk::table::Table;
use wasm_sink_sdk::{Batch, Error, Field, Result, Sink};

/// Tests look for this in the file and put the name of a version behind it.
static VERSION: [u8; 48] = *b"wasm-sink-version:plain.........................";

/// What it is told.
#[derive(Deserialize)]
pub struct Config {
    table_name: String,
    version: Option<String>,
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
pub struct Versioned<D: Destination> {
    version: String,
    table: D::Table,
    flushes: u32,
}

fn version() -> String {
    let version = black_box(&VERSION);
    let (_, name) = version.split_at("wasm-sink-version:".len());
    let name = String::from_utf8_lossy(name).into_owned();
    name.trim_end_matches('.').to_owned()
}

impl<D: Destination> Sink for Versioned<D> {
    type Config = Config;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn open(config: Config) -> Result<Self> {
        let version = config.version.unwrap_or_else(version);
        if version == "never-opens" {
            return Err(Error::other("this version never opens"));
        }
        let name = match &*version {
            "elsewhere" => format!("{}_elsewhere", config.table_name),
            _ => config.table_name,
        };
        Ok(Self {
            table: D::Table::open("default", &name)?,
            version,
            flushes: 0,
        })
    }

    fn write(&mut self, rows: Batch) -> Result<()> {
        match &*self.version {
            "traps" => panic!("this version traps"),
            "traps-later" if self.flushes >= 2 => panic!("this version traps later"),
            "rejects" => return Err(Error::rejected("this version takes no rows")),
            "spins" => loop {
                std::hint::spin_loop();
            },
            _ => {}
        }
        let rows = self.with_version(&rows)?;
        match self.table.fields()? {
            None => D::create(&self.table, &rows.fields())?,
            Some(known) => {
                let mut new = rows.fields();
                new.retain(|field| known.iter().all(|known| known.name != field.name));
                if !new.is_empty() {
                    self.table.add_columns(&new)?;
                }
            }
        }
        self.table.append(&rows)
    }

    fn flush(&mut self) -> Result<()> {
        self.flushes += 1;
        Ok(())
    }
}

fn broken(error: arrow::error::ArrowError) -> Error {
    Error::other(error.to_string())
}

/// The column `offset`, which a generator's rows have.
fn offsets_of(rows: &Batch) -> Result<Vec<i64>> {
    let ipc = rows.ipc(&["offset".to_owned()])?;
    let mut reader = StreamReader::try_new(&*ipc, None).map_err(broken)?;
    let batch = reader.next().transpose().map_err(broken)?;
    let column = batch.as_ref().and_then(|batch| batch.columns().first());
    let column = column.and_then(|column| column.as_primitive_opt::<Int64Type>());
    let values = column.map(|column| column.values().to_vec());
    values.ok_or_else(|| Error::other("no offsets"))
}

impl<D: Destination> Versioned<D> {
    /// With the name in a column; versions that are called so have one more. What stands behind a plus is not
    /// part of the name that rows show.
    fn with_version(&self, rows: &Batch) -> Result<Batch> {
        let (name, trait_of) = self.version.split_once('+').unwrap_or((&self.version, ""));
        let names = vec![name; rows.row_count() as usize];
        let names: ArrayRef = Arc::new(StringArray::from(names));
        let mut columns = vec![("version", Arc::clone(&names), true)];
        if self.version.starts_with("wider") {
            columns.push(("more", names, true));
        }
        let mut offsets = None;
        if !trait_of.is_empty() {
            let read = offsets.insert(offsets_of(rows)?);
            let marks = read.iter().map(|offset| match (trait_of, offset % 1000) {
                ("planted", 7) => "planted",
                _ => "as ever",
            });
            columns.push(("mark", Arc::new(StringArray::from_iter_values(marks)), true));
        }
        if trait_of == "traps-on-one"
            && let Some(offset) = offsets.iter().flatten().find(|offset| **offset == 4321)
        {
            panic!("this version traps at offset {offset}");
        }
        let columns = RecordBatch::try_from_iter_with_nullable(columns).map_err(broken)?;
        let mut ipc = Vec::new();
        let mut writer = StreamWriter::try_new(&mut ipc, &columns.schema()).map_err(broken)?;
        writer
            .write(&columns)
            .and_then(|()| writer.finish())
            .map_err(broken)?;
        rows.with_columns(&Batch::from_ipc(&ipc)?)
    }
}
