//! What names in pipeline.toml can stand for.

use wasm_sink_core::settings::{Problem, Span, nearest};
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::codes::Code;
use crate::connectors::{self, Connector};

/// The connectors and components that there are.
#[derive(Clone, Debug)]
pub struct Registry {
    /// Names of all connectors, in this build or not.
    pub known_connectors: Vec<&'static str>,
    /// The connectors that there are.
    pub connectors: Vec<Connector>,
    /// Names of the built-in components of this build.
    pub components: Vec<&'static str>,
}

impl Registry {
    /// What this build has.
    pub fn of_this_build() -> Self {
        Self {
            known_connectors: connectors::KNOWN.to_vec(),
            connectors: connectors::BUILT.clone(),
            components: wasm_sink_builtin::COMPONENTS
                .iter()
                .map(|component| component.name)
                .collect(),
        }
    }

    /// One connector more.
    ///
    /// # Errors
    /// Its name is that of another one, or none.
    pub fn add(&mut self, connector: Connector) -> Result<()> {
        let wrong = |why: &str| {
            let message = format!("a connector cannot be called `{}`: {why}", connector.name);
            Err(Error::new(Kind::Invalid, Blame::Host, message))
        };
        if self.known_connectors.contains(&connector.name) {
            return wrong("there is one of that name");
        }
        // The word is part of the name of a WIT package.
        let mut letters = connector.name.chars();
        if !letters
            .next()
            .is_some_and(|first| first.is_ascii_lowercase())
            || !letters.all(|letter| {
                letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-'
            })
        {
            return wrong(
                "small letters, digits and hyphens are what it is made of, a letter first",
            );
        }
        self.known_connectors.push(connector.name);
        self.connectors.push(connector);
        Ok(())
    }

    /// The connector of a name; otherwise why there is none.
    pub(super) fn connector(
        &self,
        name: &str,
        span: &Span,
    ) -> std::result::Result<&Connector, Problem> {
        if let Some(connector) = self.connectors.iter().find(|known| known.name == name) {
            return Ok(connector);
        }
        if self.known_connectors.contains(&name) {
            return Err(Problem {
                code: Code::ConnectorNotBuilt.as_str(),
                message: format!("this build was made without `{name}`"),
                span: span.clone(),
                help: Some(format!(
                    "build wasm-sink with the Cargo feature `{name}`: cargo build --features {name}"
                )),
            });
        }
        Err(Problem {
            code: Code::UnknownConnector.as_str(),
            message: format!("there is no connector `{name}`"),
            span: span.clone(),
            help: Some(meant(name, &self.known_connectors)),
        })
    }

    /// Why a name is that of no built-in component; None where it is.
    pub(super) fn unknown_component(&self, name: &str, span: &Span) -> Option<Problem> {
        (!self.components.contains(&name)).then(|| Problem {
            code: Code::UnknownComponent.as_str(),
            message: format!("there is no built-in component `{name}`"),
            span: span.clone(),
            help: Some(match nearest(name, self.components.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!(
                    "{}; a file is written with its path: \"./my_sink.wasm\"",
                    meant(name, &self.components)
                ),
            }),
        })
    }
}

/// What somebody may have meant, or all that there is.
pub(super) fn meant(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None if known.is_empty() => "there are none".to_owned(),
        None => {
            let known: Vec<_> = known.iter().map(|name| format!("\"{name}\"")).collect();
            format!("there are {}", known.join(", "))
        }
    }
}
