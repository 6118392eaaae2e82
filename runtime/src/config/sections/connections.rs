//! `[connections.<label>]`.

use std::collections::BTreeMap;

use wasm_sink_core::settings::{Entry, Problem, Span, Table, Value};

use super::NAME_HELP;
use crate::config::codes::Code;
use crate::config::names::Label;
use crate::config::registry::{Registry, meant};
use crate::config::{Connection, names::BadName};
use crate::connectors::Connector;

/// All connections that the file has, also those with mistakes: whoever names one of these should
/// not hear that it does not exist.
#[derive(Default)]
pub(super) struct Connections<'r> {
    read: BTreeMap<Label, Read<'r>>,
    /// Labels that broke the rule; reported.
    misnamed: Vec<String>,
}

struct Read<'r> {
    label_span: Span,
    connector: Option<&'r Connector>,
    opened: Option<Connection>,
}

pub(super) fn read<'r>(
    table: Option<&Table>,
    registry: &'r Registry,
    problems: &mut Vec<Problem>,
) -> Connections<'r> {
    let mut connections = Connections::default();
    for entry in table.map_or(&[][..], |table| &table.entries) {
        let label = match Label::try_from(entry.key.as_str()) {
            Ok(label) => label,
            Err(error) => {
                problems.push(bad_label(entry, error));
                connections.misnamed.push(entry.key.clone());
                continue;
            }
        };
        let (connector, opened) = connection(entry, registry, problems);
        connections.read.insert(
            label,
            Read {
                label_span: entry.key_span.clone(),
                connector,
                opened,
            },
        );
    }
    connections
}

fn bad_label(entry: &Entry, error: BadName) -> Problem {
    Problem {
        code: Code::BadName.as_str(),
        message: format!("a connection cannot be called \"{}\": {error}", entry.key),
        span: entry.key_span.clone(),
        help: Some(NAME_HELP.to_owned()),
    }
}

fn connection<'r>(
    entry: &Entry,
    registry: &'r Registry,
    problems: &mut Vec<Problem>,
) -> (Option<&'r Connector>, Option<Connection>) {
    let Value::Table(table) = &entry.node.value else {
        problems.push(Problem {
            code: Code::WrongType.as_str(),
            message: format!(
                "`{}` takes a table, and this is {}",
                entry.key,
                entry.node.value.type_name()
            ),
            span: entry.node.span.clone(),
            help: Some(format!(
                "[connections.{}]\ntype = \"delta\"\npath = \"./table\"",
                entry.key
            )),
        });
        return (None, None);
    };
    let mut reader = table.reader(problems);
    // Only `type` is read here; the rest is the connector's.
    let kind = reader
        .required_string("type", "for example type = \"delta\"")
        .map(|(name, span)| (name.to_owned(), span));
    let Some((name, span)) = kind else {
        return (None, None);
    };
    let connector = match registry.connector(&name, &span) {
        Ok(connector) => connector,
        Err(problem) => {
            problems.push(problem);
            return (None, None);
        }
    };
    let Some(read) = &connector.connection else {
        problems.push(Problem {
            code: Code::NoConnection.as_str(),
            message: format!("`{name}` needs no connection"),
            span,
            help: Some(format!(
                "leave this table out and write type = \"{name}\" into [source]"
            )),
        });
        return (Some(connector), None);
    };
    let spec = reading(connector.name, table, problems, |problems| {
        read(&without(table, &["type"]), problems)
    });
    let opened = spec.map(|spec| Connection {
        connector: connector.name,
        spec,
    });
    (Some(connector), opened)
}

/// A table without some of its keys.
pub(super) fn without(table: &Table, keys: &[&str]) -> Table {
    let rest = |entry: &&Entry| !keys.contains(&entry.key.as_str());
    Table {
        entries: table.entries.iter().filter(rest).cloned().collect(),
        span: table.span.clone(),
    }
}

/// Has a connector read its table. One that refuses without a word must not look like success.
pub(super) fn reading<T>(
    connector: &str,
    table: &Table,
    problems: &mut Vec<Problem>,
    read: impl FnOnce(&mut Vec<Problem>) -> Option<T>,
) -> Option<T> {
    let before = problems.len();
    let spec = read(problems);
    if spec.is_none() && problems.len() == before {
        problems.push(Problem {
            code: Code::BadValue.as_str(),
            message: format!("`{connector}` refuses this table without saying why"),
            span: table.span.clone(),
            help: Some("this is a mistake in wasm-sink; please report it".to_owned()),
        });
    }
    spec
}

impl<'r> Connections<'r> {
    /// The connection of a label, and its connector where that is known.
    pub(super) fn find(
        &self,
        text: &str,
        span: &Span,
        problems: &mut Vec<Problem>,
    ) -> Option<(Label, Option<&'r Connector>)> {
        if let Some((label, read)) = self.read.get_key_value(text) {
            return Some((label.clone(), read.connector));
        }
        if !self.misnamed.iter().any(|label| label == text) {
            let labels: Vec<_> = self.read.keys().map(Label::as_str).collect();
            problems.push(Problem {
                code: Code::UnknownConnection.as_str(),
                message: format!("there is no connection \"{text}\""),
                span: span.clone(),
                help: Some(if labels.is_empty() {
                    format!("write one: [connections.{text}]")
                } else {
                    meant(text, &labels)
                }),
            });
        }
        None
    }

    /// Warns of connections that none of these tables names.
    pub(super) fn report_unused(&self, tables: [Option<&Table>; 3], problems: &mut Vec<Problem>) {
        let mut named = Vec::new();
        for table in tables.into_iter().flatten() {
            for key in ["connection", "connections"] {
                if let Some(entry) = table.get(key) {
                    collect_texts(&entry.node.value, &mut named);
                }
            }
        }
        for (label, read) in &self.read {
            if !named.contains(&label.as_str()) {
                problems.push(Problem {
                    code: Code::UnusedConnection.as_str(),
                    message: format!("nothing uses the connection \"{label}\""),
                    span: read.label_span.clone(),
                    help: Some(format!(
                        "give it to the component with connection = \"{label}\" in [sink], or \
                         leave it out"
                    )),
                });
            }
        }
    }

    pub(super) fn into_opened(self) -> BTreeMap<Label, Connection> {
        self.read
            .into_iter()
            .filter_map(|(label, read)| Some((label, read.opened?)))
            .collect()
    }
}

fn collect_texts<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String { text, .. } => texts.push(text),
        Value::Table(table) => {
            for entry in &table.entries {
                collect_texts(&entry.node.value, texts);
            }
        }
        _ => {}
    }
}
