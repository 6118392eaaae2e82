//! Arrow IPC that lies.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{Field, Int32Type};
use arrow::ipc::writer::StreamWriter;
use wasm_sink_core::error::Kind;
use wasm_sink_core::guest::read_stream;

use super::case::{Case, harmless, refused};
use super::guest::Guest;

/// Rows of an honest stream: a number that stands in few places, so that it is found again.
const ROWS: i64 = 333;
/// The last offset of its texts, likewise.
const TEXT: i32 = 333 * 7;

fn stream(column: ArrayRef) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter([("c", column)]).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn texts() -> Vec<u8> {
    stream(Arc::new(StringArray::from(vec!["markers"; ROWS as usize])))
}

fn numbers() -> Vec<u8> {
    stream(Arc::new(Int64Array::from_iter_values(0..ROWS)))
}

fn nested(levels: usize) -> Vec<u8> {
    let mut column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    for _ in 0..levels {
        let field = Arc::new(Field::new("item", column.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths([1]);
        column = Arc::new(ListArray::new(field, offsets, column, None));
    }
    stream(column)
}

/// With the nth place that has these bytes changed.
fn patched<const N: usize>(mut bytes: Vec<u8>, nth: usize, from: [u8; N], to: [u8; N]) -> Vec<u8> {
    let mut places = (0..bytes.len() - N).filter(|at| bytes[*at..*at + N] == from);
    let at = places.nth(nth).expect("the bytes stand there");
    bytes[at..at + N].copy_from_slice(&to);
    bytes
}

/// The number of rows of a stream in its nth place: that of the batch, and that of its column.
fn claims(nth: usize, rows: i64) -> Vec<u8> {
    patched(numbers(), nth, ROWS.to_le_bytes(), rows.to_le_bytes())
}

/// Where the values of `numbers` begin, and how many bytes they are.
fn buffer(offset: i64) -> [u8; 16] {
    let mut place = [0; 16];
    place[..8].copy_from_slice(&offset.to_le_bytes());
    place[8..].copy_from_slice(&(ROWS * 8).to_le_bytes());
    place
}

/// A stream whose values are less than its rows.
fn short() -> Vec<u8> {
    let mut place = buffer(0);
    place[8..].copy_from_slice(&(ROWS * 8 - 8).to_le_bytes());
    patched(numbers(), 0, buffer(0), place)
}

/// Streams that are as they should be.
pub fn honest() -> Vec<Vec<u8>> {
    let streams = [texts(), numbers(), nested(3)];
    assert!(
        streams
            .iter()
            .all(|stream| read_stream(stream.clone()).is_ok())
    );
    streams.into()
}

/// A guest that hands this to the host and passes the answer on.
fn handing_in(bytes: &[u8]) -> Guest {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "\\{byte:02x}").unwrap();
    }
    Guest {
        definitions: format!(
            "(data (i32.const 1024) \"{text}\") (global $length i32 (i32.const {}))",
            bytes.len()
        ),
        ..Guest::writing(
            "(call $from_ipc (i32.const 1024) (global.get $length) (i32.const 256)) (call $pass_on (i32.const 256))",
        )
    }
}

/// Those of this file.
pub fn cases() -> Vec<Case> {
    let texts = texts();
    let whole = texts.len();
    let dictionary: DictionaryArray<Int32Type> = ["a", "b", "a"].into_iter().collect();
    let mut two_schemas = numbers();
    two_schemas.truncate(two_schemas.len() - 8);
    two_schemas.extend(&texts);
    let twisted = patched(
        texts.clone(),
        0,
        (TEXT - 7).to_le_bytes(),
        (TEXT + 7).to_le_bytes(),
    );
    let beyond = patched(
        texts.clone(),
        0,
        (TEXT - 7).to_le_bytes(),
        i32::MAX.to_le_bytes(),
    );
    let lies = [
        ("nothing", Vec::new()),
        (
            "noise",
            (0..4_000_u32).map(|n| ((n * 7919) >> 3) as u8).collect(),
        ),
        ("cut in the schema", texts[..40].to_vec()),
        ("cut in the rows", texts[..whole - 600].to_vec()),
        (
            "a header of 2 GB",
            patched(texts.clone(), 0, [0xFF; 4], [0xFF, 0xFF, 0xFF, 0xFF]),
        )
            .with_header(i32::MAX),
        ("a header of negative length", texts.clone()).with_header(-8),
        ("2^31 rows in the batch", claims(0, 1 << 31)),
        ("2^31 rows in the column", claims(1, 1 << 31)),
        ("2^63 - 1 rows", claims(0, i64::MAX)),
        ("fewer rows than none", claims(0, -1)),
        ("offsets that go back", twisted),
        ("an offset beyond the end", beyond),
        (
            "text that is none",
            patched(texts.clone(), 40, *b"markers", *b"mark\xFFrs"),
        ),
        ("dictionaries", stream(Arc::new(dictionary))),
        (
            "a buffer that begins beyond the rows",
            patched(numbers(), 0, buffer(0), buffer(1 << 40)),
        ),
        (
            "a buffer that begins before them",
            patched(numbers(), 0, buffer(0), buffer(-8)),
        ),
        ("another schema in mid-stream", two_schemas),
        ("lists in lists, 60 deep", nested(60)),
        ("a buffer that is shorter than its rows", short()),
    ];
    let says = &["not an Arrow IPC stream that can be taken"];
    // Values that begin between two words are moved by the reader, and are what stands there.
    let unaligned = patched(numbers(), 0, buffer(0), buffer(3));
    let unaligned = Guest {
        write: "(call $from_ipc (i32.const 1024) (global.get $length) (i32.const 256))
            (call $skip (i32.const 1) (i32.const 0) (i32.const 0)) (call $pass_on (i32.const 256))",
        ..handing_in(&unaligned)
    };
    let unaligned = harmless("IPC: a buffer between two words", unaligned);
    lies.into_iter()
        .map(|(name, bytes)| {
            refused(
                &format!("IPC: {name}"),
                handing_in(&bytes),
                Kind::Invalid,
                says,
            )
        })
        .chain([unaligned])
        .collect()
}

/// A lie about how long a message's header is.
trait WithHeader {
    /// With this length before the first message.
    fn with_header(self, length: i32) -> Self;
}

impl WithHeader for (&'static str, Vec<u8>) {
    fn with_header(mut self, length: i32) -> Self {
        self.1[4..8].copy_from_slice(&length.to_le_bytes());
        self
    }
}
