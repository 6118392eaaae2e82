//! What must not be seen: a service may repeat in its answer what it was asked with.

use memchr::memmem::{Finder, find};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::form_urlencoded::byte_serialize;
use wasm_sink_core::secret::Secret;

/// What stands where a secret stood.
const HIDDEN: &[u8] = b"***";

/// What is encoded where nothing is that need not be (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Texts that are hidden, in each form that they go by. The longer ones come first, since they may hold others.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<Vec<u8>>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

impl Secrets {
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut all = Self::default();
        for secret in secrets {
            all.add(secret);
        }
        all
    }

    /// The same, and one more.
    pub(crate) fn and(&self, secret: Option<&Secret>) -> Self {
        let mut all = self.clone();
        if let Some(secret) = secret {
            all.add(secret);
        }
        all
    }

    fn add(&mut self, secret: &Secret) {
        let text = secret.expose();
        if text.is_empty() {
            return;
        }
        let json = serde_json::to_string(text).unwrap_or_default();
        let json = json.trim_start_matches('"').trim_end_matches('"');
        let escaped = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let reserved = utf8_percent_encode(text, RESERVED).to_string();
        let in_form: String = byte_serialize(text.as_bytes()).collect();
        let slashes = json.replace('/', "\\/");
        for form in [text, json, &slashes, &escaped, &reserved, &in_form] {
            let form = form.as_bytes();
            if !form.is_empty() && !self.0.iter().any(|known| known == form) {
                self.0.push(form.to_vec());
            }
        }
        self.0.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// Bytes of the longest.
    pub(crate) fn longest(&self) -> usize {
        self.0.first().map_or(0, Vec::len)
    }

    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.iter().any(|secret| find(bytes, secret).is_some())
    }

    /// The same without them.
    pub(crate) fn hide(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        for secret in &self.0 {
            let finder = Finder::new(secret);
            if finder.find(&bytes).is_none() {
                continue;
            }
            let mut hidden = Vec::with_capacity(bytes.len());
            let mut rest = bytes.as_slice();
            while let Some(at) = finder.find(rest) {
                let (before, found) = rest.split_at(at);
                hidden.extend_from_slice(before);
                hidden.extend_from_slice(HIDDEN);
                rest = found.get(secret.len()..).unwrap_or_default();
            }
            hidden.extend_from_slice(rest);
            bytes = hidden;
        }
        bytes
    }

    pub(crate) fn hide_in(&self, text: &str) -> String {
        let hidden = self.hide(text.as_bytes().to_vec());
        String::from_utf8_lossy(&hidden).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_hidden() {
        let secrets = Secrets::new(&[Secret::new("a/b\"c+"), Secret::new(""), Secret::new("a/b")]);
        for echo in [
            "[a/b\"c+]",
            r#"[a/b\"c+]"#,
            r#"[a\/b\"c+]"#,
            "[a%2Fb%22c%2B]",
            "[a/b]",
        ] {
            assert_eq!(secrets.hide_in(echo), "[***]", "{echo}");
            assert!(secrets.is_in(echo.as_bytes()));
        }
        let key = Secrets::new(&[Secret::new("a-b c/d")]);
        for echo in ["a-b+c%2Fd", "a-b%20c%2Fd", "a%2Db%20c%2Fd"] {
            assert_eq!(key.hide_in(echo), "***", "{echo}");
        }
        assert_eq!(secrets.hide_in("a/ba/bx"), "******x");
        assert_eq!(secrets.hide_in("nothing"), "nothing");
        assert!(!format!("{secrets:?}").contains("a/b"));
        let more = secrets.and(Some(&Secret::new("token")));
        assert_eq!(more.hide_in("token"), "***");
        assert_eq!(secrets.hide_in("token"), "token");
    }
}
