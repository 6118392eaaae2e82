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
}
