//! A token (RFC 6750).

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use wasm_sink_core::Result;
use wasm_sink_core::secret::Secret;

use super::sensitive;

/// RFC 6750, 2.1.
///
/// # Errors
/// The token has characters that no header has.
pub(super) fn header(token: &Secret) -> Result<HeaderValue> {
    sensitive(&format!("Bearer {}", token.expose()))
}

/// Adds it, or another way to log in with the same header.
pub(super) fn put(value: HeaderValue, headers: &mut HeaderMap) {
    headers.insert(AUTHORIZATION, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_not_print() {
        let value = header(&Secret::new("mF_9.B5f-4.1JqM")).unwrap();
        assert_eq!(value, "Bearer mF_9.B5f-4.1JqM");
        assert!(!format!("{value:?}").contains("mF_9"));
        assert!(header(&Secret::new("a\nb")).is_err());
    }
}
