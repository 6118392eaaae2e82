//! What takes bytes from outside, one function each. They may refuse; a panic is a fault.
//!
//! `tests/hostile/corpus` runs them over the inputs in `tests/fuzz/corpus`, and over changes of these; `make fuzz` lets
//! libFuzzer choose the changes.

use std::ffi::OsString;
use std::fs;
use std::hash::Hasher;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, Schema};
use twox_hash::XxHash64;
use wasm_sink::config::{Registry, Style, read};
use wasm_sink::recording::{Line, Recording};
use wasm_sink_core::guest::fit::{exactly, goes_into};
use wasm_sink_core::guest::{json_texts, read_stream};
use wasm_sink_core::settings::{Entry, Node, Table, Value};
use wasm_sink_core::{Blame, Error};
use wasm_sink_formats::{
    AvroEncoder, Block, BlockKind, BlockReader, Decoder, Dialect, Fill, Format, Inference,
    MessageDecoders, MessageSettings, MessagesBuilder, UnknownFields, json_objects, plain_values,
};

/// A function that takes bytes, and says whether they were taken: a kept input of each is.
pub type Target = fn(&[u8]) -> bool;

/// All, with the name of the folder that has their inputs.
pub const TARGETS: [(&str, Target); 9] = [
    ("ipc", ipc),
    ("json", json),
    ("csv", csv),
    ("avro", avro),
    ("schemas", schemas),
    ("messages", messages),
    ("pipeline", pipeline),
    ("recordings", recordings),
    ("written", written),
];

/// What stands between the parts of an input that has several: three bytes that are rare.
pub const BORDER: &[u8] = b"~#~";

/// Arrow that a component made.
fn ipc(bytes: &[u8]) -> bool {
    read_stream(bytes.to_vec()).is_ok()
}

/// Rows that a component made, as a destination writes them that takes bytes.
fn written(bytes: &[u8]) -> bool {
    // Rows without columns take no bytes, and time all the same.
    const MAX_ROWS: usize = 1000;
    const MAX_PAIRED: usize = 8;
    let Ok(rows) = read_stream(bytes.to_vec()) else {
        return false;
    };
    let rows = rows.slice(0, rows.num_rows().min(MAX_ROWS));
    let assert_json = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        let read = serde_json::from_str::<serde_json::Value>(&text);
        assert!(read.is_ok(), "{text} is no JSON");
    };
    for column in rows.columns() {
        if let Some(texts) = json_texts(column) {
            let texts = texts.as_string::<i32>().iter().flatten();
            texts.for_each(|text| assert_json(text.as_bytes()));
        }
        succeeds(plain_values(column));
        // As columns of a table would take them.
        for other in rows.columns().iter().take(MAX_PAIRED) {
            if goes_into(column.data_type(), other.data_type()) {
                drop(exactly(column, other.data_type()));
            }
        }
    }
    let json = json_objects(&rows);
    if let Ok(objects) = &json {
        (0..objects.len()).for_each(|row| objects.get(row).into_iter().for_each(assert_json));
    }
    let avro = AvroEncoder::new(rows.schema_ref(), "r")
        .and_then(|encoder| encoder.encode(&rows, &[0, 0, 0, 0, 1]));
    succeeds(json) & succeeds(avro)
}

/// JSON lines.
fn json(bytes: &[u8]) -> bool {
    lines(Format::Json, bytes)
}

/// CSV with a header.
fn csv(bytes: &[u8]) -> bool {
    lines(Format::Csv(Dialect::default()), bytes)
}

/// As one block with a schema that is given, then as small blocks with what can be seen of them.
fn lines(format: Format, bytes: &[u8]) -> bool {
    let columns = [
        ("id", DataType::Int64),
        ("price", DataType::Float64),
        ("name", DataType::Utf8),
        ("day", DataType::Date32),
    ];
    let fields = columns.map(|(name, data_type)| Field::new(name, data_type, true));
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let Ok(decoder) = Decoder::new(format, bytes, Some(&schema)) else {
        return false;
    };
    let block = Block {
        bytes: bytes.to_vec().into(),
        offset: 0,
        before: Default::default(),
        kind: BlockKind::Records,
    };
    let mut is_taken = true;
    for unknown in [
        UnknownFields::Ignore,
        UnknownFields::Report,
        UnknownFields::Refuse,
    ] {
        is_taken &= succeeds(decoder.decode(&schema, &block, unknown));
    }
    if let Ok(decoder) = Decoder::new(format, bytes, None) {
        let blocks = BlockReader::new(bytes, format, Fill::Whole).with_block_bytes(16);
        let blocks = in_order(blocks);
        let joined = blocks.iter().flat_map(|block| block.bytes.iter());
        assert!(joined.eq(bytes), "the blocks are all of it");
        let mut seen = Inference::default();
        blocks
            .iter()
            .for_each(|block| seen.observe(&decoder, block));
        let schema = seen.schema();
        for block in &blocks {
            succeeds(decoder.decode(&schema, block, UnknownFields::Report));
        }
    }
    is_taken
}

