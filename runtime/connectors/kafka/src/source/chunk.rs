//! Messages of one partition, copied out of the library.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use wasm_sink_formats::{Messages, MessagesBuilder};

use super::partition::Reading;
use crate::native::Message;
use crate::settings::Tombstones;

/// Consecutive messages of one partition.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) reading: Arc<Reading>,
    pub(super) payloads: Messages,
    /// None where no message has a key.
    pub(super) keys: Option<Messages>,
    /// As JSON; None where no message has headers.
    pub(super) headers: Option<Messages>,
    pub(super) offsets: Vec<i64>,
    /// Milliseconds since 1970; negative where there is none.
    pub(super) timestamps: Vec<i64>,
    /// Tombstones that are dead letters.
    pub(super) rejected: Vec<Rejected>,
    /// The offset after everything that was looked at.
    pub(super) end: i64,
    /// Nothing further is wanted of this reading.
    pub(super) is_done: bool,
    /// When the last of it had been fetched.
    pub(super) fetched: Instant,
}

/// A tombstone that nobody wants.
#[derive(Debug)]
pub(super) struct Rejected {
    /// So many of the messages stand before it.
    pub(super) after: usize,
    pub(super) offset: i64,
    timestamp: i64,
    pub(super) key: Option<Bytes>,
    headers: Option<Vec<u8>>,
}

impl Rejected {
    /// A chunk of this message alone.
    pub(super) fn alone(&self, of: &Chunk) -> Chunk {
        let one = |value: Option<&[u8]>| {
            let mut one = None;
            push_some(&mut one, value, 0);
            one.map(MessagesBuilder::finish)
        };
        let mut payloads = MessagesBuilder::default();
        let _ = payloads.push(None);
        Chunk {
            reading: Arc::clone(&of.reading),
            payloads: payloads.finish(),
            keys: one(self.key.as_deref()),
            headers: one(self.headers.as_deref()),
            offsets: vec![self.offset],
            timestamps: vec![self.timestamp],
            rejected: Vec::new(),
            end: of.end,
            is_done: false,
            fetched: of.fetched,
        }
    }
}

impl Chunk {
    /// Bytes in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        let optional =
            |messages: &Option<Messages>| messages.as_ref().map_or(0, Messages::memory_bytes);
        self.payloads.memory_bytes()
            + optional(&self.keys)
            + optional(&self.headers)
            + self.offsets.len() * 2 * size_of::<i64>()
    }
}

/// How large a chunk may become: room is made for so much at once, since growing copies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Room {
    messages: usize,
    bytes: usize,
}

/// A chunk that grows.
#[derive(Debug)]
pub(super) struct Collecting {
    payloads: MessagesBuilder,
    keys: Option<MessagesBuilder>,
    headers: Option<MessagesBuilder>,
    offsets: Vec<i64>,
    timestamps: Vec<i64>,
    rejected: Vec<Rejected>,
    /// When the first of it came.
    pub(super) since: Instant,
}

impl Collecting {
    pub(super) fn new(since: Instant, room: Room) -> Self {
        Self {
            payloads: MessagesBuilder::with_capacity(room.messages, room.bytes),
            keys: None,
            headers: None,
            offsets: Vec::with_capacity(room.messages),
            timestamps: Vec::with_capacity(room.messages),
            rejected: Vec::new(),
            since,
        }
    }

    /// Rows so far, and those that are none.
    pub(super) fn len(&self) -> usize {
        self.offsets.len() + self.rejected.len()
    }

    /// What another chunk like this takes.
    pub(super) fn room(&self) -> Room {
        Room {
            messages: self.offsets.len(),
            bytes: self.payloads.bytes(),
        }
    }

    /// Bytes so far.
    pub(super) fn bytes(&self) -> usize {
        self.payloads.bytes()
            + self.keys.as_ref().map_or(0, MessagesBuilder::bytes)
            + self.headers.as_ref().map_or(0, MessagesBuilder::bytes)
    }

    /// Copies a message. Whether it was a tombstone that is passed over.
    pub(super) fn push(&mut self, message: Message<'_>, tombstones: Tombstones) -> bool {
        let payload = message.payload();
        if payload.is_none() {
            match tombstones {
                Tombstones::Skip => return true,
                Tombstones::Row => {}
                Tombstones::Reject => {
                    self.rejected.push(Rejected {
                        after: self.offsets.len(),
                        offset: message.offset(),
                        timestamp: message.timestamp().unwrap_or(-1),
                        key: message.key().map(Bytes::copy_from_slice),
                        headers: headers_as_json(message),
                    });
                    return false;
                }
            }
        }
        let before = self.offsets.len();
        // Chunks are closed long before their bytes are too many to count.
        let _ = self.payloads.push(payload);
        push_some(&mut self.keys, message.key(), before);
        let headers = headers_as_json(message);
        push_some(&mut self.headers, headers.as_deref(), before);
        self.offsets.push(message.offset());
        self.timestamps.push(message.timestamp().unwrap_or(-1));
        false
    }

    pub(super) fn finish(mut self, reading: Arc<Reading>, end: i64, is_done: bool) -> Chunk {
        self.offsets.shrink_to_fit();
        self.timestamps.shrink_to_fit();
        Chunk {
            reading,
            payloads: self.payloads.finish(),
            keys: self.keys.map(MessagesBuilder::finish),
            headers: self.headers.map(MessagesBuilder::finish),
            offsets: self.offsets,
            timestamps: self.timestamps,
            rejected: self.rejected,
            end,
            is_done,
            fetched: Instant::now(),
        }
    }
}

/// Adds to a column that is not there as long as it has no value; `before` values were left out.
fn push_some(column: &mut Option<MessagesBuilder>, value: Option<&[u8]>, before: usize) {
    if column.is_none() && value.is_none() {
        return;
    }
    let column = column.get_or_insert_with(|| {
        let mut column = MessagesBuilder::default();
        for _ in 0..before {
            let _ = column.push(None);
        }
        column
    });
    let _ = column.push(value);
}

/// Headers as a JSON list of pairs, since a name may stand there twice: `[["trace", "a1"]]`. None where
/// the message has none.
fn headers_as_json(message: Message<'_>) -> Option<Vec<u8>> {
    let mut pairs = Vec::new();
    let has_headers = message.headers(|name, value| {
        let value = value.map_or(serde_json::Value::Null, |value| {
            super::lineage::text(value).into()
        });
        pairs.push(serde_json::json!([name, value]));
    });
    let is_any = has_headers && !pairs.is_empty();
    is_any.then(|| serde_json::Value::Array(pairs).to_string().into_bytes())
}
