//! What every sink for tables shares: the shape of rows, columns that come later, and what becomes of
//! older rows, with the same keys for all destinations.
//!
//! A destination adds what is its own: [`Destination`]. [`TableSink`] makes a sink of both. No value
//! passes through here; the host does the work on batches that this only names.

mod config;
mod shape;

use std::fmt;

use serde::de::DeserializeOwned;

use crate::{Batch, Error, ErrorKind, Field, Problem, Result, Sink};

pub use config::{Column, Config, Mapping, SchemaEvolution, WriteMode};

use shape::{Shapes, has_values};

/// The keys that all table sinks share: JSON Schema, by key.
const SHARED_KEYS: &str = include_str!("config.schema.json");

/// A table of a capability, as far as all have the same functions.
pub trait Table: fmt::Debug + 'static {
    /// Opens it; one that is missing is no error.
    ///
    /// # Errors
    /// The role was not granted, or the name is none.
    fn open(connection: &str, name: &str) -> Result<Self>
    where
        Self: Sized;

    /// Its columns; None where there is no table yet.
    ///
    /// # Errors
    /// Of the host.
    fn fields(&self) -> Result<Option<Vec<Field>>>;

    /// Adds nullable columns at the end; those that it has are no error.
    ///
    /// # Errors
    /// `invalid` for a column of another type.
    fn add_columns(&self, fields: &[Field]) -> Result<()>;

    /// Stages rows.
    ///
    /// # Errors
    /// Of the host.
    fn append(&self, rows: &Batch) -> Result<()>;

    /// Has the older rows go with this pipeline's first commit.
    ///
    /// # Errors
    /// Of the host.
    fn overwrite(&self) -> Result<()>;

    /// Whether two names are those of one column.
    fn is_same_name(one: &str, other: &str) -> bool {
        one == other
    }

    /// Has rows take the place of those with the same values in these columns. None: this cannot be.
    fn upsert_by(&self, keys: &[String]) -> Option<Result<()>> {
        let _ = keys;
        None
    }
}

/// Implements [`Table`] for a generated resource that has its functions; beside them, what else it has.
#[allow(unused_macros, reason = "without any capability there is no table")]
macro_rules! table {
    ($table:ty $(, $($more:tt)*)?) => {
        impl $crate::table::Table for $table {
            fn open(connection: &str, name: &str) -> $crate::Result<Self> {
                Self::open(connection, name)
            }

            fn fields(&self) -> $crate::Result<Option<Vec<$crate::Field>>> {
                self.fields()
            }

            fn add_columns(&self, fields: &[$crate::Field]) -> $crate::Result<()> {
                self.add_columns(fields)
            }

            fn append(&self, rows: &$crate::Batch) -> $crate::Result<()> {
                self.append(rows)
            }

            fn overwrite(&self) -> $crate::Result<()> {
                self.overwrite()
            }

            $($($more)*)?
        }
    };
}
#[allow(unused_imports, reason = "without any capability there is no table")]
pub(crate) use table;

/// What a destination adds to what all have.
pub trait Destination: Sized + 'static {
    /// Its tables.
    type Table: Table;
    /// Keys of `[sink.config]` beside the shared ones.
    type Config: DeserializeOwned + fmt::Debug;
    /// JSON Schema of its own keys, `table_name` among them, with title and description. Its last
    /// member is `properties`.
    const CONFIG_SCHEMA: &'static str;

    /// Mistakes in its own keys that the schema cannot find.
    fn validate(config: &Config<Self::Config>) -> Vec<Problem> {
        let _ = config;
        Vec::new()
    }

    /// Creates the table with these columns. `invalid`: it is there, with others.
    ///
    /// # Errors
    /// Of the host.
    fn create(table: &Self::Table, fields: &[Field], config: &Config<Self::Config>) -> Result<()>;
}

/// A sink of rows into one table of a destination.
#[derive(Debug)]
pub struct TableSink<D: Destination> {
    config: Config<D::Config>,
    table: D::Table,
    shapes: Shapes,
    /// Ids of the schemas whose columns the table was seen to have.
    fitting: Vec<u32>,
}

impl<D: Destination> Sink for TableSink<D> {
    type Config = Config<D::Config>;
    const CONFIG_SCHEMA: &'static str = D::CONFIG_SCHEMA;

    fn config_schema() -> String {
        joined(D::CONFIG_SCHEMA, SHARED_KEYS).unwrap_or_else(|| D::CONFIG_SCHEMA.to_owned())
    }

