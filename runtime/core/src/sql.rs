//! Names of tables and columns as SQL takes them: letter by letter, quoted wherever they are sent.

use std::fmt;

use crate::error::{Error, Result};

/// What a database allows in a name.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// The database, for messages.
    pub database: &'static str,
    /// Bytes of the longest name, where longer ones would be cut.
    pub max_bytes: Option<usize>,
}

/// A name of one thing: displays in double quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// A table, with its schema where that was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    schema: Option<Name>,
    table: Name,
}

impl Names {
    /// # Errors
    /// `invalid`: empty, too long, or with a zero byte.
    pub fn name(&self, text: &str) -> Result<Name> {
        let database = self.database;
        if text.is_empty() {
            return Err(Error::invalid(format!("a name in {database} is not empty")));
        }
        if text.contains('\0') {
            return Err(Error::invalid(format!(
                "a name in {database} holds no zero byte"
            )));
        }
        if let Some(most) = self.max_bytes.filter(|most| text.len() > *most) {
            return Err(Error::invalid(format!(
                "`{text}` has {} bytes, and {database} cuts names after {most}; give it a shorter \
                 one with `field_mappings`",
                text.len()
            )));
        }
        Ok(Name(text.to_owned()))
    }

    /// `table`, `schema.table`; parts with dots in double quotes.
    ///
    /// # Errors
    /// `invalid`, with what is wrong.
    pub fn table(&self, text: &str) -> Result<TableName> {
        let mut parts = split(text)?;
        let part = |part: &str| {
            let name = self.name(part);
            name.map_err(|error| error.context(format!("table \"{text}\"")))
        };
        match (parts.pop(), parts.pop(), parts.pop()) {
            (Some(table), schema, None) => Ok(TableName {
                schema: schema.as_deref().map(part).transpose()?,
                table: part(&table)?,
            }),
            _ => Err(Error::invalid(format!(
                "`{text}` has too many parts: a table is named \"table\" or \"schema.table\", and \
                 the database is the connection's; a name with a dot in it stands in double quotes"
            ))),
        }
    }
}

impl Name {
    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

impl TableName {
    /// The schema, where it was named.
    pub fn schema(&self) -> Option<&Name> {
        self.schema.as_ref()
    }

    /// The table's own part.
    pub fn table(&self) -> &Name {
        &self.table
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
        Error::invalid(format!(
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

    const NAMES: Names = Names {
        database: "the database",
        max_bytes: Some(63),
    };

    fn shown(text: &str) -> String {
        match NAMES.table(text) {
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
