//! Sorts rows by their amount: those below the minimum become dead letters, the others get a column `size`.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Float64Array, RecordBatch, StringArray};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};
use wasm_sink_sdk::delta::Table;
use wasm_sink_sdk::{Batch, Problem, Result, Sink, epoch, reject};

#[derive(serde::Deserialize)]
struct Config {
    table_name: String,
    #[serde(default)]
    minimum: f64,
}

struct MySink {
    table: Table,
    minimum: f64,
}

impl Sink for MySink {
    type Config = Config;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    /// What config.schema.json cannot say.
    fn validate(config: &Config) -> Vec<Problem> {
        match config.table_name.starts_with('.') {
            true => vec![Problem::at(["table_name"], "a table's name does not begin with a dot")],
            false => vec![],
        }
    }

    fn open(config: Config) -> Result<Self> {
        let table = Table::open("default", &config.table_name)?;
        Ok(Self { table, minimum: config.minimum })
    }

    fn write(&mut self, rows: Batch) -> Result<()> {
        epoch::commit_within(Duration::from_secs(1));
        let Some(amounts) = amounts(&rows)? else {
            return reject(&rows, "there is no column `amount` of numbers");
        };

        let is_below = |amount: Option<f64>| amount.is_some_and(|amount| amount < self.minimum);
        let below: Vec<u8> = amounts.iter().map(|amount| u8::from(is_below(amount))).collect();
        let others: Vec<u8> = below.iter().map(|is_below| 1 - is_below).collect();
        let sizes: StringArray = amounts.iter().map(|amount| amount.map(size)).collect();

        reject(&rows.filter(&below)?, "amount below the minimum")?;
        let rows = rows.with_columns(&batch("size", sizes)?)?.filter(&others)?;
        match self.table.fields()? {
            None => self.table.create(&rows.fields(), &[])?,
            Some(_) => self.table.add_columns(&rows.fields())?,
        }
        self.table.append(&rows)
    }

    /// Would stage what `write` has held back, before the host commits; here nothing is.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

fn size(amount: f64) -> &'static str {
    match amount {
        ..100.0 => "small",
        ..500.0 => "medium",
        _ => "large",
    }
}

/// The column `amount`; none where there is no such column of numbers.
fn amounts(rows: &Batch) -> Result<Option<Float64Array>> {
    if !rows.fields().iter().any(|field| field.name == "amount") {
        return Ok(None);
    }
    let bytes = rows.ipc(&["amount".to_owned()])?;
    let read = StreamReader::try_new(Cursor::new(bytes), None).and_then(|mut stream| stream.next().transpose());
    let column = read.map_err(|error| error.to_string())?.map(|batch| Arc::clone(batch.column(0)));
    Ok(column.and_then(|column| {
        let floats = column.as_primitive_opt::<Float64Type>().cloned();
        floats.or_else(|| Some(column.as_primitive_opt::<Int64Type>()?.unary(|whole| whole as f64)))
    }))
}

/// A column of texts as rows that the host can take.
fn batch(name: &str, values: StringArray) -> Result<Batch> {
    let schema = Arc::new(Schema::new(vec![Field::new(name, DataType::Utf8, true)]));
    let rows = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(values)]);
    let bytes = rows.and_then(|rows| {
        let mut stream = StreamWriter::try_new(Vec::new(), &schema)?;
        stream.write(&rows)?;
        stream.into_inner()
    });
    Batch::from_ipc(&bytes.map_err(|error| error.to_string())?)
}

wasm_sink_sdk::sink!(MySink);
