//! What the server is asked.

use std::sync::Arc;

use futures::{StreamExt, pin_mut};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{Kind as TypeKind, Type};
use wasm_sink_core::ordered::{
    Comparison, OrderedSettings, Ordering, Place, RowsOf, Statements, last_place, wrong,
};
use wasm_sink_core::sql::Name;
use wasm_sink_core::{Blame, Error, Kind, Result, data_type};

use crate::decode::{Decoder, SourceColumn, SourceType};
use crate::error::server_error;
use crate::name::NAMES;

/// A query whose columns are known.
pub(super) struct Query {
    columns: Vec<Asked>,
    order: Vec<SourceColumn>,
    statements: Statements,
    /// Whether a row may have no place.
    may_lack_places: bool,
}

/// A column, and how it is asked for.
struct Asked {
    column: SourceColumn,
    expression: String,
}

impl Query {
    /// # Errors
    /// Of the server; an ordering column that is not there, or cannot order.
    pub(super) async fn describe(client: &Client, settings: &OrderedSettings) -> Result<Self> {
        let mut statements = Statements::of(&settings.rows, Comparison::Rows);
        let failed = |error| server_error(&format!("looking at {}", settings.rows), error);
        let described = client
            .prepare(&statements.columns())
            .await
            .map_err(failed)?;
        let mut columns: Vec<Asked> = Vec::new();
        for column in described.columns() {
            if columns
                .iter()
                .any(|asked| asked.column.name == column.name())
            {
                return Err(wrong(format!(
                    "{} has two columns `{}`: give one of them another name",
                    settings.rows,
                    column.name()
                )));
            }
            columns.push(asked(
                column.name(),
                column.type_(),
                column.type_modifier(),
            )?);
        }
        let known = columns.iter().map(|asked| &asked.column);
        let known: Vec<_> = known.map(|it| (it.name.clone(), it.clone())).collect();
        statements.order_by(settings, &known, ordering)?;
        let of_name = |name: &Name| {
            let mut known = known.iter();
            let found = known.find(|(known, _)| known == name.as_str());
            found.map(|(_, column)| column.clone())
        };
        Ok(Self {
            order: settings.order_by.iter().filter_map(of_name).collect(),
            may_lack_places: may_lack_places(client, settings).await.map_err(failed)?,
            columns,
            statements,
        })
    }

    /// Rows that stand nowhere would never be read, and nobody would hear of them.
    ///
    /// # Errors
    /// There are some.
    pub(super) async fn require_places(&self, client: &Client) -> Result<()> {
        if !self.may_lack_places {
            return Ok(());
        }
        let answer = client.query_one(&self.statements.lacking(), &[]).await;
        let answer = answer.map_err(|error| self.failed(error))?;
        match answer.get(0) {
            false => Ok(()),
            true => Err(self.statements.lacks_places()),
        }
    }

    /// The place of the last row.
    ///
    /// # Errors
    /// Of the server.
    pub(super) async fn newest(&self, client: &Client) -> Result<Option<Place>> {
        let mut decoder = Decoder::new(self.order.clone());
        let stream = client.copy_out(&copy(&self.statements.newest())).await;
        let stream = stream.map_err(|error| self.failed(error))?;
        pin_mut!(stream);
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|error| self.failed(error))?;
            decoder.feed(&piece).map_err(malformed)?;
        }
        let decoded = decoder.take().map_err(malformed)?;
        last_place(&decoded.rows, &self.statements.rows_of)
    }

    /// The statement that copies the rows behind `after` out, up to and with `to`.
    pub(super) fn copy(&self, after: Option<&Place>, to: &Place) -> String {
        let expressions = self.columns.iter().map(|it| it.expression.clone());
        let expressions: Vec<_> = expressions.collect();
        copy(&self.statements.rows(&expressions, after, to))
    }

    pub(super) fn decoder(&self) -> Decoder {
        Decoder::new(self.columns.iter().map(|it| it.column.clone()).collect())
    }

    pub(super) fn failed(&self, error: tokio_postgres::Error) -> Error {
        if error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) {
            return wrong(format!("{} writes: {error}", self.statements.rows_of));
        }
        server_error(&format!("reading {}", self.statements.rows_of), error)
    }

    pub(super) fn rows_of(&self) -> Arc<str> {
        self.statements.rows_of.as_str().into()
    }
}

