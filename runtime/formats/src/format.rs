//! Which format data has, and how it is decoded.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::block::{Block, BlockKind};
use crate::column::Unsupported;
use crate::csv::{self, Dialect, Header};
use crate::decoded::{Decoded, Rows, UnknownFields};
use crate::json;

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    Json,
    /// Separated values.
    Csv(Dialect),
}

impl Format {
    /// The format that a file's name says, compressed or not; None where it says none.
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let (_, extension) = name.rsplit_once('.')?;
        match extension {
            "json" | "jsonl" | "ndjson" => Some(Self::Json),
            "csv" => Some(Self::Csv(Dialect::default())),
            "tsv" => Some(Self::Csv(Dialect {
                delimiter: b'\t',
                ..Dialect::default()
            })),
            _ => None,
        }
    }

    /// Where the last whole record of `bytes` ends, if something follows them; 0 where none does.
    pub(crate) fn last_record_end(self, bytes: &[u8]) -> usize {
        match self {
            Self::Json => memchr::memrchr(b'\n', bytes).map_or(0, |found| found + 1),
            Self::Csv(dialect) => csv::split::last_record_end(bytes, dialect.delimiter),
        }
    }
}

/// Decodes the blocks of one file or stream. Cheap to clone, and used by several threads.
#[derive(Clone, Debug)]
pub struct Decoder {
    format: Format,
    /// Only CSV has one.
    pub(crate) header: Option<Header>,
}

/// What became of a block.
#[derive(Debug)]
pub enum Outcome {
    /// Its rows.
    Decoded(Decoded),
    /// It has fields that the schema lacks.
    NewFields,
}

impl Decoder {
    /// `beginning` are the first records of the data; the header of a CSV file is read off them.
    /// `schema` is the user's, if there is one.
    ///
    /// # Errors
    /// A header that names no columns.
    pub fn new(format: Format, beginning: &[u8], schema: Option<&Schema>) -> Result<Self> {
        let header = match format {
            Format::Json => None,
            Format::Csv(dialect) => {
                let data = beginning
                    .get(byte_order_mark(beginning)..)
                    .unwrap_or_default();
                let header = Header::read(data, dialect, schema);
                Some(header.map_err(|reason| Error::new(Kind::Invalid, Blame::Source, reason))?)
            }
        };
        Ok(Self { format, header })
    }

    /// What the bytes are.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Where the first record of a block begins: after a byte order mark and a header.
    pub(crate) fn first_record(&self, block: &Block) -> usize {
        if block.offset > 0 {
            return 0;
        }
        byte_order_mark(&block.bytes) + self.header.as_ref().map_or(0, |header| header.length)
    }

    /// Decodes one block, or the first part of one that takes much memory: see [`Decoded::end`]. All
    /// good rows come out, in order, whatever stands between them.
    ///
    /// # Errors
    /// A schema with a type that the format cannot fill; see [`check_schema`].
    pub fn decode(
        &self,
        schema: &SchemaRef,
        block: &Block,
        unknown: UnknownFields,
    ) -> Result<Outcome> {
        let mut rows = Rows::new(schema).map_err(|unsupported| refused(&unsupported))?;
        let mut end = block.bytes.len();
        if let BlockKind::Oversized { length, .. } = &block.kind {
            rows.refuse_oversized(block.bytes.len(), *length);
        } else {
            let lines = memchr::memchr_iter(b'\n', &block.bytes).take(rows.most_rows());
            rows.reserve(lines.count() + 1);
            let from = self.first_record(block);
            let skipped = block.bytes.get(..from).unwrap_or_default();
            rows.pass_lines(memchr::memchr_iter(b'\n', skipped).count());
            let decoded = match (self.format, &self.header) {
                (Format::Csv(dialect), Some(header)) => csv::decode(
                    &block.bytes,
                    from,
                    dialect.delimiter,
                    header,
                    unknown,
                    &mut rows,
                ),
                _ => json::decode(&block.bytes, from, unknown, &mut rows),
            };
            match decoded {
                Some(decoded) => end = decoded,
                None => return Ok(Outcome::NewFields),
            }
        }
        rows.finish(end).map(Outcome::Decoded).map_err(|error| {
            Error::new(
                Kind::Other,
                Blame::Host,
                "decoded columns do not fit together; this is a bug in wasm-sink, please report it",
            )
            .with_source(error)
        })
    }
}

/// Whether `schema` can be decoded into.
///
/// # Errors
/// The column and its type, and what to write instead.
pub fn check_schema(format: Format, schema: &Schema) -> Result<()> {
    Rows::new(&Arc::new(schema.clone())).map_err(|unsupported| refused(&unsupported))?;
    if let Format::Csv(_) = format
        && let Some(field) = schema
            .fields()
            .iter()
            .find(|field| field.data_type().is_nested())
    {
        return Err(Error::new(
            Kind::Invalid,
            Blame::Configuration,
            format!(
                "column `{}` is {}, and CSV has no nested values: write utf8",
                field.name(),
                wasm_sink_core::data_type::name(field.data_type())
            ),
        ));
    }
    Ok(())
}

pub(crate) fn refused(unsupported: &Unsupported) -> Error {
    Error::new(
        Kind::Invalid,
        Blame::Configuration,
        format!(
            "column `{}`: {} is no type that text is decoded into; take boolean, int8 to uint64, \
             float32, float64, decimal, utf8, binary, date32, date64, time32, time64, timestamp \
             (without zone or with one like +00:00), list, struct or map<utf8, …>",
            unsupported.path,
            wasm_sink_core::data_type::name(&unsupported.data_type)
        ),
    )
}

/// Bytes that a byte order mark takes.
fn byte_order_mark(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_the_format() {
        assert_eq!(Format::of_name("a/b.jsonl"), Some(Format::Json));
        assert_eq!(Format::of_name("B.NDJSON.GZ"), Some(Format::Json));
        assert_eq!(
            Format::of_name("x.tsv.gz"),
            Some(Format::Csv(Dialect {
                delimiter: b'\t',
                has_header: true
            }))
        );
        assert_eq!(Format::of_name("x.parquet"), None);
        assert_eq!(Format::of_name("gz"), None);
    }
}
