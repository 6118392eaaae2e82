//! JSON and CSV, one record a message.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use tokio::task::spawn_blocking;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::{DecodedMessages, MessageDecoder, Messages, UndecodableMessage};
use crate::csv::split::Fields;
use crate::csv::{Dialect, Header, Layout, split};
use crate::decoded::{Decoded, Place, Rows, UnknownFields};
use crate::evolution::Evolution;
use crate::fault::Fault;
use crate::format::{Format, refused};
use crate::infer::Inference;
use crate::registry::{BODY, split};
use crate::{csv, json};

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// One JSON object, with line ends inside it or without.
    Json,
    /// The same, with the number of its schema before it. What that says is no matter here: JSON
    /// names its fields.
    NumberedJson,
    /// One record; nothing names its columns but `schema`.
    Csv(Dialect),
}

/// As much as of a file, whose columns are learnt before anything is read: the first messages of a topic
/// may be few.
const LEARNT_BYTES: usize = 2 << 20;

/// Decodes records that are text with parts.
#[derive(Debug)]
pub(super) struct TextDecoder {
    text: Text,
    given: Option<SchemaRef>,
    evolution: Evolution,
    /// Bytes that the types of columns are still learnt from.
    to_learn_bytes: usize,
    /// The columns of CSV; None until a record shows how many there are.
    header: Option<Header>,
}

/// For records that stood in lines, of a file whose header is known.
pub(crate) fn lines_decoder(
    format: Format,
    header: Option<Header>,
    schema: Option<SchemaRef>,
) -> Box<dyn MessageDecoder> {
    let text = match format {
        Format::Json => Text::Json,
        Format::Csv(dialect) => Text::Csv(dialect),
    };
    let mut decoder = TextDecoder::new(text, schema);
    decoder.header = header;
    Box::new(decoder)
}

/// The messages of one call; None where new fields stopped it.
type Attempt = Result<Option<Decoded>>;

impl TextDecoder {
    /// `schema` is the user's, if there is one.
    pub(super) fn new(text: Text, schema: Option<SchemaRef>) -> Self {
        let evolution = match &schema {
            Some(schema) => Evolution::given(Arc::clone(schema)),
            None => Evolution::inferred(Arc::new(arrow::datatypes::Schema::empty())),
        };
        Self {
            text,
            given: schema,
            to_learn_bytes: match evolution.unknown {
                UnknownFields::Report => LEARNT_BYTES,
                _ => 0,
            },
            evolution,
            header: None,
        }
    }

    /// The names of CSV columns, from `schema` or from how many the first record has.
    fn learn_header(&mut self, dialect: Dialect, messages: &Messages, from: usize) {
        if self.header.is_none() {
            let mut payloads = (from..messages.len()).filter_map(|message| messages.get(message));
            self.header = payloads.find_map(|payload| {
                let header = Header::read(payload, dialect, self.given.as_deref()).ok()?;
                (self.given.is_some() || !payload.trim_ascii().is_empty()).then_some(header)
            });
        }
    }

    fn work(&self) -> Work {
        Work {
            text: self.text,
            header: self.header.clone(),
            schema: Arc::clone(&self.evolution.current),
            unknown: match self.to_learn_bytes {
                0 => self.evolution.unknown,
                _ => UnknownFields::Learn,
            },
        }
    }
}

#[async_trait]
impl MessageDecoder for TextDecoder {
    async fn decode(&mut self, messages: &Messages, from: usize) -> Result<DecodedMessages> {
        if let Text::Csv(dialect) = self.text {
            self.learn_header(dialect, messages, from);
        }
        let (work, all) = (self.work(), messages.clone());
        let decoding = spawn_blocking(move || work.run(&all, from));
        let (schema, decoded) = decoding
            .await
            .map_err(|error| bug("decoding stopped half way").with_source(error))??;
        self.evolution.current = schema;
        if self.to_learn_bytes > 0 {
            let read = (from..decoded.end).filter_map(|message| messages.get(message));
            let read_bytes = read.map(<[u8]>::len).sum();
            self.to_learn_bytes = self.to_learn_bytes.saturating_sub(read_bytes);
        }
        Ok(decoded.into())
    }
}

impl From<Decoded> for DecodedMessages {
    fn from(decoded: Decoded) -> Self {
        let number = |place: &Place| place.start;
        let memory_bytes = decoded.memory_bytes();
        let letters = decoded.undecodable.into_iter();
        Self {
            rows: decoded.rows,
            memory_bytes,
            messages: decoded.places.iter().map(number).collect(),
            undecodable: letters
                .map(|letter| UndecodableMessage {
                    after_rows: letter.after_rows,
                    message: letter.place.start,
                    reason: letter.reason,
                })
                .collect(),
            end: decoded.end,
        }
    }
}

/// What decoding needs, off the thread that asks for it.
#[derive(Debug)]
struct Work {
    text: Text,
    header: Option<Header>,
    schema: SchemaRef,
    unknown: UnknownFields,
}

