//! The keys of `[source]` that say what is in a message.

use std::path::Path;

use arrow::datatypes::SchemaRef;
use wasm_sink_core::Result;
use wasm_sink_core::settings::Reader;

use super::MessageDecoder;
use super::plain::{Plain, PlainDecoder};
use super::text::{Text, TextDecoder};
use crate::csv::Dialect;
use crate::format::Format;
use crate::settings::{delimiter, schema};

/// `format`, `schema` and `delimiter`, for records that come as messages.
#[derive(Clone, Debug)]
pub struct MessageSettings {
    kind: Kind,
    schema: Option<SchemaRef>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text(Text),
    Plain(Plain),
}

const DIALECT: Dialect = Dialect {
    delimiter: b',',
    has_header: false,
};

impl Default for MessageSettings {
    fn default() -> Self {
        Self {
            kind: Kind::Text(Text::Json),
            schema: None,
        }
    }
}

impl MessageSettings {
    /// Reads the keys; mistakes are reported through the reader.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let kind = reader.choice(
            "format",
            &[
                ("json", Kind::Text(Text::Json)),
                ("csv", Kind::Text(Text::Csv(DIALECT))),
                ("string", Kind::Plain(Plain::Text)),
                ("int64", Kind::Plain(Plain::Int64)),
                ("bytes", Kind::Plain(Plain::Bytes)),
            ],
        );
        let as_lines = match kind {
            Some(Kind::Text(Text::Csv(dialect))) => Format::Csv(dialect),
            _ => Format::Json,
        };
        let schema = schema(reader, Some(as_lines));
        let delimiter = delimiter(reader);
        let mut kind = kind.unwrap_or(Kind::Text(Text::Json));
        match &mut kind {
            Kind::Text(Text::Csv(dialect)) => {
                dialect.delimiter = delimiter.unwrap_or(dialect.delimiter);
            }
            Kind::Text(Text::Json) => refuse(reader, "delimiter", "for CSV"),
            Kind::Plain(_) => {
                refuse(reader, "delimiter", "for CSV");
                refuse(reader, "schema", "for records with fields");
            }
        }
        Self { kind, schema }
    }

    /// What makes decoders, once per source. Relative paths count from `directory`. Nobody is asked
    /// anything yet.
    ///
    /// # Errors
    /// Files that are not there, or not what they should be.
    pub fn open(&self, _directory: &Path) -> Result<MessageDecoders> {
        Ok(MessageDecoders {
            kind: self.kind,
            schema: self.schema.clone(),
        })
    }
}

/// Makes decoders that share what they learn of schemas, not of columns.
#[derive(Clone, Debug)]
pub struct MessageDecoders {
    kind: Kind,
    schema: Option<SchemaRef>,
}

impl MessageDecoders {
    /// A decoder for one topic.
    pub fn decoder(&self) -> Box<dyn MessageDecoder> {
        match self.kind {
            Kind::Text(text) => Box::new(TextDecoder::new(text, self.schema.clone())),
            Kind::Plain(plain) => Box::new(PlainDecoder::new(plain)),
        }
    }
}

/// Reports a key that another format has.
fn refuse(reader: &mut Reader<'_>, key: &'static str, is_for: &str) {
    if let Some(entry) = reader.take(key) {
        let span = entry.key_span.clone();
        let message = format!("`{key}` is {is_for}, and the format is another one");
        reader.bad_value(
            &span,
            message,
            format!("leave `{key}` out, or change `format`"),
        );
    }
}
