//! The encoder of one table and epoch: a thread beside the async ones that is fed batch by batch,
//! and makes its feeder wait when it is behind.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use chrono::Utc;
use futures::StreamExt;
use object_store::ObjectStore;
use object_store::path::Path;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use wasm_sink_core::{Blame, CommitId, Error, Kind, Result};

use super::file::{Closed, FileWriter, SUFFIX, put_rest};
use super::partition::{self, PartitionValues};
use crate::log::action::Add;
use crate::schema::TableSchema;
use crate::storage::presentable;

/// Batches that wait for the encoder.
const QUEUED_BATCHES: usize = 2;
/// A file that grows beyond this is closed, and the next one begun.
const TARGET_FILE_BYTES: usize = 128 << 20;
/// What all open files of a table hold in memory together; above it the largest is closed.
const OPEN_BYTES: usize = 48 << 20;
/// A partition's rows wait in memory until there are so many bytes of them: a Parquet encoder is
/// too large to have one for each of thousands of small partitions.
const WAITING_BYTES: usize = 1 << 20;
/// Files that are being put at once.
const PUTS_IN_FLIGHT: usize = 8;

/// What an encoder needs to know for its whole life.
#[derive(Clone)]
pub(crate) struct EncoderSettings {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) commit: CommitId,
    /// Tells files of one run of an epoch from those of a replay, whose requests may land late.
    pub(crate) nonce: u32,
    /// Leaf columns that statistics describe.
    pub(crate) indexed_columns: usize,
}

/// A file that is durable and not in the table yet.
#[derive(Clone, Debug)]
pub(crate) struct DataFile {
    pub(crate) add: Add,
    /// Below the table.
    pub(crate) path: Path,
    pub(crate) rows: u64,
}

enum Order {
    Write(Arc<TableSchema>, RecordBatch),
    Finish,
}

/// The way to the encoder's thread. Dropped without `finish`, the thread removes its files.
pub(crate) struct Encoder {
    orders: mpsc::Sender<Order>,
    /// Comes when the thread is done; gone without an outcome where it died.
    outcome: oneshot::Receiver<Result<Vec<DataFile>>>,
}

impl Encoder {
    /// A thread of its own, since it lives as long as its epoch: on the runtime's threads for
    /// blocking work, of which there is a bounded number, hundreds of open epochs would leave none
    /// for the writes that they wait for.
    ///
    /// # Errors
    /// Where the machine gives no further thread.
    pub(crate) fn start(settings: EncoderSettings) -> Result<Self> {
        let (orders, received) = mpsc::channel(QUEUED_BATCHES);
        let (done, outcome) = oneshot::channel();
        let runtime = Handle::current();
        std::thread::Builder::new()
            .name("delta-encoder".to_owned())
            .spawn(move || {
                // Nobody waits for it where the epoch was dropped.
                let _ = done.send(Worker::new(settings, runtime).run(received));
            })
            .map_err(|e| {
                let message = "no further thread can be started to encode rows; run fewer tasks, \
                               or raise the limit of threads (`ulimit -u`)";
                Error::new(Kind::Unavailable, Blame::Configuration, message).with_source(e)
            })?;
        Ok(Self { orders, outcome })
    }

    /// Waits for room; ok means accepted. After an error only `finish` is of use: it says why.
    pub(crate) async fn write(
        &self,
        schema: Arc<TableSchema>,
        rows: RecordBatch,
    ) -> Result<(), Gone> {
        self.orders
            .send(Order::Write(schema, rows))
            .await
            .map_err(|_| Gone)
    }

    /// All files, durable.
    ///
    /// # Errors
    /// What went wrong since the beginning; the files are removed.
    pub(crate) async fn finish(self) -> Result<Vec<DataFile>> {
        // A thread that is gone says why when it is joined.
        let _ = self.orders.send(Order::Finish).await;
        drop(self.orders);
        self.outcome.await.unwrap_or_else(|e| {
            Err(Error::new(Kind::Other, Blame::Host, "the encoder's thread died").with_source(e))
        })
    }

    /// Removes what was written.
    pub(crate) async fn forget(self) {
        drop(self.orders);
        // Its files are gone, or vacuum will find them.
        let _ = self.outcome.await;
    }
}

/// The encoder's thread has ended.
#[derive(Debug)]
pub(crate) struct Gone;

/// Rows of one partition that are not in a closed file.
struct Open {
    waiting: Vec<RecordBatch>,
    waiting_bytes: usize,
    file: Option<FileWriter>,
}

