//! `wasm-sink-binary-copy INPUT URL`: what one writes by hand to fill PostgreSQL from JSON lines, with
//! serde_json and the client's own `BinaryCopyInWriter`. A transaction for every 100,000 rows.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::ExitCode;
use std::time::SystemTime;

use bytes::BytesMut;
use chrono::DateTime;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls};

const ROWS_PER_TRANSACTION: usize = 100_000;
const COPY: &str = "copy orders (id, at, \"user\", amount, tags, note) from stdin (format binary)";
const TYPES: [Type; 6] = [
    Type::INT8,
    Type::TIMESTAMPTZ,
    Type::JSONB,
    Type::FLOAT8,
    Type::TEXT_ARRAY,
    Type::TEXT,
];

#[derive(Deserialize)]
struct Order<'a> {
    id: i64,
    at: &'a str,
    #[serde(borrow)]
    user: &'a RawValue,
    amount: f64,
    tags: Vec<&'a str>,
    note: &'a str,
}

/// JSON text as jsonb: a version before it (`jsonb_recv` in PostgreSQL's source).
#[derive(Debug)]
struct Jsonb<'a>(&'a str);

impl ToSql for Jsonb<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&[1]);
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::JSONB
    }

    to_sql_checked!();
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(url)) = (arguments.next(), arguments.next()) else {
        return Err("wasm-sink-binary-copy INPUT URL".into());
    };
    let (mut client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    let mut input = BufReader::with_capacity(1 << 20, File::open(input)?);
    while copy(&mut client, &mut input).await? == ROWS_PER_TRANSACTION {}
    Ok(())
}

/// One transaction; its rows.
async fn copy(client: &mut Client, input: &mut BufReader<File>) -> Result<usize, Box<dyn Error>> {
    let transaction = client.transaction().await?;
    let sink = transaction.copy_in(COPY).await?;
    let writer = BinaryCopyInWriter::new(sink, &TYPES);
    let mut writer = std::pin::pin!(writer);
    let mut line = String::new();
    let mut rows = 0;
    while rows < ROWS_PER_TRANSACTION {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            break;
        }
        let order: Order<'_> = serde_json::from_str(&line)?;
        let at = SystemTime::from(DateTime::parse_from_rfc3339(order.at)?);
        let user = Jsonb(order.user.get());
        writer
            .as_mut()
            .write(&[
                &order.id,
                &at,
                &user,
                &order.amount,
                &order.tags,
                &order.note,
            ])
            .await?;
        rows += 1;
    }
    writer.finish().await?;
    transaction.commit().await?;
    Ok(rows)
}
