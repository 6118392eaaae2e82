//! Numbers for schemas, so that a guest can keep what it made for one.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

/// Schemas that an instance may ask a number for. Sources bring a handful, or, where each batch's
/// columns are inferred, as many as their records vary; a guest that makes them up would go on.
const MAX_SCHEMAS: usize = 10_000;

/// Bytes of all these schemas: their fields, nested ones as well, with all names.
const MAX_BYTES: usize = 64 << 20;

/// The instance has asked for too many numbers.
#[derive(Debug, thiserror::Error)]
#[error(
    "`schema-id` was asked for more schemas than an instance may have: {MAX_SCHEMAS}, or \
     {} MiB of fields", MAX_BYTES >> 20
)]
pub(in crate::guest) struct TooManySchemas;

/// Numbers for equal schemas. A number is never given to another schema, so that none is forgotten
/// before the instance is.
#[derive(Debug, Default)]
pub(in crate::guest) struct SchemaIds {
    ids: HashMap<SchemaRef, u32>,
    bytes: usize,
    /// The last one asked for: batch follows batch of one schema.
    last: Option<(SchemaRef, u32)>,
}

impl SchemaIds {
    /// # Errors
    /// One too many.
    pub(in crate::guest) fn of(&mut self, schema: &SchemaRef) -> Result<u32, TooManySchemas> {
        if let Some((last, id)) = &self.last
            && Arc::ptr_eq(last, schema)
        {
            return Ok(*id);
        }
        let id = match self.ids.get(schema) {
            Some(id) => *id,
            None => self.add(schema)?,
        };
        self.last = Some((Arc::clone(schema), id));
        Ok(id)
    }

    fn add(&mut self, schema: &SchemaRef) -> Result<u32, TooManySchemas> {
        let bytes = self.bytes.saturating_add(schema.fields().size());
        if self.ids.len() >= MAX_SCHEMAS || bytes > MAX_BYTES {
            return Err(TooManySchemas);
        }
        let id = u32::try_from(self.ids.len()).map_err(|_| TooManySchemas)?;
        self.bytes = bytes;
        self.ids.insert(Arc::clone(schema), id);
        Ok(id)
    }

    /// Whether an instance should be replaced before it reaches the end.
    pub(in crate::guest) fn is_half_full(&self) -> bool {
        self.ids.len() >= MAX_SCHEMAS / 2 || self.bytes >= MAX_BYTES / 2
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn schema(name: &str, fields: usize) -> SchemaRef {
        let fields = (0..fields).map(|n| Field::new(format!("{name}{n}"), DataType::Int8, true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    #[test]
    fn equal_schemas_have_one_number() {
        let mut ids = SchemaIds::default();
        let ask = |ids: &mut SchemaIds, name| ids.of(&schema(name, 2)).unwrap();
        assert_eq!(ask(&mut ids, "a"), 0);
        assert_eq!(ask(&mut ids, "b"), 1);
        assert_eq!(ask(&mut ids, "a"), 0);
        assert_eq!(ids.ids.len(), 2);
    }

    #[test]
    fn the_number_of_schemas_is_bounded() {
        let mut ids = SchemaIds::default();
        let asked = (0..=MAX_SCHEMAS).find(|n| ids.of(&schema(&n.to_string(), 1)).is_err());
        assert_eq!(asked, Some(MAX_SCHEMAS));
        assert!(ids.is_half_full());
        // Those that have a number keep it.
        assert_eq!(ids.of(&schema("7", 1)).unwrap(), 7);
    }

    #[test]
    fn so_is_what_they_take() {
        let mut ids = SchemaIds::default();
        let refused = (0..1_000).find(|n| ids.of(&schema(&format!("{n} "), 10_000)).is_err());
        assert!(refused.is_some_and(|n| n > 4), "{refused:?}");
        assert!(ids.bytes <= MAX_BYTES);
    }
}
