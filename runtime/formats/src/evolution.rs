//! The schema of a source while it runs.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};

use crate::decoded::UnknownFields;

/// The columns so far. They never vanish and keep their types; an inferred schema gains columns.
#[derive(Clone, Debug)]
pub struct Evolution {
    pub(crate) current: SchemaRef,
    pub(crate) unknown: UnknownFields,
}

impl Evolution {
    /// The columns that the user named, and no others.
    pub fn given(schema: SchemaRef) -> Self {
        Self {
            current: schema,
            unknown: UnknownFields::Ignore,
        }
    }

    /// Columns that data showed; further data may show more.
    pub fn inferred(schema: SchemaRef) -> Self {
        Self {
            current: schema,
            unknown: UnknownFields::Report,
        }
    }

    /// The columns so far.
    pub fn schema(&self) -> &SchemaRef {
        &self.current
    }

    pub(crate) fn is_current(&self, schema: &SchemaRef) -> bool {
        Arc::ptr_eq(&self.current, schema)
    }
}

/// One column of a schema as text, the way pipeline.toml has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldText {
    /// Its name.
    pub name: String,
    /// Its type, as [`wasm_sink_core::data_type::parse`] reads it.
    pub data_type: String,
    /// Whether it allows nulls.
    pub nullable: bool,
}

/// A schema as text.
pub fn describe(schema: &SchemaRef) -> Vec<FieldText> {
    let text = |data_type: &DataType| wasm_sink_core::data_type::name(data_type);
    let fields = schema.fields().iter().map(|field| FieldText {
        name: field.name().clone(),
        data_type: text(field.data_type()),
        nullable: field.is_nullable(),
    });
    fields.collect()
}
