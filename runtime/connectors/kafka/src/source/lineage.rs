//! Where each row is from.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray, UInt32Array};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use wasm_sink_core::dead_letter::RowOrigin;
use wasm_sink_core::{Lineage, MetadataKey, Position};
use wasm_sink_formats::{Messages, is_last_of_message};

use super::chunk::Chunk;
use super::partition::position;

/// Some rows of a chunk.
#[derive(Debug)]
pub(super) struct ChunkLineage {
    pub(super) chunk: Arc<Chunk>,
    /// For each row the number of its message.
    pub(super) messages: Vec<u32>,
}

impl ChunkLineage {
    fn message(&self, row: u32) -> Option<usize> {
        let message = self.messages.get(row as usize)?;
        Some(*message as usize)
    }

    fn offset(&self, row: u32) -> Option<i64> {
        let message = self.message(row)?;
        self.chunk.offsets.get(message).copied()
    }

    fn texts(&self, values: Option<&Messages>, rows: &UInt32Array) -> Option<ArrayRef> {
        let values = values?;
        let texts = rows.values().iter().map(|row| {
            let value = values.get(self.message(*row)?)?;
            Some(text(value))
        });
        Some(Arc::new(texts.collect::<StringArray>()))
    }
}

/// Bytes as text: what is UTF-8 as it is, anything else in base64.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => STANDARD.encode(bytes).into(),
    }
}

impl Lineage for ChunkLineage {
    fn position_after(&self, row: u32) -> Option<Position> {
        if !is_last_of_message(&self.messages, row as usize) {
            return None;
        }
        self.offset(row).map(|offset| position(offset + 1))
    }

    fn origin(&self, row: u32) -> RowOrigin {
        let partition = &self.chunk.reading.partition;
        partition.origin(self.offset(row).unwrap_or(-1))
    }

    fn raw(&self, row: u32) -> Option<Bytes> {
        self.chunk.payloads.shared(self.message(row)?)
    }

    fn metadata(&self, key: MetadataKey, rows: &UInt32Array) -> Option<ArrayRef> {
        let partition = &self.chunk.reading.partition;
        let same = |text: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
                text,
                rows.len(),
            )))
        };
        Some(match key {
            MetadataKey::Key => return self.texts(self.chunk.keys.as_ref(), rows),
            MetadataKey::Headers => return self.texts(self.chunk.headers.as_ref(), rows),
            MetadataKey::Topic => same(&partition.topic),
            MetadataKey::Partition => same(partition.key.partition()),
            MetadataKey::Offset => {
                let offsets = rows.values().iter().map(|row| self.offset(*row));
                Arc::new(offsets.collect::<Int64Array>())
            }
            MetadataKey::Timestamp => {
                let micros = rows.values().iter().map(|row| {
                    let millis = *self.chunk.timestamps.get(self.message(*row)?)?;
                    (millis >= 0).then(|| millis.saturating_mul(1000))
                });
                let times = micros.collect::<TimestampMicrosecondArray>();
                Arc::new(times.with_timezone("+00:00"))
            }
        })
    }
}
