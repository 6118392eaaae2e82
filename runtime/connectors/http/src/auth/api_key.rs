//! A key in a header or in the query.

use reqwest::header::HeaderMap;
use url::Url;
use wasm_sink_core::Result;

use super::sensitive;
use crate::settings::{ApiKeySettings, KeyPlace};

/// Adds it where it belongs. One that a redirection repeats stands there once.
///
/// # Errors
/// The key has characters that no header has.
pub(super) fn put(key: &ApiKeySettings, url: &mut Url, headers: &mut HeaderMap) -> Result<()> {
    match &key.place {
        KeyPlace::Header(name) => {
            headers.insert(name.clone(), sensitive(key.value.expose())?);
        }
        KeyPlace::Query(name) => {
            if url.query_pairs().any(|(known, _)| known == name.as_str()) {
                let others = url.query_pairs().into_owned();
                let others: Vec<_> = others.filter(|(known, _)| known != name).collect();
                url.query_pairs_mut().clear().extend_pairs(others);
            }
            url.query_pairs_mut().append_pair(name, key.value.expose());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use wasm_sink_core::secret::Secret;

    use super::*;

    fn put_in(place: KeyPlace, url: &str) -> (String, HeaderMap) {
        let value = Secret::new("k&y");
        let (mut url, mut headers) = (Url::parse(url).unwrap(), HeaderMap::new());
        put(&ApiKeySettings { place, value }, &mut url, &mut headers).unwrap();
        (url.to_string(), headers)
    }

    #[test]
    fn it_stands_where_the_service_looks_for_it() {
        let header = KeyPlace::Header("x-api-key".parse().unwrap());
        let (url, headers) = put_in(header, "https://h/a?b=c");
        assert_eq!(url, "https://h/a?b=c");
        assert_eq!(headers["x-api-key"], "k&y");
        let query = || KeyPlace::Query("key".to_owned());
        let (url, headers) = put_in(query(), "https://h/a?b=c%20d");
        assert_eq!(url, "https://h/a?b=c%20d&key=k%26y");
        assert!(headers.is_empty());
        assert_eq!(put_in(query(), "https://h/a").0, "https://h/a?key=k%26y");
        let (url, _) = put_in(query(), "https://h/a?key=old&b=c");
        assert_eq!(url, "https://h/a?b=c&key=k%26y");
    }
}