impl Open {
    fn memory_bytes(&self) -> usize {
        self.waiting_bytes + self.file.as_ref().map_or(0, FileWriter::memory_bytes)
    }
}

struct Worker {
    settings: EncoderSettings,
    runtime: Handle,
    schema: Option<Arc<TableSchema>>,
    open: HashMap<PartitionValues, Open>,
    /// Sum over `open`.
    open_bytes: usize,
    files: Vec<DataFile>,
    /// Paths of files that may be there, closed or not.
    named: Vec<Path>,
    puts: JoinSet<Result<()>>,
}

impl Worker {
    fn new(settings: EncoderSettings, runtime: Handle) -> Self {
        Self {
            settings,
            runtime,
            schema: None,
            open: HashMap::new(),
            open_bytes: 0,
            files: Vec::new(),
            named: Vec::new(),
            puts: JoinSet::new(),
        }
    }

    fn run(mut self, mut orders: mpsc::Receiver<Order>) -> Result<Vec<DataFile>> {
        let outcome = loop {
            match orders.blocking_recv() {
                Some(Order::Write(schema, rows)) => {
                    if let Err(error) = self.write(schema, &rows) {
                        break Err(error);
                    }
                }
                Some(Order::Finish) => break self.finish(),
                None => {
                    break Err(Error::new(
                        Kind::Other,
                        Blame::Host,
                        "what was staged is forgotten",
                    ));
                }
            }
        };
        // Nobody can feed us from here on, and a feeder that waits learns it now.
        drop(orders);
        match outcome {
            Ok(()) => Ok(self.files),
            Err(error) => {
                self.clean_up();
                Err(error)
            }
        }
    }

    fn write(&mut self, schema: Arc<TableSchema>, rows: &RecordBatch) -> Result<()> {
        if self
            .schema
            .as_ref()
            .is_some_and(|before| !Arc::ptr_eq(before, &schema))
        {
            self.close_all()?;
        }
        let schema = self.schema.insert(schema).clone();
        if schema.partition_columns().is_empty() {
            self.encode(&schema, Vec::new(), rows.clone(), 0)?;
        } else {
            let in_file: Vec<usize> = (0..rows.num_columns())
                .filter(|index| !schema.partition_columns().contains(index))
                .collect();
            for (values, part) in
                partition::split(rows, schema.partition_columns()).map_err(host_bug)?
            {
                let part = part.project(&in_file).map_err(host_bug)?;
                self.encode(&schema, values, part, WAITING_BYTES)?;
            }
        }
        while self.open_bytes > OPEN_BYTES {
            let largest = self.open.iter().max_by_key(|(_, open)| open.memory_bytes());
            match largest.map(|(values, _)| values.clone()) {
                Some(values) => self.close(&schema, &values)?,
                None => break,
            }
        }
        Ok(())
    }

    /// Rows wait until there are more than `waiting_limit` bytes of them.
    fn encode(
        &mut self,
        schema: &TableSchema,
        values: PartitionValues,
        rows: RecordBatch,
        waiting_limit: usize,
    ) -> Result<()> {
        let open = self.open.entry(values.clone()).or_insert_with(|| Open {
            waiting: Vec::new(),
            waiting_bytes: 0,
            file: None,
        });
        let before = open.memory_bytes();
        open.waiting_bytes += rows.get_array_memory_size();
        open.waiting.push(rows);
        let is_full = if open.waiting_bytes > waiting_limit {
            encode_waiting(
                &self.settings,
                &self.runtime,
                &mut self.named,
                schema,
                &values,
                open,
            )? >= TARGET_FILE_BYTES
        } else {
            false
        };
        let after = open.memory_bytes();
        self.open_bytes = (self.open_bytes + after).saturating_sub(before);
        if is_full {
            self.close(schema, &values)?;
        }
        Ok(())
    }

    fn close(&mut self, schema: &TableSchema, values: &PartitionValues) -> Result<()> {
        let Some(mut open) = self.open.remove(values) else {
            return Ok(());
        };
        self.open_bytes = self.open_bytes.saturating_sub(open.memory_bytes());
        if !open.waiting.is_empty() {
            let (settings, runtime) = (&self.settings, &self.runtime);
            encode_waiting(
                settings,
                runtime,
                &mut self.named,
                schema,
                values,
                &mut open,
            )?;
        }
        let Some(file) = open.file else {
            return Ok(());
        };
        let (store, indexed) = (&self.settings.store, self.settings.indexed_columns);
        let closed = file.close(schema, indexed, store, &self.runtime)?;
        self.put(schema, values, closed)
    }

