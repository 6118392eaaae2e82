//! An open transaction: what an epoch is staged in.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use wasm_sink_core::{Result, home::Lane};

use super::lanes::Lanes;
use super::layout::Records;
use super::producers::{OpenProducer, Producers};
use crate::cluster::broke_off;
use crate::error::destination_error;
use crate::native::{Partitioner, Unsent};

/// All records of an epoch are in their topics within this after its last.
const FLUSH: Duration = Duration::from_secs(120);
/// While there is no room, it is looked for so often.
const FULL: Duration = Duration::from_millis(2);
/// Between so many records the library's reports are heard.
const SERVE_EVERY: usize = 1024;

/// Whose producer it is.
#[derive(Clone)]
pub(super) enum Owner {
    Pool(Arc<Producers>),
    Lane(Arc<Lanes>, Lane),
}

/// An open transaction. Dropped, it is taken back.
pub(super) struct Session {
    /// None once it has its end.
    producer: Option<Arc<OpenProducer>>,
    owner: Owner,
}

impl Session {
    /// Begins one by a producer of the pool.
    ///
    /// # Errors
    /// Of the brokers.
    pub(super) async fn begin(producers: &Arc<Producers>) -> Result<Self> {
        let producer = producers.any().await?;
        Self::open(producer, Owner::Pool(Arc::clone(producers)))
    }

    /// Begins one by the producer of a lane.
    ///
    /// # Errors
    /// Of the brokers.
    pub(super) async fn begin_in(lanes: &Arc<Lanes>, lane: &Lane) -> Result<Self> {
        let producer = lanes.producer(lane).await?;
        let owner = Owner::Lane(Arc::clone(lanes), lane.clone());
        Self::open(producer, owner)
    }

    fn open(producer: Arc<OpenProducer>, owner: Owner) -> Result<Self> {
        // An older failure belongs to an older transaction.
        let _ = producer.heard.take_failure();
        if let Err(error) = producer.native.begin() {
            let error = producer.failed("beginning a transaction", error);
            if let Owner::Lane(lanes, lane) = &owner {
                lanes.lose(lane, &producer);
            }
            return Err(error);
        }
        Ok(Self {
            producer: Some(producer),
            owner,
        })
    }

    pub(super) fn producer(&self) -> Result<&Arc<OpenProducer>> {
        self.producer.as_ref().ok_or_else(super::stage::gone)
    }

    /// Sends records, waiting while the library has no room.
    ///
    /// # Errors
    /// Of the brokers; the transaction is of no further use.
    pub(super) async fn send(
        &mut self,
        topic: &str,
        partitioner: Partitioner,
        records: &Records,
    ) -> Result<()> {
        let producer = Arc::clone(self.producer()?);
        let doing = || format!("sending to topic `{topic}`");
        for (index, record) in records.iter().enumerate() {
            loop {
                let to = producer.native.topic(topic, partitioner);
                let to = to.map_err(|error| destination_error(&doing(), error))?;
                match to.send(&record) {
                    Ok(()) => break,
                    Err(Unsent::Full) => {}
                    Err(Unsent::Refused(error)) => {
                        producer.native.client().serve();
                        let said = producer.heard.take_failure();
                        let said = said.or_else(|| producer.native.client().fatal());
                        let error = said.unwrap_or(error);
                        return Err(destination_error(&doing(), error));
                    }
                }
                producer.native.client().serve();
                tokio::time::sleep(FULL).await;
            }
            if index % SERVE_EVERY == 0 {
                producer.native.client().serve();
            }
        }
        Ok(())
    }

    /// Waits until all records are in their topics.
    ///
    /// # Errors
    /// Of the brokers, which may be about one of the records.
    pub(super) async fn flush(&mut self) -> Result<()> {
        let producer = Arc::clone(self.producer()?);
        let flushed = spawn_blocking(move || producer.flush(FLUSH));
        let doing = "sending records";
        flushed.await.map_err(|error| broke_off(doing, error))?
    }

    /// The transaction is over and the producer goes on.
    pub(super) fn end(mut self) {
        if let (Some(producer), Owner::Pool(producers)) = (self.producer.take(), &self.owner) {
            producers.give_back(producer);
        }
    }

    /// Nobody knows what became of the transaction; the producer goes no further.
    pub(super) async fn abandon(mut self) {
        let Some(producer) = self.producer.take() else {
            return;
        };
        if let Owner::Lane(lanes, lane) = &self.owner {
            lanes.lose(lane, &producer);
        }
        let _ = spawn_blocking(move || drop(producer)).await;
    }

    /// Takes the transaction back.
    pub(super) async fn roll_back(mut self) {
        if let Some(producer) = self.producer.take() {
            let owner = self.owner.clone();
            let _ = spawn_blocking(move || take_back(producer, &owner)).await;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(producer) = self.producer.take() else {
            return;
        };
        let owner = self.owner.clone();
        // The task that had it is gone. Readers wait for open transactions, so this one is not left to its time.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || take_back(producer, &owner));
        }
    }
}

fn take_back(producer: Arc<OpenProducer>, owner: &Owner) {
    match (producer.abort(), owner) {
        (true, Owner::Pool(producers)) => producers.give_back(producer),
        (true, Owner::Lane(..)) | (false, Owner::Pool(_)) => {}
        (false, Owner::Lane(lanes, lane)) => lanes.lose(lane, &producer),
    }
}
