//! Orders by day and region, without the addresses of those who ordered.

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{RecordBatch, StringArray};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use wasm_sink_sdk::delta::Table;
use wasm_sink_sdk::{Batch, Plan, Result, Sink, reject};

#[derive(serde::Deserialize)]
struct Config {
    table_name: String,
}

struct Orders {
    table: Table,
    plan: Plan,
}

impl Sink for Orders {
    type Config = Config;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn open(config: Config) -> Result<Self> {
        let table = Table::open("default", &config.table_name)?;
        Ok(Self { table, plan: order()? })
    }

    fn write(&mut self, rows: Batch) -> Result<()> {
        let shaped = self.plan.apply(&rows)?;
        let columns = read(&shaped, &["country", "email", "amount"]).map_err(|error| error.to_string())?;
        let [countries, emails, amounts] = columns.columns() else {
            return Err("three columns were asked for".into());
        };
        let countries = countries.as_string::<i32>();
        let regions: StringArray = countries.iter().map(|country| Some(region(country.unwrap_or_default()))).collect();
        let emails: StringArray = emails.as_string::<i32>().iter().map(|email| email.map(masked)).collect();
        let amounts = amounts.as_primitive::<Float64Type>();
        let is_negative = |amount: Option<f64>| amount.is_some_and(|amount| amount < 0.0);
        let negative: Vec<u8> = amounts.iter().map(|amount| u8::from(is_negative(amount))).collect();
        let others: Vec<u8> = negative.iter().map(|is_negative| 1 - is_negative).collect();

        let computed = written(regions, emails).map_err(|error| error.to_string())?;
        let finished = shaped.with_columns(&Batch::from_ipc(&computed)?)?;
        reject(&finished.filter(&negative)?, "negative amount")?;
        let orders = finished.filter(&others)?;
        match self.table.fields()? {
            None => self.table.create(&orders.fields(), &["day".to_owned()])?,
            Some(_) => self.table.add_columns(&orders.fields())?,
        }
        self.table.append(&orders)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What the host does with an order. Its columns are those of the table, in their order: the region is the country until it is computed.
fn order() -> Result<Plan> {
    let plan = Plan::new();
    for (name, from, data_type) in [
        ("id", "id", "int64"),
        ("at", "at", "timestamp(us,+00:00)"),
        ("day", "at", "date32"),
        ("country", "country", "utf8"),
        ("region", "country", "utf8"),
        ("email", "email", "utf8"),
        ("amount", "amount", "float64"),
    ] {
        plan.column(name, &[from.to_owned()], Some(data_type), true)?;
    }
    Ok(plan)
}

fn region(country: &str) -> &'static str {
    match country {
        "DE" | "ES" | "FR" | "IT" | "NL" => "EU",
        "CA" | "MX" | "US" => "NA",
        "AU" | "IN" | "JP" | "SG" => "APAC",
        _ => "other",
    }
}

/// The first character of the address, and its domain.
fn masked(email: &str) -> String {
    let (name, domain) = email.split_once('@').unwrap_or((email, ""));
    let first: String = name.chars().take(1).collect();
    format!("{first}***@{domain}")
}

/// These columns of rows, in this order.
fn read(rows: &Batch, names: &[&str]) -> Result<RecordBatch, ArrowError> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let bytes = rows.ipc(&names).map_err(|error| ArrowError::IpcError(error.message))?;
    let mut stream = StreamReader::try_new(Cursor::new(bytes), None)?;
    match stream.next() {
        Some(batch) => batch,
        None => Ok(RecordBatch::new_empty(stream.schema())),
    }
}

/// What was computed, as a stream that the host reads.
fn written(regions: StringArray, emails: StringArray) -> Result<Vec<u8>, ArrowError> {
    let fields = ["region", "email"].map(|name| Field::new(name, DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let columns = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(regions), Arc::new(emails)])?;
    let mut stream = StreamWriter::try_new(Vec::new(), &schema)?;
    stream.write(&columns)?;
    stream.into_inner()
}

wasm_sink_sdk::sink!(Orders);
