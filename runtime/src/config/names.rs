//! Names that carry their rule.

use std::fmt;
use std::path::PathBuf;

use wasm_sink_core::{Blame, Error, Kind};

use super::reference::{BadReference, Reference, SCHEME};

/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 128;

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// It has more than [`MAX_NAME_CHARS`].
    #[error("it is longer than {MAX_NAME_CHARS} characters")]
    TooLong,
    /// It begins with something else than a letter or a digit.
    #[error("it begins with `{0}`")]
    Start(char),
    /// It has a character that names do not have.
    #[error("it has `{0}` in it")]
    Character(char),
}

fn check(text: &str) -> Result<(), BadName> {
    let first = text.chars().next().ok_or(BadName::Empty)?;
    if text.chars().count() > MAX_NAME_CHARS {
        return Err(BadName::TooLong);
    }
    if let Some(other) = text
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'))
    {
        return Err(BadName::Character(other));
    }
    if !first.is_ascii_alphanumeric() {
        return Err(BadName::Start(first));
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// ASCII letters, digits, `-`, `_` and `.`; begins with a letter or a digit; at most
        /// [`MAX_NAME_CHARS`].
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = BadName;

            fn try_from(text: &str) -> Result<Self, BadName> {
                check(text).map(|()| Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// What a pipeline is called: the identity of its positions in every destination.
    PipelineName
}

name! {
    /// What a connection is called in pipeline.toml.
    Label
}

name! {
    /// What a component calls a connection.
    Role
}

impl Role {
    /// The role that `connection = "<label>"` fills.
    pub fn default_role() -> Self {
        Self("default".to_owned())
    }
}

/// Where a component comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentRef {
    /// One that is part of the binary.
    BuiltIn(String),
    /// A file; a relative path counts from the directory of pipeline.toml.
    File(PathBuf),
    /// One in a registry.
    Oci(Reference),
}

/// A text that names no component.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadComponent {
    /// `oci://…` that does not read.
    #[error("{text}: {source}")]
    Reference {
        /// The text.
        text: String,
        /// Why it does not read.
        source: BadReference,
    },
    /// Another scheme.
    #[error(
        "components are not loaded from {0}://: download it and write its path, or push it to a registry (oci://)"
    )]
    Scheme(String),
}

impl From<BadComponent> for Error {
    fn from(bad: BadComponent) -> Self {
        Self::new(Kind::Invalid, Blame::Configuration, bad.to_string())
    }
}

impl ComponentRef {
    /// `oci://` is a registry's. A text with a separator of folders in it, or with the ending of a component, is a path;
    /// any other is the word of a built-in component, whether there is one or not.
    ///
    /// # Errors
    /// It names neither.
    pub fn of(text: &str) -> Result<Self, BadComponent> {
        if text.starts_with(SCHEME) {
            let reference = text.parse().map(Self::Oci);
            return reference.map_err(|source| BadComponent::Reference {
                text: text.to_owned(),
                source,
            });
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(BadComponent::Scheme(scheme.to_owned()));
        }
        Ok(
            match text.contains(['/', '\\']) || text.ends_with(".wasm") {
                true => Self::File(text.into()),
                false => Self::BuiltIn(text.to_owned()),
            },
        )
    }
}

impl fmt::Display for ComponentRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(name) => write!(f, "the built-in component `{name}`"),
            Self::File(path) => path.display().fmt(f),
            Self::Oci(reference) => reference.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_their_rule() {
        for good in ["a", "payments", "eu.payments-2_b", "0", &"x".repeat(128)] {
            assert_eq!(PipelineName::try_from(good).unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("", BadName::Empty),
            (&*"x".repeat(129), BadName::TooLong),
            ("..", BadName::Start('.')),
            ("-rf", BadName::Start('-')),
            ("a/b", BadName::Character('/')),
            ("zahl\u{fc}ng", BadName::Character('\u{fc}')),
            ("a b", BadName::Character(' ')),
        ] {
            assert_eq!(PipelineName::try_from(bad).unwrap_err(), why, "{bad}");
        }
    }
}
