//! Records that come as separate messages, each with a payload of its own: those of a broker.
//!
//! A source collects payloads in a [`MessagesBuilder`] and has a [`MessageDecoder`] make rows of them;
//! [`MessageSettings`] reads which decoder that is, and makes them. To add a format: its word in
//! `settings`, and a decoder. What holds for lines holds here: a message goes into its row whole, or it is undecodable
//! and harms no other one.

mod avro;
mod ipc;
mod plain;
mod settings;
mod text;

use std::fmt;
use std::sync::Arc;

use arrow::array::{BooleanBufferBuilder, NullBufferBuilder, RecordBatch};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use async_trait::async_trait;
use bytes::Bytes;
use wasm_sink_core::Result;

pub use settings::{MessageDecoders, MessageSettings};
pub(crate) use text::lines_decoder;

/// Payloads in their order, in one piece of memory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Messages {
    bytes: Bytes,
    /// Where they begin and end: one more than there are payloads.
    offsets: OffsetBuffer<i32>,
    /// Which have a payload; None: all.
    present: Option<NullBuffer>,
}

impl Messages {
    /// How many.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One payload; None where it is absent, or the number too high.
    pub fn get(&self, message: usize) -> Option<&[u8]> {
        let (start, end) = self.range(message)?;
        self.bytes.get(start..end)
    }

    /// One payload, which keeps all of them in memory.
    pub fn shared(&self, message: usize) -> Option<Bytes> {
        let (start, end) = self.range(message)?;
        Some(self.bytes.slice(start..end))
    }

    fn range(&self, message: usize) -> Option<(usize, usize)> {
        let start = *self.offsets.get(message)? as usize;
        let end = *self.offsets.get(message + 1)? as usize;
        let is_present = self.present.as_ref().is_none_or(|p| p.is_valid(message));
        is_present.then_some((start, end))
    }

    /// Bytes in memory.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.len() + self.offsets.len() * size_of::<i32>()
    }

    /// Whether each payload is UTF-8 by itself.
    fn are_utf8(&self) -> bool {
        let is_cut = |at: &i32| {
            let next = self.bytes.get(*at as usize);
            // The second, third or fourth byte of a character.
            next.is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000)
        };
        std::str::from_utf8(&self.bytes).is_ok() && !self.offsets.iter().any(is_cut)
    }
}

/// Collects payloads.
#[derive(Debug)]
pub struct MessagesBuilder {
    bytes: Vec<u8>,
    offsets: Vec<i32>,
    present: NullBufferBuilder,
}

impl Default for MessagesBuilder {
    fn default() -> Self {
        Self::with_capacity(0, 0)
    }
}

impl MessagesBuilder {
    /// The most bytes that payloads have together.
    pub const MAX_BYTES: usize = i32::MAX as usize;

    /// With room for so many payloads of so many bytes together.
    pub fn with_capacity(messages: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(messages + 1);
        offsets.push(0);
        Self {
            bytes: Vec::with_capacity(bytes),
            offsets,
            present: NullBufferBuilder::new(messages),
        }
    }

    /// Adds a payload, or one that is absent. False, and nothing is added, where it would be more than
    /// [`Self::MAX_BYTES`].
    #[must_use]
    pub fn push(&mut self, payload: Option<&[u8]>) -> bool {
        let added = payload.unwrap_or_default();
        let Ok(end) = i32::try_from(self.bytes.len() + added.len()) else {
            return false;
        };
        self.bytes.extend_from_slice(added);
        self.offsets.push(end);
        self.present.append(payload.is_some());
        true
    }

    /// How many so far.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the payloads so far.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The payloads, without room for more.
    pub fn finish(mut self) -> Messages {
        self.bytes.shrink_to_fit();
        self.offsets.shrink_to_fit();
        Messages {
            bytes: self.bytes.into(),
            offsets: OffsetBuffer::new(ScalarBuffer::from(self.offsets)),
            present: self.present.finish(),
        }
    }
}

/// What decoding messages yields: all of them, or the first part.
#[derive(Clone, Debug)]
pub struct DecodedMessages {
    /// The values.
    pub rows: RecordBatch,
    /// For each row the number of its message, which never falls from one row to the next. A message
    /// has one row in most formats, and any number of them in `arrow`: none, or several rows that
    /// stand together and are all in this part. So a position may change only after a row whose
    /// successor belongs to another message ([`is_last_of_message`]), and what lies between two numbers, or
    /// after the last one up to `end`, is passed with the rows before it.
    pub messages: Vec<u32>,
    /// Messages that did not decode, in order.
    pub undecodable: Vec<UndecodableMessage>,
    /// Bytes in memory, without those of payloads that the rows share.
    pub memory_bytes: usize,
    /// The number of the first message that was not looked at: the rest is for another call, since it
    /// would take much memory, or has other columns.
    pub end: usize,
}

/// Whether a row is the last one of its message, so that a position may stand behind it and a batch
/// be cut there. `messages` is [`DecodedMessages::messages`].
pub fn is_last_of_message(messages: &[u32], row: usize) -> bool {
    match (messages.get(row), messages.get(row + 1)) {
        (Some(message), Some(next)) => message != next,
        (message, _) => message.is_some(),
    }
}

/// A message that did not decode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndecodableMessage {
    /// So many of the rows stand before it.
    pub after_rows: u32,
    /// Its number.
    pub message: u32,
    /// What is wrong, and where in the message.
    pub reason: String,
}

/// Makes rows of the messages of one topic. Remembers the columns: they never vanish, and more may come.
/// Text never changes a column's type; formats with schemas may make it a wider one, which holds what it
/// held.
#[async_trait]
pub trait MessageDecoder: Send + fmt::Debug {
    /// Decodes from message `from` on: at least one, if there is one. An absent payload is a row of
    /// nulls. Waits where it has to ask somebody what the bytes mean, and retries that by itself. Not
    /// to be dropped half way.
    ///
    /// # Errors
    /// What keeps every message from being decoded; what is wrong with one alone makes that one
    /// undecodable.
    async fn decode(&mut self, messages: &Messages, from: usize) -> Result<DecodedMessages>;
}

/// The rows of a format whose messages are all good, or nearly.
#[derive(Debug)]
struct Taken {
    bits: BooleanBufferBuilder,
    undecodable: Vec<UndecodableMessage>,
    accepted: u32,
    from: usize,
}

impl Taken {
    fn new(messages: &Messages, from: usize) -> Self {
        Self {
            bits: BooleanBufferBuilder::new(messages.len().saturating_sub(from)),
            undecodable: Vec::new(),
            accepted: 0,
            from,
        }
    }

    fn accept(&mut self) {
        self.bits.append(true);
        self.accepted += 1;
    }

    fn refuse(&mut self, message: usize, reason: String) {
        self.bits.append(false);
        self.undecodable.push(UndecodableMessage {
            after_rows: self.accepted,
            message: message as u32,
            reason,
        });
    }

    /// The numbers of the accepted messages, and a bit for each message.
    fn finish(mut self) -> (Vec<u32>, BooleanBuffer, Vec<UndecodableMessage>) {
        let bits = self.bits.finish();
        let numbers = bits.set_indices().map(|index| (self.from + index) as u32);
        (numbers.collect(), bits.clone(), self.undecodable)
    }
}

/// A schema whose columns all allow nulls.
fn nullable(columns: &[(&str, arrow::datatypes::DataType)]) -> arrow::datatypes::SchemaRef {
    use arrow::datatypes::{Field, Schema};
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, data_type)| Field::new(*name, data_type.clone(), true))
        .collect();
    Arc::new(Schema::new(fields))
}
