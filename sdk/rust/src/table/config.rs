//! `[sink.config]`.

use serde::Deserialize;
use wasm_sink_sdk::Problem;

/// As in config.schema.json.
#[derive(Deserialize)]
pub struct Config {
    #[serde(default)]
    pub table: String,
    #[serde(default)]
    pub partition_by: Vec<String>,
    #[serde(default)]
    pub write_mode: WriteMode,
    #[serde(default)]
    pub schema: Vec<Column>,
    #[serde(default)]
    pub field_mappings: Vec<Mapping>,
    #[serde(default)]
    pub leave_out: Vec<String>,
    #[serde(default)]
    pub metadata_columns: Vec<String>,
    #[serde(default)]
    pub schema_evolution: SchemaEvolution,
}

/// What becomes of rows that stood in the table before.
#[derive(Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum WriteMode {
    #[default]
    Append,
    Overwrite,
}

/// What becomes of columns that the table lacks.
#[derive(Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum SchemaEvolution {
    #[default]
    AddColumns,
    Strict,
}

/// A column that is taken from the field of its name.
#[derive(Deserialize)]
pub struct Column {
    pub name: String,
    pub data_type: String,
    #[serde(default = "yes")]
    pub nullable: bool,
}

/// A column that is made from a value inside the record.
#[derive(Deserialize)]
pub struct Mapping {
    pub json_path: String,
    pub column: String,
    pub data_type: Option<String>,
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

impl Config {
    /// Name of the column for a metadata key.
    pub fn metadata_column(key: &str) -> String {
        match key {
            "all" => "_metadata".to_owned(),
            key => format!("_{key}"),
        }
    }

    /// What the schema cannot say.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut columns: Vec<String> = Vec::new();
        let mut claim = |name: &str, at: [&str; 3]| {
            if columns.iter().any(|column| column == name) {
                problems.push(
                    Problem::at(at, format!("there are two columns `{name}`"))
                        .with_help("give one of them another name"),
                );
            }
            columns.push(name.to_owned());
        };
        for (index, column) in self.schema.iter().enumerate() {
            claim(&column.name, ["schema", &index.to_string(), "name"]);
        }
        for (index, mapping) in self.field_mappings.iter().enumerate() {
            claim(
                &mapping.column,
                ["field_mappings", &index.to_string(), "column"],
            );
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
        let metadata: Vec<String> = self
            .metadata_columns
            .iter()
            .map(|key| Self::metadata_column(key))
            .collect();
        if !self.schema.is_empty() {
            for (index, name) in self.partition_by.iter().enumerate() {
                if !columns.contains(name) && !metadata.contains(name) {
                    let at = ["partition_by", &index.to_string()];
                    problems.push(
                        Problem::at(at, format!("`{name}` is no column of `schema`"))
                            .with_help("add it to `schema`, or make it with `field_mappings`"),
                    );
                }
            }
        }
        problems
    }
}
