//! `sink.toml`: name, language and capabilities of a project.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use wasm_sink_core::settings::{Problem, Span, Value};
use wasm_sink_core::{Blame, Error, Kind};

use super::Unopened;
use super::language::{LANGUAGES, Language};
use crate::config::{Code, Diagnostics, SourceText, parse};
use crate::connectors::Connector;
use crate::contract::capability;

/// The longest name: crates.io's limit, the shortest of all registries.
const MAX_NAME_CHARS: usize = 64;

/// A name that all languages take for a package: lower-case ASCII letters, digits and `-`, a letter first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectName(String);

impl ProjectName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<&str> for ProjectName {
    type Error = String;

    fn try_from(text: &str) -> Result<Self, String> {
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.len() > MAX_NAME_CHARS {
            return Err(format!(
                "`{text}` is longer than {MAX_NAME_CHARS} characters"
            ));
        }
        if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(format!("`{text}` does not begin with a lower-case letter"));
        }
        if let Some(other) = text.chars().find(|c| !is_allowed(*c)) {
            return Err(format!(
                "`{text}` has `{other}` in it: lower-case letters, digits and `-` are what all languages take"
            ));
        }
        if text.ends_with('-') || text.contains("--") {
            return Err(format!("`{text}` has a `-` with nothing behind it"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A `sink.toml` without mistakes.
#[derive(Debug)]
pub struct SinkToml {
    /// Of the project and its component.
    pub name: ProjectName,
    /// What it is written in.
    pub language: &'static Language,
    /// What the component may ask the host for, each once.
    pub capabilities: Vec<&'static Connector>,
}

/// Reads a file.
///
/// # Errors
/// It cannot be read, or has mistakes: all at once.
pub(super) fn load(path: &Path) -> Result<SinkToml, Unopened> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = match error.kind() {
            std::io::ErrorKind::NotFound => format!(
                "{} is not there: a sink's project begins with `wasm-sink new my-sink --lang python`, and is built \
                 in its folder",
                path.display()
            ),
            _ => format!("cannot read {}", path.display()),
        };
        Unopened::Unreadable(Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error))
    })?;
    read(&path.display().to_string(), text).map_err(Unopened::Wrong)
}

fn read(name: &str, text: String) -> Result<SinkToml, Diagnostics> {
    let mut problems = Vec::new();
    let settings = parse(&text, &mut problems).and_then(|table| {
        let mut reader = table.reader(&mut problems);
        let name = reader
            .required_string("name", "name = \"my-sink\"")
            .and_then(|(text, span)| {
                let name = ProjectName::try_from(text);
                name.map_err(|problem| reader.bad_value(&span, problem, "name = \"my-sink\""))
                    .ok()
            });
        let languages = || {
            LANGUAGES
                .iter()
                .map(|language| language.name)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let language = reader
            .required_string("language", &format!("one of these: {}", languages()))
            .and_then(|(text, span)| {
                let found = Language::find(text);
                if found.is_none() {
                    reader.bad_value(
                        &span,
                        format!("no SDK is in `{text}`"),
                        format!("there are these: {}", languages()),
                    );
                }
                found
            });
        let mut named = Vec::new();
        if let Some(entry) = reader.take("capabilities") {
            match &entry.node.value {
                Value::List(nodes) => named.extend(nodes.iter().map(|node| match &node.value {
                    Value::String { text, .. } => {
                        capability(text).map_err(|message| (node.span.clone(), message))
                    }
                    _ => Err((
                        node.span.clone(),
                        "a capability is a name in quotes".to_owned(),
                    )),
                })),
                _ => named.push(Err((
                    entry.node.span.clone(),
                    "`capabilities` takes a list".to_owned(),
                ))),
            }
        }
        let mut capabilities: Vec<&'static Connector> = Vec::new();
        let mut is_whole = true;
        for capability in named {
            match capability {
                Ok(connector)
                    if capabilities
                        .iter()
                        .any(|other| other.name == connector.name) => {}
                Ok(connector) => capabilities.push(connector),
                Err((span, message)) => {
                    is_whole = false;
                    reader.problem(bad_capability(span, message));
                }
            }
        }
        reader.finish();
        is_whole.then_some(SinkToml {
            name: name?,
            language: language?,
            capabilities,
        })
    });
    let diagnostics = Diagnostics::new(Arc::new(SourceText::plain(name, text)), problems);
    match settings {
        Some(settings) if diagnostics.mistakes.is_empty() => Ok(settings),
        _ => Err(diagnostics),
    }
}

fn bad_capability(span: Span, message: String) -> Problem {
    Problem {
        code: Code::BadValue.as_str(),
        message,
        span,
        help: Some("capabilities = [\"delta\"], or [] for a sink that writes nowhere".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Style;

    fn mistakes(text: &str) -> String {
        read("sink.toml", text.to_owned())
            .unwrap_err()
            .render(Style::Plain)
    }

    #[test]
    fn what_is_right_is_taken() {
        let text = "name = \"my-sink\"\nlanguage = \"go\"\ncapabilities = [\"delta\", \"postgres\", \"delta\"]\n";
        let settings = read("sink.toml", text.to_owned()).unwrap();
        assert_eq!(settings.name.as_str(), "my-sink");
        assert_eq!(settings.language.name, "go");
        let names: Vec<_> = settings
            .capabilities
            .iter()
            .map(|connector| connector.name)
            .collect();
        assert_eq!(names, ["delta", "postgres"]);
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        insta::assert_snapshot!(mistakes(
            "name = \"My Sink\"\nlanguage = \"cobol\"\ncapabilities = [\"delta\", \"oracle\", 5]\ncapability = \"delta\"\n"
        ));
        insta::assert_snapshot!(mistakes("capabilities = \"delta\"\n"));
    }

    #[test]
    fn names_are_what_all_languages_take() {
        for name in ["a", "my-sink", "orders-2"] {
            assert_eq!(ProjectName::try_from(name).unwrap().as_str(), name);
        }
        for name in [
            "",
            "-a",
            "2nd",
            "My",
            "a_b",
            "a b",
            "a--b",
            "a-",
            "ä",
            "a/b",
            &"a".repeat(65),
        ] {
            ProjectName::try_from(name).unwrap_err();
        }
    }
}
