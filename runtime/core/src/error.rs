//! One error type: what happened, whose fault it is, and whether trying again can help.

use std::fmt;
use std::time::Duration;

/// `Result` with our [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as the next step depends on it. Mirrors `error-kind` of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// None of the others; stops the pipeline.
    Other,
    /// The other side, or the way there, is away.
    Unavailable,
    /// The other side asks for a pause.
    Throttled {
        /// How long, if it said so.
        retry_after: Option<Duration>,
    },
    /// Another writer was first.
    Conflict,
    /// The request may have taken effect.
    OutcomeUnknown,
    /// Rows are to blame.
    Rejected,
    /// Not granted.
    Denied,
    /// A misuse: a wrong name, type or value. Nothing was done.
    Invalid,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// What the user wrote.
    Configuration,
    /// The Wasm component.
    Component,
    /// The system records come from.
    Source,
    /// The system records go to.
    Destination,
    /// A bug in wasm-sink.
    Host,
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "configuration",
            Self::Component => "component",
            Self::Source => "source",
            Self::Destination => "destination",
            Self::Host => "wasm-sink",
        })
    }
}

/// An error with kind, blame, context (outermost last) and source.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    blame: Blame,
    message: String,
    context: Vec<String>,
    advice: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// `message` is a sentence for a person: what happened and, where known, what to do.
    pub fn new(kind: Kind, blame: Blame, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            blame,
            message: message.into(),
            context: Vec::new(),
            advice: None,
            source: None,
        }))
    }

    /// A misuse by the component, which may be told of it and go on.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, Blame::Component, message)
    }

    /// The error below this one.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same, as another kind and somebody else's.
    #[must_use]
    pub fn recast(mut self, kind: Kind, blame: Blame) -> Self {
        self.0.kind = kind;
        self.0.blame = blame;
        self
    }

    /// What was being done, from the inside out.
    #[must_use]
    pub fn context(mut self, doing: impl Into<String>) -> Self {
        self.0.context.push(doing.into());
        self
    }

    /// Where one can read on; stands behind all else.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.0.advice = Some(advice.into());
        self
    }

    /// What happened.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        self.0.blame
    }

    /// The sentence, without context and source.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether the same work may succeed later with nothing changed.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.0.kind,
            Kind::Unavailable | Kind::Throttled { .. } | Kind::Conflict | Kind::OutcomeUnknown
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for doing in self.0.context.iter().rev() {
            write!(f, "{doing}: ")?;
        }
        f.write_str(&self.0.message)?;
        let mut below = self
            .0
            .source
            .as_deref()
            .map(|e| e as &dyn std::error::Error);
        while let Some(error) = below {
            let text = error.to_string();
            if !self.0.message.contains(&text) {
                write!(f, ": {text}")?;
            }
            below = error.source();
        }
        match &self.0.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|e| e as _)
    }
}

/// Adds what was being done to an error on its way up.
pub trait Context<T> {
    /// `doing` is only computed for errors.
    ///
    /// # Errors
    /// The error it was called on, with the context.
    fn context<S: Into<String>>(self, doing: impl FnOnce() -> S) -> Result<T>;
}

impl<T> Context<T> for Result<T> {
    fn context<S: Into<String>>(self, doing: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|error| error.context(doing()))
    }
}
