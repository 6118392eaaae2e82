//! Headers: those of the connection, and which nobody but the host may set.

use std::fmt;

use reqwest::header::{HeaderName, HeaderValue};
use wasm_sink_core::settings::{Problem, Table, Value, code};

/// Whose meaning is the host's, beside all that begin with `proxy-`.
const OF_HOST: [&str; 15] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "cookie",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-amz-content-sha256",
];
/// Of these a connection may have its own.
const OF_CONNECTIONS: [&str; 2] = ["authorization", "cookie"];
/// What stands in these is a secret.
const SECRET: [&str; 5] = [
    "api-key",
    "authorization",
    "cookie",
    "x-api-key",
    "x-auth-token",
];

/// A header that every request has.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct FixedHeader {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
    /// Whether it came from the environment.
    pub(crate) is_secret: bool,
}

impl fmt::Debug for FixedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_secret {
            true => write!(f, "{}: ***", self.name),
            false => write!(f, "{}: {:?}", self.name, self.value),
        }
    }
}

/// Whether a component may not set it.
pub(crate) fn is_of_host(name: &HeaderName) -> bool {
    OF_HOST.contains(&name.as_str()) || name.as_str().starts_with("proxy-")
}

/// A header's name that a connection may use for its own purposes.
pub(super) fn name(text: &str) -> Option<HeaderName> {
    let name: HeaderName = text.parse().ok()?;
    (!is_of_host(&name)).then_some(name)
}

/// Reads the table `headers`. `taken` are those that stand elsewhere in the connection.
pub(super) fn read(
    table: &Table,
    taken: &[HeaderName],
    problems: &mut Vec<Problem>,
) -> Vec<FixedHeader> {
    let mut headers: Vec<FixedHeader> = Vec::new();
    for entry in &table.entries {
        let key = &entry.key;
        let mut problem = |code, message: String, help: Option<String>, at_key: bool| {
            let span = if at_key {
                &entry.key_span
            } else {
                &entry.node.span
            };
            problems.push(Problem {
                code,
                message,
                span: span.clone(),
                help,
            });
        };
        let Ok(name) = key.parse::<HeaderName>() else {
            let message = format!("`{key}` is no name of a header");
            problem(code::BAD_VALUE, message, None, true);
            continue;
        };
        let may_stand = !is_of_host(&name) || OF_CONNECTIONS.contains(&name.as_str());
        if !may_stand {
            let message = format!("wasm-sink sets `{key}` itself");
            problem(
                code::BAD_VALUE,
                message,
                Some("leave it out".to_owned()),
                true,
            );
            continue;
        }
        if taken.contains(&name) || headers.iter().any(|known| known.name == name) {
            let message = format!("`{key}` is set twice");
            let help = "`auth`, `idempotency_header` and each key of `headers` set one; case does not count";
            problem(code::BAD_VALUE, message, Some(help.to_owned()), true);
            continue;
        }
        let Value::String {
            text,
            from_environment,
        } = &entry.node.value
        else {
            let message = format!(
                "`{key}` takes a string, and this is {}",
                entry.node.value.type_name()
            );
            problem(code::WRONG_TYPE, message, None, false);
            continue;
        };
        if SECRET.contains(&name.as_str()) && !from_environment {
            let variable = name.as_str().to_uppercase().replace('-', "_");
            let message = format!("`{key}` is a secret and must not stand in the file");
            let help =
                format!("put it into the environment and write \"{key}\" = \"${{{variable}}}\"");
            problem(code::SECRET_IN_FILE, message, Some(help), false);
            continue;
        }
        // Bytes that are no text would be as good as none in messages, so only what prints is taken.
        let Ok(mut value) = HeaderValue::from_str(text) else {
            let message = format!("`{key}` has characters that no header has");
            let help = "letters, digits and signs of ASCII, without line ends".to_owned();
            problem(code::BAD_VALUE, message, Some(help), false);
            continue;
        };
        value.set_sensitive(*from_environment);
        headers.push(FixedHeader {
            name,
            value,
            is_secret: *from_environment,
        });
    }
    headers
}
