//! Names of tables and columns: taken letter by letter, quoted wherever they are sent.

use std::fmt;

use wasm_sink_core::{Blame, Error, Kind, Result};

/// Bytes of the longest name. PostgreSQL cuts longer ones without a word
/// (NAMEDATALEN, <https://www.postgresql.org/docs/current/limits.html>).
const MAX_NAME_BYTES: usize = 63;

pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, Blame::Component, message)
}

/// A name of one thing, as SQL takes it: displays in double quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    /// # Errors
    /// `invalid`: empty, too long, or with a zero byte.
    pub(crate) fn new(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(invalid("a name in PostgreSQL is not empty"));
        }
        if text.contains('\0') {
            return Err(invalid("a name in PostgreSQL holds no zero byte"));
        }
        if text.len() > MAX_NAME_BYTES {
            return Err(invalid(format!(
                "`{text}` has {} bytes, and PostgreSQL cuts names after {MAX_NAME_BYTES}; give it a \
                 shorter one with `field_mappings`",
                text.len()
            )));
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

/// A table, with its schema where that was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableName {
    schema: Option<Name>,
    table: Name,
}

impl TableName {
    /// `table`, `schema.table`; parts with dots in double quotes.
    ///
    /// # Errors
    /// `invalid`, with what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut parts = split(text)?;
        match (parts.pop(), parts.pop(), parts.pop()) {
            (Some(table), schema, None) => Ok(Self {
                schema: schema.as_deref().map(Name::new).transpose()?,
                table: Name::new(&table)
                    .map_err(|error| error.context(format!("`table_name` \"{text}\"")))?,
            }),
            _ => Err(invalid(format!(
                "`{text}` has too many parts: a table is named \"table\" or \"schema.table\", and \
                 the database is the connection's; a name with a dot in it stands in double quotes"
            ))),
        }
    }

    /// The table's own part.
    pub(crate) fn table(&self) -> &str {
        self.table.as_str()
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        self.table.fmt(f)
    }
}

/// The parts between dots that stand outside double quotes.
fn split(text: &str) -> Result<Vec<String>> {
    let unbalanced = || {
        invalid(format!(
            "`{text}` has a double quote without its other half"
        ))
    };
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let mut part = String::new();
        if let Some(quoted) = rest.strip_prefix('"') {
            rest = quoted;
            loop {
                let (before, after) = rest.split_once('"').ok_or_else(unbalanced)?;
                part.push_str(before);
                rest = after;
                match rest.strip_prefix('"') {
                    Some(after) => {
                        part.push('"');
                        rest = after;
                    }
                    None => break,
                }
            }
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            part.push_str(&rest[..end]);
            rest = &rest[end..];
        }
        parts.push(part);
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Ok(parts),
            None => return Err(unbalanced()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match TableName::parse(text) {
            Ok(name) => name.to_string(),
            Err(error) => format!("! {error}"),
        }
    }

    #[test]
    fn names_are_quoted_whatever_they_are() {
        for (text, sql) in [
            ("orders", r#""orders""#),
            ("Sales.Orders", r#""Sales"."Orders""#),
            (r#""a.b".c"#, r#""a.b"."c""#),
            (r#""say ""hi"""."#, "! "),
            (r#""say ""hi""""#, r#""say ""hi""""#),
            (r#"x"; drop table y; --"#, r#""x""; drop table y; --""#),
            ("schema.táblа", r#""schema"."táblа""#),
            ("select", r#""select""#),
        ] {
            let shown = shown(text);
            if let Some(refusal) = sql.strip_prefix('!') {
                assert!(shown.starts_with('!'), "{text}: {shown}{refusal}");
            } else {
                assert_eq!(shown, sql);
            }
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for (text, why) in [
            ("", "not empty"),
            ("a.", "not empty"),
            (".a", "not empty"),
            ("a.b.c", "too many parts"),
            ("\"a", "other half"),
            ("\"a\"b", "other half"),
            ("a\0b", "zero byte"),
        ] {
            assert!(shown(text).contains(why), "{text}: {}", shown(text));
        }
        assert!(shown(&"é".repeat(32)).contains("64 bytes"));
        assert!(!shown(&"e".repeat(63)).starts_with('!'));
    }
}
