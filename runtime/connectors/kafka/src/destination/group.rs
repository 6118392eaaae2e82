//! The offsets of the source's group as positions, moved in the transaction that holds the records: as KIP-447
//! has it, the coordinator takes them from members of the present generation alone.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::spawn_blocking;
use wasm_sink_core::home::{AttemptError, Base, Commit, EpochCommit, History, Home, Staging};
use wasm_sink_core::stage::{Staged, UnitId};
use wasm_sink_core::step::Step;
use wasm_sink_core::{Blame, CommitId, Error, Kind, Result};

use super::producers::{OpenProducer, Producers};
use super::session::Session;
use super::stage::KafkaStaged;
use crate::cluster::broke_off;
use crate::native::{Remedy, TransactionError};
use crate::source::{GroupHome, assignments, is_fenced};

/// Positions are taken within this.
const SENDING: Duration = Duration::from_secs(30);
/// A commit is answered within this.
const COMMITTING: Duration = Duration::from_secs(60);

/// The group of the source.
pub(super) struct HomeInGroup {
    group: Arc<GroupHome>,
    producers: Arc<Producers>,
}

impl HomeInGroup {
    pub(super) fn new(group: GroupHome, producers: Arc<Producers>) -> Self {
        Self {
            group: Arc::new(group),
            producers,
        }
    }

    async fn session(&self, epoch: &EpochCommit) -> Result<Session> {
        match epoch.staged.first() {
            None => Session::begin(&self.producers).await,
            Some(staged) => KafkaStaged::take(staged),
        }
    }
}

/// What is left of a transaction.
enum End {
    Committed,
    /// It may be in; the producer is of no further use.
    Unknown(TransactionError),
    /// It has to be taken back.
    Refused(AttemptError),
}

#[async_trait]
impl Home for HomeInGroup {
    fn describe(&self) -> String {
        self.group.describe()
    }

    fn unit(&self) -> Option<&UnitId> {
        Some(&self.producers.cluster.unit)
    }

    fn staging(&self) -> Staging {
        Staging::Session
    }

    fn is_final_once_claimed(&self) -> bool {
        true
    }

    async fn read(&self) -> Result<Base> {
        self.group.read().await
    }

    async fn attempt(&self, base: &Base, commit: &Commit) -> Result<(), AttemptError> {
        let [epoch] = commit.epochs.as_slice() else {
            return Err(AttemptError::Failed(one_at_a_time()));
        };
        let session = self.session(epoch).await.map_err(AttemptError::Conflict)?;
        let producer = Arc::clone(session.producer().map_err(AttemptError::Conflict)?);
        let group = Arc::clone(&self.group);
        let (moves, id) = (epoch.moves.clone(), epoch.id);
        let read_as = assignments(base).clone();
        let tried = spawn_blocking(move || {
            // Whether the partitions are ours, and as whom we have them, belong together.
            let (offsets, member) = match group.offsets(&read_as, &moves, id) {
                Ok(found) => found,
                Err(error) => return End::Refused(error),
            };
            if let Err(error) = producer.native.send_offsets(&offsets, &member, SENDING) {
                return refused(&producer, error);
            }
            Step::PositionsMoved.reached();
            match producer.commit(COMMITTING) {
                Ok(()) => End::Committed,
                Err(error) if error.remedy == Remedy::Abort => refused(&producer, error),
                Err(error) => End::Unknown(error),
            }
        });
        let doing = "committing a transaction";
        match tried.await {
            Ok(End::Committed) => {
                session.end();
                Ok(())
            }
            Ok(End::Refused(error)) => {
                session.roll_back().await;
                Err(error)
            }
            Ok(End::Unknown(error)) => {
                let error = session
                    .producer()
                    .map_or_else(|gone| gone, |producer| producer.failed(doing, error));
                session.abandon().await;
                Err(AttemptError::Unknown(error))
            }
            Err(error) => Err(AttemptError::Unknown(broke_off(doing, error))),
        }
    }

    async fn history(&self, _commit: CommitId) -> Result<History> {
        Ok(History::Forgotten)
    }

    async fn discard(&self, staged: &[Staged]) {
        for staged in staged {
            if let Ok(session) = KafkaStaged::take(staged) {
                session.roll_back().await;
            }
        }
    }
}

/// It is taken back, or if the brokers do not take that either, given up.
fn refused(producer: &OpenProducer, error: TransactionError) -> End {
    let is_other_generation = is_fenced(error.error.code);
    let error = producer.failed("moving the group's offsets", error);
    End::Refused(match is_other_generation {
        true => AttemptError::Conflict(error),
        false if error.is_transient() => AttemptError::Unknown(error),
        false => AttemptError::Failed(error),
    })
}

pub(super) fn one_at_a_time() -> Error {
    Error::new(Kind::Other, Blame::Host, "a transaction takes one epoch")
}
