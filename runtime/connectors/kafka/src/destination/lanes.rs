//! Which producer has which source partitions. A lane has one transactional id; whoever takes it with
//! `init_transactions` is its only owner from then on, and reads positions afterwards.
//!
//! A group hands partitions over one by one, so that each has a lane of its own. Without a group all partitions
//! are one process's, and some lanes for all do, as long as they are taken together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::task::spawn_blocking;
use wasm_sink_core::home::{Lane, Stored};
use wasm_sink_core::source::Membership;
use wasm_sink_core::{Blame, CommitId, Error, Kind, Move, PartitionKey, Result, process};

use super::ledger::{Entry, Ledger};
use super::producers::{OpenProducer, Producers};
use crate::native::Code;

/// Lanes of a source without a group: so many transactions at a time. Every process of a pipeline has the
/// same number, so that a new one keeps the old one from all of them.
pub(super) const LANES: u64 = 4;
/// Producers that are made at a time.
const SIDE_BY_SIDE: usize = 8;
/// Whoever lost a lane to somebody else leaves them this time to commit, at first and at most.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(900);

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
    /// Somebody else has it, for the n-th time in a row, and may have it until then.
    Taken(u32, Instant),
}

impl Held {
    fn is_ours(&self) -> bool {
        matches!(self, Self::Ours(_))
    }
}

impl State {
    /// What was read counts but for lanes that were ours all the time: what they moved meanwhile is newer.
    fn take_over(
        &mut self,
        read: BTreeMap<PartitionKey, Entry>,
        is_newer: impl Fn(&PartitionKey) -> bool,
    ) {
        self.positions.retain(|key, _| is_newer(key));
        for (key, entry) in read {
            if !is_newer(&key) {
                self.positions.insert(key, entry);
            }
        }
        self.is_read = true;
    }
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

    /// Those that are taken together with a lane.
    fn with(&self, lane: &Lane) -> BTreeSet<Lane> {
        match self.membership {
            Membership::Group => BTreeSet::from([lane.clone()]),
            Membership::Alone => (0..LANES).map(self::lane).collect(),
        }
    }

    /// Makes partitions ours, and reads positions.
    ///
    /// # Errors
    /// Of the brokers.
    pub(super) async fn claim(&self, keys: &[PartitionKey]) -> Result<()> {
        match self.membership {
            Membership::Group => {
                let lanes = keys.iter().map(|key| self.of(key)).collect();
                self.take(|_| lanes).await
            }
            Membership::Alone => {
                // Whoever else has some would have the others, too.
                self.take(|state| {
                    let all = (0..LANES).map(lane);
                    let is_ours = |lane: &Lane| state.held.get(lane).is_some_and(Held::is_ours);
                    all.filter(|lane| !is_ours(lane)).collect()
                })
                .await
            }
        }
    }

    /// Ends the producers of partitions that another member has from now on, or may.
    pub(super) async fn release(&self, keys: &[PartitionKey]) {
        if self.membership == Membership::Alone {
            return;
        }
        let former: Vec<Held> = {
            let mut state = self.state();
            let of = keys.iter().map(|key| self.of(key));
            of.filter_map(|lane| state.held.remove(&lane)).collect()
        };
        let _ = spawn_blocking(move || drop(former)).await;
    }

    /// Makes lanes ours, whoever has them, and reads positions.
    async fn take(&self, which: impl FnOnce(&State) -> BTreeSet<Lane>) -> Result<()> {
        let _claiming = self.claiming.lock().await;
        let lanes = which(&self.state());
        if lanes.is_empty() {
            return Ok(());
        }
        self.ledger.create().await?;
        // From here on the producers that there were are fenced by ourselves.
        let former: Vec<Held> = {
            let mut state = self.state();
            let lose = |lane: &Lane| state.held.insert(lane.clone(), Held::Lost);
            lanes.iter().filter_map(lose).collect()
        };
        let _ = spawn_blocking(move || drop(former)).await;
        let open = async |lane: Lane| {
            let producer = self.producers.open(self.id(&lane)).await?;
            Ok::<_, Error>((lane, producer))
        };
        let opened: BTreeMap<Lane, Arc<OpenProducer>> = stream::iter(lanes)
            .map(open)
            .buffer_unordered(SIDE_BY_SIDE)
            .try_collect()
            .await?;
        let read = self.ledger.read().await?;
        let mut state = self.state();
        let State { held, .. } = &*state;
        let newer: BTreeSet<Lane> = held
            .iter()
            .filter(|(lane, held)| held.is_ours() && !opened.contains_key(*lane))
            .map(|(lane, _)| lane.clone())
            .collect();
        state.take_over(read, |key| newer.contains(&self.of(key)));
        for (lane, producer) in opened {
            state.held.insert(lane, Held::Ours(producer));
        }
        Ok(())
    }