impl Work {
    /// The rows, and the columns from now on.
    fn run(self, messages: &Messages, from: usize) -> Result<(SchemaRef, Decoded)> {
        if let Some(decoded) = self.decode(messages, from)? {
            return Ok((self.schema, decoded));
        }
        let extended = self.extended(messages, from);
        let decoded = extended.decode(messages, from)?;
        let decoded = decoded.ok_or_else(|| bug("new fields that were taken up"))?;
        Ok((extended.schema, decoded))
    }

    /// By a schema that has the fields which the messages bring.
    fn extended(&self, messages: &Messages, from: usize) -> Self {
        let mut inference = Inference::default();
        let mut fields = Fields::default();
        for payload in (from..messages.len()).filter_map(|message| messages.get(message)) {
            match (self.text, &self.header) {
                (Text::Csv(dialect), Some(header)) => {
                    inference.observe_csv_record(payload, &mut fields, dialect.delimiter, header);
                }
                (Text::NumberedJson, _) => {
                    let record = split(payload).ok().and_then(|_| payload.get(BODY..));
                    inference.observe_json_record(record.unwrap_or_default());
                }
                _ => inference.observe_json_record(payload),
            }
        }
        let extended = match self.unknown {
            UnknownFields::Learn => inference.widen(&self.schema),
            _ => inference.extend(&self.schema),
        };
        Self {
            text: self.text,
            header: self.header.clone(),
            schema: extended.unwrap_or_else(|| Arc::clone(&self.schema)),
            unknown: UnknownFields::Refuse,
        }
    }

    fn decode(&self, messages: &Messages, from: usize) -> Attempt {
        let mut rows = Rows::new(&self.schema).map_err(|unsupported| refused(&unsupported))?;
        rows.reserve(messages.len().saturating_sub(from));
        let is_utf8 = messages.are_utf8();
        let mut csv = match (self.text, &self.header) {
            (Text::Csv(dialect), Some(header)) => Some(CsvRecords {
                layout: Layout::new(header, &rows),
                fields: Fields::default(),
                delimiter: dialect.delimiter,
            }),
            _ => None,
        };
        let mut next = from;
        while next < messages.len() && !rows.is_full() {
            let (start, end) = (next, next + 1);
            match messages.get(next) {
                None => match rows.root.push_null() {
                    Ok(()) => rows.accept(start, end),
                    Err(fault) => rows.refuse(start, end, &fault),
                },
                Some(payload) => {
                    let is_taken = match (&mut csv, self.text) {
                        (Some(csv), _) => csv.decode(payload, self.unknown, &mut rows, start),
                        // Nothing but empty records so far.
                        (None, Text::Csv(_)) => {
                            rows.refuse(start, end, &Fault::new(0, "the record is empty"));
                            true
                        }
                        (None, Text::Json) => json::decode_record(
                            payload,
                            is_utf8,
                            self.unknown,
                            &mut rows,
                            start,
                            end,
                        ),
                        (None, Text::NumberedJson) => match split(payload) {
                            Ok(_) => json::decode_record(
                                payload.get(BODY..).unwrap_or_default(),
                                // The number may be part of a character.
                                false,
                                self.unknown,
                                &mut rows,
                                start,
                                end,
                            ),
                            Err(fault) => {
                                rows.refuse(start, end, &fault);
                                true
                            }
                        },
                    };
                    if !is_taken {
                        return Ok(None);
                    }
                }
            }
            next = end;
        }
        let decoded = rows.finish(next);
        decoded
            .map(Some)
            .map_err(|error| bug("decoded columns do not fit together").with_source(error))
    }
}

struct CsvRecords {
    layout: Layout,
    fields: Fields,
    delimiter: u8,
}

impl CsvRecords {
    /// False where new fields stopped it.
    fn decode(
        &mut self,
        payload: &[u8],
        unknown: UnknownFields,
        rows: &mut Rows,
        message: usize,
    ) -> bool {
        let line = split::without_line_end(payload);
        let read = match split::record_end(payload, self.delimiter, true) {
            _ if line.is_empty() => Err(Fault::new(0, "the record is empty")),
            split::End::At(length) if length < payload.len() => Err(Fault::new(
                length,
                "a message is one record, and another one follows",
            )),
            split::End::Unclosed(_) => Err(Fault::new(0, "a quote is opened and never closed")),
            _ => csv::read_record(
                line,
                &mut self.fields,
                self.delimiter,
                &self.layout,
                unknown,
                rows,
            ),
        };
        match read {
            Ok(true) => return false,
            Ok(false) => rows.accept(message, message + 1),
            Err(fault) if fault.wants_fractions && unknown == UnknownFields::Learn => return false,
            Err(fault) => rows.refuse(message, message + 1, &fault),
        }
        true
    }
}

pub(super) fn bug(what: &str) -> Error {
    let message = format!("{what}; this is a bug in wasm-sink, please report it");
    Error::new(Kind::Other, Blame::Host, message)
}
