//! Making errors.

use crate::bindings::wasm_sink::sink::types::{Error, ErrorKind};

impl Error {
    /// What happened, for the host (`kind`) and for a person (`message`).
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after_ms: None,
        }
    }

    /// A misuse: a wrong name, type or value.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// These rows are to blame: the host looks for them one by one.
    pub fn rejected(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Rejected, message)
    }

    /// Anything else: it stops the pipeline.
    pub fn other(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Other, message)
    }

    /// Says what was being done.
    #[must_use]
    pub fn context(mut self, doing: impl AsRef<str>) -> Self {
        self.message = format!("{}: {}", doing.as_ref(), self.message);
        self
    }
}

impl From<String> for Error {
    fn from(message: String) -> Self {
        Self::other(message)
    }
}

impl From<&str> for Error {
    fn from(message: &str) -> Self {
        Self::other(message)
    }
}

/// Errors that `?` turns into `invalid`: something did not read as what it should be.
macro_rules! from_parse_errors {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::invalid(error.to_string())
            }
        }
    )*};
}

from_parse_errors!(
    serde_json::Error,
    std::num::ParseFloatError,
    std::num::ParseIntError,
    std::num::TryFromIntError,
    std::str::Utf8Error,
    std::string::FromUtf8Error,
);

/// What the standard library cannot do in a component is told with the reason, and with the line that asked for it.
impl From<std::io::Error> for Error {
    #[track_caller]
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            // Of bytes in memory.
            ErrorKind::InvalidData
            | ErrorKind::InvalidInput
            | ErrorKind::UnexpectedEof
            | ErrorKind::WriteZero
            | ErrorKind::Other => Self::invalid(error.to_string()),
            _ => {
                let place = std::panic::Location::caller();
                Self::other(format!(
                    "{}:{}: {error}: a component has neither files nor network nor processes; rows leave by what \
                     sink.toml names, and requests by the feature `http` of wasm-sink-sdk",
                    place.file(),
                    place.line()
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_mark_takes_common_errors() {
        fn parse(text: &str) -> crate::Result<u8> {
            if text.is_empty() {
                Err("nothing there")?;
            }
            Ok(text.parse::<i64>()?.try_into()?)
        }
        assert_eq!(parse("7").unwrap(), 7);
        assert_eq!(parse("").unwrap_err().kind, ErrorKind::Other);
        let error = parse("300").unwrap_err().context("port");
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(error.message.starts_with("port: out of range"), "{error}");
    }

    #[test]
    fn what_a_component_has_not_is_told_with_the_line() {
        fn connect() -> crate::Result<()> {
            Err::<(), _>(std::io::Error::from(std::io::ErrorKind::PermissionDenied))?;
            Ok(())
        }
        fn decode() -> crate::Result<()> {
            Err::<(), _>(std::io::Error::from(std::io::ErrorKind::UnexpectedEof))?;
            Ok(())
        }
        let error = connect().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Other);
        assert!(error.message.contains("error.rs:"), "{error}");
        assert!(
            error.message.contains("permission denied: a component has"),
            "{error}"
        );
        let error = decode().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(!error.message.contains("component"), "{error}");
    }
}