fn copy(query: &str) -> String {
    format!("copy ({query}) to stdout (format binary)")
}

async fn may_lack_places(
    client: &Client,
    settings: &OrderedSettings,
) -> std::result::Result<bool, tokio_postgres::Error> {
    let RowsOf::Table(table) = &settings.rows else {
        return Ok(true);
    };
    let names: Vec<&str> = settings.order_by.iter().map(|name| name.as_str()).collect();
    let found = client
        .query_one(
            "select count(*) from pg_attribute where attrelid = to_regclass($1) \
             and attname::text = any($2) and attnotnull",
            &[&table.to_string(), &names],
        )
        .await?;
    Ok(found.get::<_, i64>(0) < names.len() as i64)
}

pub(super) fn malformed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    let message = "the server's answer is none of the binary form of COPY";
    Error::new(Kind::Other, Blame::Source, message).with_source(error)
}

/// How a column is asked for. What has no form of its own here comes as text.
fn asked(name: &str, kind: &Type, modifier: i32) -> Result<Asked> {
    let quoted = NAMES.name(name).map_err(|error| wrong(error.to_string()))?;
    let known = match kind.kind() {
        TypeKind::Enum(_) => Some(SourceType::Text),
        _ => SourceType::of(kind.oid(), modifier),
    };
    let (kind, expression) = match (known, kind.kind()) {
        (Some(known), _) => (known, quoted.to_string()),
        (None, TypeKind::Array(element)) if !matches!(element.kind(), TypeKind::Composite(_)) => (
            SourceType::Array(Box::new(SourceType::Text)),
            format!("{quoted}::text[]"),
        ),
        // A composite type's own text has no names.
        (None, TypeKind::Composite(_) | TypeKind::Array(_)) => {
            (SourceType::Text, format!("to_jsonb({quoted})::text"))
        }
        (None, _) => (SourceType::Text, format!("{quoted}::text")),
    };
    Ok(Asked {
        column: SourceColumn {
            name: name.to_owned(),
            kind,
        },
        expression,
    })
}

fn ordering(name: &Name, column: &SourceColumn) -> Result<Ordering> {
    let literal = match &column.kind {
        SourceType::Int2 | SourceType::Int4 | SourceType::Int8 => integer,
        SourceType::Date => date,
        SourceType::Timestamp => timestamp,
        SourceType::Timestamptz => timestamptz,
        other => {
            return Err(wrong(format!(
                "`order_by` names `{}`, which is read as {}: a smallint, integer, bigint, date, \
                 timestamp or timestamptz can say which row comes next",
                column.name,
                data_type::name(&other.arrow())
            )));
        }
    };
    Ok(Ordering {
        name: name.clone(),
        compared: name.to_string(),
        literal,
    })
}

const MICROS_PER_DAY: i64 = 86_400_000_000;

// Exactly the value of a number, over the whole range that the server has and whatever the session's
// settings.

fn integer(number: i64) -> String {
    format!("'{number}'::bigint")
}

fn date(days: i64) -> String {
    format!("(date '1970-01-01' + ({days}))")
}

fn timestamptz(micros: i64) -> String {
    format!("({} at time zone 'UTC')", timestamp(micros))
}

fn timestamp(micros: i64) -> String {
    let (day, rest) = (
        micros.div_euclid(MICROS_PER_DAY),
        micros.rem_euclid(MICROS_PER_DAY),
    );
    let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!(
        "(date '1970-01-01' + ({day}) + time '{hours:02}:{minutes:02}:{seconds:02}.{micros:06}')"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_values_that_they_stand_for() {
        assert_eq!(integer(i64::MIN), "'-9223372036854775808'::bigint");
        assert_eq!(date(-1), "(date '1970-01-01' + (-1))");
        assert_eq!(
            timestamp(1_500_000),
            "(date '1970-01-01' + (0) + time '00:00:01.500000')"
        );
        assert_eq!(
            timestamptz(-1),
            "((date '1970-01-01' + (-1) + time '23:59:59.999999') at time zone 'UTC')"
        );
    }
}
