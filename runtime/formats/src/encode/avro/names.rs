//! Names of records and fields (Avro 1.12, "Names").

use std::collections::HashSet;

/// Words that name a type of Avro, here or in some implementation.
const RESERVED: [&str; 17] = [
    "null",
    "boolean",
    "int",
    "long",
    "float",
    "double",
    "bytes",
    "string",
    "record",
    "enum",
    "array",
    "map",
    "fixed",
    "union",
    "error",
    "error_union",
    "request",
];

/// Whether a name may stand as it is.
pub(super) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let begins = bytes.next();
    begins.is_some_and(|first| first == b'_' || first.is_ascii_alphabetic())
        && bytes.all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

/// Namespace, if there is one, and name.
pub(super) fn full_name(name: &str) -> (Option<String>, String) {
    let mut parts: Vec<String> = name.split('.').map(made_valid).collect();
    let mut last = parts.pop().unwrap_or_default();
    if RESERVED.contains(&last.as_str()) {
        last.insert(0, '_');
    }
    let namespace = (!parts.is_empty()).then(|| parts.join("."));
    (namespace, last)
}

fn made_valid(part: &str) -> String {
    let begins_well = !part.starts_with(|first: char| first.is_ascii_digit()) && !part.is_empty();
    let lead = (!begins_well).then_some('_');
    let rest = part.chars().map(|c| match c.is_ascii_alphanumeric() {
        true => c,
        false => '_',
    });
    lead.into_iter().chain(rest).collect()
}

/// The names of types that a schema has by now: each may stand in it once.
#[derive(Debug, Default)]
pub(super) struct Taken(HashSet<String>);

impl Taken {
    /// `name`, or with a number behind it where there is one already.
    pub(super) fn take(&mut self, name: String) -> String {
        let mut tried = name.clone();
        let mut number = 1;
        while !self.0.insert(tried.clone()) {
            number += 1;
            tried = format!("{name}_{number}");
        }
        tried
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_names_are_made_valid() {
        for (given, namespace, name) in [
            ("payments", None, "payments"),
            ("com.acme.Payment", Some("com.acme"), "Payment"),
            ("orders-eu.v1/é", Some("orders_eu"), "v1__"),
            ("2026.7days", Some("_2026"), "_7days"),
            ("a..b", Some("a._"), "b"),
            ("", None, "_"),
            ("string", None, "_string"),
        ] {
            let namespace = namespace.map(str::to_owned);
            assert_eq!(full_name(given), (namespace, name.to_owned()));
        }
    }

    #[test]
    fn fields_keep_their_names_or_have_none() {
        for name in ["a", "_", "aB_9"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "9a", "a-b", "a.b", "é", "a b"] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn names_of_types_stand_once() {
        let mut taken = Taken::default();
        assert_eq!(taken.take("a".to_owned()), "a");
        assert_eq!(taken.take("a_2".to_owned()), "a_2");
        assert_eq!(taken.take("a".to_owned()), "a_3");
    }
}
