//! Producers, and how they are made. Each has a transactional id of its own and is kept while it works.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::spawn_blocking;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::cluster::{Cluster, broke_off};
use crate::error::{destination_error, transaction_error};
use crate::log::Log;
use crate::native::{Listener, NativeError, Producer, Rebalance, Remedy, TransactionError};

/// What waits in one producer's queue, at most.
pub(super) const QUEUE_BYTES: usize = 8 << 20;

/// What the library's defaults are not.
const DEFAULTS: [(&str, &str); 4] = [
    // QUEUE_BYTES: where there is no room, the stage waits.
    ("queue.buffering.max.kbytes", "8192"),
    ("queue.buffering.max.messages", "1000000"),
    // Records come in batches, so that full ones are worth a moment.
    ("linger.ms", "20"),
    // Which records are too large says their topic.
    ("message.max.bytes", "1000000000"),
];

/// Of a process that died, readers see nothing and wait for so long; epochs may be longer.
const TRANSACTION: Duration = Duration::from_secs(60);
/// What brokers allow unless they are told otherwise (transaction.max.timeout.ms).
const LONGEST_TRANSACTION: Duration = Duration::from_secs(900);
/// A transaction lasts this much longer than its epoch waits for rows, at least.
const COMMITTING: Duration = Duration::from_secs(5);
/// One request to the brokers may take this, and is repeated.
const STEP: Duration = Duration::from_secs(10);
/// A producer gets its transactional id within this.
const INIT: Duration = Duration::from_secs(60);
/// Taking a transaction back may take this; then its time runs out by itself.
const ABORT: Duration = Duration::from_secs(10);
/// A topic that takes less than this in one batch has a word in how large batches are.
const USUAL_BATCH_BYTES: usize = 1_000_000;
/// What a batch has beside its records.
const BATCH_OVERHEAD_BYTES: usize = 512;
/// Producers that are kept while nobody uses them.
const MAX_IDLE: usize = 16;

/// Refuses what could never be committed.
///
/// # Errors
/// Transactions would end before their epochs do.
pub(super) fn check(cluster: &Cluster) -> Result<()> {
    let timeout = cluster.settings.producer.transaction_timeout();
    let timeout = timeout.unwrap_or(LONGEST_TRANSACTION);
    if cluster.max_epoch + COMMITTING <= timeout {
        return Ok(());
    }
    Err(Error::new(
        Kind::Invalid,
        Blame::Configuration,
        format!(
            "an epoch may wait {} ms for more rows ([epoch] max_ms), and the brokers end its transaction \
             after {} ms: set max_ms lower, or \"transaction.timeout.ms\" higher",
            cluster.max_epoch.as_millis(),
            timeout.as_millis()
        ),
    ))
}

/// A producer that works.
pub(super) struct OpenProducer {
    pub(super) native: Producer,
    pub(super) heard: Arc<Deliveries>,
    /// Its transactional id.
    pub(super) id: String,
    /// How often its lane was taken back from somebody else without a commit in between.
    takeovers: AtomicU32,
}

/// What a producer sends in.
#[derive(Clone, Copy)]
enum Sending {
    Transactional,
    /// No transaction.
    Idempotent,
}

/// Makes producers, and keeps those that belong to no lane.
pub(super) struct Producers {
    pub(super) cluster: Arc<Cluster>,
    /// Of this process alone.
    prefix: String,
    made: AtomicU64,
    idle: Mutex<Vec<Arc<OpenProducer>>>,
}

impl Producers {
    pub(super) fn new(cluster: Arc<Cluster>) -> Self {
        let random = fastrand::u64(..);
        Self {
            prefix: format!("{}-{random:016x}", cluster.pipeline),
            cluster,
            made: AtomicU64::new(0),
            idle: Mutex::default(),
        }
    }

    /// One with an id that nobody else has.
    pub(super) async fn any(&self) -> Result<Arc<OpenProducer>> {
        if let Some(idle) = self.idle().pop() {
            return Ok(idle);
        }
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        self.open(format!("{}-{number}", self.prefix)).await
    }

