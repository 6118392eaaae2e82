//! The rows of an epoch's dead letters, `<commit>.arrow` beside `<commit>.jsonl`: what JSON cannot say.
//!
//! Arrow streams, one after the other, each of letters in a row whose batches have the same schema. Columns:
//! `letter` (its number, as its line has it), `row` (a struct of the row's columns as they were decoded), and the
//! metadata that the source has, under the words of the contract. Where the record did not decode there is no
//! `row`, and its bytes are in the line. Buffers are compressed by LZ4. The header of the lines has the file's digest: with another one, the rows are of
//! another attempt, and belong to no letters.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StructArray, UInt32Array, UInt64Array};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wasm_sink_core::batch::{MetadataKey, SourceBatch};
use wasm_sink_core::dead_letter::Kept;
use wasm_sink_core::{CommitId, DeadLetter};

/// Rows that are copied at once.
const CHUNK_ROWS: usize = 1024;
/// The column that says which letter a row is of.
pub const LETTER: &str = "letter";
/// The column with the row.
pub const ROW: &str = "row";

/// SHA-256 of a file of rows, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

/// Where the rows of an epoch's letters are.
pub fn path(letters: &Path, id: CommitId) -> PathBuf {
    letters.join(format!("{id}.arrow"))
}

/// Whether a path looks like one that [`path`] makes.
pub(crate) fn is_one(path: &Path) -> bool {
    let stem = path.file_stem().and_then(OsStr::to_str);
    path.extension() == Some(OsStr::new("arrow"))
        && stem.is_some_and(|stem| stem.parse::<CommitId>().is_ok())
}

/// What letters have to be kept, each with the number of its letter.
pub(crate) fn of(letters: &[DeadLetter]) -> Vec<(u64, Kept)> {
    let numbered = (0..).zip(letters);
    numbered
        .filter(|(_, letter)| letter.kept != Kept::Nothing)
        .map(|(number, letter)| (number, letter.kept.clone()))
        .collect()
}

fn go_together((_, one): &(u64, Kept), (_, next): &(u64, Kept)) -> bool {
    match (one, next) {
        (Kept::Row(one), Kept::Row(next)) => Arc::ptr_eq(&one.batch, &next.batch),
        (Kept::Record(one), Kept::Record(next)) => one.schema() == next.schema(),
        _ => false,
    }
}

/// Writes rows, never more than some in memory.
///
/// # Errors
/// The disk's.
pub(crate) fn write(rows: &[(u64, Kept)], file: &mut File) -> io::Result<Digest> {
    let mut into = Hashed {
        file: BufWriter::new(file),
        hash: Sha256::new(),
    };
    let mut open: Option<StreamWriter<&mut Hashed<'_>>> = None;
    let mut schema: Option<SchemaRef> = None;
    for chunk in rows
        .chunk_by(go_together)
        .flat_map(|run| run.chunks(CHUNK_ROWS))
    {
        let batch = copied(chunk).map_err(failed)?;
        if schema.as_ref() != Some(&batch.schema()) {
            if let Some(mut done) = open.take() {
                done.finish().map_err(failed)?;
            }
            let options = IpcWriteOptions::default()
                .try_with_compression(Some(CompressionType::LZ4_FRAME))
                .map_err(failed)?;
            schema = Some(batch.schema());
            let new = StreamWriter::try_new_with_options(&mut into, &batch.schema(), options);
            open = Some(new.map_err(failed)?);
        }
        if let Some(open) = &mut open {
            open.write(&batch).map_err(failed)?;
        }
    }
    if let Some(mut done) = open {
        done.finish().map_err(failed)?;
    }
    into.file.flush()?;
    Ok(digest(into.hash))
}

