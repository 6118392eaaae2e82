//! Records of a topic as positions, in the transaction that holds the epoch's records.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::spawn_blocking;
use wasm_sink_core::home::{
    AttemptError, Base, Commit, EpochCommit, History, Home, Lane, Staging, Winner,
};
use wasm_sink_core::stage::{Staged, UnitId};
use wasm_sink_core::step::Step;
use wasm_sink_core::{Blame, CommitId, Error, Kind, PartitionKey, Result};

use super::group::one_at_a_time;
use super::lanes::Lanes;
use super::ledger;
use super::producers::OpenProducer;
use super::session::Session;
use super::stage::KafkaStaged;
use crate::cluster::broke_off;
use crate::error::destination_error;
use crate::native::{Partitioner, Record, Remedy, TransactionError, Unsent};

/// Positions are in their topic within this.
const FLUSH: Duration = Duration::from_secs(30);
/// A commit is answered within this.
const COMMITTING: Duration = Duration::from_secs(60);

/// The topic of a pipeline's positions, as far as its lanes are ours.
pub(super) struct HomeInTopic {
    lanes: Arc<Lanes>,
}

impl HomeInTopic {
    pub(super) fn new(lanes: Arc<Lanes>) -> Self {
        Self { lanes }
    }

    async fn session(&self, epoch: &EpochCommit) -> Result<Session> {
        match (epoch.staged.first(), epoch.moves.first()) {
            (Some(staged), _) => KafkaStaged::take(staged),
            (None, Some(moved)) => {
                let lane = self.lanes.of(&moved.key);
                Session::begin_in(&self.lanes, &lane).await
            }
            (None, None) => Err(super::stage::gone()),
        }
    }

    /// Rule 4: each position is the one where the epoch begins, and stays so until the commit, since
    /// nobody else can move it in a lane that is ours.
    async fn check(&self, epoch: &EpochCommit) -> Result<(), AttemptError> {
        for moved in &epoch.moves {
            let lane = self.lanes.of(&moved.key);
            let ours = self.lanes.producer(&lane).await;
            ours.map_err(AttemptError::Conflict)?;
        }
        match self.lanes.misplaced(&epoch.moves) {
            None => Ok(()),
            Some(key) => Err(AttemptError::Conflict(Error::new(
                Kind::Conflict,
                Blame::Destination,
                format!(
                    "epoch {} begins elsewhere than where partition {key} stands in topic `{}`",
                    epoch.id, self.lanes.ledger.topic
                ),
            ))),
        }
    }
}

/// What is left of a transaction.
enum End {
    Committed,
    /// It may be in; the producer is of no further use.
    Unknown(Error),
    /// It has to be taken back, and nothing of it is in.
    Refused(Error),
}

#[async_trait]
impl Home for HomeInTopic {
    fn describe(&self) -> String {
        format!(
            "topic `{}` of {}",
            self.lanes.ledger.topic,
            self.lanes.producers.cluster.describe()
        )
    }

    fn unit(&self) -> Option<&UnitId> {
        Some(&self.lanes.producers.cluster.unit)
    }

    fn staging(&self) -> Staging {
        Staging::Session
    }

    fn lane(&self, key: &PartitionKey) -> Option<Lane> {
        Some(self.lanes.of(key))
    }

    async fn claim(&self, keys: &[PartitionKey]) -> Result<()> {
        self.lanes.claim(keys).await
    }

    async fn release(&self, keys: &[PartitionKey]) {
        self.lanes.release(keys).await;
    }

    fn is_final_once_claimed(&self) -> bool {
        true
    }

    async fn read(&self) -> Result<Base> {
        Ok(Base {
            version: 0,
            positions: self.lanes.positions().await?,
            token: Box::new(()),
        })
    }

    async fn attempt(&self, _base: &Base, commit: &Commit) -> Result<(), AttemptError> {
        let [epoch] = commit.epochs.as_slice() else {
            return Err(AttemptError::Failed(one_at_a_time()));
        };
        let session = self.session(epoch).await.map_err(AttemptError::Conflict)?;
        if let Err(error) = self.check(epoch).await {
            session.roll_back().await;
            return Err(error);
        }
        let producer = Arc::clone(session.producer().map_err(AttemptError::Conflict)?);
        let topic = self.lanes.ledger.topic.clone();
        let moving = epoch.clone();
        let tried = spawn_blocking(move || move_and_commit(&producer, &topic, &moving));
        let doing = "committing a transaction";
        match tried.await {
            Ok(End::Committed) => {
                self.lanes.moved(&epoch.moves, epoch.id);
                session.end();
                Ok(())
            }
            Ok(End::Refused(error)) => {
                session.roll_back().await;
                Err(match error.is_transient() {
                    true => AttemptError::Unknown(error),
                    false => AttemptError::Failed(error),
                })
            }
            Ok(End::Unknown(error)) => {
                session.abandon().await;
                Err(AttemptError::Unknown(error))
            }
            Err(error) => Err(AttemptError::Unknown(broke_off(doing, error))),
        }
    }

    async fn history(&self, _commit: CommitId) -> Result<History> {
        Ok(History::Forgotten)
    }

    async fn winner(&self, _base: &Base, key: &PartitionKey) -> Winner {
        Winner {
            version: None,
            description: self.lanes.winner(key).unwrap_or_default(),
        }
    }

    async fn discard(&self, staged: &[Staged]) {
        for staged in staged {
            if let Ok(session) = KafkaStaged::take(staged) {
                session.roll_back().await;
            }
        }
    }
}

fn move_and_commit(producer: &OpenProducer, topic: &str, epoch: &EpochCommit) -> End {
    let moved = send_positions(producer, topic, epoch).and_then(|()| producer.flush(FLUSH));
    if let Err(error) = moved {
        return End::Refused(error);
    }
    Step::PositionsMoved.reached();
    let ended = |error: TransactionError| {
        let remedy = error.remedy;
        let error = producer.failed("committing a transaction", error);
        match remedy {
            Remedy::Abort => End::Refused(error),
            Remedy::Again | Remedy::NewProducer => End::Unknown(error),
        }
    };
    producer
        .commit(COMMITTING)
        .map_or_else(ended, |()| End::Committed)
}

fn send_positions(producer: &OpenProducer, topic: &str, epoch: &EpochCommit) -> Result<()> {
    const FULL: Duration = Duration::from_millis(5);
    let doing = format!("sending positions to topic `{topic}`");
    for moved in &epoch.moves {
        let (key, value) = ledger::record(moved, epoch)?;
        let record = Record {
            value: Some(&value),
            key: Some(&key),
            partition: Some(0),
            ..Record::default()
        };
        let to = producer.native.topic(topic, Partitioner::default());
        let to = to.map_err(|error| destination_error(&doing, error))?;
        loop {
            match to.send(&record) {
                Ok(()) => break,
                Err(Unsent::Full) => producer.native.client().serve_for(FULL),
                Err(Unsent::Refused(error)) => return Err(destination_error(&doing, error)),
            }
        }
    }
    Ok(())
}