/// Whether it is no error. One that says that wasm-sink is to blame is a fault.
fn succeeds<T>(result: Result<T, Error>) -> bool {
    let error = result.err();
    let is_ours = error
        .as_ref()
        .is_some_and(|error| error.blame() == Blame::Host);
    assert!(!is_ours, "{error:?}");
    error.is_none()
}

fn in_order(mut reader: BlockReader<&[u8]>) -> Vec<Block> {
    let next = || reader.next_block().expect("bytes in memory");
    std::iter::from_fn(next).collect()
}

/// The schema of every number.
const AVRO: &str = r#"{"type": "record", "name": "r", "fields": [
    {"name": "id", "type": "long"},
    {"name": "name", "type": "string"},
    {"name": "price", "type": ["null", "double"]},
    {"name": "raw", "type": "bytes"},
    {"name": "cents", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "side", "type": {"type": "enum", "name": "s", "symbols": ["buy", "sell"]}},
    {"name": "id16", "type": {"type": "fixed", "name": "f", "size": 4}},
    {"name": "tags", "type": {"type": "array", "items": "string"}},
    {"name": "more", "type": {"type": "map", "values": {"type": "record", "name": "m", "fields": [
        {"name": "nothing", "type": "null"}, {"name": "is_it", "type": "boolean"}]}}}]}"#;

/// Avro of a schema that a registry gave: it, then its messages.
fn schemas(bytes: &[u8]) -> bool {
    /// Decoders remember each schema: after so many, others take over.
    const REMEMBERED: u32 = 1000;
    static CURRENT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    static ADDRESS: LazyLock<String> =
        LazyLock::new(|| registry(|| CURRENT.lock().expect("a schema").clone()));
    static OPEN: Mutex<Option<(MessageDecoders, u32)>> = Mutex::new(None);

    let mut pieces = pieces(bytes);
    let schema = pieces.next().unwrap_or_default();
    schema.clone_into(&mut CURRENT.lock().expect("a schema"));
    let mut open = OPEN.lock().expect("decoders");
    let (decoders, number) = match open.take() {
        Some((decoders, number)) if number < REMEMBERED => (decoders, number + 1),
        _ => (decoders("avro", Some(&ADDRESS)), 1),
    };
    let (decoders, _) = open.insert((decoders, number));
    let prefix = [&[0], number.to_be_bytes().as_slice()].concat();
    take(decoders, pieces.map(|piece| [&prefix, piece].concat()))
}

/// Avro of one schema. The registry's prefix is put before each message, so that nobody is asked for numbers by chance.
fn avro(bytes: &[u8]) -> bool {
    static REGISTRY: LazyLock<MessageDecoders> =
        LazyLock::new(|| decoders("avro", Some(&registry(|| AVRO.into()))));
    let prefixed = pieces(bytes).map(|piece| [&[0, 0, 0, 0, 1], piece].concat());
    take(&REGISTRY, prefixed)
}

/// Records that come as messages, in each format that asks nobody. The first byte says which; an empty piece is absent.
fn messages(bytes: &[u8]) -> bool {
    static DECODERS: LazyLock<Vec<MessageDecoders>> = LazyLock::new(|| {
        vec![
            decoders("json", None),
            decoders("json", Some("http://127.0.0.1:9")),
            decoders("arrow", None),
            decoders("string", None),
            decoders("int64", None),
            decoders("bytes", None),
            decoders("csv", None),
        ]
    });
    bytes.split_first().is_some_and(|(which, rest)| {
        let decoders = &DECODERS[usize::from(*which) % DECODERS.len()];
        take(decoders, pieces(rest).map(<[u8]>::to_vec))
    })
}

/// What stands between borders.
fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut is_over = false;
    std::iter::from_fn(move || {
        let border = bytes.windows(BORDER.len()).position(|at| at == BORDER);
        let piece = match border {
            Some(at) => {
                let piece = &bytes[..at];
                bytes = &bytes[at + BORDER.len()..];
                piece
            }
            None if is_over => return None,
            None => {
                is_over = true;
                bytes
            }
        };
        Some(piece)
    })
}

