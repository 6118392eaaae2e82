//! Which producer has which source partitions. A lane has one transactional id; whoever takes it with
//! `init_transactions` is its only owner from then on, and reads positions afterwards.
//!
//! A group hands partitions over one by one, so that each has a lane of its own. Without a group all partitions
//! are one process's, and some lanes for all do, as long as they are taken together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use wasm_sink_core::home::{Lane, Stored};
use wasm_sink_core::source::Membership;
use wasm_sink_core::{CommitId, Move, PartitionKey, Result};

use super::ledger::{Entry, Ledger};
use super::producers::{OpenProducer, Producers};
use crate::native::Code;

/// Lanes of a source without a group: so many transactions at a time. Every process of a pipeline has the
/// same number, so that a new one keeps the old one from all of them.
const LANES: u64 = 4;
/// Producers that are made at a time.
const SIDE_BY_SIDE: usize = 8;
/// Whoever lost a lane to somebody else leaves them this time to commit, at first and at most.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The lanes of one pipeline.
pub(super) struct Lanes {
    pub(super) producers: Arc<Producers>,
    pub(super) ledger: Ledger,
    membership: Membership,
    /// One claim at a time.
    claiming: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: BTreeMap<Lane, Held>,
    positions: BTreeMap<PartitionKey, Entry>,
    /// Whether positions were read at all.
    is_read: bool,
}

#[derive(Clone)]
enum Held {
    Ours(Arc<OpenProducer>),
    /// Its producer is gone.
    Lost,
    /// Somebody else has it, for the n-th time in a row.
    Taken(u32),
}

