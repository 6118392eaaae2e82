//! Numbers for schemas, so that a guest can keep what it made for one.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

/// Numbers for equal schemas.
#[derive(Debug, Default)]
pub(in crate::guest) struct SchemaIds {
    ids: HashMap<SchemaRef, u32>,
    /// The last one asked for: batch follows batch of one schema.
    last: Option<(SchemaRef, u32)>,
}

impl SchemaIds {
    pub(in crate::guest) fn of(&mut self, schema: &SchemaRef) -> u32 {
        if let Some((last, id)) = &self.last
            && Arc::ptr_eq(last, schema)
        {
            return *id;
        }
        let next = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        let id = *self.ids.entry(Arc::clone(schema)).or_insert(next);
        self.last = Some((Arc::clone(schema), id));
        id
    }
}
