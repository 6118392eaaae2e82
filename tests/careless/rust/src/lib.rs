//! A sink with the mistakes that people make, one at a time: `wasm-sink test` has to find each.
//!
//! Rows have an `id` and a `name`.

use std::hash::{BuildHasher, RandomState};
use std::io::{Cursor, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field as Column, Int64Type, Schema};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use serde::Deserialize;
use wasm_sink_sdk::delta::Table;
use wasm_sink_sdk::{Batch, Error, Result, Sink};

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Mistake {
    None,
    SwallowsErrors,
    PanicsOnErrors,
    /// The second half of each batch.
    LosesRows,
    /// Holds the last batch back, and never lets go of it.
    ForgetsFlush,
    TakesChance,
    /// Across epochs.
    CountsRows,
    /// From one epoch to the next.
    KeepsBatches,
    PanicsWithoutRows,
    PanicsOnNulls,
    NeedsAColumn,
    /// Looks at each row once for each other row.
    IsSlow,
    /// Never asks whether the table is there.
    MakesTablesBlindly,
    /// On a row without a name.
    Raises,
    ReturnsNonsense,
    /// For nobody ever says that it is ready.
    Blocks,
    Sleeps,
    Prints,
    OpensASocket,
    ReadsTheClock,
}

#[derive(Deserialize)]
struct Config {
    mistake: Mistake,
}

struct Careless {
    mistake: Mistake,
    table: Table,
    is_made: bool,
    held: Option<Batch>,
    rows: i64,
}

impl Sink for Careless {
    type Config = Config;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn open(config: Config) -> Result<Self> {
        Ok(Self {
            mistake: config.mistake,
            table: Table::open("default", "t")?,
            is_made: false,
            held: None,
            rows: 0,
        })
    }

    fn write(&mut self, rows: Batch) -> Result<()> {
        match self.mistake {
            Mistake::SwallowsErrors => {
                let _ = self.append(&rows);
                Ok(())
            }
            Mistake::PanicsOnErrors => {
                #[expect(clippy::unwrap_used, reason = "it is the mistake")]
                self.append(&rows).unwrap();
                Ok(())
            }
            Mistake::LosesRows => self.append(&rows.slice(0, rows.row_count() / 2)?),
            Mistake::ForgetsFlush => match self.held.replace(rows) {
                Some(before) => self.append(&before),
                None => Ok(()),
            },
            Mistake::TakesChance => {
                let chance = RandomState::new().hash_one(1_u8) >> 2;
                let rows = with_number(&rows, |_| chance as i64)?;
                self.append(&rows)
            }
            Mistake::CountsRows => {
                let before = self.rows;
                self.rows += i64::from(rows.row_count());
                let rows = with_number(&rows, |row| before + row)?;
                self.append(&rows)
            }
            Mistake::KeepsBatches => {
                if let Some(first) = &self.held {
                    self.rows += i64::from(first.row_count());
                }
                self.append(&rows)?;
                self.held.get_or_insert(rows);
                Ok(())
            }
            Mistake::PanicsWithoutRows => {
                assert!(rows.row_count() > 0, "there are rows");
                self.append(&rows)
            }
            Mistake::PanicsOnNulls => {
                let ids = column(&rows, "id")?;
                assert!(
                    ids.is_none_or(|ids| ids.null_count() == 0),
                    "every row has an id"
                );
                self.append(&rows)
            }
            Mistake::NeedsAColumn => {
                assert!(column(&rows, "name")?.is_some(), "every row has a name");
                self.append(&rows)
            }
            Mistake::IsSlow => {
                let ids = column(&rows, "id")?;
                let ids = ids
                    .as_ref()
                    .and_then(|ids| ids.as_primitive_opt::<Int64Type>());
                let ids = ids.map(|ids| ids.values().to_vec()).unwrap_or_default();
                let same = |id: &i64| ids.iter().filter(|other| *other == id).count();
                assert!(ids.iter().map(same).sum::<usize>() >= ids.len());
                self.append(&rows)
            }
            Mistake::MakesTablesBlindly => {
                if !std::mem::replace(&mut self.is_made, true) {
                    let mut fields = rows.fields();
                    fields.truncate(1);
                    self.table.create(&fields, &[])?;
                    self.table.add_columns(&rows.fields())?;
                }
                self.table.append(&rows)
            }
            Mistake::Raises => {
                let names = column(&rows, "name")?;
                let names = names.iter().flat_map(|names| names.as_string::<i32>());
                #[expect(clippy::unwrap_used, reason = "it is the mistake")]
                let letters: usize = names.map(|name| name.unwrap().len()).sum();
                self.rows += letters as i64;
                self.append(&rows)
            }
            Mistake::ReturnsNonsense => self.append(&Batch::from_ipc(b"nonsense")?),
            Mistake::Blocks => {
                let (_others, ready) = mpsc::channel::<()>();
                ready.recv().map_err(|error| error.to_string())?;
                self.append(&rows)
            }
            Mistake::Sleeps => {
                std::thread::sleep(Duration::from_secs(60));
                self.append(&rows)
            }
            Mistake::Prints => {
                #[expect(clippy::print_stdout, reason = "it is the mistake")]
                {
                    println!("rows: {}", rows.row_count());
                }
                self.append(&rows)
            }
            Mistake::OpensASocket => {
                let mut statsd = TcpStream::connect("localhost:8125")?;
                statsd.write_all(b"rows:1|c")?;
                self.append(&rows)
            }
            Mistake::ReadsTheClock => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let now = now.map_err(|error| error.to_string())?.as_micros();
                let rows = with_number(&rows, |_| now as i64)?;
                self.append(&rows)
            }
            Mistake::None => self.append(&rows),
        }
    }
}

impl Careless {
    fn append(&mut self, rows: &Batch) -> Result<()> {
        match self.table.fields()? {
            None => self.table.create(&rows.fields(), &[])?,
            Some(_) => self.table.add_columns(&rows.fields())?,
        }
        self.table.append(rows)
    }
}

fn unreadable(error: arrow::error::ArrowError) -> Error {
    Error::other(error.to_string())
}

/// A column; None where the rows have none of that name.
fn column(rows: &Batch, name: &str) -> Result<Option<ArrayRef>> {
    if !rows.fields().iter().any(|field| field.name == name) {
        return Ok(None);
    }
    let ipc = rows.ipc(&[name.to_owned()])?;
    let mut stream = StreamReader::try_new(Cursor::new(ipc), None).map_err(unreadable)?;
    let batch = stream.next().transpose().map_err(unreadable)?;
    Ok(batch.map(|batch| Arc::clone(batch.column(0))))
}

/// With a column `number` more.
fn with_number(rows: &Batch, number: impl Fn(i64) -> i64) -> Result<Batch> {
    let numbers = Int64Array::from_iter_values((0..i64::from(rows.row_count())).map(number));
    let schema = Arc::new(Schema::new(vec![Column::new(
        "number",
        DataType::Int64,
        false,
    )]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(numbers)]);
    let mut stream = StreamWriter::try_new(Vec::new(), &schema).map_err(unreadable)?;
    batch
        .and_then(|batch| stream.write(&batch))
        .and_then(|()| stream.finish())
        .map_err(unreadable)?;
    let ipc = stream.into_inner().map_err(unreadable)?;
    rows.with_columns(&Batch::from_ipc(&ipc)?)
}

wasm_sink_sdk::sink!(Careless);
