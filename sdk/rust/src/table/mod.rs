//! What every sink for tables shares: the shape of rows, columns that come later, and what becomes of
//! older rows, with the same keys for all destinations.
//!
//! A destination adds what is its own: [`Destination`]. [`TableSink`] makes a sink of both. No value
//! passes through here; the host does the work on batches that this only names.

mod config;
mod plans;
mod problems;
mod route;
mod shape;
mod target;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::de::DeserializeOwned;

use crate::{Batch, Error, Field, Problem, Result, Sink, reject};

pub use config::{Column, Config, Keys, Mapping, Route, SchemaEvolution, WriteMode};
pub use problems::Place;

use route::{Router, Way};
use target::Target;

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

    /// Whether two names are those of one column, or of one table.
    fn is_same_name(one: &str, other: &str) -> bool {
        one == other
    }

    /// Gives columns that hold less than these a type that holds both. None: this cannot be.
    fn widen_columns(&self, fields: &[Field]) -> Option<Result<()>> {
        let _ = fields;
        None
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
    /// The key that names the table of what no route takes.
    const TABLE_KEY: &'static str = "table_name";
    /// The table of a pipeline that has neither that key nor routes; None: it has to have one.
    const DEFAULT_TABLE: Option<&'static str> = None;

    /// Mistakes in its own keys that the schema cannot find.
    fn validate(config: &Config<Self::Config>) -> Vec<Problem> {
        let _ = config;
        Vec::new()
    }

    /// What is to be said of a table that was just opened.
    ///
    /// # Errors
    /// Of the host.
    fn opened(table: &Self::Table, config: &Config<Self::Config>) -> Result<()> {
        let _ = (table, config);
        Ok(())
    }

    /// Creates the table with these columns. `invalid`: it is there, with others.
    ///
    /// # Errors
    /// Of the host.
    fn create(table: &Self::Table, fields: &[Field], config: &Config<Self::Config>) -> Result<()>;
}

/// A sink of rows into tables of a destination: into one, or by routes into several.
#[derive(Debug)]
pub struct TableSink<D: Destination> {
    config: Config<D::Config>,
    /// One per route; behind them that of all other rows, if they have one.
    targets: Vec<Target<D::Table>>,
    /// None where there are no routes.
    router: Option<Router>,
}

impl<D: Destination> Sink for TableSink<D> {
    type Config = Config<D::Config>;
    const CONFIG_SCHEMA: &'static str = D::CONFIG_SCHEMA;

    fn config_schema() -> String {
        joined(D::CONFIG_SCHEMA, SHARED_KEYS).unwrap_or_else(|| D::CONFIG_SCHEMA.to_owned())
    }

    fn validate(config: &Self::Config) -> Vec<Problem> {
        let mut problems = config.problems(D::TABLE_KEY, D::DEFAULT_TABLE, D::Table::is_same_name);
        problems.extend(D::validate(config));
        problems
    }

    /// Opens all tables, also those that get rows later or never: the host asks by this where a
    /// pipeline goes.
    fn open(config: Self::Config) -> Result<Self> {
        let mut targets = Vec::new();
        for lane in config.lanes(D::DEFAULT_TABLE) {
            targets.push(Target::open::<D>(lane, &targets, &config)?);
        }
        let router = match config.routes.is_empty() {
            true => None,
            false => Some(Router::new()?),
        };
        Ok(Self {
            config,
            targets,
            router,
        })
    }

    fn write(&mut self, rows: Batch) -> Result<()> {
        let (index, topic) = match &mut self.router {
            None => (0, None),
            Some(_) if rows.row_count() == 0 => return Ok(()),
            Some(router) => match router.way(&rows, &self.config.routes)? {
                Way::Route(index) => (index, None),
                Way::Rest(topic) => (self.config.routes.len(), topic),
            },
        };
        match self.targets.get_mut(index) {
            Some(target) => target.write::<D>(&rows, &self.config),
            None if self.router.is_some() => reject(&rows, &unrouted(D::TABLE_KEY, topic)),
            None => Err(Error::invalid(format!("`{}` is missing", D::TABLE_KEY))),
        }
    }
}

/// Why rows go nowhere.
fn unrouted(key: &str, topic: Option<String>) -> String {
    let what = match topic {
        Some(topic) => format!("no route takes the topic `{topic}`: add one"),
        None => "the source has no topics, so no route takes its records: write none".to_owned(),
    };
    format!("{what}, or name where the rest goes with `{key}` in [sink.config]")
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
