//! What a table is.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, IntervalUnit};
use wasm_sink_core::guest::fit::goes_into;
use wasm_sink_core::guest::wit;
use wasm_sink_core::sql::TableName;
use wasm_sink_core::{Blame, Error, Kind, Result, data_type};

use crate::NAMES;
use crate::library;
use crate::session::Session;
use crate::types::{new_column, on_the_way, wanted};

/// A column that rows can be written to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// As DuckDB names its type.
    pub(crate) sql: String,
    /// What values become before they go there.
    pub(crate) data_type: DataType,
    pub(crate) allows_null: bool,
    /// What happens where the rows do not have it.
    pub(crate) has_default: bool,
}

/// The columns of a table, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Columns(Vec<Column>);

const COLUMNS: &str = "
    select column_name, data_type, is_nullable, column_default is not null
    from duckdb_columns()
    where database_name = current_database() and lower(schema_name) = lower(?) and lower(table_name) = lower(?)
      and table_oid in (select table_oid from duckdb_tables())
    order by column_index";

const VIEWS: &str = "
    select view_name from duckdb_views()
    where database_name = current_database() and lower(schema_name) = lower(?)
          and lower(view_name) = lower(?)";

impl Columns {
    /// None where there is no such table.
    ///
    /// # Errors
    /// Of the library; `invalid` for a view.
    pub(crate) async fn read(
        session: &mut Session,
        table: &TableName,
    ) -> Result<Option<Arc<Self>>> {
        let doing = format!("looking at table {table}");
        let schema = table.schema().map_or("main", |schema| schema.as_str());
        let key = [schema.into(), table.table().as_str().into()];
        let found = session.query(&doing, COLUMNS, &key).await?;
        let schema = found.first().map(|batch| batch.schema());
        let found = schema.map(|schema| concat_batches(&schema, &found));
        let unreadable = |error| {
            Error::new(
                Kind::Other,
                Blame::Host,
                "the list of columns cannot be read",
            )
            .with_source(error)
        };
        let Some(found) = found.transpose().map_err(unreadable)? else {
            return Ok(None);
        };
        if found.num_rows() == 0 {
            let views = session.query(&doing, VIEWS, &key).await?;
            return match views.iter().any(|batch| batch.num_rows() > 0) {
                true => Err(Error::invalid(format!(
                    "{table} is a view, which takes no rows"
                ))),
                false => Ok(None),
            };
        }
        let (names, types) = (
            found.column(0).as_string::<i32>(),
            found.column(1).as_string::<i32>(),
        );
        let (nulls, defaults) = (found.column(2).as_boolean(), found.column(3).as_boolean());
        let described: Vec<(String, String, bool, bool)> = (0..found.num_rows())
            .map(|row| {
                let (name, kind) = (names.value(row).to_owned(), types.value(row).to_owned());
                (name, kind, nulls.value(row), defaults.value(row))
            })
            .collect();
        let table = table.to_string();
        let columns = session.work(&doing, move |session| describe(session, &table, described));
        Ok(Some(Arc::new(Self(columns.await?))))
    }

    /// Those of a table that would be made for these fields.
    ///
    /// # Errors
    /// `invalid`: a name or a type that DuckDB does not have.
    pub(crate) fn requested(fields: &[wit::Field]) -> Result<Self> {
        if fields.is_empty() {
            return Err(Error::invalid("a table has at least one column"));
        }
        let mut columns = Self(Vec::with_capacity(fields.len()));
        for field in fields {
            if let Some(there) = columns.get(&field.name) {
                return Err(Error::invalid(format!(
                    "there are two columns `{}` and `{}`, and DuckDB does not tell large letters \
                     from small ones; rename one with `field_mappings`",
                    there.name, field.name
                )));
            }
            columns.0.push(requested(field)?);
        }
        Ok(columns)
    }

