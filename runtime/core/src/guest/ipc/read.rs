//! Streams that a guest made. Nothing in them is believed: every length, offset and count is
//! checked against the bytes that are there, then Arrow validates what was built.
//!
//! Buffers are used where they stand, and no bytes serve two of them. Apart from copies of misaligned
//! ones, and one where a stream has several record batches, nothing grows beyond the bytes that came
//! in.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayData, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, make_array,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow::compute::concat_batches;
use arrow::datatypes::{
    DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Field, SchemaRef,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
};
use arrow::ipc;

use super::schema::{Read, schema};
use crate::error::{Error, Result};

/// What stands before each message.
const MARKER: [u8; 4] = [0xFF; 4];

/// Rows that take no bytes (nulls, structs without fields) are taken up to this many.
const MAX_FREE_ROWS: usize = 1 << 20;

/// The rows of a stream of one schema; those of several record batches become one.
///
/// # Errors
/// Whatever is wrong with the bytes.
pub(in crate::guest) fn decode(bytes: Vec<u8>) -> Result<RecordBatch> {
    stream(&Buffer::from_vec(bytes)).map_err(|reason| {
        Error::invalid(format!(
            "not an Arrow IPC stream that can be taken: {reason}"
        ))
    })
}

/// The same for a stream that somebody else made.
///
/// # Errors
/// The same, as a reason.
pub fn read_stream(bytes: Vec<u8>) -> std::result::Result<RecordBatch, String> {
    stream(&Buffer::from_vec(bytes))
}

fn stream(bytes: &Buffer) -> Read<RecordBatch> {
    let mut at = 0;
    let (first, _) = message(bytes, &mut at)?.ok_or("it is empty")?;
    let schema = first
        .header_as_schema()
        .ok_or("it does not begin with a schema")?;
    let schema = Arc::new(self::schema(schema)?);
    let mut batches = Vec::new();
    let mut rows = 0_usize;
    while let Some((message, body)) = message(bytes, &mut at)? {
        let batch = match message.header_type() {
            ipc::MessageHeader::RecordBatch => message
                .header_as_record_batch()
                .ok_or("a record batch without a header")?,
            ipc::MessageHeader::DictionaryBatch => {
                return Err("dictionaries are not taken: write values as they are".into());
            }
            _ => return Err("a message that is no record batch".into()),
        };
        let batch = record_batch(bytes, body, &schema, batch)?;
        rows = rows.saturating_add(batch.num_rows());
        if rows > most_values(bytes) {
            return Err(format!("{rows} rows are more than its bytes can hold"));
        }
        batches.push(batch);
    }
    match <[RecordBatch; 1]>::try_from(batches) {
        Ok([batch]) => Ok(batch),
        Err(batches) => concat_batches(&schema, &batches).map_err(|error| error.to_string()),
    }
}

/// The next message and where its body lies; None at the end of the stream.
fn message<'a>(
    bytes: &'a Buffer,
    at: &mut usize,
) -> Read<Option<(ipc::Message<'a>, Range<usize>)>> {
    let rest = bytes.get(*at..).unwrap_or_default();
    if rest.is_empty() {
        return Ok(None);
    }
    let cut = || "it ends in the middle of a message".to_owned();
    let (marker, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
    if *marker != MARKER {
        return Err(format!("at byte {at} no message begins"));
    }
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
    let length = usize::try_from(i32::from_le_bytes(*length))
        .map_err(|_| "a message of negative length".to_owned())?;
    if length == 0 {
        return Ok(None);
    }
    let header = rest.get(..length).ok_or_else(cut)?;
    // Verifies offsets, strings and nesting of the flatbuffer before anything is read from it.
    let message = ipc::root_as_message(header)
        .map_err(|error| format!("a message header that does not verify: {error}"))?;
    let start = *at + MARKER.len() + size_of::<i32>() + length;
    let end = usize::try_from(message.bodyLength())
        .ok()
        .and_then(|length| start.checked_add(length))
        .filter(|end| *end <= bytes.len())
        .ok_or_else(cut)?;
    *at = end;
    Ok(Some((message, start..end)))
}

fn record_batch(
    bytes: &Buffer,
    body: Range<usize>,
    schema: &SchemaRef,
    batch: ipc::RecordBatch<'_>,
) -> Read<RecordBatch> {
    if batch.compression().is_some() {
        return Err("its buffers are compressed: write them as they are".into());
    }
    let mut columns = Columns {
        bytes,
        unused: body.len(),
        body,
        nodes: batch.nodes().map(|nodes| nodes.iter()),
        buffers: batch.buffers().map(|buffers| buffers.iter()),
    };
    let rows = columns.length(batch.length())?;
    let mut arrays = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let array = columns
            .array(field)
            .map_err(|reason| format!("column `{}`: {reason}", field.name()))?;
        arrays.push(array);
    }
    if columns.next_node().is_ok() || columns.next_buffer().is_ok() {
        return Err("a record batch has more columns than the schema".into());
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
        .map_err(|error| error.to_string())
}

/// No more values than the stream has bits, unless they need none; and what `u32` can count.
fn most_values(bytes: &Buffer) -> usize {
    let bits = bytes.len().saturating_mul(8);
    bits.max(MAX_FREE_ROWS).min(u32::MAX as usize)
}

/// The nodes and buffers of a record batch, taken in order.
struct Columns<'a, N, B> {
    bytes: &'a Buffer,
    body: Range<usize>,
    /// Bytes of the body that no buffer took so far.
    unused: usize,
    nodes: Option<N>,
    buffers: Option<B>,
}

