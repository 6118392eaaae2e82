//! Orders with their region, and without the names of those who ordered: work by handle, on columns, on records.

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{RecordBatch, StringArray};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use wasm_sink_sdk::{Batch, Plan, Result, Sink, epoch};

/// The generator has no negative amounts; one order in a hundred is below this.
const MINIMUM: f64 = 10.0;

#[derive(serde::Deserialize)]
struct Config {
    work: Work,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Work {
    Handle,
    Columns,
    Rows,
}

struct Orders {
    work: Work,
    plan: Plan,
    keep: Vec<u8>,
}

impl Sink for Orders {
    type Config = Config;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn open(config: Config) -> Result<Self> {
        Ok(Self { work: config.work, plan: order()?, keep: Vec::new() })
    }

    fn write(&mut self, rows: Batch) -> Result<()> {
        let shaped = self.plan.apply(&rows)?;
        let computed = match self.work {
            Work::Handle => return self.by_handle(&shaped),
            Work::Columns => by_columns(&shaped),
            Work::Rows => by_rows(&shaped),
        };
        finish(&shaped, computed.map_err(|error| error.to_string())?)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Orders {
    /// All but each tenth row, and half of those.
    fn by_handle(&mut self, shaped: &Batch) -> Result<()> {
        let rows = shaped.row_count();
        if self.keep.len() != rows as usize {
            self.keep = (0..rows).map(|row| u8::from(row % 10 != 0)).collect();
        }
        let kept = shaped.filter(&self.keep)?;
        kept.slice(0, kept.row_count() / 2)?;
        epoch::skip(rows, "measured");
        Ok(())
    }
}

/// What was made of the orders of a batch.
struct Computed {
    regions: StringArray,
    users: StringArray,
    is_small: Vec<u8>,
}

fn by_columns(shaped: &Batch) -> Result<Computed, ArrowError> {
    let batch = read(shaped)?;
    let (countries, users) = (batch.column(0).as_string::<i32>(), batch.column(1).as_string::<i32>());
    let amounts = batch.column(2).as_primitive::<Float64Type>();
    Ok(Computed {
        regions: countries.iter().map(|country| Some(region(country.unwrap_or_default()))).collect(),
        users: users.iter().map(|user| user.map(masked)).collect(),
        is_small: amounts.iter().map(is_small).collect(),
    })
}

struct Order {
    country: Option<String>,
    user: Option<String>,
    amount: Option<f64>,
}

/// The SDK for Rust has no records: they are made of columns, row by row.
fn by_rows(shaped: &Batch) -> Result<Computed, ArrowError> {
    let batch = read(shaped)?;
    let (countries, users) = (batch.column(0).as_string::<i32>(), batch.column(1).as_string::<i32>());
    let amounts = batch.column(2).as_primitive::<Float64Type>();
    let orders = countries.iter().zip(users).zip(amounts);
    let orders: Vec<Order> = orders
        .map(|((country, user), amount)| Order {
            country: country.map(str::to_owned),
            user: user.map(str::to_owned),
            amount,
        })
        .collect();
    let (mut regions, mut users, mut small) = (Vec::new(), Vec::new(), Vec::new());
    for order in orders {
        regions.push(region(order.country.as_deref().unwrap_or_default()));
        users.push(order.user.as_deref().map(masked));
        small.push(is_small(order.amount));
    }
    Ok(Computed { regions: StringArray::from(regions), users: StringArray::from(users), is_small: small })
}

/// Puts it back, and divides small orders from the others.
fn finish(shaped: &Batch, computed: Computed) -> Result<()> {
    let small = computed.is_small;
    let others: Vec<u8> = small.iter().map(|is_small| 1 - is_small).collect();
    let computed = written(computed.regions, computed.users).map_err(|error| error.to_string())?;
    let finished = shaped.with_columns(&Batch::from_ipc(&computed)?)?;
    epoch::skip(finished.filter(&small)?.row_count(), "a small amount");
    epoch::skip(finished.filter(&others)?.row_count(), "measured");
    Ok(())
}

/// What the host does with an order: the region is the country until it is computed.
fn order() -> Result<Plan> {
    let plan = Plan::new();
    for (name, from, data_type) in [
        ("id", &["id"] as &[&str], "utf8"),
        ("at", &["at"], "timestamp(us,+00:00)"),
        ("day", &["at"], "date32"),
        ("country", &["detail", "country"], "utf8"),
        ("region", &["detail", "country"], "utf8"),
        ("user", &["user"], "utf8"),
        ("amount", &["amount"], "float64"),
    ] {
        let from: Vec<String> = from.iter().map(|step| (*step).to_owned()).collect();
        plan.column(name, &from, Some(data_type), true)?;
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

/// The first character of the name, and the number.
fn masked(user: &str) -> String {
    let (name, number) = user.split_once('-').unwrap_or((user, ""));
    let first: String = name.chars().take(1).collect();
    format!("{first}***-{number}")
}

fn is_small(amount: Option<f64>) -> u8 {
    u8::from(amount.is_some_and(|amount| amount < MINIMUM))
}

/// Country, user and amount.
fn read(rows: &Batch) -> Result<RecordBatch, ArrowError> {
    let names = ["country", "user", "amount"].map(str::to_owned);
    let bytes = rows.ipc(&names).map_err(|error| ArrowError::IpcError(error.message))?;
    let mut stream = StreamReader::try_new(Cursor::new(bytes), None)?;
    match stream.next() {
        Some(batch) => batch,
        None => Ok(RecordBatch::new_empty(stream.schema())),
    }
}

/// What was computed, as a stream that the host reads.
fn written(regions: StringArray, users: StringArray) -> Result<Vec<u8>, ArrowError> {
    let fields = ["region", "user"].map(|name| Field::new(name, DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let columns = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(regions), Arc::new(users)])?;
    let mut stream = StreamWriter::try_new(Vec::new(), &schema)?;
    stream.write(&columns)?;
    stream.into_inner()
}

wasm_sink_sdk::sink!(Orders);
