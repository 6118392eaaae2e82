//! Payloads that are values as they are: text, whole numbers, bytes.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow::compute::filter;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use async_trait::async_trait;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::{DecodedMessages, MessageDecoder, Messages, Taken, nullable};

/// What a payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    /// UTF-8: column `data`.
    Text,
    /// Eight bytes, the most significant first: column `value`.
    Int64,
    /// Anything: columns `data` and `size`.
    Bytes,
}

/// Decodes payloads without parts.
#[derive(Debug)]
pub(super) struct PlainDecoder {
    plain: Plain,
    schema: SchemaRef,
}

impl PlainDecoder {
    pub(super) fn new(plain: Plain) -> Self {
        let schema = match plain {
            Plain::Text => nullable(&[("data", DataType::Utf8)]),
            Plain::Int64 => nullable(&[("value", DataType::Int64)]),
            Plain::Bytes => nullable(&[("data", DataType::Binary), ("size", DataType::Int64)]),
        };
        Self { plain, schema }
    }

    fn decode_all(&self, messages: &Messages, from: usize) -> Result<DecodedMessages, ArrowError> {
        let mut taken = Taken::new(messages, from);
        let columns: Vec<ArrayRef> = match self.plain {
            Plain::Text => vec![texts(messages, from, &mut taken)?],
            Plain::Int64 => vec![numbers(messages, from, &mut taken)],
            Plain::Bytes => {
                (from..messages.len()).for_each(|_| taken.accept());
                let sizes = (from..messages.len())
                    .map(|message| messages.get(message).map(|bytes| bytes.len() as i64));
                let (offsets, bytes, present) = as_arrow(messages, from);
                vec![
                    Arc::new(BinaryArray::try_new(offsets, bytes, present)?),
                    Arc::new(Int64Array::from_iter(sizes)),
                ]
            }
        };
        let (numbers, bits, undecodable) = taken.finish();
        // Of texts that are all good, and of bytes, only what says where they are is new.
        let is_shared = self.plain != Plain::Int64 && undecodable.is_empty();
        let memory_bytes = match is_shared {
            true => numbers.len() * (size_of::<u32>() + size_of::<i64>()),
            false => columns
                .iter()
                .map(|column| column.get_array_memory_size())
                .sum(),
        };
        Ok(DecodedMessages {
            memory_bytes,
            rows: RecordBatch::try_new(
                Arc::clone(&self.schema),
                only(columns, bits, &undecodable)?,
            )?,
            messages: numbers,
            undecodable,
            end: messages.len(),
        })
    }
}

#[async_trait]
impl MessageDecoder for PlainDecoder {
    async fn decode(&mut self, messages: &Messages, from: usize) -> Result<DecodedMessages> {
        self.decode_all(messages, from).map_err(|error| {
            let message =
                "payloads do not fit together; this is a bug in wasm-sink, please report it";
            Error::new(Kind::Other, Blame::Host, message).with_source(error)
        })
    }
}

/// Without the values of messages that were refused.
fn only(
    columns: Vec<ArrayRef>,
    bits: arrow::buffer::BooleanBuffer,
    undecodable: &[super::UndecodableMessage],
) -> Result<Vec<ArrayRef>, ArrowError> {
    if undecodable.is_empty() {
        return Ok(columns);
    }
    let keep = BooleanArray::new(bits, None);
    columns.iter().map(|column| filter(column, &keep)).collect()
}

/// The payloads as Arrow has them, without copying a byte.
fn as_arrow(messages: &Messages, from: usize) -> (OffsetBuffer<i32>, Buffer, Option<NullBuffer>) {
    let count = messages.len().saturating_sub(from);
    (
        messages.offsets.slice(from, count),
        Buffer::from(messages.bytes.clone()),
        messages
            .present
            .as_ref()
            .map(|present| present.slice(from, count)),
    )
}