impl<'a, N, B> Columns<'a, N, B>
where
    N: Iterator<Item = &'a ipc::FieldNode>,
    B: Iterator<Item = &'a ipc::Buffer>,
{
    fn next_node(&mut self) -> Read<&'a ipc::FieldNode> {
        let node = self.nodes.as_mut().and_then(Iterator::next);
        node.ok_or_else(|| "its length is missing".to_owned())
    }

    fn next_buffer(&mut self) -> Read<Buffer> {
        let place = self.buffers.as_mut().and_then(Iterator::next);
        let place = place.ok_or("a buffer is missing")?;
        let outside = || "a buffer lies outside the message".to_owned();
        let offset = usize::try_from(place.offset()).map_err(|_| outside())?;
        let length = usize::try_from(place.length()).map_err(|_| outside())?;
        let end = offset.checked_add(length).ok_or_else(outside)?;
        if end > self.body.len() {
            return Err(outside());
        }
        // Where columns share bytes, what is copied of each could be many times the stream.
        self.unused = self
            .unused
            .checked_sub(length)
            .ok_or("its buffers overlap")?;
        Ok(self
            .bytes
            .slice_with_length(self.body.start + offset, length))
    }

    fn length(&self, length: i64) -> Read<usize> {
        usize::try_from(length)
            .ok()
            .filter(|length| *length <= most_values(self.bytes))
            .ok_or_else(|| format!("{length} values are more than its bytes can hold"))
    }

    /// Exactly so many values of so many bytes: Arrow panics where a part of one is left over.
    fn values(&mut self, count: usize, width: usize) -> Read<Buffer> {
        let buffer = self.next_buffer()?;
        match count.checked_mul(width) {
            Some(bytes) if bytes <= buffer.len() => Ok(buffer.slice_with_length(0, bytes)),
            _ => Err(format!(
                "{} bytes for {count} values of {width}",
                buffer.len()
            )),
        }
    }

    fn offsets(&mut self, data_type: &DataType, length: usize) -> Read<Buffer> {
        let width = match data_type {
            DataType::LargeUtf8 | DataType::LargeBinary | DataType::LargeList(_) => {
                size_of::<i64>()
            }
            _ => size_of::<i32>(),
        };
        if length == 0 {
            // Writers may leave out the one offset that there is.
            self.next_buffer()?;
            return Ok(Buffer::from_vec(vec![0_u8; width]));
        }
        self.values(length.saturating_add(1), width)
    }

    fn array(&mut self, field: &Field) -> Read<ArrayRef> {
        let node = self.next_node()?;
        let length = self.length(node.length())?;
        let data_type = field.data_type();
        let mut builder = ArrayData::builder(data_type.clone()).len(length);
        if *data_type != DataType::Null {
            let validity = self.next_buffer()?;
            builder = builder.nulls(nulls(validity, length, node.null_count())?);
        }
        match data_type {
            DataType::Null => {}
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => {
                builder = builder
                    .add_buffer(self.offsets(data_type, length)?)
                    .add_buffer(self.next_buffer()?);
            }
            DataType::List(item) | DataType::LargeList(item) | DataType::Map(item, _) => {
                builder = builder.add_buffer(self.offsets(data_type, length)?);
                let items = self.array(item)?;
                if matches!(data_type, DataType::Map(..)) && items.logical_null_count() > 0 {
                    return Err("an entry of a map is null".into());
                }
                builder = builder.add_child_data(items.to_data());
            }
            DataType::FixedSizeList(item, size) => {
                let items = self.array(item)?;
                let size = usize::try_from(*size).unwrap_or_default();
                if length.checked_mul(size) != Some(items.len()) {
                    return Err(format!(
                        "{} items for {length} lists of {size}",
                        items.len()
                    ));
                }
                builder = builder.add_child_data(items.to_data());
            }
            DataType::Struct(members) => {
                for member in members {
                    let column = self.array(member)?;
                    if column.len() != length {
                        return Err(format!(
                            "`{}` has {} values for {length} structs",
                            member.name(),
                            column.len()
                        ));
                    }
                    builder = builder.add_child_data(column.to_data());
                }
            }
            DataType::FixedSizeBinary(size) => {
                let size = usize::try_from(*size).unwrap_or_default();
                builder = builder.add_buffer(self.values(length, size)?);
            }
            DataType::Boolean => {
                builder = builder.add_buffer(self.values(length.div_ceil(8), 1)?);
            }
            other => {
                let width = other.primitive_width().ok_or("its type is not taken")?;
                builder = builder.add_buffer(self.values(length, width)?);
            }
        }
        let data = builder.align_buffers(true).build();
        let array = make_array(data.map_err(|error| error.to_string())?);
        in_range(&array)?;
        Ok(array)
    }
}

