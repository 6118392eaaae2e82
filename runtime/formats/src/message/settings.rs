//! The keys of `[source]` that say what is in a message.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use wasm_sink_core::Result;
use wasm_sink_core::settings::Reader;

use super::MessageDecoder;
use super::avro::AvroDecoder;
use super::ipc::IpcDecoder;
use super::plain::{Plain, PlainDecoder};
use super::text::{Text, TextDecoder};
use crate::csv::Dialect;
use crate::format::Format;
use crate::registry::{Registry, RegistrySettings};
use crate::settings::{delimiter, schema};

/// `format`, `schema`, `delimiter` and `schema_registry_…`, for records that come as messages.
#[derive(Clone, Debug)]
pub struct MessageSettings {
    kind: Kind,
    schema: Option<SchemaRef>,
    registry: Option<RegistrySettings>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text(Text),
    Plain(Plain),
    Avro,
    Arrow,
}

const DIALECT: Dialect = Dialect {
    delimiter: b',',
    has_header: false,
};

const REGISTRY: &str = "schema_registry_url";

impl Default for MessageSettings {
    fn default() -> Self {
        Self {
            kind: Kind::Text(Text::Json),
            schema: None,
            registry: None,
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
                ("avro", Kind::Avro),
                ("csv", Kind::Text(Text::Csv(DIALECT))),
                ("arrow", Kind::Arrow),
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
        let registry = RegistrySettings::read(reader);
        let has_registry = reader.take(REGISTRY).is_some();
        let mut kind = kind.unwrap_or(Kind::Text(Text::Json));
        match &mut kind {
            Kind::Text(Text::Csv(dialect)) => {
                dialect.delimiter = delimiter.unwrap_or(dialect.delimiter);
            }
            _ => refuse(reader, "delimiter", "for CSV"),
        }
        match &mut kind {
            Kind::Text(text @ Text::Json) if has_registry => *text = Text::NumberedJson,
            Kind::Avro if !has_registry => reader.missing(
                REGISTRY,
                "records have the number of their schema: write schema_registry_url = \
                 \"https://registry.example.com\"",
            ),
            Kind::Avro | Kind::Text(Text::Json) => {}
            Kind::Text(_) | Kind::Plain(_) | Kind::Arrow => {
                refuse(reader, REGISTRY, "for Avro and JSON");
            }
        }
        if let Kind::Plain(_) = kind {
            refuse(reader, "schema", "for records with fields");
        }
        Self {
            kind,
            schema,
            registry,
        }
    }

    /// What makes decoders, once per source. Relative paths count from `directory`. Nobody is asked
    /// anything yet.
    ///
    /// # Errors
    /// Files that are not there, or not what they should be.
    pub fn open(&self, directory: &Path) -> Result<MessageDecoders> {
        let registry = self.registry.as_ref().filter(|_| self.kind == Kind::Avro);
        let registry = registry.map(|settings| Registry::open(settings, directory));
        Ok(MessageDecoders {
            kind: self.kind,
            schema: self.schema.clone(),
            registry: registry.transpose()?.map(Arc::new),
        })
    }
}

/// Makes decoders that share what they learn of schemas, not of columns.
#[derive(Clone, Debug)]
pub struct MessageDecoders {
    kind: Kind,
    schema: Option<SchemaRef>,
    /// For Avro there is one.
    registry: Option<Arc<Registry>>,
}

impl MessageDecoders {
    /// Asks whom they will ask, once, so that a wrong address shows before the first record. Whoever is
    /// away is no error, since decoders wait.
    ///
    /// # Errors
    /// What waiting does not heal: an address of something else, credentials that are refused.
    pub async fn check(&self) -> Result<()> {
        match &self.registry {
            Some(registry) => registry.check().await,
            None => Ok(()),
        }
    }

    /// A decoder for one topic.
    pub fn decoder(&self) -> Box<dyn MessageDecoder> {
        let schema = self.schema.clone();
        match (self.kind, &self.registry) {
            (Kind::Avro, Some(registry)) => {
                Box::new(AvroDecoder::new(Arc::clone(registry), schema))
            }
            // Settings of Avro without a registry have a mistake, which was reported.
            (Kind::Avro | Kind::Arrow, _) => Box::new(IpcDecoder::new(schema)),
            (Kind::Text(text), _) => Box::new(TextDecoder::new(text, schema)),
            (Kind::Plain(plain), _) => Box::new(PlainDecoder::new(plain)),
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