    fn put(
        &mut self,
        schema: &TableSchema,
        values: &PartitionValues,
        closed: Closed,
    ) -> Result<()> {
        if let Some(rest) = closed.rest {
            while self.puts.len() >= PUTS_IN_FLIGHT {
                self.join_put()?;
            }
            let put = put_rest(Arc::clone(&self.settings.store), closed.path.clone(), rest);
            self.puts.spawn_on(put, &self.runtime);
        } else {
            wasm_sink_core::step::Step::FileWritten.reached();
        }
        self.files.push(DataFile {
            add: Add {
                path: partition::action_path(closed.path.as_ref()),
                partition_values: schema
                    .partition_names()
                    .into_iter()
                    .zip(values.iter().cloned())
                    .collect(),
                size: closed.size,
                modification_time: Utc::now().timestamp_millis(),
                data_change: true,
                stats: closed.stats,
            },
            path: closed.path,
            rows: closed.rows,
        });
        Ok(())
    }

    fn join_put(&mut self) -> Result<()> {
        match self.runtime.block_on(self.puts.join_next()) {
            Some(Ok(outcome)) => outcome,
            Some(Err(e)) => {
                Err(Error::new(Kind::Other, Blame::Host, "a write was cut off").with_source(e))
            }
            None => Ok(()),
        }
    }

    fn close_all(&mut self) -> Result<()> {
        let Some(schema) = self.schema.clone() else {
            return Ok(());
        };
        let mut all: Vec<PartitionValues> = self.open.keys().cloned().collect();
        all.sort();
        all.iter()
            .try_for_each(|values| self.close(&schema, values))
    }

    fn finish(&mut self) -> Result<()> {
        self.close_all()?;
        while !self.puts.is_empty() {
            self.join_put()?;
        }
        Ok(())
    }

    fn clean_up(&mut self) {
        for open in std::mem::take(&mut self.open).into_values() {
            if let Some(file) = open.file {
                file.abort(&self.runtime);
            }
        }
        // A put that is cut off may still take effect, so each is waited for before its removal.
        while self.runtime.block_on(self.puts.join_next()).is_some() {}
        let store = Arc::clone(&self.settings.store);
        let paths = std::mem::take(&mut self.named);
        self.runtime.block_on(remove(&store, paths));
    }
}

/// Returns the size of the file so far.
fn encode_waiting(
    settings: &EncoderSettings,
    runtime: &Handle,
    named: &mut Vec<Path>,
    schema: &TableSchema,
    values: &PartitionValues,
    open: &mut Open,
) -> Result<usize> {
    let file = match (
        &mut open.file,
        open.waiting.iter().max_by_key(|rows| rows.num_rows()),
    ) {
        (Some(file), _) => file,
        (None, None) => return Ok(0),
        (none, Some(sample)) => {
            let directory = partition::directory(&schema.partition_names(), values);
            let name = format!(
                "{directory}part-{:05}-{}-{:08x}-{SUFFIX}",
                named.len(),
                settings.commit,
                settings.nonce
            );
            let path = Path::parse(&name).map_err(|e| {
                Error::new(Kind::Other, Blame::Host, format!("`{name}` is no path")).with_source(e)
            })?;
            named.push(path.clone());
            none.insert(FileWriter::new(path, schema, sample)?)
        }
    };
    open.waiting_bytes = 0;
    for rows in open.waiting.drain(..) {
        // The schema of a batch says which columns; that of the file, how they are written.
        let rows = RecordBatch::try_new(Arc::clone(schema.file()), rows.columns().to_vec());
        file.write(&rows.map_err(host_bug)?, &settings.store, runtime)?;
    }
    Ok(file.size_estimate())
}

/// Removes files; one that is not there, or stays, does no harm.
pub(crate) async fn remove(store: &Arc<dyn ObjectStore>, paths: Vec<Path>) {
    let paths = futures::stream::iter(paths.into_iter().map(Ok)).boxed();
    let mut removed = store.delete_stream(paths);
    while let Some(outcome) = removed.next().await {
        match outcome {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(e) => {
                let error = presentable(&e);
                tracing::debug!(error, "a staged file stays until the table is vacuumed")
            }
        }
    }
}

fn host_bug(error: ArrowError) -> Error {
    Error::new(
        Kind::Other,
        Blame::Host,
        "rows could not be split by partition",
    )
    .with_source(error)
}
