//! Where references lead, and that they come to an end.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use wasm_sink_core::Result;

use super::unusable;

/// Schemas that may apply to one and the same value.
const MAX_IN_PLACE: u64 = 10_000;

/// What a reference within the schema refers to.
pub(super) fn resolve<'a>(reference: &str, root: &'a Value) -> Option<&'a Value> {
    root.pointer(reference.strip_prefix('#')?)
}

/// Refuses references to elsewhere, references that come back to themselves without having gone
/// into a value, and schemas that double at every step. Any of them would hang or overflow the
/// host.
pub(super) fn references_end(schema: &Value) -> Result<()> {
    let mut walk = Walk {
        root: schema,
        weights: BTreeMap::new(),
    };
    walk.everywhere(schema)
}

/// Keywords whose schemas apply to the same value as the schema around them.
const IN_PLACE: &[&str] = &[
    "allOf",
    "anyOf",
    "dependencies",
    "dependentSchemas",
    "else",
    "if",
    "not",
    "oneOf",
    "then",
];

/// Keywords that hold values, not schemas.
const VALUES: &[&str] = &["const", "default", "enum", "examples"];

struct Walk<'a> {
    root: &'a Value,
    /// By reference: schemas that apply at once where it is used; None while it is being counted.
    weights: BTreeMap<&'a str, Option<u64>>,
}

impl<'a> Walk<'a> {
    fn is_root(&self, schema: &Map<String, Value>) -> bool {
        self.root
            .as_object()
            .is_some_and(|root| std::ptr::eq(root, schema))
    }

    fn everywhere(&mut self, schema: &'a Value) -> Result<()> {
        match schema {
            Value::Object(map) => {
                self.weight(map)?;
                map.iter()
                    .filter(|(keyword, _)| !VALUES.contains(&keyword.as_str()))
                    .try_for_each(|(_, inner)| self.everywhere(inner))
            }
            Value::Array(list) => list.iter().try_for_each(|inner| self.everywhere(inner)),
            _ => Ok(()),
        }
    }

    /// How many schemas apply to a value that this one applies to.
    fn weight(&mut self, schema: &'a Map<String, Value>) -> Result<u64> {
        let mut weight = 1u64;
        for (keyword, inner) in schema {
            let more = match keyword.as_str() {
                "$ref" => match inner {
                    Value::String(reference) => self.reference(reference)?,
                    _ => 0,
                },
                // These change what a reference refers to. As names of properties they have no
                // text for a value.
                "$dynamicRef" | "$recursiveRef" | "$dynamicAnchor" if inner.is_string() => {
                    return Err(unusable(format!("`{keyword}` is not supported")));
                }
                "$id" if inner.is_string() && !self.is_root(schema) => {
                    return Err(unusable("`$id` is not supported below the root".to_owned()));
                }
                keyword if IN_PLACE.contains(&keyword) => self.inside(inner)?,
                _ => 0,
            };
            weight = weight.saturating_add(more);
        }
        if weight > MAX_IN_PLACE {
            return Err(unusable("too many schemas apply to one value".to_owned()));
        }
        Ok(weight)
    }

    /// A schema, a list of them, or a table of them.
    fn inside(&mut self, inner: &'a Value) -> Result<u64> {
        match inner {
            Value::Array(list) => list.iter().try_fold(0u64, |sum, one| {
                Ok(sum.saturating_add(match one {
                    Value::Object(schema) => self.weight(schema)?,
                    _ => 0,
                }))
            }),
            Value::Object(schema) => {
                let mut sum = self.weight(schema)?;
                for one in schema.values() {
                    if let Value::Object(one) = one {
                        sum = sum.saturating_add(self.weight(one)?);
                    }
                }
                Ok(sum)
            }
            _ => Ok(0),
        }
    }

    fn reference(&mut self, reference: &'a str) -> Result<u64> {
        match self.weights.get(reference) {
            Some(Some(weight)) => return Ok(*weight),
            Some(None) => {
                return Err(unusable(format!(
                    "`{reference}` refers to itself without end"
                )));
            }
            None => {}
        }
        let Some(target) = resolve(reference, self.root) else {
            return Err(unusable(format!(
                "`{reference}` refers to nothing inside of it; write \"#/$defs/<name>\""
            )));
        };
        self.weights.insert(reference, None);
        let weight = match target {
            Value::Object(schema) => self.weight(schema)?,
            _ => 1,
        };
        self.weights.insert(reference, Some(weight));
        Ok(weight)
    }
}
