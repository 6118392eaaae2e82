//! The names of the columns.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::Schema;

use super::Dialect;
use super::split::{self, End, Fields};

/// The names of a file's columns, in the order of its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    names: Arc<[String]>,
    /// Bytes at the front of the data that the header takes there.
    pub(crate) length: usize,
}

impl Header {
    /// Reads the names off the beginning of the data. Without a header there the names are those of
    /// `schema`, or `column_1`, `column_2` and so on.
    ///
    /// # Errors
    /// What is wrong with the header.
    pub(crate) fn read(
        data: &[u8],
        dialect: Dialect,
        schema: Option<&Schema>,
    ) -> Result<Self, String> {
        if let (false, Some(schema)) = (dialect.has_header, schema) {
            return Ok(Self {
                names: schema
                    .fields()
                    .iter()
                    .map(|field| field.name().clone())
                    .collect(),
                length: 0,
            });
        }
        let mut fields = Fields::default();
        let mut end = 0;
        let line = loop {
            let rest = data.get(end..).unwrap_or_default();
            let End::At(length) = split::record_end(rest, dialect.delimiter, true) else {
                return Err("its first line opens a quote and never closes it".to_owned());
            };
            end += length;
            let line = split::without_line_end(rest.get(..length).unwrap_or_default());
            if !line.is_empty() || length == 0 {
                break line;
            }
        };
        fields
            .split(line, dialect.delimiter)
            .map_err(|fault| format!("its first line is no header: {fault}"))?;
        let numbered = |index: usize| format!("column_{}", index + 1);
        if !dialect.has_header {
            return Ok(Self {
                names: (0..fields.len()).map(numbered).collect(),
                length: 0,
            });
        }
        let mut names = Vec::with_capacity(fields.len());
        let mut seen = HashSet::new();
        for (index, (_, name)) in fields.iter(line).enumerate() {
            let Ok(name) = std::str::from_utf8(name) else {
                return Err(format!("the name of its column {} is not UTF-8", index + 1));
            };
            let name = match name.trim() {
                "" => numbered(index),
                name => name.to_owned(),
            };
            if !seen.insert(name.clone()) {
                return Err(format!("its header names `{name}` twice"));
            }
            names.push(name);
        }
        Ok(Self {
            names: names.into(),
            length: end,
        })
    }

    /// The names.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }
}
