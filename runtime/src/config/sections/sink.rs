//! `[sink]`.

use std::collections::BTreeMap;
use std::path::Path;

use wasm_sink_core::settings::{Entry, Problem, Reader, Span, Table, Value};

use super::NAME_HELP;
use super::connections::Connections;
use crate::config::codes::Code;
use crate::config::environment::is_variable_name;
use crate::config::names::{BadComponent, ComponentRef, Label, Role};
use crate::config::registry::Registry;
use crate::config::{Sink, SinkConfig};

pub(super) fn read(
    table: &Table,
    routes: Option<&Entry>,
    directory: &Path,
    connections: &Connections<'_>,
    registry: &Registry,
    problems: &mut Vec<Problem>,
) -> Option<Sink> {
    let mut reader = table.reader(problems);
    let component = reader
        .required_string(
            "component",
            "a built-in one, component = \"delta\", or a file, component = \"./my_sink.wasm\"",
        )
        .and_then(|(text, span)| component(text, &span, directory, registry, &mut reader));
    let single = reader
        .string("connection")
        .map(|(label, span)| (label.to_owned(), span));
    let several = reader.table("connections").cloned();
    env(&mut reader);
    let config = reader.table("config").cloned();
    reader.finish();

    let roles = roles(single, several.as_ref(), connections, problems);
    // Without `[sink.config]`, what it lacks is reported at `[sink]`.
    let config = config.unwrap_or_else(|| Table {
        entries: Vec::new(),
        span: table.span.clone(),
    });
    let config = SinkConfig::new(with_routes(config, routes, problems), problems);
    Some(Sink {
        component: component?,
        connections: roles,
        config,
    })
}

/// The component gets `[[routes]]` as one key more, which keeps its place in the file.
fn with_routes(mut config: Table, routes: Option<&Entry>, problems: &mut Vec<Problem>) -> Table {
    const ROUTES: &str = "routes";
    if let Some(own) = config.get(ROUTES) {
        problems.push(Problem {
            code: Code::UnknownKey.as_str(),
            message: "`routes` does not stand in [sink.config]".to_owned(),
            span: own.key_span.clone(),
            help: Some("write [[routes]], at the top level of the file".to_owned()),
        });
        config.entries.retain(|entry| entry.key != ROUTES);
    }
    config.entries.extend(routes.cloned());
    config
}

fn component(
    text: &str,
    span: &Span,
    directory: &Path,
    registry: &Registry,
    reader: &mut Reader<'_>,
) -> Option<ComponentRef> {
    let component = match ComponentRef::of(text) {
        Ok(component) => component,
        Err(bad) => {
            reader.problem(unsupported(bad, span));
            return None;
        }
    };
    if let ComponentRef::Oci(_) = component {
        return Some(component);
    }
    if let ComponentRef::BuiltIn(_) = component {
        return match registry.unknown_component(text, span) {
            None => Some(component),
            Some(problem) => {
                reader.problem(problem);
                None
            }
        };
    }
    let path = directory.join(text);
    if !path.is_file() {
        reader.problem(Problem {
            code: Code::ComponentNotFound.as_str(),
            message: format!("there is no file {}", path.display()),
            span: span.clone(),
            help: Some("paths count from the directory of this file".to_owned()),
        });
        return None;
    }
    Some(component)
}

fn unsupported(bad: BadComponent, span: &Span) -> Problem {
    let (message, help) = match bad {
        BadComponent::Reference { source, .. } => (
            format!("this names no component in a registry: {source}"),
            "`wasm-sink push` prints what to write",
        ),
        BadComponent::Scheme(scheme) => (
            format!("components are not loaded from {scheme}://"),
            "download it and write its path: component = \"./my_sink.wasm\"",
        ),
    };
    Problem {
        code: Code::UnsupportedComponent.as_str(),
        message,
        span: span.clone(),
        help: Some(help.to_owned()),
    }
}

/// Checks `env`, which was obeyed when variables were filled in.
fn env(reader: &mut Reader<'_>) {
    for (name, span) in reader.strings("env").unwrap_or_default() {
        if !is_variable_name(name) {
            reader.bad_value(
                &span,
                format!("\"{name}\" is no name of an environment variable"),
                "write the name alone: env = [\"STAGE\"]",
            );
        }
    }
}

/// `connection = "lake"` is short for `connections = { default = "lake" }`.
fn roles(
    single: Option<(String, Span)>,
    several: Option<&Table>,
    connections: &Connections<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<Role, Label> {
    let mut roles = BTreeMap::new();
    if let (Some((label, span)), Some(_)) = (&single, several) {
        problems.push(Problem {
            code: Code::KeysExclude.as_str(),
            message: "[sink] has both `connection` and `connections`".to_owned(),
            span: span.clone(),
            help: Some(format!(
                "write default = \"{label}\" into `connections` and leave `connection` out"
            )),
        });
    }
    if let Some((text, span)) = single
        && let Some(label) = for_components(&text, &span, connections, problems)
    {
        roles.insert(Role::default_role(), label);
    }
    for entry in several.map_or(&[][..], |table| &table.entries) {
        let role = Role::try_from(entry.key.as_str()).map_err(|error| Problem {
            code: Code::BadName.as_str(),
            message: format!("a role cannot be called \"{}\": {error}", entry.key),
            span: entry.key_span.clone(),
            help: Some(NAME_HELP.to_owned()),
        });
        let Value::String { text, .. } = &entry.node.value else {
            problems.push(Problem {
                code: Code::WrongType.as_str(),
                message: format!(
                    "`{}` takes the label of a connection, and this is {}",
                    entry.key,
                    entry.node.value.type_name()
                ),
                span: entry.node.span.clone(),
                help: Some("connections = { default = \"lake\" }".to_owned()),
            });
            continue;
        };
        let label = for_components(text, &entry.node.span, connections, problems);
        match role {
            Ok(role) => roles.extend(label.map(|label| (role, label))),
            Err(problem) => problems.push(problem),
        }
    }
    roles
}

/// The connection of a label, if components can use it.
fn for_components(
    text: &str,
    span: &Span,
    connections: &Connections<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Label> {
    let (label, connector) = connections.find(text, span, problems)?;
    if let Some(connector) = connector
        && connector.connection.is_some()
        && connector.capability.is_none()
    {
        problems.push(Problem {
            code: Code::NotForComponents.as_str(),
            message: format!("components cannot write to `{}`", connector.name),
            span: span.clone(),
            help: Some(format!("\"{label}\" can only be read from, by [source]")),
        });
        return None;
    }
    Some(label)
}
