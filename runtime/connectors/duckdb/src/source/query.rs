//! What the library is asked.

use arrow::array::AsArray;
use wasm_sink_core::ordered::{Comparison, OrderedSettings, Ordering, Place, Statements, wrong};
use wasm_sink_core::sql::Name;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::NAMES;
use crate::session::Session;

/// Types that Arrow does not have as they are, at whatever depth: such columns come as text.
const AS_TEXT: &[&str] = &[
    "HUGEINT",
    "BIT",
    "BIGNUM",
    "VARINT",
    "TIME WITH TIME ZONE",
    "UNION(",
    "GEOMETRY",
    "VARIANT",
];

/// A query whose columns are known.
pub(super) struct Query {
    /// As they are selected.
    columns: Vec<String>,
    statements: Statements,
}

impl Query {
    /// # Errors
    /// Of the library; an ordering column that is not there, or cannot order.
    pub(super) async fn describe(
        session: &mut Session,
        settings: &OrderedSettings,
    ) -> Result<Self> {
        let mut statements = Statements::of(&settings.rows, Comparison::Columns);
        let doing = format!("looking at {}", settings.rows);
        let describe = format!("describe {}", statements.columns());
        let answer = session.query(&doing, &describe, &[]).await?;
        let mut described: Vec<(String, String)> = Vec::new();
        for batch in &answer {
            let text = |name: &str| {
                let column = batch.column_by_name(name);
                column
                    .and_then(|column| column.as_string_opt::<i32>())
                    .ok_or_else(unreadable)
            };
            let (names, types) = (text("column_name")?, text("column_type")?);
            for row in 0..batch.num_rows() {
                let name = names.value(row);
                described.push((name.to_owned(), types.value(row).to_owned()));
            }
        }
        statements.order_by(settings, &described, ordering)?;
        let columns = described.iter().map(|(name, kind)| {
            let name = NAMES.name(name).map_err(|error| wrong(error.to_string()))?;
            Ok(match AS_TEXT.iter().any(|word| kind.contains(word)) {
                true => format!("cast({name} as varchar) as {name}"),
                false => name.to_string(),
            })
        });
        Ok(Self {
            columns: columns.collect::<Result<_>>()?,
            statements,
        })
    }

    /// # Errors
    /// There are rows that stand nowhere.
    pub(super) async fn require_places(&self, session: &mut Session) -> Result<()> {
        let doing = format!("reading {}", self.statements.rows_of);
        let answer = session
            .query(&doing, &self.statements.lacking(), &[])
            .await?;
        let found = answer.iter().find(|batch| batch.num_rows() > 0);
        let found = found.and_then(|batch| batch.column(0).as_boolean_opt());
        match found.ok_or_else(unreadable)?.value(0) {
            false => Ok(()),
            true => Err(self.statements.lacks_places()),
        }
    }

    pub(super) fn newest(&self) -> String {
        self.statements.newest()
    }

    pub(super) fn rows(&self, after: Option<&Place>, to: &Place) -> String {
        self.statements.rows(&self.columns, after, to)
    }
}

fn unreadable() -> Error {
    Error::new(
        Kind::Other,
        Blame::Host,
        "the library's answer cannot be read",
    )
}

/// `kind` as the library names it.
fn ordering(name: &Name, kind: &String) -> Result<Ordering> {
    let as_it_is = |literal: fn(i64) -> String| Ordering {
        name: name.clone(),
        compared: name.to_string(),
        literal,
    };
    Ok(match kind.as_str() {
        "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "UTINYINT" | "USMALLINT" | "UINTEGER"
        | "UBIGINT" => as_it_is(|number| format!("cast('{number}' as bigint)")),
        "DATE" => as_it_is(|days| format!("cast(date '1970-01-01' + ({days}) as date)")),
        "TIMESTAMP" => as_it_is(|micros| format!("make_timestamp({micros})")),
        "TIMESTAMP_NS" => as_it_is(|nanos| format!("make_timestamp_ns({nanos})")),
        // These have no such functions, or ones that ask for the session's zone.
        "TIMESTAMP_S" => counted(name, "epoch_us", |seconds| {
            i128::from(seconds).saturating_mul(1_000_000).to_string()
        }),
        "TIMESTAMP_MS" => counted(name, "epoch_ms", |millis| millis.to_string()),
        "TIMESTAMP WITH TIME ZONE" => counted(name, "epoch_us", |micros| micros.to_string()),
        _ => {
            return Err(wrong(format!(
                "`order_by` names `{}`, which is of type {kind}: an integer, a date or a timestamp can \
                 say which row comes next",
                name.as_str()
            )));
        }
    })
}

fn counted(name: &Name, function: &str, literal: fn(i64) -> String) -> Ordering {
    Ordering {
        name: name.clone(),
        compared: format!("{function}({name})"),
        literal,
    }
}
