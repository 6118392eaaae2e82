//! A property's value, as the library takes it.

use std::fmt;

use wasm_sink_core::secret::Secret;
use wasm_sink_core::settings::{Entry, Problem, Value, code};

use super::refused;

/// A value that does not print where it may be a secret.
#[derive(Clone)]
pub(super) enum Text {
    Plain(String),
    Secret(Secret),
}

impl Text {
    /// One property's, if it may be what it is.
    pub(super) fn read(entry: &Entry) -> Result<Self, Box<Problem>> {
        let name = entry.key.as_str();
        let refusal = |(why, help): (&str, &str)| {
            let message = format!("`{name}` {why}");
            wrong(entry, code::BAD_VALUE, message, Some(help.to_owned()))
        };
        if let Some(found) = refused::by_name(name) {
            return Err(refusal(found));
        }
        let text = match &entry.node.value {
            Value::String {
                text,
                from_environment: true,
            } => Self::Secret(Secret::new(text)),
            Value::String { .. } if refused::is_secret(name) => {
                let message = format!("`{name}` is a secret and must not stand in the file");
                let help = format!(
                    "put it into the environment and write \"{name}\" = \"${{{}}}\"",
                    name.to_uppercase().replace('.', "_")
                );
                return Err(wrong(entry, code::SECRET_IN_FILE, message, Some(help)));
            }
            Value::String { text, .. } => Self::Plain(text.clone()),
            Value::Integer(value) => Self::Plain(value.to_string()),
            Value::Float(value) => Self::Plain(value.to_string()),
            Value::Boolean(value) => Self::Plain(value.to_string()),
            Value::List(_) | Value::Table(_) => {
                let message = format!(
                    "`{name}` takes a string, a number or true or false, and this is {}",
                    entry.node.value.type_name()
                );
                let help = format!("a property of librdkafka is one key in quotes: \"{name}\" = …");
                return Err(wrong(entry, code::WRONG_TYPE, message, Some(help)));
            }
        };
        match refused::by_value(name, text.expose()) {
            Some(found) => Err(refusal(found)),
            None => Ok(text),
        }
    }

    pub(super) fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose(),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => text.fmt(f),
            Self::Secret(secret) => secret.fmt(f),
        }
    }
}

/// A mistake in a property.
pub(super) fn wrong(
    entry: &Entry,
    code: &'static str,
    message: String,
    help: Option<String>,
) -> Box<Problem> {
    let span = match code {
        code::UNKNOWN_KEY => entry.key_span.clone(),
        _ => entry.node.span.clone(),
    };
    Box::new(Problem {
        code,
        message,
        span,
        help,
    })
}
