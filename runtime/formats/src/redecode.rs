//! Records of dead letters, decoded once more.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use bytes::Bytes;
use wasm_sink_core::source::{Redecoded, Redecoder};
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::format::{Decoder, Format};
use crate::message::{DecodedMessages, MessageDecoder, Messages, MessagesBuilder, lines_decoder};

/// Has a decoder for each topic.
pub struct Redecoding<F> {
    make: F,
    decoders: HashMap<Option<String>, Box<dyn MessageDecoder>>,
}

impl<F: FnMut(Option<&str>) -> Result<Box<dyn MessageDecoder>> + Send> Redecoding<F> {
    /// `make` makes the decoder of a topic.
    pub fn new(make: F) -> Self {
        Self {
            make,
            decoders: HashMap::new(),
        }
    }
}

/// For JSON in lines, or records of CSV, of one file. Where those have a header it is read off `beginning`, the
/// first records of the file. `schema` is the user's, if there is one.
///
/// # Errors
/// A header that names no columns.
pub fn record_decoder(
    format: Format,
    beginning: &[u8],
    schema: Option<SchemaRef>,
) -> Result<Box<dyn MessageDecoder>> {
    let header = match format {
        Format::Csv(dialect) if dialect.has_header => {
            Decoder::new(format, beginning, schema.as_deref())?.header
        }
        _ => None,
    };
    Ok(lines_decoder(format, header, schema))
}

#[async_trait]
impl<F: FnMut(Option<&str>) -> Result<Box<dyn MessageDecoder>> + Send> Redecoder for Redecoding<F> {
    async fn decode(
        &mut self,
        topic: Option<&str>,
        records: &[Option<Bytes>],
        from: usize,
    ) -> Result<Redecoded> {
        let messages = messages(records.get(from..).unwrap_or_default())?;
        let decoder = match self.decoders.entry(topic.map(str::to_owned)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert((self.make)(topic)?),
        };
        let DecodedMessages {
            rows,
            messages: numbers,
            undecodable,
            memory_bytes,
            end,
        } = decoder.decode(&messages, 0).await?;
        let moved = |number: u32| number + from as u32;
        let undecodable = undecodable.into_iter();
        Ok(Redecoded {
            rows,
            records: numbers.into_iter().map(moved).collect(),
            undecodable: undecodable
                .map(|one| (one.after_rows, moved(one.message), one.reason))
                .collect(),
            end: from + end,
            memory_bytes: memory_bytes + messages.memory_bytes(),
        })
    }
}

fn messages(records: &[Option<Bytes>]) -> Result<Messages> {
    let mut messages = MessagesBuilder::default();
    for record in records {
        if !messages.push(record.as_deref()) {
            let message = "records of more than 2 GiB together";
            return Err(Error::new(Kind::Other, Blame::Host, message));
        }
    }
    Ok(messages.finish())
}
