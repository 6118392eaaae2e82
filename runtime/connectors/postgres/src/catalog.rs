//! What the server says that a table is.

mod composite;

use std::sync::Arc;

use tokio_postgres::Client;
use wasm_sink_core::guest::wit;
use wasm_sink_core::sql::TableName;
use wasm_sink_core::{Error, Result, data_type};

use crate::encode;
use crate::error::server_error;
use crate::name::NAMES;
use crate::types::{PgType, new_column};
use composite::{Composites, DECLARED, Declared, LOOKED_THROUGH};

/// A column that rows can be written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: PgType,
    pub(crate) allows_null: bool,
    /// What happens where the rows do not have it.
    pub(crate) has_default: bool,
    /// Whether its type alone says what goes in: a domain has rules of its own, and char(n) has blanks
    /// at its end.
    is_plain: bool,
}

/// The columns of a table, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns(Vec<Column>);

/// What the server computes is left out (since PostgreSQL 12).
fn query() -> String {
    format!(
        "select {DECLARED},
                a.attname,
                a.attnotnull or t.typnotnull,
                a.atthasdef or a.attidentity <> '',
                t.typtype = 'b' and t.typname <> 'bpchar'
         from pg_attribute a {LOOKED_THROUGH}
         where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped
           and a.attgenerated = '' and a.attidentity <> 'a'
         order by a.attnum"
    )
}

impl Columns {
    /// None where there is no such table.
    ///
    /// # Errors
    /// Of the server.
    pub(crate) async fn read(client: &Client, table: &TableName) -> Result<Option<Arc<Self>>> {
        let name = table.to_string();
        let failed = |error| server_error(&format!("looking at table {table}"), error);
        let there = client
            .query_one("select to_regclass($1) is not null", &[&name])
            .await
            .map_err(failed)?;
        if !there.get::<_, bool>(0) {
            return Ok(None);
        }
        let rows = client.query(&query(), &[&name]).await.map_err(failed)?;
        let declared: Vec<Declared> = rows.iter().map(Declared::of).collect();
        let composites = Composites::read(client, &declared).await.map_err(failed)?;
        let columns = rows.iter().zip(&declared).map(|(row, declared)| Column {
            name: row.get(Declared::WIDTH),
            kind: composites.kind(declared),
            allows_null: !row.get::<_, bool>(Declared::WIDTH + 1),
            has_default: row.get(Declared::WIDTH + 2),
            is_plain: row.get(Declared::WIDTH + 3),
        });
        Ok(Some(Arc::new(Self(columns.collect()))))
    }

    /// Those of a table that would be made for these fields.
    ///
    /// # Errors
    /// `invalid`: a name or a type that the server does not have.
    pub(crate) fn requested(fields: &[wit::Field]) -> Result<Self> {
        if fields.is_empty() {
            return Err(Error::invalid("a table has at least one column"));
        }
        let mut columns: Vec<Column> = Vec::with_capacity(fields.len());
        for field in fields {
            if columns.iter().any(|column| column.name == field.name) {
                return Err(Error::invalid(format!(
                    "there are two columns `{}`",
                    field.name
                )));
            }
            columns.push(requested(field)?);
        }
        Ok(Self(columns))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Column> {
        self.0.iter().find(|column| column.name == name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Column> {
        self.0.iter()
    }

    /// What `create table` takes between its parentheses.
    pub(crate) fn definition(&self) -> Result<String> {
        let columns: Result<Vec<_>> = self.0.iter().map(Column::definition).collect();
        Ok(columns?.join(", "))
    }

    /// Those of `fields` that are not here.
    ///
    /// # Errors
    /// `invalid`: one that is here with a type that does not take such values.
    pub(crate) fn missing(&self, fields: &[wit::Field]) -> Result<Vec<Column>> {
        let mut missing = Vec::new();
        for field in fields {
            match self.get(&field.name) {
                None => missing.push(requested(field)?),
                Some(column) => encode::check(&field.name, &parsed(field)?, &column.kind)?,
            }
        }
        Ok(missing)
    }

    /// Those that hold less than `fields`, with types that hold both.
    ///
    /// # Errors
    /// `invalid`: one of `fields` has no type.
    pub(crate) fn wider(&self, fields: &[wit::Field]) -> Result<Vec<Column>> {
        let mut wider = Vec::new();
        for field in fields {
            let values = parsed(field)?;
            let column = self.get(&field.name).filter(|column| column.is_plain);
            let Some(column) = column else { continue };
            if let Some(kind) = column.kind.widened(&values) {
                wider.push(Column {
                    kind,
                    ..column.clone()
                });
            }
        }
        Ok(wider)
    }

    /// With these in place of those of the same names, as a preview pretends.
    pub(crate) fn replaced(&self, by: Vec<Column>) -> Self {
        let mut columns = self.clone();
        for new in by {
            let mut all = columns.0.iter_mut();
            if let Some(old) = all.find(|column| column.name == new.name) {
                *old = new;
            }
        }
        columns
    }

    /// With further columns, as a preview pretends.
    pub(crate) fn with(&self, more: Vec<Column>) -> Self {
        let mut columns = self.0.clone();
        columns.extend(more);
        Self(columns)
    }

    /// For the component.
    pub(crate) fn fields(&self) -> Vec<wit::Field> {
        let fields = self.0.iter().map(|column| wit::Field {
            name: column.name.clone(),
            data_type: column.kind.data_type(),
            nullable: column.allows_null,
        });
        fields.collect()
    }
}

impl Column {
    /// As `create table` and `add column` take it.
    pub(crate) fn definition(&self) -> Result<String> {
        let nulls = if self.allows_null { "" } else { " not null" };
        Ok(format!(
            "{} {}{nulls}",
            NAMES.name(&self.name)?,
            self.kind.sql()
        ))
    }
}

fn parsed(field: &wit::Field) -> Result<arrow::datatypes::DataType> {
    data_type::parse(&field.data_type)
        .map_err(|error| Error::invalid(format!("column `{}`: {error}", field.name)))
}

fn requested(field: &wit::Field) -> Result<Column> {
    NAMES.name(&field.name)?;
    Ok(Column {
        name: field.name.clone(),
        kind: new_column(&field.name, &parsed(field)?)?,
        allows_null: field.nullable,
        has_default: false,
        is_plain: true,
    })
}
