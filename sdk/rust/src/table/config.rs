//! The keys of `[sink.config]` that every table sink has, and of `[[routes]]`.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// As in config.schema.json, with the keys that a destination has of its own.
#[derive(Debug)]
pub struct Config<Own> {
    /// Which table; what a name may be is the destination's. With routes: for what none of them takes.
    pub table_name: Option<String>,
    /// For all tables, where a route says nothing else.
    pub keys: Keys,
    /// Which rows go to which table.
    pub routes: Vec<Route>,
    /// The destination's.
    pub own: Own,
}

/// What `[sink.config]` says for all tables, and a route for its own; `Shape` is what that makes.
#[derive(Debug, Default, Deserialize)]
pub struct Keys {
    /// What becomes of older rows.
    pub write_mode: Option<WriteMode>,
    /// The columns by which a row takes the place of another.
    pub key_fields: Option<Vec<String>>,
    /// The columns to take; absent: every field.
    pub schema: Option<Vec<Column>>,
    /// Columns from inside the records.
    pub field_mappings: Option<Vec<Mapping>>,
    /// Fields that are not written.
    pub leave_out: Option<Vec<String>>,
    /// What the source knows of a record, as columns.
    pub metadata_columns: Option<Vec<String>>,
    /// What becomes of columns that the table lacks, or that hold less.
    pub schema_evolution: Option<SchemaEvolution>,
}

/// One of `[[routes]]`: either a topic or a pattern.
#[derive(Debug)]
pub struct Route {
    /// The topic, letter by letter.
    pub topic: Option<String>,
    /// The whole topic; `*` is any characters, also none, and `?` is one.
    pub pattern: Option<String>,
    /// Where its rows go.
    pub table: String,
    /// What is different there.
    pub keys: Keys,
}

impl<'de, Own: DeserializeOwned> Deserialize<'de> for Config<Own> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Tables {
            // The destination's schema has one of the names.
            #[serde(alias = "topic")]
            table_name: Option<String>,
            #[serde(default)]
            routes: Vec<Route>,
        }
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let Tables { table_name, routes } = part(&text)?;
        Ok(Self {
            table_name,
            keys: part(&text)?,
            routes,
            own: part(&text)?,
        })
    }
}

impl<'de> Deserialize<'de> for Route {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Way {
            topic: Option<String>,
            pattern: Option<String>,
            table: String,
        }
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let Way {
            topic,
            pattern,
            table,
        } = part(&text)?;
        Ok(Self {
            topic,
            pattern,
            table,
            keys: part(&text)?,
        })
    }
}

/// Those keys of a table that `T` has. Each part reads the text once more: components stay smaller
/// than with serde's `flatten`.
fn part<T: DeserializeOwned, E: Error>(text: &RawValue) -> Result<T, E> {
    serde_json::from_str(text.get()).map_err(E::custom)
}

/// What becomes of rows that stood in the table before.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum WriteMode {
    /// They stay.
    #[default]
    Append,
    /// They go with this pipeline's first commit.
    Overwrite,
    /// Those stay that no new row takes the place of.
    Upsert,
}

/// What becomes of columns that the table lacks, or that hold less than the records'.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum SchemaEvolution {
    /// They are added.
    #[default]
    AddColumns,
    /// They are added; columns that hold less than the records' become ones that hold both.
    Widen,
    /// They stop the pipeline.
    Strict,
}

/// A column that is taken from the field of its name.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Column {
    /// Of the field and of the column.
    pub name: String,
    /// As in `decimal(10,2)`.
    pub data_type: String,
    /// Whether it may be null.
    #[serde(default = "yes")]
    pub nullable: bool,
}

/// A column that is made from a value inside the record.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Mapping {
    /// Names joined by dots.
    pub json_path: String,
    /// The column that it makes.
    pub column: String,
    /// None: as found.
    pub data_type: Option<String>,
    /// Whether it may be null.
    #[serde(default = "yes")]
    pub nullable: bool,
}

fn yes() -> bool {
    true
}

impl Mapping {
    /// The steps of `json_path`.
    pub fn path(&self) -> Vec<String> {
        let path = self.json_path.strip_prefix("$.").unwrap_or(&self.json_path);
        path.split('.').map(str::to_owned).collect()
    }
}
