//! Payments into a Delta table, with their size in words. The next version has another opinion of what is large, and
//! says who should look at a payment.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::Float64Type;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use serde::Deserialize;
use wasm_sink_sdk::delta::Table;
use wasm_sink_sdk::{Batch, Error, Result, Sink};

/// From this amount on a payment is large.
const LARGE: f64 = if cfg!(feature = "next") { 995.0 } else { 990.0 };

/// No keys.
#[derive(Deserialize)]
struct Config {}

struct Payments {
    table: Table,
}

impl Sink for Payments {
    type Config = Config;
    const CONFIG_SCHEMA: &'static str = r#"{"type": "object", "additionalProperties": false}"#;

    fn open(_: Config) -> Result<Self> {
        let table = Table::open("default", "payments")?;
        Ok(Self { table })
    }

    fn write(&mut self, rows: Batch) -> Result<()> {
        let rows = rows.with_columns(&opinions(&rows)?)?;
        match self.table.fields()? {
            None => self.table.create(&rows.fields(), &[])?,
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
        Ok(())
    }
}

/// Columns for rows, computed from the one that they take.
fn opinions(rows: &Batch) -> Result<Batch> {
    let ipc = rows.ipc(&["amount".to_owned()])?;
    let read = StreamReader::try_new(&*ipc, None).and_then(|mut stream| stream.next().transpose());
    let read = read.map_err(broken)?;
    let amounts = read.as_ref().and_then(|batch| batch.columns().first());
    let amounts = amounts.and_then(|column| column.as_primitive_opt::<Float64Type>());
    let amounts = amounts.ok_or_else(|| Error::other("`amount` is no float64"))?;
    let size = |amount: Option<f64>| match amount {
        None => "unknown",
        Some(amount) if amount >= LARGE => "large",
        Some(_) => "small",
    };
    let sizes: StringArray = amounts.iter().map(|amount| Some(size(amount))).collect();
    let mut columns: Vec<(&str, ArrayRef, bool)> = vec![("size", Arc::new(sizes), true)];
    if cfg!(feature = "next") {
        let looks: BooleanArray = amounts
            .iter()
            .map(|amount| Some(amount.is_none()))
            .collect();
        columns.push(("needs_a_look", Arc::new(looks), true));
    }
    let batch = RecordBatch::try_from_iter_with_nullable(columns).map_err(broken)?;
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &batch.schema()).map_err(broken)?;
    let written = writer.write(&batch).and_then(|()| writer.finish());
    written.map_err(broken)?;
    Batch::from_ipc(&bytes)
}

fn broken(error: ArrowError) -> Error {
    Error::other(error.to_string())
}

wasm_sink_sdk::sink!(Payments);