    /// With the types that the library gives such columns, before there are any.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) async fn settled(self, session: &mut Session) -> Result<Self> {
        let casts: Vec<String> = self
            .0
            .iter()
            .enumerate()
            .map(|(index, column)| format!("cast(null as {}) as c{index}", column.sql))
            .collect();
        let query = format!("select {}", casts.join(", "));
        let kinds = session
            .work("looking at types", move |session| session.schema(&query))
            .await?;
        let columns = self.0.into_iter().zip(kinds.fields());
        let columns = columns.map(|(column, kind)| Column {
            data_type: wanted(kind.data_type()),
            ..column
        });
        Ok(Self(columns.collect()))
    }

    /// By its name, in whatever letters.
    pub(crate) fn get(&self, name: &str) -> Option<&Column> {
        self.0
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(name))
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
    pub(crate) fn missing(&self, fields: &[wit::Field]) -> Result<Self> {
        let mut missing = Vec::new();
        for field in fields {
            match self.get(&field.name) {
                None => missing.push(requested(field)?),
                Some(column) => column.check(&parsed(field)?)?,
            }
        }
        Ok(Self(missing))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same columns, each open for nulls.
    pub(crate) fn nullable(mut self) -> Self {
        for column in &mut self.0 {
            column.allows_null = true;
        }
        self
    }

    /// Those that hold less than `fields`, with types that hold both.
    ///
    /// # Errors
    /// `invalid`: one of `fields` has no type.
    pub(crate) fn wider(&self, fields: &[wit::Field]) -> Result<Self> {
        let mut wider = Vec::new();
        for field in fields {
            let values = parsed(field)?;
            let Some(column) = self.get(&field.name) else {
                continue;
            };
            if let Some(both) = data_type::wider(&column.data_type, &values)
                && let Ok(sql) = new_column(&column.name, &both)
                && sql != column.sql
            {
                wider.push(Column {
                    sql,
                    data_type: wanted(&both),
                    ..column.clone()
                });
            }
        }
        Ok(Self(wider))
    }

    /// With these in place of those of the same names.
    pub(crate) fn replaced(&self, by: Self) -> Self {
        let mut columns = self.clone();
        for new in by.0 {
            let mut all = columns.0.iter_mut();
            if let Some(old) = all.find(|column| column.name == new.name) {
                *old = new;
            }
        }
        columns
    }

    /// With further columns, as a preview pretends.
    pub(crate) fn with(&self, more: Self) -> Self {
        let mut columns = self.0.clone();
        columns.extend(more.0);
        Self(columns)
    }

    /// For the component.
    pub(crate) fn fields(&self) -> Vec<wit::Field> {
        let fields = self.0.iter().map(|column| wit::Field {
            name: column.name.clone(),
            data_type: data_type::name(&column.data_type),
            nullable: column.allows_null,
        });
        fields.collect()
    }
}

/// What values go into columns of which name, type, nulls and default are known.
fn describe(
    session: &mut library::Session,
    table: &str,
    columns: Vec<(String, String, bool, bool)>,
) -> library::Result<Vec<Column>> {
    let kinds = session.schema(&format!("select * from {table} limit 0"))?;
    let described = columns
        .into_iter()
        .filter_map(|(name, sql, allows_null, has_default)| {
            let kind = kinds.field_with_name(&name).ok()?;
            // What a column is generated from stands where others have their default, and nothing but an
            // insert tells them apart.
            let column = NAMES.name(&name).ok()?;
            let insert = format!("insert into {table} ({column}) values (null)");
            if has_default && !session.understands(&insert) {
                return None;
            }
            let data_type = match sql.as_str() {
                // Bytes in Arrow, which the library does not read back.
                "BIT" => DataType::Utf8,
                // Times in Arrow have no zone.
                "TIME WITH TIME ZONE" => DataType::Null,
                _ => wanted(kind.data_type()),
            };
            Some(Column {
                name,
                sql,
                data_type,
                allows_null,
                has_default,
            })
        });
    Ok(described.collect())
}

impl Column {
    /// As `create table` and `add column` take it.
    pub(crate) fn definition(&self) -> Result<String> {
        let nulls = if self.allows_null { "" } else { " not null" };
        Ok(format!("{} {}{nulls}", NAMES.name(&self.name)?, self.sql))
    }

    /// Checks that values of a type go here.
    ///
    /// # Errors
    /// `invalid`, with what the column takes.
    pub(crate) fn check(&self, values: &DataType) -> Result<()> {
        let day_time = DataType::Interval(IntervalUnit::DayTime);
        let month_day_nano = DataType::Interval(IntervalUnit::MonthDayNano);
        let values = if *values == day_time {
            &month_day_nano
        } else {
            values
        };
        let to = on_the_way(values, &self.data_type);
        let is_json = self.sql == "JSON" && values.is_nested();
        match goes_into(values, &to) || is_json {
            true => Ok(()),
            false => Err(Error::invalid(format!(
                "column `{}` is {} in the table, which takes no {}; give it another type in \
                 `schema` or `field_mappings`",
                self.name,
                self.sql,
                data_type::name(values)
            ))),
        }
    }
}

fn parsed(field: &wit::Field) -> Result<DataType> {
    data_type::parse(&field.data_type)
        .map_err(|error| Error::invalid(format!("column `{}`: {error}", field.name)))
}

fn requested(field: &wit::Field) -> Result<Column> {
    NAMES.name(&field.name)?;
    let data_type = parsed(field)?;
    Ok(Column {
        name: field.name.clone(),
        sql: new_column(&field.name, &data_type)?,
        data_type: wanted(&data_type),
        allows_null: field.nullable,
        has_default: false,
    })
}