/// What [`go_together`].
fn copied(kept: &[(u64, Kept)]) -> Result<RecordBatch, ArrowError> {
    let letters = UInt64Array::from_iter_values(kept.iter().map(|(letter, _)| *letter));
    let mut fields = vec![Field::new(LETTER, DataType::UInt64, false)];
    let mut columns: Vec<ArrayRef> = vec![Arc::new(letters)];
    let said = match kept.first() {
        Some((_, Kept::Row(row))) => {
            let numbers = kept.iter().filter_map(|(_, kept)| match kept {
                Kept::Row(row) => Some(row.row),
                Kept::Record(_) | Kept::Nothing => None,
            });
            let numbers = UInt32Array::from_iter_values(numbers);
            add_rows(&row.batch, &numbers, &mut fields, &mut columns)?;
            row.batch.rows.schema().metadata().clone()
        }
        Some((_, Kept::Record(first))) => {
            let records = kept.iter().filter_map(|(_, kept)| match kept {
                Kept::Record(record) => Some(record),
                Kept::Row(_) | Kept::Nothing => None,
            });
            let records = concat_batches(&first.schema(), records)?;
            fields.extend(
                first
                    .schema()
                    .fields()
                    .iter()
                    .map(|field| (**field).clone()),
            );
            columns.extend(records.columns().iter().cloned());
            first.schema().metadata().clone()
        }
        Some((_, Kept::Nothing)) | None => return Ok(RecordBatch::new_empty(empty())),
    };
    let schema = Schema::new_with_metadata(fields, said);
    RecordBatch::try_new(Arc::new(schema), columns)
}

fn empty() -> SchemaRef {
    Arc::new(Schema::empty())
}

/// Rows of one batch, with their metadata.
fn add_rows(
    batch: &SourceBatch,
    numbers: &UInt32Array,
    fields: &mut Vec<Field>,
    columns: &mut Vec<ArrayRef>,
) -> Result<(), ArrowError> {
    let of_rows = batch.rows.schema().fields().clone();
    // One by one: there may be no columns at all.
    let values = batch.rows.columns().iter();
    let values: Vec<ArrayRef> = values
        .map(|column| take(column, numbers, None))
        .collect::<Result<_, _>>()?;
    let values = StructArray::try_new_with_length(of_rows.clone(), values, None, numbers.len())?;
    fields.push(Field::new(ROW, DataType::Struct(of_rows), false));
    columns.push(Arc::new(values));
    for key in MetadataKey::ALL {
        if let Some(column) = batch.lineage.metadata(key, numbers) {
            fields.push(Field::new(key.as_str(), column.data_type().clone(), true));
            columns.push(column);
        }
    }
    Ok(())
}

/// Reads rows, a batch at a time, as [`write()`] wrote them. None where the file is gone, or belongs to another
/// attempt of the epoch.
///
/// # Errors
/// The disk's.
pub fn read(path: &Path, expected: &Digest) -> io::Result<Option<Rows>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut hash = Sha256::new();
    io::copy(&mut file, &mut hash)?;
    if digest(hash) != *expected {
        return Ok(None);
    }
    file.rewind()?;
    Ok(Some(Rows {
        open: Stream::Between(BufReader::new(file)),
    }))
}

/// The rows of a file, a batch at a time.
#[derive(Debug)]
pub struct Rows {
    open: Stream,
}

#[derive(Debug)]
enum Stream {
    Between(BufReader<File>),
    Inside(Box<StreamReader<Lent>>),
    Over,
}

/// A file that is taken back from a stream once that is over.
#[derive(Debug)]
struct Lent(Option<BufReader<File>>);

impl Read for Lent {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.as_mut().map_or(Ok(0), |file| file.read(into))
    }
}

impl Iterator for Rows {
    type Item = io::Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match std::mem::replace(&mut self.open, Stream::Over) {
                Stream::Over => return None,
                Stream::Between(mut file) => match file.fill_buf() {
                    Ok([]) => return None,
                    Ok(_) => match StreamReader::try_new(Lent(Some(file)), None) {
                        Ok(stream) => self.open = Stream::Inside(Box::new(stream)),
                        Err(error) => return Some(Err(failed(error))),
                    },
                    Err(error) => return Some(Err(error)),
                },
                Stream::Inside(mut stream) => match stream.next() {
                    Some(batch) => {
                        self.open = Stream::Inside(stream);
                        return Some(batch.map_err(failed));
                    }
                    None => match stream.get_mut().0.take() {
                        Some(file) => self.open = Stream::Between(file),
                        None => return None,
                    },
                },
            }
        }
    }
}

struct Hashed<'a> {
    file: BufWriter<&'a mut File>,
    hash: Sha256,
}

impl Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn digest(hash: Sha256) -> Digest {
    Digest(
        hash.finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    )
}

/// The disk's own error stays what it is: a full one is waited for.
fn failed(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests;
