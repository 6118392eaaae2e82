//! What answers in the place of a destination: tables that take everything and keep nothing but their columns.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use wasm_sink_core::guest::calls::{Answered, Asked, Culprit, Target, Told, Word};

/// Tables of all connections that a component has.
#[derive(Clone, Debug)]
pub(crate) struct StandIn {
    /// The columns of tables, as far as they are known.
    tables: BTreeMap<Target, Value>,
    roles: BTreeSet<String>,
}

impl StandIn {
    /// Without tables. `roles` are those of the connections.
    pub(crate) fn new(roles: impl IntoIterator<Item = String>) -> Self {
        Self {
            tables: BTreeMap::new(),
            roles: roles.into_iter().collect(),
        }
    }

    /// A table has these columns, unless more is known of it.
    pub(crate) fn begin_with(&mut self, table: &Target, fields: &Value) {
        let known = self.tables.entry(table.clone());
        known.or_insert_with(|| fields.clone());
    }

    /// The columns of a table; None where nothing is known of it.
    pub(crate) fn columns(&self, table: &Target) -> Option<&Value> {
        self.tables.get(table)
    }

    /// The names of tables that have other columns there, whatever their order.
    pub(crate) fn differing(&self, other: &Self) -> Vec<String> {
        let columns = |of: &Self, table: &Target| {
            let known = of.tables.get(table).and_then(Value::as_array);
            let texts = known.into_iter().flatten().map(Value::to_string);
            texts.collect::<BTreeSet<_>>()
        };
        let tables: BTreeSet<&Target> = self.tables.keys().chain(other.tables.keys()).collect();
        tables
            .into_iter()
            .filter(|table| columns(self, table) != columns(other, table))
            .map(|table| table.name.clone())
            .collect()
    }

    /// What a table would answer to which nothing happens.
    pub(crate) fn answer(&self, asked: &Asked) -> Option<Answered> {
        let target = asked.target.as_ref()?;
        if !self.roles.contains(&target.connection) {
            return Some(Err(Told {
                kind: Word::Denied,
                retry_after_ms: None,
                blame: Culprit::Configuration,
                message: format!(
                    "no connection with the role `{}` is granted for this; granted: {}",
                    target.connection,
                    self.roles.iter().cloned().collect::<Vec<_>>().join(", ")
                ),
            }));
        }
        Some(Ok(match function(asked) {
            "fields" => self.tables.get(target).cloned().unwrap_or_default(),
            "append" => json!({}),
            _ => Value::Null,
        }))
    }

    /// What a call has changed.
    pub(crate) fn learn(&mut self, asked: &Asked, answer: &Value) {
        let Some(target) = &asked.target else {
            return;
        };
        let given = asked.arguments.get(0).cloned().unwrap_or_default();
        let known = self.tables.entry(target.clone()).or_default();
        match function(asked) {
            "fields" => *known = answer.clone(),
            "create" if known.is_null() => *known = given,
            "add-columns" | "widen-columns" => {
                let mut fields = known.as_array().cloned().unwrap_or_default();
                for field in given.as_array().into_iter().flatten() {
                    match fields
                        .iter_mut()
                        .find(|known| known["name"] == field["name"])
                    {
                        Some(known) => *known = field.clone(),
                        None => fields.push(field.clone()),
                    }
                }
                *known = Value::Array(fields);
            }
            _ => {}
        }
    }
}

/// The last word of what is asked for: "append" of "delta.table.append".
pub(crate) fn function(asked: &Asked) -> &str {
    let function = asked.function.as_str();
    function.rsplit_once('.').map_or(function, |(_, last)| last)
}