    fn validate(config: &Self::Config) -> Vec<Problem> {
        let mut problems = config.problems();
        problems.extend(D::validate(config));
        problems
    }

    fn open(config: Self::Config) -> Result<Self> {
        let table = D::Table::open("default", &config.table_name)?;
        match config.write_mode {
            WriteMode::Append => {}
            WriteMode::Overwrite => table.overwrite()?,
            WriteMode::Upsert => match table.upsert_by(&config.key_fields) {
                Some(done) => done?,
                None => {
                    return Err(Error::new(
                        ErrorKind::Invalid,
                        "this destination has no upsert: write_mode is \"append\" or \"overwrite\"",
                    ));
                }
            },
        }
        Ok(Self {
            config,
            table,
            shapes: Shapes::default(),
            fitting: Vec::new(),
        })
    }

    fn write(&mut self, rows: Batch) -> Result<()> {
        let shaped = self.shapes.plan_for(&rows, &self.config)?.apply(&rows)?;
        let schema = shaped.schema_id();
        if !self.fitting.contains(&schema) {
            self.fit_table(&shaped)?;
            self.fitting.push(schema);
        }
        self.table.append(&shaped)
    }
}

impl<D: Destination> TableSink<D> {
    /// A table with keys is made of rows that have them.
    fn require_keys(&self, fields: &mut [Field]) -> Result<()> {
        for key in &self.config.key_fields {
            match fields
                .iter_mut()
                .find(|field| D::Table::is_same_name(&field.name, key))
            {
                Some(field) => field.nullable = false,
                None => {
                    return Err(Error::new(
                        ErrorKind::Rejected,
                        format!("column `{key}` is in `key_fields`, and no row has a value there"),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Sees to it that the table has the columns of these rows.
    fn fit_table(&self, rows: &Batch) -> Result<()> {
        let mut fields = rows.fields();
        fields.retain(has_values);
        if self.table.fields()?.is_none() {
            self.require_keys(&mut fields)?;
            match D::create(&self.table, &fields, &self.config) {
                // Another instance may have been first, with other rows.
                Err(error)
                    if error.kind == ErrorKind::Invalid && self.table.fields()?.is_some() => {}
                created => return created,
            }
        }
        let known = self.table.fields()?.unwrap_or_default();
        let is_known = |field: &Field| {
            let mut known = known.iter();
            known.any(|column| D::Table::is_same_name(&column.name, &field.name))
        };
        match self.config.schema_evolution {
            SchemaEvolution::AddColumns => {
                for field in fields.iter_mut().filter(|field| !is_known(field)) {
                    field.nullable = true;
                }
                self.table.add_columns(&fields)
            }
            SchemaEvolution::Strict => match fields.iter().find(|field| !is_known(field)) {
                Some(new) => Err(Error::new(
                    ErrorKind::Other,
                    format!(
                        "the records have a column `{}` ({}) that the table lacks; name it in \
                         `leave_out`, add it to the table, or set schema_evolution = \"add_columns\"",
                        new.name, new.data_type
                    ),
                )),
                None => Ok(()),
            },
        }
    }
}

/// A destination's schema, whose last member is `properties`, with the shared keys among those.
/// Text is joined, not JSON: components stay small. None where the texts do not end so.
fn joined(own: &str, shared: &str) -> Option<String> {
    fn inside(text: &str) -> Option<&str> {
        text.trim().strip_suffix('}').map(str::trim_end)
    }
    let open = inside(own).and_then(inside)?;
    let keys = inside(shared)?.strip_prefix('{')?;
    Some(format!("{open},{keys}}}}}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;

    #[test]
    fn shared_keys_stand_beside_those_of_the_destination() {
        let own = r#"{"title": "t", "properties": { "own": {} } }"#;
        let joined: Value = serde_json::from_str(&joined(own, SHARED_KEYS).unwrap()).unwrap();
        let properties = joined["properties"].as_object().unwrap();
        assert_eq!(joined["title"], "t");
        assert!(properties.contains_key("own"));
        assert!(properties.contains_key("field_mappings"));
    }

    #[test]
    fn every_shared_key_is_one_of_the_configuration() {
        let shared: Map<String, Value> = serde_json::from_str(SHARED_KEYS).unwrap();
        let text = include_str!("config.rs");
        for key in shared.keys() {
            assert!(text.contains(&format!("pub {key}: ")), "{key}");
        }
    }
}
