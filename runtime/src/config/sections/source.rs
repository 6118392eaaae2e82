//! `[source]`.

use wasm_sink_core::settings::{Problem, Span, Table};

use super::connections::{Connections, reading, without};
use crate::config::Source;
use crate::config::codes::Code;
use crate::config::registry::Registry;

pub(super) fn read(
    table: &Table,
    connections: &Connections<'_>,
    registry: &Registry,
    problems: &mut Vec<Problem>,
) -> Option<Source> {
    let mut reader = table.reader(problems);
    let owned = |(text, span): (&str, Span)| (text.to_owned(), span);
    let kind = reader.string("type").map(owned);
    let connection = reader.string("connection").map(owned);
    let (connector, connection, span) = match (kind, connection) {
        (Some(_), Some((_, span))) => {
            problems.push(Problem {
                code: Code::KeysExclude.as_str(),
                message: "[source] has both `type` and `connection`".to_owned(),
                span,
                help: Some("a connection has a type already: keep one of them".to_owned()),
            });
            return None;
        }
        (Some((name, span)), None) => match registry.connector(&name, &span) {
            Ok(connector) => (connector, None, span),
            Err(problem) => {
                problems.push(problem);
                return None;
            }
        },
        (None, Some((text, span))) => {
            let (label, connector) = connections.find(&text, &span, problems)?;
            (connector?, Some(label), span)
        }
        // Where one is there, its type was wrong, and reported.
        (None, None) if table.get("type").or(table.get("connection")).is_some() => return None,
        (None, None) => {
            let known = sources(registry).join(" or ");
            let help = format!("type = {known}, or connection = \"<label>\"");
            table.reader(problems).missing("type", help);
            return None;
        }
    };
    let Some(read) = &connector.source else {
        let known = sources(registry);
        problems.push(Problem {
            code: Code::NotASource.as_str(),
            message: format!("`{}` is no source", connector.name),
            span,
            help: Some(format!("records can be read from {}", known.join(", "))),
        });
        return None;
    };
    if connector.connection.is_some() && connection.is_none() {
        problems.push(Problem {
            code: Code::MissingKey.as_str(),
            message: format!(
                "`{}` is read through a connection: `type` stands there",
                connector.name
            ),
            span,
            help: Some(format!(
                "write [connections.from] with type = \"{}\" and what it takes, and here \
                 connection = \"from\"",
                connector.name
            )),
        });
        return None;
    }
    let spec = reading(connector.name, table, problems, |problems| {
        read(&without(table, &["type", "connection"]), problems)
    })?;
    Some(Source {
        connector: connector.name,
        connection,
        spec,
    })
}

/// The sources of this build, in quotes.
fn sources(registry: &Registry) -> Vec<String> {
    registry
        .connectors
        .iter()
        .filter(|connector| connector.source.is_some())
        .map(|connector| format!("\"{}\"", connector.name))
        .collect()
}