impl Lanes {
    pub(super) fn new(producers: Arc<Producers>, membership: Membership) -> Self {
        Self {
            ledger: Ledger::new(Arc::clone(&producers.cluster)),
            producers,
            membership,
            claiming: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lane of a partition.
    pub(super) fn of(&self, key: &PartitionKey) -> Lane {
        match self.membership {
            Membership::Group => Lane(format!("{}-{}", key.source(), key.partition()).into()),
            Membership::Alone => lane(hash(key) % LANES),
        }
    }

    fn id(&self, lane: &Lane) -> String {
        format!("{}-{}", self.producers.cluster.pipeline, lane.0)
    }

    /// Makes partitions ours, and reads positions.
    ///
    /// # Errors
    /// Of the brokers.
    pub(super) async fn claim(&self, keys: &[PartitionKey]) -> Result<()> {
        let lanes: BTreeSet<Lane> = match self.membership {
            Membership::Group => keys.iter().map(|key| self.of(key)).collect(),
            Membership::Alone => {
                let state = self.state();
                let is_ours = |lane: &Lane| matches!(state.held.get(lane), Some(Held::Ours(_)));
                (0..LANES).map(lane).filter(|lane| !is_ours(lane)).collect()
            }
        };
        self.take(lanes).await
    }

    /// Makes lanes ours, whoever has them, and reads positions.
    async fn take(&self, lanes: BTreeSet<Lane>) -> Result<()> {
        if lanes.is_empty() {
            return Ok(());
        }
        let _claiming = self.claiming.lock().await;
        self.ledger.create().await?;
        let open = async |lane: Lane| {
            let producer = self.producers.open(self.id(&lane)).await?;
            Ok::<_, wasm_sink_core::Error>((lane, producer))
        };
        let opened: Vec<_> = stream::iter(lanes)
            .map(open)
            .buffer_unordered(SIDE_BY_SIDE)
            .try_collect()
            .await?;
        let positions = self.ledger.read().await?;
        let mut state = self.state();
        for (lane, producer) in opened {
            state.held.insert(lane, Held::Ours(producer));
        }
        state.positions = positions;
        state.is_read = true;
        Ok(())
    }

    /// A lane's producer. One that was lost is taken back, in the end also from somebody else.
    ///
    /// # Errors
    /// Of the brokers.
    pub(super) async fn producer(&self, lane: &Lane) -> Result<Arc<OpenProducer>> {
        loop {
            let held = self.state().held.get(lane).cloned();
            match held {
                Some(Held::Ours(producer)) => return Ok(producer),
                Some(Held::Taken(times)) => {
                    let wait = FIRST_WAIT * 2_u32.saturating_pow(times.min(8));
                    let wait = wait.min(LONGEST_WAIT).mul_f64(0.5 + fastrand::f64());
                    tracing::warn!(
                        lane = &*lane.0,
                        wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                        "another process took over the producer of some partitions"
                    );
                    tokio::time::sleep(wait).await;
                    self.take(BTreeSet::from([lane.clone()])).await?;
                    // Until it commits something.
                    self.state().held.entry(lane.clone()).and_modify(|held| {
                        if let Held::Ours(producer) = held {
                            producer.took_over(times);
                        }
                    });
                }
                Some(Held::Lost) | None => self.take(BTreeSet::from([lane.clone()])).await?,
            }
        }
    }

    /// Where partitions stand, as far as it concerns us.
    ///
    /// # Errors
    /// Of the brokers.
    pub(super) async fn positions(&self) -> Result<BTreeMap<PartitionKey, Stored>> {
        let (lost, is_taken, is_read) = {
            let state = self.state();
            let lost = state.held.iter();
            let lost = lost.filter(|(_, held)| matches!(held, Held::Lost));
            let lost: BTreeSet<Lane> = lost.map(|(lane, _)| lane.clone()).collect();
            let is_taken = state
                .held
                .values()
                .any(|held| matches!(held, Held::Taken(_)));
            (lost, is_taken, state.is_read)
        };
        if !lost.is_empty() {
            self.take(lost).await?;
        } else if is_taken || !is_read {
            let positions = self.ledger.read().await?;
            let mut state = self.state();
            state.positions = positions;
            state.is_read = true;
        }
        let state = self.state();
        let stored = state.positions.iter();
        Ok(stored
            .map(|(key, entry)| (key.clone(), entry.stored()))
            .collect())
    }

    /// Who set a partition's position.
    pub(super) fn winner(&self, key: &PartitionKey) -> Option<String> {
        let state = self.state();
        state.positions.get(key).map(|entry| entry.process.clone())
    }

    /// The first of these partitions that does not stand where it begins.
    pub(super) fn misplaced(&self, moves: &[Move]) -> Option<PartitionKey> {
        let state = self.state();
        let stands = |moved: &Move| {
            let stored = state.positions.get(&moved.key);
            stored.map(|entry| &entry.position) == moved.begin.as_ref()
        };
        moves
            .iter()
            .find(|moved| !stands(moved))
            .map(|moved| moved.key.clone())
    }

    /// A transaction of ours moved these.
    pub(super) fn moved(&self, moves: &[Move], id: CommitId) {
        let mut state = self.state();
        for moved in moves {
            let entry = Entry::new(moved.end.clone(), id);
            state.positions.insert(moved.key.clone(), entry);
            if let Some(Held::Ours(producer)) = state.held.get(&self.of(&moved.key)) {
                producer.took_over(0);
            }
        }
    }

    /// This producer is of no further use.
    pub(super) fn lose(&self, lane: &Lane, producer: &Arc<OpenProducer>) {
        let mut state = self.state();
        let Some(held) = state.held.get_mut(lane) else {
            return;
        };
        if !matches!(held, Held::Ours(ours) if Arc::ptr_eq(ours, producer)) {
            return;
        }
        let fatal = producer.native.client().fatal();
        *held = match fatal.is_some_and(|error| is_fenced(error.code)) {
            true => Held::Taken(producer.takeovers() + 1),
            false => Held::Lost,
        };
    }
}

/// Whether another producer with the same transactional id was there later.
fn is_fenced(code: Code) -> bool {
    matches!(
        code,
        Code::RD_KAFKA_RESP_ERR__FENCED
            | Code::RD_KAFKA_RESP_ERR_PRODUCER_FENCED
            | Code::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH
    )
}

fn lane(number: u64) -> Lane {
    Lane(format!("lane-{number}").into())
}

/// FNV-1a of a partition's name: the same in every version.
fn hash(key: &PartitionKey) -> u64 {
    let bytes = key.source().bytes();
    let bytes = bytes.chain([0]).chain(key.partition().bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_stays_in_its_lane() {
        let of = |partition| hash(&PartitionKey::new("files", partition)) % LANES;
        // Another version must find the same: a zombie of the old one would not be kept out.
        assert_eq!(["0", "1", "2", "3"].map(of), [0, 3, 2, 1]);
    }
}
