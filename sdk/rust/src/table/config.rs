//! The keys of `[sink.config]` that every table sink has.

use serde::Deserialize;

use crate::Problem;

/// As in config.schema.json, with the keys that a destination has of its own.
#[derive(Debug, Deserialize)]
pub struct Config<Own> {
    /// Which table; what a name may be is the destination's.
    #[serde(default)]
    pub table_name: String,
    /// What becomes of older rows.
    #[serde(default)]
    pub write_mode: WriteMode,
    /// The columns by which a row takes the place of another.
    #[serde(default)]
    pub key_fields: Vec<String>,
    /// The columns to take; empty: every field.
    #[serde(default)]
    pub schema: Vec<Column>,
    /// Columns from inside the records.
    #[serde(default)]
    pub field_mappings: Vec<Mapping>,
    /// Fields that are not written.
    #[serde(default)]
    pub leave_out: Vec<String>,
    /// What the source knows of a record, as columns.
    #[serde(default)]
    pub metadata_columns: Vec<String>,
    /// What becomes of columns that the table lacks.
    #[serde(default)]
    pub schema_evolution: SchemaEvolution,
    /// The destination's.
    #[serde(flatten)]
    pub own: Own,
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

/// What becomes of columns that the table lacks.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum SchemaEvolution {
    /// They are added.
    #[default]
    AddColumns,
    /// They stop the pipeline.
    Strict,
}

/// A column that is taken from the field of its name.
#[derive(Debug, Deserialize)]
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
#[derive(Debug, Deserialize)]
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

/// Name of the column for a metadata key.
pub(super) fn metadata_column(key: &str) -> String {
    match key {
        "all" => "_metadata".to_owned(),
        key => format!("_{key}"),
    }
}

impl<Own> Config<Own> {
    /// Mistakes in the names at `key`, a list of columns.
    pub fn unknown_columns(&self, key: &str, names: &[String]) -> Vec<Problem> {
        if self.schema.is_empty() {
            return Vec::new();
        }
        let is_known = |name: &String| {
            self.schema.iter().any(|column| column.name == *name)
                || self.field_mappings.iter().any(|it| it.column == *name)
                || self
                    .metadata_columns
                    .iter()
                    .any(|it| metadata_column(it) == *name)
        };
        let unknown = names.iter().enumerate().filter(|(_, name)| !is_known(name));
        unknown
            .map(|(index, name)| {
                let message = format!("`{name}` is no column of `schema`");
                Problem::at([key, &index.to_string()], message)
                    .with_help("add it to `schema`, or make it with `field_mappings`")
            })
            .collect()
    }

    /// What the JSON Schema cannot say.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut columns: Vec<String> = Vec::new();
        let mut claim = |name: &str, at: &[&str]| {
            if columns.iter().any(|column| column == name) {
                problems.push(
                    Problem::at(
                        at.iter().copied(),
                        format!("there are two columns `{name}`"),
                    )
                    .with_help("give one of them another name"),
                );
            }
            columns.push(name.to_owned());
        };
        for (index, column) in self.schema.iter().enumerate() {
            claim(&column.name, &["schema", &index.to_string(), "name"]);
        }
        for (index, mapping) in self.field_mappings.iter().enumerate() {
            claim(
                &mapping.column,
                &["field_mappings", &index.to_string(), "column"],
            );
        }
        for (index, key) in self.metadata_columns.iter().enumerate() {
            claim(
                &metadata_column(key),
                &["metadata_columns", &index.to_string()],
            );
        }
        problems.extend(self.unknown_columns("key_fields", &self.key_fields));
        match (self.write_mode, self.key_fields.is_empty()) {
            (WriteMode::Upsert, true) => problems.push(
                Problem::at(["write_mode"], "\"upsert\" needs `key_fields`")
                    .with_help("name the columns that tell rows apart: key_fields = [\"id\"]"),
            ),
            (WriteMode::Append | WriteMode::Overwrite, false) => problems.push(
                Problem::at(["key_fields"], "only \"upsert\" looks at `key_fields`")
                    .with_help("set write_mode = \"upsert\", or leave this out"),
            ),
            _ => {}
        }
        for (index, mapping) in self.field_mappings.iter().enumerate() {
            if mapping.path().iter().any(String::is_empty) {
                let at = ["field_mappings", &index.to_string(), "json_path"];
                problems.push(
                    Problem::at(at, format!("`{}` has an empty step", mapping.json_path))
                        .with_help("join the names with single dots: \"customer.address.city\""),
                );
            }
        }
        problems
    }
}
