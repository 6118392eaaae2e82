//! `[dead_letters]`.

use std::path::Path;

use wasm_sink_core::settings::{Problem, Table};

use super::connections::Connections;
use crate::config::DeadLetters;
use crate::config::codes::Code;
use crate::config::registry::Registry;

/// None where nothing is said, or mistakes were reported.
pub(super) fn read(
    table: &Table,
    directory: &Path,
    connections: &Connections<'_>,
    registry: &Registry,
    problems: &mut Vec<Problem>,
) -> Option<DeadLetters> {
    let mut reader = table.reader(problems);
    let path = reader
        .string("path")
        .map(|(path, span)| (path.to_owned(), span));
    let connection = reader
        .string("connection")
        .map(|(label, span)| (label.to_owned(), span));
    let topic = reader.string("topic").map(|(topic, _)| topic.to_owned());
    let is_topic = connection.is_some() || topic.is_some();
    if let (Some((_, span)), true) = (&path, is_topic) {
        let message = "dead letters go to one place, and this is a second one";
        let help = "write `path`, or `connection` and `topic`";
        reader.bad_value(span, message, help);
    }
    match (&connection, &topic) {
        (Some(_), None) => reader.missing("topic", "which one: topic = \"dead-letters\""),
        (None, Some(_)) => {
            reader.missing("connection", "whose topic it is: connection = \"broker\"")
        }
        _ => {}
    }
    reader.finish();
    if let Some((path, _)) = path {
        return (!is_topic).then(|| DeadLetters::Directory(directory.join(path)));
    }
    let (label, span) = connection?;
    let topic = topic?;
    let (label, connector) = connections.find(&label, &span, problems)?;
    if connector.is_some_and(|connector| !connector.has_dead_letters) {
        let able = registry
            .connectors
            .iter()
            .filter(|connector| connector.has_dead_letters);
        let able: Vec<_> = able
            .map(|connector| format!("\"{}\"", connector.name))
            .collect();
        problems.push(Problem {
            code: Code::BadValue.as_str(),
            message: format!("the connection \"{label}\" takes no dead letters"),
            span,
            help: Some(match able.is_empty() {
                true => "in this build none does: write `path`, a directory".to_owned(),
                false => format!(
                    "those of type {} do; or write `path`, a directory",
                    able.join(", ")
                ),
            }),
        });
        return None;
    }
    Some(DeadLetters::Topic {
        connection: label,
        topic,
    })
}
