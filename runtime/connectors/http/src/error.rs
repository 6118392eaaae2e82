//! What is said of a service.

use std::error::Error as _;
use std::time::Duration;

use wasm_sink_core::{Blame, Error, Kind};

use crate::secrets::Secrets;

/// Characters of an answer that a message shows.
const SAID_CHARS: usize = 200;

/// Why one try came to nothing.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Nothing, or only a part, came back; another try may do better. In a few words, without secrets.
    Away(String),
    /// No try will do better.
    Fatal(Error),
}

impl Trouble {
    /// No answer came, or only a part of one. The causes are named, the address is not: its query may hold a key.
    pub(crate) fn unanswered(error: &reqwest::Error, secrets: &Secrets) -> Self {
        let mut why = match error {
            error if error.is_timeout() => "did not answer in time".to_owned(),
            error if error.is_connect() => "cannot be reached".to_owned(),
            error if error.is_builder() => {
                let message = format!(
                    "the request could not be made: {}",
                    secrets.hide_in(&causes(error))
                );
                return Self::Fatal(Error::invalid(message));
            }
            _ => "broke off the connection".to_owned(),
        };
        let causes = causes(error);
        if !causes.is_empty() {
            why = format!("{why}: {}", secrets.hide_in(&causes));
        }
        Self::Away(why)
    }

    /// As an error that nothing is tried against. `doing` says what was asked of whom.
    pub(crate) fn into_error(self, doing: &str) -> Error {
        match self {
            Self::Away(why) => away(format!("{doing}: the service {why}")),
            Self::Fatal(error) => error,
        }
    }
}

fn causes(error: &reqwest::Error) -> String {
    let mut causes: Vec<String> = Vec::new();
    let mut below = error.source();
    while let Some(cause) = below {
        let text = cause.to_string();
        if !causes.iter().any(|known| known.contains(&text)) {
            causes.push(text);
        }
        below = cause.source();
    }
    shown(causes.join(": ").as_bytes())
}

pub(crate) fn away(message: String) -> Error {
    Error::new(Kind::Unavailable, Blame::Destination, message)
}

pub(crate) fn throttled(message: String, retry_after: Option<Duration>) -> Error {
    Error::new(Kind::Throttled { retry_after }, Blame::Destination, message)
}

/// What only whoever wrote pipeline.toml can mend; no row is to blame.
pub(crate) fn misconfigured(message: String) -> Error {
    Error::new(Kind::Other, Blame::Configuration, message)
}

/// The beginning of a text from outside, in one line. Whoever calls this has hidden the secrets in it.
pub(crate) fn shown(text: &[u8]) -> String {
    // So many characters have at most four times as many bytes; more is not looked at.
    let text = text.get(..SAID_CHARS * 4).unwrap_or(text);
    let text = String::from_utf8_lossy(text);
    let shown = text.trim().chars().take(SAID_CHARS);
    shown
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_shown_in_a_line() {
        assert_eq!(shown(b"  a\r\nb\x1b[1m\xff "), "a  b\u{fffd}[1m\u{fffd}");
        assert_eq!(shown("ü".repeat(5_000).as_bytes()).chars().count(), 200);
    }
}