    /// Takes one back that works and has no transaction.
    pub(super) fn give_back(&self, producer: Arc<OpenProducer>) {
        let mut idle = self.idle();
        if idle.len() < MAX_IDLE && producer.id.starts_with(&self.prefix) {
            idle.push(producer);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Arc<OpenProducer>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One with this transactional id. Whoever had it can send nothing more, and what they had under way is
    /// over, one way or the other.
    ///
    /// # Errors
    /// Of the brokers.
    pub(super) async fn open(&self, id: String) -> Result<Arc<OpenProducer>> {
        let producer = self.make(id, Sending::Transactional)?;
        let doing = format!("beginning as the producer `{}`", producer.id);
        let begun = spawn_blocking(move || {
            repeated(INIT, |limit| producer.native.init_transactions(limit))
                .map_err(|error| producer.heard.cause(error.error))
                .map(|()| producer)
        });
        let begun = begun.await.map_err(|error| broke_off(&doing, error))?;
        Ok(Arc::new(
            begun.map_err(|error| destination_error(&doing, error))?,
        ))
    }

    /// One without transactions: what it sends is visible at once, and once.
    ///
    /// # Errors
    /// Properties that do not go together.
    pub(super) fn plain(&self) -> Result<Arc<OpenProducer>> {
        self.make(String::new(), Sending::Idempotent).map(Arc::new)
    }

    fn make(&self, id: String, sending: Sending) -> Result<OpenProducer> {
        let largest = self.cluster.smallest_max_bytes();
        let batch = largest.map_or(USUAL_BATCH_BYTES, |most| {
            most.saturating_sub(BATCH_OVERHEAD_BYTES)
                .clamp(1, USUAL_BATCH_BYTES)
        });
        let batch = batch.to_string();
        let transaction = self.cluster.max_epoch * 2 + TRANSACTION / 2;
        let transaction = transaction.clamp(TRANSACTION, LONGEST_TRANSACTION);
        let transaction = transaction.as_millis().to_string();
        let calculated = [
            ("batch.size", &*batch),
            ("transaction.timeout.ms", &*transaction),
        ];
        let defaults = [&DEFAULTS[..], &calculated].concat();
        let fixed = [
            match sending {
                Sending::Transactional => ("transactional.id", &*id),
                Sending::Idempotent => ("enable.idempotence", "true"),
            },
            ("delivery.report.only.error", "true"),
        ];
        let properties = &self.cluster.settings.producer;
        let config = self.cluster.config(properties, &defaults, &fixed)?;
        let heard = Arc::new(Deliveries::default());
        let listener: Arc<dyn Listener> = Arc::clone(&heard) as _;
        let native = Producer::new(config, listener).map_err(|why| self.cluster.not_made(why))?;
        Ok(OpenProducer {
            native,
            heard,
            id,
            takeovers: AtomicU32::new(0),
        })
    }

    /// Ends those that are kept.
    pub(super) async fn close(&self) {
        let idle = std::mem::take(&mut *self.idle());
        let _ = spawn_blocking(move || drop(idle)).await;
    }
}

impl OpenProducer {
    pub(super) fn took_over(&self, times: u32) {
        self.takeovers.store(times, Ordering::Relaxed);
    }

    pub(super) fn takeovers(&self) -> u32 {
        self.takeovers.load(Ordering::Relaxed)
    }

    /// Takes the open transaction back; false: the producer is of no further use.
    pub(super) fn abort(&self) -> bool {
        let aborted = repeated(ABORT, |limit| self.native.abort(limit));
        let _ = self.heard.take_failure();
        if let Err(error) = &aborted {
            tracing::debug!(producer = self.id, %error, "a transaction was not taken back");
        }
        aborted.is_ok()
    }

    /// Makes the open transaction visible.
    ///
    /// # Errors
    /// It may be visible, unless it has to be taken back.
    pub(super) fn commit(&self, limit: Duration) -> Result<(), TransactionError> {
        repeated(limit, |limit| self.native.commit(limit))
    }

    /// Waits until all records are in their topics.
    ///
    /// # Errors
    /// One is not, and will not be.
    pub(super) fn flush(&self, limit: Duration) -> Result<()> {
        let flushed = self.native.flush(limit);
        match (self.heard.take_failure(), flushed) {
            (Some(error), _) | (None, Err(error)) => Err(destination_error(
                "sending records",
                self.heard.cause(error),
            )),
            (None, Ok(())) => Ok(()),
        }
    }

    /// An error of a step as ours.
    pub(super) fn failed(&self, doing: &str, error: TransactionError) -> Error {
        // What became of a record says more than that its transaction is over.
        match self.heard.take_failure() {
            Some(undelivered) => destination_error(doing, undelivered),
            None => transaction_error(doing, self.heard.cause(error.error)),
        }
    }
}

/// Does a step until it is done or refused, or time is up.
fn repeated(
    limit: Duration,
    step: impl Fn(Duration) -> Result<(), TransactionError>,
) -> Result<(), TransactionError> {
    let begun = std::time::Instant::now();
    loop {
        match step(STEP.min(limit)) {
            Err(error) if error.remedy == Remedy::Again && begun.elapsed() < limit => {}
            done => return done,
        }
    }
}

/// What became of records, and what else a producer says.
#[derive(Default)]
pub(super) struct Deliveries {
    failure: Mutex<Option<NativeError>>,
    last: crate::connection::Heard,
    log: Log,
}

impl Deliveries {
    /// Why a record is not in its topic; the first reason of this transaction.
    pub(super) fn take_failure(&self) -> Option<NativeError> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn cause(&self, error: NativeError) -> NativeError {
        self.last.explain(error)
    }
}

impl Listener for Deliveries {
    fn rebalance(&self, _rebalance: Rebalance) -> bool {
        false
    }

    fn error(&self, error: NativeError, is_fatal: bool) {
        self.last.error(error, is_fatal);
    }

    fn log(&self, level: i32, facility: &str, line: &str) {
        self.log.line(level, facility, line);
    }

    fn undelivered(&self, error: NativeError) {
        use crate::native::Code;
        // What was taken back was meant to be.
        let is_purged = matches!(
            error.code,
            Code::RD_KAFKA_RESP_ERR__PURGE_QUEUE | Code::RD_KAFKA_RESP_ERR__PURGE_INFLIGHT
        );
        if is_purged {
            return;
        }
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let is_innocent =
            |error: &NativeError| error.code == Code::RD_KAFKA_RESP_ERR__INVALID_DIFFERENT_RECORD;
        // The record that is to blame says more than those in its batch.
        if failure.as_ref().is_none_or(is_innocent) {
            *failure = Some(error);
        }
    }
}