fn nulls(validity: Buffer, length: usize, count: i64) -> Read<Option<NullBuffer>> {
    if count == 0 {
        return Ok(None);
    }
    if validity.len() < length.div_ceil(8) {
        return Err(format!(
            "{} bytes of validity for {length} values",
            validity.len()
        ));
    }
    let nulls = NullBuffer::new(BooleanBuffer::new(validity, 0, length));
    // -1 is how a writer says that it did not count.
    if count != -1 && usize::try_from(count) != Ok(nulls.null_count()) {
        return Err(format!(
            "{} nulls, not {count} as it says",
            nulls.null_count()
        ));
    }
    Ok((nulls.null_count() > 0).then_some(nulls))
}

/// What Arrow does not check: digits of decimals, and times within their day.
fn in_range(array: &ArrayRef) -> Read<()> {
    fn all(values: impl Iterator<Item = Option<i64>>, limit: i64) -> Read<()> {
        match values.flatten().find(|value| !(0..limit).contains(value)) {
            Some(value) => Err(format!("{value} is no time of a day")),
            None => Ok(()),
        }
    }
    let digits = |result: std::result::Result<(), arrow::error::ArrowError>| {
        result.map_err(|error| error.to_string())
    };
    const DAY_S: i64 = 86_400;
    match array.data_type() {
        DataType::Decimal32(most, _) => digits(
            array
                .as_primitive::<Decimal32Type>()
                .validate_decimal_precision(*most),
        ),
        DataType::Decimal64(most, _) => digits(
            array
                .as_primitive::<Decimal64Type>()
                .validate_decimal_precision(*most),
        ),
        DataType::Decimal128(most, _) => digits(
            array
                .as_primitive::<Decimal128Type>()
                .validate_decimal_precision(*most),
        ),
        DataType::Decimal256(most, _) => digits(
            array
                .as_primitive::<Decimal256Type>()
                .validate_decimal_precision(*most),
        ),
        DataType::Time32(TimeUnit::Second) => {
            let times = array.as_primitive::<Time32SecondType>().iter();
            all(times.map(|time| time.map(i64::from)), DAY_S)
        }
        DataType::Time32(_) => {
            let times = array.as_primitive::<Time32MillisecondType>().iter();
            all(times.map(|time| time.map(i64::from)), DAY_S * 1_000)
        }
        DataType::Time64(TimeUnit::Microsecond) => all(
            array.as_primitive::<Time64MicrosecondType>().iter(),
            DAY_S * 1_000_000,
        ),
        DataType::Time64(_) => all(
            array.as_primitive::<Time64NanosecondType>().iter(),
            DAY_S * 1_000_000_000,
        ),
        _ => Ok(()),
    }
}
