//! Keys that are made of several columns.

use arrow::array::{ArrayRef, RecordBatch};
use wasm_sink_core::{Error, Result};
use wasm_sink_formats::{EncodedRows, plain_values};

/// Text with columns in it: "{region}-{id}".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Column(String),
}

impl Template {
    /// # Errors
    /// `invalid`: a brace without its other one, or a column without a name.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '{' if rest.next_if_eq(&'{').is_some() => plain.push('{'),
                '}' if rest.next_if_eq(&'}').is_some() => plain.push('}'),
                '{' => {
                    let mut name = String::new();
                    let is_closed = loop {
                        match rest.next() {
                            Some('}') => break true,
                            Some(c) => name.push(c),
                            None => break false,
                        }
                    };
                    if !is_closed || name.is_empty() {
                        return Err(Error::invalid(format!(
                            "the key template `{text}` has a `{{` that begins no column: \
                             \"{{region}}-{{id}}\" is one; write \"{{{{\" for a brace"
                        )));
                    }
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Column(name));
                }
                '}' => {
                    return Err(Error::invalid(format!(
                        "the key template `{text}` has a `}}` that ends no column: write \"}}}}\" for a \
                         brace"
                    )));
                }
                c => plain.push(c),
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        match parts.iter().any(|part| matches!(part, Part::Column(_))) {
            true => Ok(Self(parts)),
            false => Err(Error::invalid(format!(
                "the key template `{text}` names no column: \"{{region}}-{{id}}\" names two"
            ))),
        }
    }

    /// The columns as text.
    ///
    /// # Errors
    /// `invalid`: the rows lack one.
    pub(super) fn columns(&self, rows: &RecordBatch) -> Result<Filled<'_>> {
        let mut columns = Vec::new();
        for part in &self.0 {
            if let Part::Column(name) = part {
                let values = rows.column_by_name(name).ok_or_else(|| missing(name))?;
                columns.push(encoded(values)?);
            }
        }
        Ok(Filled {
            template: self,
            columns,
        })
    }
}

fn encoded(values: &ArrayRef) -> Result<EncodedRows> {
    plain_values(values)
}

fn missing(name: &str) -> Error {
    Error::invalid(format!(
        "the rows have no column `{name}`, which the key template names"
    ))
}

/// A template with the columns of rows.
pub(super) struct Filled<'a> {
    template: &'a Template,
    columns: Vec<EncodedRows>,
}

impl Filled<'_> {
    /// The key of a row; otherwise why it has none.
    pub(super) fn key(&self, row: usize) -> Result<Vec<u8>, String> {
        let mut key = Vec::new();
        let mut columns = self.columns.iter();
        for part in &self.template.0 {
            match part {
                Part::Text(text) => key.extend_from_slice(text.as_bytes()),
                Part::Column(name) => match columns.next().and_then(|column| column.get(row)) {
                    Some(value) => key.extend_from_slice(value),
                    None => {
                        return Err(format!(
                            "column `{name}` is null, and the key is made of it"
                        ));
                    }
                },
            }
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::*;

    #[test]
    fn keys_are_filled_in_row_by_row() {
        let region: ArrayRef = Arc::new(StringArray::from(vec![Some("eu"), None]));
        let id: ArrayRef = Arc::new(Int64Array::from(vec![7, 8]));
        let rows = RecordBatch::try_from_iter([("region", region), ("id", id)]).unwrap();
        let template = Template::parse("{{{region}}}-{id}").unwrap();
        let filled = template.columns(&rows).unwrap();
        assert_eq!(filled.key(0).unwrap(), b"{eu}-7");
        assert!(filled.key(1).unwrap_err().contains("`region` is null"));
        let unknown = Template::parse("{x}").unwrap();
        assert!(unknown.columns(&rows).is_err());
    }

    #[test]
    fn what_is_no_template_says_so() {
        for (text, why) in [
            ("{a", "begins no column"),
            ("{}", "begins no column"),
            ("a}", "ends no column"),
            ("abc", "names no column"),
            ("", "names no column"),
        ] {
            let error = Template::parse(text).unwrap_err();
            assert!(error.message().contains(why), "{text}: {error}");
        }
    }
}
