//! What a component is told, and what commits call it.

use sha2::{Digest, Sha256};

use super::cache::hex;

/// JSON that passed the component's schema and `validate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    text: String,
    hash: String,
}

impl Configuration {
    /// The component gets it as it is written. The order of keys says nothing, so the hash is that of sorted ones.
    pub fn new(json: &serde_json::Value) -> Self {
        let mut sorted = json.clone();
        sorted.sort_all_objects();
        Self {
            text: json.to_string(),
            hash: hex(&Sha256::digest(sorted.to_string())),
        }
    }

    /// As the component gets it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of its JSON with sorted keys and without spaces, as hexadecimal digits.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_hash_is_that_of_what_it_says() {
        let one = Configuration::new(&json!({ "table_name": "t", "cast": { "b": 1, "a": [2.5] } }));
        let same =
            Configuration::new(&json!({ "cast": { "a": [2.5], "b": 1 }, "table_name": "t" }));
        let other = Configuration::new(&json!({ "table_name": "t", "cast": { "b": 1, "a": [2] } }));
        assert_eq!(one.hash(), same.hash());
        assert_ne!(one.hash(), other.hash());
        assert!(one.text().starts_with(r#"{"table_name":"t","#), "{one:?}");
        // What `printf '{}' | sha256sum` says: others can tell a configuration by it.
        assert_eq!(
            Configuration::new(&json!({})).hash(),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
    }
}
