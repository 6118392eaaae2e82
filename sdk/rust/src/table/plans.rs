//! What becomes of records before they are staged.

use crate::{Batch, Field, Plan, Result};

use super::config::Mapping;
use super::shape::{Shape, metadata_column};

/// A plan for each schema of records, by its id.
#[derive(Debug, Default)]
pub(super) struct Plans(Vec<(u32, Plan)>);

impl Plans {
    /// The plan for these rows.
    pub(super) fn plan_for(&mut self, rows: &Batch, shape: &Shape) -> Result<&Plan> {
        let schema = rows.schema_id();
        let index = match self.0.iter().position(|(id, _)| *id == schema) {
            Some(index) => index,
            None => {
                self.0.push((schema, plan(shape, &rows.fields())?));
                self.0.len() - 1
            }
        };
        Ok(&self.0[index].1)
    }
}

/// What becomes of records with these fields.
fn plan(shape: &Shape, fields: &[Field]) -> Result<Plan> {
    let plan = Plan::new();
    for column in &shape.schema {
        let path = std::slice::from_ref(&column.name);
        plan.column(&column.name, path, Some(&column.data_type), column.nullable)?;
    }
    if shape.schema.is_empty() {
        for field in fields.iter().filter(|field| stays(shape, field)) {
            let path = std::slice::from_ref(&field.name);
            plan.column(&field.name, path, None, field.nullable)?;
        }
    }
    for mapping in &shape.field_mappings {
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
    for key in &shape.metadata_columns {
        plan.metadata(&metadata_column(key), key)?;
    }
    Ok(plan)
}

/// Whether a top-level field becomes a column under its own name, as it is.
fn stays(shape: &Shape, field: &Field) -> bool {
    let moves = |mapping: &Mapping| {
        let is_whole = mapping.path() == [field.name.as_str()];
        mapping.column == field.name || (is_whole && mapping.data_type.is_none())
    };
    has_values(field)
        && !shape.leave_out.contains(&field.name)
        && !shape.field_mappings.iter().any(moves)
}

/// A column that has only had nulls has no type yet.
pub(super) fn has_values(field: &Field) -> bool {
    field.data_type != "null"
}
