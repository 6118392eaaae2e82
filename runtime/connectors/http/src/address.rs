//! Where requests may go: below the connection's address, and nowhere else.

use percent_encoding::percent_decode;
use url::{Origin, Url};
use wasm_sink_core::{Error, Result};

/// The longest path with its query, in bytes.
const MAX_PATH_BYTES: usize = 16 << 10;
/// How often a path may be percent-encoded and is still seen through.
const MAX_DECODINGS: usize = 4;

/// The address of a connection: http or https, without user, query and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    url: Url,
    origin: Origin,
    /// Its path, without a slash at the end.
    prefix: String,
}

impl Address {
    pub(crate) fn new(url: Url) -> Self {
        Self {
            origin: url.origin(),
            prefix: url.path().trim_end_matches('/').to_owned(),
            url,
        }
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// "events?source=orders" below it. A slash in front changes nothing.
    ///
    /// # Errors
    /// `invalid`: it leads elsewhere, or is no path.
    pub(crate) fn below(&self, path: &str) -> Result<Url> {
        let invalid = |why: &str| {
            Err(Error::invalid(format!(
                "`{}` is no path below the connection's address: {why}",
                shown(path)
            )))
        };
        if path.len() > MAX_PATH_BYTES {
            return invalid("it is longer than 16 KiB");
        }
        if path.contains(char::is_control) {
            return invalid("it has control characters");
        }
        if path.contains('#') {
            return invalid("`#` begins a fragment, which is not sent; write `%23`");
        }
        let (place, query) = match path.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (path, None),
        };
        if place.contains('\\') {
            return invalid("`\\` is no separator; write `%5C`");
        }
        if place.starts_with("//") || has_scheme(place) {
            return invalid("where the service is says `url` in pipeline.toml");
        }
        if climbs(place) {
            return invalid("`..` leads out of it");
        }
        let mut text = format!("{}{}", self.origin.ascii_serialization(), self.prefix);
        let place = place.strip_prefix('/').unwrap_or(place);
        if !place.is_empty() {
            text.push('/');
            text.push_str(place);
        }
        if let Some(query) = query {
            text.push('?');
            text.push_str(query);
        }
        match Url::parse(&text) {
            Ok(url) if self.contains(&url) => Ok(url),
            _ => invalid("it leads elsewhere"),
        }
    }

    /// Whether a request with the connection's credentials may go there.
    pub(crate) fn contains(&self, url: &Url) -> bool {
        let rest = url.path().strip_prefix(self.prefix.as_str());
        url.origin() == self.origin
            && url.username().is_empty()
            && url.password().is_none()
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            && !climbs(url.path())
    }
}

/// "scheme://" (RFC 3986, 3.1). A colon alone is part of many a path: "topics/orders:publish".
fn has_scheme(place: &str) -> bool {
    let Some((scheme, _)) = place.split_once("://") else {
        return false;
    };
    !scheme.is_empty()
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Whether a segment is `..`, however it is encoded: servers differ in what they decode, and when. Some cut off what stands
/// behind a semicolon.
fn climbs(path: &str) -> bool {
    let is_parent = |segment: &[u8]| segment.split(|byte| *byte == b';').next() == Some(b"..");
    let mut path = path.as_bytes().to_vec();
    for _ in 0..MAX_DECODINGS {
        if path
            .split(|byte| matches!(byte, b'/' | b'\\'))
            .any(is_parent)
        {
            return true;
        }
        let decoded: Vec<u8> = percent_decode(&path).collect();
        if decoded == path {
            return false;
        }
        path = decoded;
    }
    // Nobody encodes that often who means well.
    true
}

/// A component's text for a message.
fn shown(path: &str) -> String {
    const CHARS: usize = 200;
    let shown = path.split('?').next().unwrap_or_default();
    let shown = shown.chars().take(CHARS);
    shown
        .map(|c| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Address {
        Address::new(Url::parse(url).unwrap())
    }

    #[test]
    fn paths_lie_below_the_address() {
        for (base, path, url) in [
            ("https://h/v2", "events", "https://h/v2/events"),
            ("https://h/v2/", "/events", "https://h/v2/events"),
            ("https://h/v2", "", "https://h/v2"),
            ("https://h/v2", "/", "https://h/v2"),
            ("https://h/v2/", "?a=..&b=//x", "https://h/v2?a=..&b=//x"),
            ("http://h:8080", "a/b?c=d?e", "http://h:8080/a/b?c=d?e"),
            ("http://h", "", "http://h/"),
            ("https://h:443/", "a b/ü", "https://h/a%20b/%C3%BC"),
            (
                "https://h/v1",
                "t/orders:publish",
                "https://h/v1/t/orders:publish",
            ),
            ("https://h/v1", "a/./b", "https://h/v1/a/b"),
            ("https://h/v1", "a...b/..c", "https://h/v1/a...b/..c"),
            ("https://h/v1", "u@evil", "https://h/v1/u@evil"),
            ("https://h/v1", "100%", "https://h/v1/100%"),
        ] {
            let found = address(base).below(path).unwrap();
            assert_eq!(found.as_str(), url, "{base} {path}");
        }
    }

    #[test]
    fn nothing_leads_elsewhere() {
        let address = address("https://h.example/v2");
        for path in [
            "https://evil.example/x",
            "//evil.example/x",
            "\\\\evil.example",
            "/\\evil.example",
            "../admin",
            "a/../../admin",
            "a/..",
            "%2e%2e/admin",
            "a/%2E./b",
            "a/%252e%252e/b",
            "a/%25252525252e/b",
            "a%2f..%2f..%2fadmin",
            "a/%2e%2e%5cadmin",
            "..;/admin",
            "a#b",
            "a\r\nHost: evil",
            "a\tb",
            &"x".repeat(MAX_PATH_BYTES + 1),
        ] {
            let error = address.below(path).unwrap_err();
            assert_eq!(error.kind(), wasm_sink_core::Kind::Invalid, "{path}");
            assert!(!error.to_string().contains('\n'), "{path}");
        }
    }

    #[test]
    fn redirections_stay_below_it() {
        let address = address("https://h.example/v2");
        let contains = |url: &str| address.contains(&Url::parse(url).unwrap());
        assert!(contains("https://h.example/v2"));
        assert!(contains("https://h.example:443/v2/a"));
        for elsewhere in [
            "http://h.example/v2/a",
            "https://h.example:8443/v2/a",
            "https://h.example.evil/v2/a",
            "https://evil/v2/a",
            "https://h.example/v22",
            "https://h.example/",
            "https://u@h.example/v2/a",
            "https://h.example/v2/%252e%252e/a",
            "https://h.example/v2/../a",
        ] {
            assert!(!contains(elsewhere), "{elsewhere}");
        }
    }
}
