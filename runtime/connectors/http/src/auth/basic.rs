//! Name and password (RFC 7617).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use wasm_sink_core::Result;
use wasm_sink_core::secret::Secret;

use super::sensitive;

/// RFC 7617, 2: base64 of "name:password", which is UTF-8.
pub(super) fn encoded(username: &str, password: &Secret) -> Secret {
    Secret::new(STANDARD.encode(format!("{username}:{}", password.expose())))
}

/// The header's value.
///
/// # Errors
/// None that is known of.
pub(super) fn header(username: &str, password: &Secret) -> Result<HeaderValue> {
    sensitive(&format!("Basic {}", encoded(username, password).expose()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_encoded_as_in_the_standard() {
        // RFC 7617, 2 and 2.1.
        let value = header("Aladdin", &Secret::new("open sesame")).unwrap();
        assert_eq!(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let value = header("test", &Secret::new("123\u{a3}")).unwrap();
        assert_eq!(value, "Basic dGVzdDoxMjPCow==");
        assert!(!format!("{value:?}").contains("dGVz"));
    }
}
