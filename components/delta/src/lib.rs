//! Rows into one Delta table: shaped by a plan, the table created and grown as they come. No value
//! passes through here; the host does the work on batches that this component only names.

mod config;

use wasm_sink_sdk::delta::Table;
use wasm_sink_sdk::{Batch, Error, ErrorKind, Field, Plan, Problem, Result, Sink};

use crate::config::{Config, Mapping, SchemaEvolution, WriteMode};

struct Delta {
    config: Config,
    table: Table,
    /// The plan for rows of a schema, by its id.
    plans: Vec<(u32, Plan)>,
    /// Ids of the schemas whose columns the table was seen to have.
    fitting: Vec<u32>,
}

impl Sink for Delta {
    type Config = Config;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn validate(config: &Config) -> Vec<Problem> {
        config.problems()
    }

    fn open(config: Config) -> Result<Self> {
        let table = Table::open("default", &config.table)?;
        if config.write_mode == WriteMode::Overwrite {
            table.overwrite()?;
        }
        Ok(Self {
            config,
            table,
            plans: Vec::new(),
            fitting: Vec::new(),
        })
    }

    fn write(&mut self, rows: Batch) -> Result<()> {
        let shaped = self.plan_for(&rows)?.apply(&rows)?;
        let schema = shaped.schema_id();
        if !self.fitting.contains(&schema) {
            self.fit_table(&shaped)?;
            self.fitting.push(schema);
        }
        self.table.append(&shaped)
    }
}

impl Delta {
    fn plan_for(&mut self, rows: &Batch) -> Result<&Plan> {
        let schema = rows.schema_id();
        let index = match self.plans.iter().position(|(id, _)| *id == schema) {
            Some(index) => index,
            None => {
                self.plans.push((schema, self.plan(&rows.fields())?));
                self.plans.len() - 1
            }
        };
        Ok(&self.plans[index].1)
    }

    /// What becomes of records with these fields.
    fn plan(&self, fields: &[Field]) -> Result<Plan> {
        let plan = Plan::new();
        for column in &self.config.schema {
            let path = std::slice::from_ref(&column.name);
            plan.column(&column.name, path, Some(&column.data_type), column.nullable)?;
        }
        if self.config.schema.is_empty() {
            for field in fields.iter().filter(|field| self.stays(field)) {
                let path = std::slice::from_ref(&field.name);
                plan.column(&field.name, path, None, field.nullable)?;
            }
        }
        for mapping in &self.config.field_mappings {
            let path = mapping.path();
            let is_there = fields
                .iter()
                .any(|field| field.name == path[0] && has_values(field));
            // A column of unknown type waits until there is a value.
            if is_there || mapping.data_type.is_some() {
                let data_type = mapping.data_type.as_deref();
                plan.column(&mapping.column, &path, data_type, mapping.nullable)?;
            }
        }
        for key in &self.config.metadata_columns {
            plan.metadata(&Config::metadata_column(key), key)?;
        }
        Ok(plan)
    }

    /// Whether a top-level field becomes a column under its own name, as it is.
    fn stays(&self, field: &Field) -> bool {
        let moves = |mapping: &Mapping| {
            let is_whole = mapping.path() == [field.name.as_str()];
            mapping.column == field.name || (is_whole && mapping.data_type.is_none())
        };
        has_values(field)
            && !self.config.leave_out.contains(&field.name)
            && !self.config.field_mappings.iter().any(moves)
    }

    /// Sees to it that the table has the columns of these rows.
    fn fit_table(&self, rows: &Batch) -> Result<()> {
        let mut fields = rows.fields();
        fields.retain(has_values);
        if self.table.fields()?.is_none() {
            match self.table.create(&fields, &self.config.partition_by) {
                // Another instance may have been first, with other rows.
                Err(error)
                    if error.kind == ErrorKind::Invalid && self.table.fields()?.is_some() => {}
                created => return created,
            }
        }
        let known = self.table.fields()?.unwrap_or_default();
        let is_known = |field: &Field| known.iter().any(|column| column.name == field.name);
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

/// A column that has only had nulls has no type yet.
fn has_values(field: &Field) -> bool {
    field.data_type != "null"
}

wasm_sink_sdk::sink!(Delta);
