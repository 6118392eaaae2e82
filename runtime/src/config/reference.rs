//! `oci://registry.example.com/team/orders@sha256:…`.

use std::fmt;
use std::str::FromStr;

/// What such a reference begins with.
pub const SCHEME: &str = "oci://";
const SHA256: &str = "sha256:";

/// A component in a registry: a repository there, and a tag, a digest, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference(oci_client::Reference);

/// Why a text names no component in a registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReference {
    /// Docker would take its own.
    #[error("it names no registry: oci://registry.example.com/team/orders@sha256:…")]
    NoRegistry,
    /// There is no latest component that everybody means.
    #[error("it says neither which tag nor which digest: append :1.0, or @sha256:…")]
    NoVersion,
    /// SHA-256 alone is checked.
    #[error("a digest begins with `sha256:` and has 64 hexadecimal digits")]
    Digest,
    /// It does not read.
    #[error("it is none: {0}")]
    Malformed(String),
}

impl Reference {
    /// The digest of its manifest, "sha256:…".
    pub fn digest(&self) -> Option<&str> {
        self.0.digest()
    }

    /// The same, by a digest.
    pub(crate) fn pinned(&self, digest: &str) -> Self {
        let (registry, repository) = (self.0.registry(), self.0.repository());
        Self(oci_client::Reference::with_digest(
            registry.to_owned(),
            repository.to_owned(),
            digest.to_owned(),
        ))
    }

    /// The last part of the repository: "orders".
    pub fn name(&self) -> &str {
        let repository = self.0.repository();
        repository.rsplit('/').next().unwrap_or(repository)
    }

    /// Host and port.
    pub(crate) fn registry(&self) -> &str {
        self.0.resolve_registry()
    }

    pub(crate) fn of_client(&self) -> &oci_client::Reference {
        &self.0
    }
}

impl FromStr for Reference {
    type Err = BadReference;

    /// With or without the scheme.
    fn from_str(text: &str) -> Result<Self, BadReference> {
        let text = text.strip_prefix(SCHEME).unwrap_or(text);
        let (registry, rest) = text.split_once('/').ok_or(BadReference::NoRegistry)?;
        // As Docker tells a registry from the first part of a name.
        if !registry.contains(['.', ':']) && registry != "localhost" {
            return Err(BadReference::NoRegistry);
        }
        if !rest.contains([':', '@']) {
            return Err(BadReference::NoVersion);
        }
        if let Some((_, digest)) = rest.split_once('@') {
            let digits = digest.strip_prefix(SHA256).ok_or(BadReference::Digest)?;
            let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            if digits.len() != 64 || !digits.bytes().all(is_digit) {
                return Err(BadReference::Digest);
            }
        }
        let parsed = text.parse::<oci_client::Reference>();
        parsed
            .map(Self)
            .map_err(|error| BadReference::Malformed(error.to_string()))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0.whole())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    #[test]
    fn references_read_and_print_alike() {
        for text in [
            "oci://localhost:5000/orders:1.0",
            "oci://localhost/team/orders:latest",
            &format!("oci://registry.example.com/team/orders@{DIGEST}"),
            &format!("oci://registry.example.com/team/orders:1.0@{DIGEST}"),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), text);
            assert_eq!(reference.name(), "orders");
        }
        let tagged: Reference = "oci://localhost:5000/a/b:1".parse().unwrap();
        assert_eq!(tagged.registry(), "localhost:5000");
        assert_eq!(tagged.digest(), None);
        let pinned = tagged.pinned(DIGEST);
        assert_eq!(
            pinned.to_string(),
            format!("oci://localhost:5000/a/b@{DIGEST}")
        );
        assert_eq!(pinned.digest(), Some(DIGEST));
    }

    #[test]
    fn what_is_left_to_guess_is_refused() {
        for (text, expected) in [
            ("oci://orders:1.0", BadReference::NoRegistry),
            ("oci://team/orders:1.0", BadReference::NoRegistry),
            ("oci://localhost:5000/orders", BadReference::NoVersion),
            (
                "oci://localhost:5000/orders@sha256:12",
                BadReference::Digest,
            ),
            ("oci://localhost:5000/orders@md5:12", BadReference::Digest),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap_err(), expected, "{text}");
        }
        for text in [
            "oci://localhost:5000/Orders:1",
            "oci://localhost:5000/a b:1",
            "oci://h:1/:1",
        ] {
            let error = text.parse::<Reference>().unwrap_err();
            assert!(
                matches!(error, BadReference::Malformed(_)),
                "{text}: {error:?}"
            );
        }
    }
}