    /// A lane's producer. One that was lost is taken again, in the end also from somebody else: never while
    /// they get on with it.
    ///
    /// # Errors
    /// Of the brokers. Somebody else has the lane.
    pub(super) async fn producer(&self, lane: &Lane) -> Result<Arc<OpenProducer>> {
        loop {
            let held = self.state().held.get(lane).cloned();
            match held {
                Some(Held::Ours(producer)) => return Ok(producer),
                Some(Held::Taken(times, until)) => self.take_back(lane, times, until).await?,
                // What is still under way of partitions that were given away must not take them back.
                None if self.membership == Membership::Group => {
                    return Err(Error::new(
                        Kind::Conflict,
                        Blame::Destination,
                        "the partitions were given to another process",
                    ));
                }
                Some(Held::Lost) | None => {
                    self.take(|state| match state.held.get(lane) {
                        Some(Held::Ours(_)) => BTreeSet::new(),
                        _ => BTreeSet::from([lane.clone()]),
                    })
                    .await?;
                }
            }
        }
    }

    /// # Errors
    /// They get on with it, or have not had the time to.
    async fn take_back(&self, lane: &Lane, times: u32, until: Instant) -> Result<()> {
        let before = self.state().positions.clone();
        self.read_others().await?;
        let moved = {
            let state = self.state();
            let mut positions = state.positions.iter();
            // What we committed without hearing of it is no other process's.
            let own = process::describe();
            let moved = positions
                .find(|(key, entry)| before.get(*key) != Some(*entry) && entry.process != own);
            moved.map(|(key, entry)| (key.clone(), entry.clone()))
        };
        match (moved, self.membership) {
            (Some((key, entry)), Membership::Alone) => {
                return Err(Error::new(
                    Kind::Other,
                    Blame::Configuration,
                    format!(
                        "another process commits to topic `{}` under this pipeline's name: partition \
                         {key} stands at {}, put there by {}. Run one of them, or give this pipeline \
                         another name",
                        self.ledger.topic, entry.position, entry.process
                    ),
                ));
            }
            (Some(_), Membership::Group) => {}
            (None, _) if Instant::now() >= until => {
                let lanes = self.with(lane);
                self.take(|_| lanes).await?;
                // Until it commits something.
                for held in self.state().held.values() {
                    if let Held::Ours(producer) = held {
                        producer.took_over(times);
                    }
                }
                return Ok(());
            }
            (None, _) => {}
        }
        Err(Error::new(
            Kind::Unavailable,
            Blame::Destination,
            "the producer of some partitions was taken over by another process, or its transaction lasted too \
             long",
        ))
    }

    /// Reads the positions of lanes that are not ours.
    async fn read_others(&self) -> Result<()> {
        // Before the read, not after it: what becomes ours meanwhile is read by whoever takes it.
        let ours = self.ours();
        let read = self.ledger.read().await?;
        let mut state = self.state();
        let ours: BTreeSet<Lane> = ours.union(&ours_of(&state)).cloned().collect();
        state.take_over(read, |key| ours.contains(&self.of(key)));
        Ok(())
    }

    fn ours(&self) -> BTreeSet<Lane> {
        ours_of(&self.state())
    }

    /// Where partitions stand, as far as it concerns us.
    ///
    /// # Errors
    /// Of the brokers.
    pub(super) async fn positions(&self) -> Result<BTreeMap<PartitionKey, Stored>> {
        let (is_lost, is_taken, is_read) = {
            let state = self.state();
            let mut held = state.held.values();
            let is_lost = held.clone().any(|held| matches!(held, Held::Lost));
            let is_taken = held.any(|held| matches!(held, Held::Taken(..)));
            (is_lost, is_taken, state.is_read)
        };
        if is_lost {
            self.take(|state| {
                let lost = state.held.iter();
                let lost = lost.filter(|(_, held)| matches!(held, Held::Lost));
                lost.map(|(lane, _)| lane.clone()).collect()
            })
            .await?;
        } else if is_taken || !is_read {
            self.read_others().await?;
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
            true => {
                let times = producer.takeovers();
                let wait = FIRST_WAIT * 2_u32.saturating_pow(times.min(9));
                let wait = wait.min(LONGEST_WAIT).mul_f64(0.5 + fastrand::f64());
                Held::Taken(times + 1, Instant::now() + wait)
            }
            false => Held::Lost,
        };
    }
}

fn ours_of(state: &State) -> BTreeSet<Lane> {
    let ours = state.held.iter().filter(|(_, held)| held.is_ours());
    ours.map(|(lane, _)| lane.clone()).collect()
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
    use wasm_sink_core::Position;

    use super::*;

    #[test]
    fn a_partition_stays_in_its_lane() {
        let of = |partition| hash(&PartitionKey::new("files", partition)) % LANES;
        // Another version must find the same: a zombie of the old one would not be kept out.
        assert_eq!(["0", "1", "2", "3"].map(of), [0, 3, 2, 1]);
    }

    #[test]
    fn what_is_read_late_does_not_put_back_what_was_moved_meanwhile() {
        let key = |partition: &str| PartitionKey::new("s", partition);
        let at = |offset| Entry::new(Position::from_offset(offset), CommitId::from_random(offset));
        let mut state = State {
            positions: BTreeMap::from([(key("ours"), at(20)), (key("gone"), at(5))]),
            ..State::default()
        };
        let read = BTreeMap::from([(key("ours"), at(10)), (key("theirs"), at(7))]);
        state.take_over(read, |partition| *partition == key("ours"));
        let expected = BTreeMap::from([(key("ours"), at(20)), (key("theirs"), at(7))]);
        assert_eq!(state.positions, expected);
    }
}
