//! `[sink.config]` and `[[routes]]`: as JSON for the component, and with the place of every value.

use std::fmt;

use serde::{Deserialize, Serialize};
use wasm_sink_core::settings::{Entry, Node, Problem, Span, Table, Value};

use super::codes::Code;

/// What the component's schema or its `validate` has against its configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkConfigProblem {
    /// As in the configuration: `["routes", "0", "table"]`. What is missing is at its own path.
    pub path: Vec<String>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// `[sink.config]`, and `[[routes]]` as one key more.
#[derive(Clone, PartialEq)]
pub struct SinkConfig {
    /// As the component gets it.
    pub json: serde_json::Value,
    /// As written.
    table: Table,
}

/// Variables are filled in, and what they hold is nobody's business.
impl fmt::Debug for SinkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self
            .json
            .as_object()
            .into_iter()
            .flat_map(|json| json.keys());
        f.write_str("SinkConfig ")?;
        f.debug_set().entries(keys).finish()
    }
}

impl SinkConfig {
    /// Numbers that JSON lacks are reported.
    pub(super) fn new(table: Table, problems: &mut Vec<Problem>) -> Self {
        Self {
            json: object(&table, problems),
            table,
        }
    }

    /// A problem with its place in the file: the value at its path, or the nearest around it.
    pub fn locate(&self, problem: &SinkConfigProblem) -> Problem {
        Problem {
            code: Code::SinkConfig.as_str(),
            message: problem.message.clone(),
            span: self.span(&problem.path),
            help: problem.help.clone(),
        }
    }

    /// The place of what stands at a path, or of the nearest around it: a key with its value, an
    /// item of a list, the header of a table.
    pub fn span(&self, path: &[String]) -> Span {
        let mut span = self.table.span.clone();
        let mut inside = Inside::Table(&self.table);
        for step in path {
            let found = match inside {
                Inside::Table(table) => table
                    .get(step)
                    .map(|entry| (assignment(entry), &entry.node)),
                Inside::List(nodes) => step
                    .parse()
                    .ok()
                    .and_then(|at: usize| nodes.get(at))
                    .map(|node| (node.span.clone(), node)),
                Inside::Nothing => None,
            };
            let Some((place, node)) = found else { break };
            span = place;
            inside = match &node.value {
                Value::Table(table) => Inside::Table(table),
                Value::List(nodes) => Inside::List(nodes),
                _ => Inside::Nothing,
            };
        }
        span
    }
}

/// `key = value`; the header of a table that has one.
fn assignment(entry: &Entry) -> Span {
    if entry.key_span.end <= entry.node.span.start {
        entry.key_span.start..entry.node.span.end
    } else {
        entry.node.span.clone()
    }
}

enum Inside<'a> {
    Table(&'a Table),
    List(&'a [Node]),
    Nothing,
}

fn object(table: &Table, problems: &mut Vec<Problem>) -> serde_json::Value {
    let entries = table
        .entries
        .iter()
        .map(|entry| (entry.key.clone(), json(&entry.node, problems)));
    serde_json::Value::Object(entries.collect())
}

fn json(node: &Node, problems: &mut Vec<Problem>) -> serde_json::Value {
    match &node.value {
        Value::String { text, .. } => text.as_str().into(),
        Value::Integer(value) => (*value).into(),
        Value::Boolean(value) => (*value).into(),
        Value::Float(value) => match serde_json::Number::from_f64(*value) {
            Some(value) => value.into(),
            None => {
                problems.push(Problem {
                    code: Code::BadValue.as_str(),
                    message: format!("a component cannot be given {value}"),
                    span: node.span.clone(),
                    help: Some(
                        "its configuration is JSON, which has finite numbers only".to_owned(),
                    ),
                });
                serde_json::Value::Null
            }
        },
        Value::List(nodes) => nodes.iter().map(|node| json(node, problems)).collect(),
        Value::Table(table) => object(table, problems),
    }
}
