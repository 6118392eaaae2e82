//! The keys of `[source]` that say what the bytes are.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use wasm_sink_core::data_type;
use wasm_sink_core::settings::{Problem, Reader, Table, code};

use crate::csv::Dialect;
use crate::format::{Format, check_schema};

/// `format`, `schema`, `delimiter` and `header`, as far as the user wrote them.
#[derive(Clone, Debug, Default)]
pub struct FormatSettings {
    format: Option<Format>,
    delimiter: Option<u8>,
    has_header: Option<bool>,
    /// The columns that the user wants; None: they are inferred.
    pub schema: Option<SchemaRef>,
}

impl FormatSettings {
    /// Reads the keys; mistakes are reported through the reader.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let dialect = Dialect::default();
        let format = reader.choice(
            "format",
            &[("json", Format::Json), ("csv", Format::Csv(dialect))],
        );
        let settings = Self {
            format,
            delimiter: delimiter(reader),
            has_header: reader.boolean("header"),
            schema: schema(reader, format),
        };
        for key in ["delimiter", "header"] {
            if format == Some(Format::Json)
                && let Some(entry) = reader.take(key)
            {
                let span = entry.key_span.clone();
                reader.bad_value(
                    &span,
                    format!("`{key}` is for CSV, and the format is JSON"),
                    format!("leave `{key}` out, or write format = \"csv\""),
                );
            }
        }
        settings
    }

    /// The format as written, or as the name says; None where neither says one.
    pub fn format(&self, name: Option<&str>) -> Option<Format> {
        match self.format.or_else(|| Format::of_name(name?))? {
            Format::Json => Some(Format::Json),
            Format::Csv(by_name) => Some(Format::Csv(Dialect {
                delimiter: self
                    .delimiter
                    .unwrap_or_else(|| match name.and_then(Format::of_name) {
                        Some(Format::Csv(named)) => named.delimiter,
                        _ => by_name.delimiter,
                    }),
                has_header: self.has_header.unwrap_or(by_name.has_header),
            })),
        }
    }
}

pub(crate) fn delimiter(reader: &mut Reader<'_>) -> Option<u8> {
    let (text, span) = reader.string("delimiter")?;
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !b"\"\r\n".contains(byte) => Some(*byte),
        _ => {
            reader.bad_value(
                &span,
                "`delimiter` takes one ASCII character that is neither a quote nor a line end",
                "write \",\", \";\", \"|\" or \"\\t\"",
            );
            None
        }
    }
}

pub(crate) fn schema(reader: &mut Reader<'_>, format: Option<Format>) -> Option<SchemaRef> {
    let tables = reader.tables("schema")?;
    let mut problems = Vec::new();
    let mut names = HashSet::new();
    let mut fields = Vec::with_capacity(tables.len());
    for table in &tables {
        let Some(field) = field(table, format, &mut problems) else {
            continue;
        };
        if !names.insert(field.name().clone()) {
            problems.push(Problem {
                code: code::BAD_VALUE,
                message: format!("the column `{}` stands twice", field.name()),
                span: table.span.clone(),
                help: Some("give each column another name".to_owned()),
            });
        }
        fields.push(field);
    }
    let is_right = problems.is_empty();
    for problem in problems {
        reader.problem(problem);
    }
    if tables.is_empty() {
        let span = reader.take("schema")?.node.span.clone();
        reader.bad_value(
            &span,
            "`schema` names no columns",
            "name some, or leave `schema` out to have it inferred",
        );
        return None;
    }
    is_right.then(|| Arc::new(Schema::new(fields)))
}

fn field(table: &Table, format: Option<Format>, problems: &mut Vec<Problem>) -> Option<Field> {
    let mut reader = table.reader(problems);
    let name = reader.required_string("name", "write name = \"id\"");
    let written = reader.required_string("data_type", "write data_type = \"int64\"");
    let nullable = reader.boolean("nullable").unwrap_or(true);
    let data_type = written.and_then(|(text, span)| match data_type::parse(text) {
        Ok(data_type) => Some((data_type, span)),
        Err(error) => {
            let help = "a type like int64, utf8, float64 or timestamp(us,+00:00)";
            reader.bad_value(&span, error.message(), help);
            None
        }
    });
    let field = match (name, data_type) {
        (Some((name, _)), Some((data_type, span))) => {
            let field = Field::new(name, data_type, nullable);
            let alone = Schema::new(vec![field.clone()]);
            match check_schema(format.unwrap_or(Format::Json), &alone) {
                Ok(()) => Some(field),
                Err(error) => {
                    reader.bad_value(&span, error.message(), "take another type");
                    None
                }
            }
        }
        _ => None,
    };
    reader.finish();
    field
}