fn take(decoders: &MessageDecoders, pieces: impl Iterator<Item = Vec<u8>>) -> bool {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("threads")
    });
    let mut messages = MessagesBuilder::with_capacity(0, 0);
    for piece in pieces {
        if !messages.push((!piece.is_empty()).then_some(piece.as_slice())) {
            break;
        }
    }
    let messages = messages.finish();
    let mut decoder = decoders.decoder();
    let mut from = 0;
    while from < messages.len() {
        match RUNTIME.block_on(decoder.decode(&messages, from)) {
            Ok(decoded) => {
                assert!(decoded.end > from, "it goes on");
                from = decoded.end;
            }
            refused => return succeeds(refused),
        }
    }
    true
}

/// pipeline.toml.
fn pipeline(bytes: &[u8]) -> bool {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::of_this_build);
    const SECRET: &str = "what-the-environment-says";
    let text = String::from_utf8_lossy(bytes).into_owned();
    let is_told = text.contains(SECRET);
    let lookup = |name: &str| name.contains('A').then(|| OsString::from(SECRET));
    let shown = match read("p.toml".into(), text, "/nowhere".into(), &REGISTRY, &lookup) {
        Ok(pipeline) => {
            assert_hidden(
                is_told,
                &pipeline.warning_diagnostics().render(Style::Plain),
            );
            return true;
        }
        Err(diagnostics) => diagnostics.render(Style::Plain),
    };
    assert!(!shown.trim().is_empty(), "refused without a reason");
    assert_hidden(is_told, &shown);
    return false;

    fn assert_hidden(is_told: bool, shown: &str) {
        assert!(is_told || !shown.contains(SECRET), "{shown}");
    }
}

/// A recording: its lines, then its rows. They have the digest that the lines tell, as somebody would see to who means
/// harm.
fn recordings(bytes: &[u8]) -> bool {
    let mut parts = pieces(bytes);
    let lines = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let rows = parts.collect::<Vec<_>>().join(BORDER);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("r.jsonl");
    let lines: String = lines
        .split_inclusive('\n')
        .map(|line| signed(line, &rows))
        .collect();
    fs::write(&path, lines).expect("a file");
    fs::write(path.with_extension("arrows"), rows).expect("a file");
    let Ok(recording) = Recording::open(&path) else {
        return false;
    };
    let batches = recording.lines().iter().filter_map(|line| match line {
        Line::Batch(batch) => Some(recording.batch(batch)),
        _ => None,
    });
    // All, also after one that is refused.
    batches.fold(recording.damage().is_none(), |all, batch| {
        all & batch.is_ok()
    })
}

/// A line with the digest of its rows; others as they are.
fn signed(text: &str, rows: &[u8]) -> String {
    let batch = serde_json::from_str(text).ok();
    let Some(Line::Batch(mut batch)) = batch else {
        return text.to_owned();
    };
    let end = batch.end_byte().and_then(|end| usize::try_from(end).ok());
    let begin = usize::try_from(batch.at).unwrap_or(usize::MAX);
    let Some(rows) = end.and_then(|end| rows.get(begin..end)) else {
        return text.to_owned();
    };
    let mut hash = XxHash64::with_seed(0);
    hash.write(rows);
    batch.digest = format!("{:016x}", hash.finish());
    let line = serde_json::to_string(&Line::Batch(batch)).expect("JSON");
    format!("{line}\n")
}

fn decoders(format: &str, registry: Option<&str>) -> MessageDecoders {
    let entry = |key: &str, text: &str| Entry {
        key: key.to_owned(),
        key_span: 0..0,
        node: Node {
            value: Value::String {
                text: text.to_owned(),
                from_environment: false,
            },
            span: 0..0,
        },
    };
    let mut entries = vec![entry("format", format)];
    entries.extend(registry.map(|url| entry("schema_registry_url", url)));
    let table = Table {
        entries,
        span: 0..0,
    };
    let mut problems = Vec::new();
    let settings = MessageSettings::read(&mut table.reader(&mut problems));
    assert!(problems.is_empty(), "{problems:?}");
    settings
        .open(Path::new("."))
        .expect("settings that are right")
}

/// A registry that has one schema at a time, under every number.
fn registry(schema: impl Fn() -> Vec<u8> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let schema = schema();
            let body =
                serde_json::json!({ "schema": String::from_utf8_lossy(&schema) }).to_string();
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}