fn texts(messages: &Messages, from: usize, taken: &mut Taken) -> Result<ArrayRef, ArrowError> {
    let (offsets, bytes, present) = as_arrow(messages, from);
    if messages.are_utf8() {
        (from..messages.len()).for_each(|_| taken.accept());
        return Ok(Arc::new(StringArray::try_new(offsets, bytes, present)?));
    }
    let values = (from..messages.len()).map(|message| {
        let payload = messages.get(message);
        match payload.map(std::str::from_utf8).transpose() {
            Ok(text) => {
                taken.accept();
                text
            }
            Err(error) => {
                let at = error.valid_up_to() + 1;
                taken.refuse(
                    message,
                    format!("the bytes are not UTF-8 (byte {at} of the record)"),
                );
                None
            }
        }
    });
    Ok(Arc::new(values.collect::<StringArray>()))
}

fn numbers(messages: &Messages, from: usize, taken: &mut Taken) -> ArrayRef {
    let values = (from..messages.len()).map(|message| {
        let Some(payload) = messages.get(message) else {
            taken.accept();
            return None;
        };
        let value = payload.try_into().ok().map(i64::from_be_bytes);
        match value {
            Some(_) => taken.accept(),
            None => {
                let length = payload.len();
                taken.refuse(
                    message,
                    format!("an int64 is 8 bytes, and the record has {length}"),
                );
            }
        }
        value
    });
    Arc::new(values.collect::<Int64Array>()) as ArrayRef
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;

    use super::*;
    use crate::message::MessagesBuilder;

    fn messages(payloads: &[Option<&[u8]>]) -> Messages {
        let mut builder = MessagesBuilder::default();
        for payload in payloads {
            assert!(builder.push(*payload));
        }
        builder.finish()
    }

    #[tokio::test]
    async fn text_that_is_none_harms_no_other() {
        // Together the last two are one character; each alone is none.
        let all = messages(&[
            Some(b"a"),
            None,
            Some(b""),
            Some(b"\xc3"),
            Some(b"\xa4"),
            Some(b"b"),
        ]);
        let mut decoder = PlainDecoder::new(Plain::Text);
        let decoded = decoder.decode(&all, 1).await.unwrap();
        let column = decoded.rows.column(0).as_string::<i32>();
        let texts: Vec<_> = column.iter().collect();
        assert_eq!(texts, [None, Some(""), Some("b")]);
        assert_eq!(decoded.messages, [1, 2, 5]);
        let refused = decoded.undecodable.iter();
        let refused: Vec<_> = refused.map(|one| (one.after_rows, one.message)).collect();
        assert_eq!(refused, [(2, 3), (2, 4)]);
        assert_eq!(decoded.end, 6);
    }

    #[tokio::test]
    async fn numbers_have_eight_bytes() {
        let all = messages(&[
            Some(&(-2i64).to_be_bytes()),
            Some(b"12"),
            None,
            Some(&[0; 8]),
        ]);
        let decoded = PlainDecoder::new(Plain::Int64)
            .decode(&all, 0)
            .await
            .unwrap();
        let column = decoded.rows.column(0).as_primitive::<Int64Type>();
        assert_eq!(column.iter().collect::<Vec<_>>(), [Some(-2), None, Some(0)]);
        assert_eq!(
            decoded.undecodable[0].reason,
            "an int64 is 8 bytes, and the record has 2"
        );
    }

    #[tokio::test]
    async fn bytes_are_given_on_as_they_are() {
        let all = messages(&[Some(b"x"), Some(b"\xff\0"), None, Some(b"")]);
        let decoded = PlainDecoder::new(Plain::Bytes)
            .decode(&all, 1)
            .await
            .unwrap();
        let data = decoded.rows.column(0).as_binary::<i32>();
        assert_eq!(
            data.iter().collect::<Vec<_>>(),
            [Some(&b"\xff\0"[..]), None, Some(b"")]
        );
        let sizes = decoded.rows.column(1).as_primitive::<Int64Type>();
        assert_eq!(sizes.iter().collect::<Vec<_>>(), [Some(2), None, Some(0)]);
    }
}
