//! One data file on its way into storage.

use std::io::{self, Write};
use std::mem;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::SchemaDescriptor;
use tokio::runtime::Handle;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::dictionary;
use super::stats::{self, NansSeen};
use crate::schema::TableSchema;
use crate::storage::storage_error;

/// Encoded bytes that make a row group: what one file holds in memory.
const ROW_GROUP_BYTES: usize = 32 << 20;
/// A file up to this size is put in one request; a larger one in parts of it.
const PART_BYTES: usize = 8 << 20;
/// Parts on their way at once.
const PARTS_IN_FLIGHT: usize = 2;

/// The end of a data file's name, which tells people its codec.
pub(super) const SUFFIX: &str = "c000.zstd.parquet";

/// `sample`: rows by which columns are judged.
fn writer_properties(sample: &RecordBatch, file: &SchemaDescriptor) -> WriterProperties {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_created_by(concat!("wasm-sink ", env!("CARGO_PKG_VERSION")).to_owned());
    dictionary::without(sample, file)
        .into_iter()
        .fold(properties, |properties, column| {
            properties.set_column_dictionary_enabled(column, false)
        })
        .build()
}

/// Takes what the encoder lets go of.
#[derive(Default)]
struct Encoded(Vec<u8>);

impl Write for Encoded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file that is being written. Used off the async threads.
pub(super) struct FileWriter {
    writer: ArrowWriter<Encoded>,
    nans: NansSeen,
    /// Bytes that left the encoder.
    sent: usize,
    upload: Option<WriteMultipart>,
    path: Path,
}

/// A file whose last bytes may still be on their way.
pub(super) struct Closed {
    pub(super) size: u64,
    pub(super) rows: u64,
    /// JSON text of `add.stats`.
    pub(super) stats: String,
    /// Bytes left to be put as one object; None where parts were sent and completed.
    pub(super) rest: Option<Bytes>,
    pub(super) path: Path,
}

impl FileWriter {
    /// `sample`: rows of the file, which are yet to be written.
    pub(super) fn new(path: Path, schema: &TableSchema, sample: &RecordBatch) -> Result<Self> {
        let file_schema = Arc::clone(schema.file());
        let columns = ArrowSchemaConverter::new().convert(&file_schema);
        let options = ArrowWriterOptions::new()
            .with_properties(writer_properties(sample, &columns.map_err(encoding)?))
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Encoded::default(), file_schema, options)
            .map_err(encoding)?;
        Ok(Self {
            writer,
            nans: NansSeen::default(),
            sent: 0,
            upload: None,
            path,
        })
    }

    /// `rows` has the columns of data files.
    pub(super) fn write(
        &mut self,
        rows: &RecordBatch,
        store: &Arc<dyn ObjectStore>,
        runtime: &Handle,
    ) -> Result<()> {
        self.nans.look(rows);
        self.writer.write(rows).map_err(encoding)?;
        if self.writer.inner().0.len() >= PART_BYTES {
            self.send(store, runtime)?;
        }
        Ok(())
    }

    /// Bytes in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.writer.memory_size() + self.writer.inner().0.len()
    }

    /// Bytes that the file would have if it were closed now, about.
    pub(super) fn size_estimate(&self) -> usize {
        self.writer.bytes_written() + self.writer.in_progress_size()
    }

    fn send(&mut self, store: &Arc<dyn ObjectStore>, runtime: &Handle) -> Result<()> {
        let part = mem::take(&mut self.writer.inner_mut().0);
        self.sent += part.len();
        self.send_part(part, store, runtime)
    }

    fn send_part(
        &mut self,
        part: Vec<u8>,
        store: &Arc<dyn ObjectStore>,
        runtime: &Handle,
    ) -> Result<()> {
        let failed = |e| storage_error(&format!("writing {}", self.path), e);
        let mut upload = match self.upload.take() {
            Some(upload) => upload,
            None => {
                let upload = runtime
                    .block_on(store.put_multipart(&self.path))
                    .map_err(failed)?;
                WriteMultipart::new_with_chunk_size(upload, PART_BYTES)
            }
        };
        // Parts are sent by tasks of the runtime.
        let _entered = runtime.enter();
        upload.put(part.into());
        let room = runtime.block_on(upload.wait_for_capacity(PARTS_IN_FLIGHT));
        self.upload = Some(upload);
        room.map_err(|e| storage_error(&format!("writing {}", self.path), e))
    }

    pub(super) fn close(
        mut self,
        schema: &TableSchema,
        indexed: usize,
        store: &Arc<dyn ObjectStore>,
        runtime: &Handle,
    ) -> Result<Closed> {
        let metadata = self.writer.finish().map_err(encoding)?;
        let last = mem::take(&mut self.writer.inner_mut().0);
        let size = self.sent + last.len();
        let rest = if self.upload.is_some() {
            self.send_part(last, store, runtime)?;
            None
        } else {
            Some(Bytes::from(last))
        };
        if let Some(upload) = self.upload.take() {
            let _entered = runtime.enter();
            runtime
                .block_on(upload.finish())
                .map_err(|e| storage_error(&format!("writing {}", self.path), e))?;
        }
        Ok(Closed {
            size: size as u64,
            rows: u64::try_from(metadata.file_metadata().num_rows()).unwrap_or_default(),
            stats: stats::describe(&metadata, schema, &self.nans, indexed),
            rest,
            path: self.path,
        })
    }

    /// Gives up what was sent so far.
    pub(super) fn abort(mut self, runtime: &Handle) {
        if let Some(upload) = self.upload.take() {
            // An upload that cannot be aborted is removed by the bucket's own rules.
            let _ = runtime.block_on(upload.abort());
        }
    }
}

/// Puts the bytes of a small file.
pub(super) async fn put_rest(store: Arc<dyn ObjectStore>, path: Path, rest: Bytes) -> Result<()> {
    let put = store.put(&path, rest.into()).await;
    put.map_err(|e| storage_error(&format!("writing {path}"), e))?;
    wasm_sink_core::step::Step::FileWritten.reached();
    Ok(())
}

fn encoding(error: ParquetError) -> Error {
    Error::new(
        Kind::Other,
        Blame::Host,
        "rows could not be encoded as Parquet",
    )
    .with_source(error)
}
