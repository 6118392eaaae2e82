//! What survives a process: the home, the other unit, the files, the group, the disks; the seed
//! that decides what goes wrong; and the invariants, checked at every step that others can see.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use wasm_sink::pipeline::{Entropy, PendingLetters};
use wasm_sink_core::component::Writer;
use wasm_sink_core::home::{Intent, Stored};
use wasm_sink_core::position::Move;
use wasm_sink_core::{CommitId, PartitionKey, Position};

use crate::run::CANARY;

/// How a home checks positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HomeKind {
    /// Put-if-absent of version base + 1; staged data outlives a failed attempt.
    Log,
    /// The check runs inside the transaction when it lands; staged data goes with its session.
    Database,
}

/// Whether somebody else changes the home's columns so that files staged before no longer fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaChanges {
    /// Now and then, as one of the disturbances.
    Sometimes,
    /// Under every attempt.
    Always,
}

/// What one seed runs.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub seed: u64,
    pub home: HomeKind,
    pub processes: usize,
    pub has_group: bool,
    pub partitions: usize,
    pub rows: u64,
    pub tasks: usize,
    pub has_second_unit: bool,
    /// Every row whose number leaves this remainder by 7 traps; None: none does.
    pub poison: Option<u64>,
    pub schema_changes: SchemaChanges,
    /// How many things may go wrong.
    pub disturbances: u32,
    pub max_epoch_rows: u64,
    pub max_batch_rows: u64,
    /// How many times the component is replaced, at most.
    pub swaps: u32,
}

impl Scenario {
    pub fn of(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x5eed);
        let has_group = rng.bool();
        Self {
            seed,
            home: if rng.u8(..3) > 0 {
                HomeKind::Log
            } else {
                HomeKind::Database
            },
            processes: if has_group {
                rng.usize(1..=3)
            } else {
                rng.usize(1..=2)
            },
            has_group,
            partitions: rng.usize(1..=3),
            rows: rng.u64(5..=40),
            tasks: rng.usize(1..=2),
            has_second_unit: rng.u8(..3) == 0,
            // Never the first row: an epoch of nothing else would rightly stop the pipeline.
            poison: (rng.u8(..3) == 0).then(|| rng.u64(1..7)),
            schema_changes: SchemaChanges::Sometimes,
            disturbances: rng.u32(0..=14),
            max_epoch_rows: rng.u64(1..=12),
            max_batch_rows: rng.u64(1..=8),
            swaps: if rng.bool() { rng.u32(1..=6) } else { 0 },
        }
    }

    pub fn is_poison(&self, row: u64) -> bool {
        self.poison.is_some_and(|rest| row % 7 == rest)
    }

    /// Rows with odd numbers go to the second unit, where there is one.
    pub fn is_for_second_unit(&self, row: u64) -> bool {
        self.has_second_unit && row % 2 == 1
    }
}

/// A row, as its partition and number.
pub type Row = (PartitionKey, u64);

/// An epoch's data as a home or a unit shows it.
#[derive(Clone, Debug)]
pub struct File {
    pub rows: Vec<Row>,
    /// The home's schema as it was staged for.
    pub schema: u64,
    /// Who staged it.
    pub writer: Writer,
}

#[derive(Debug, Default)]
pub struct ModelHome {
    pub version: u64,
    /// Grows with each change of the columns.
    pub schema: u64,
    pub positions: BTreeMap<PartitionKey, Stored>,
    pub history: BTreeSet<CommitId>,
    /// Files that some version references.
    pub referenced: BTreeSet<CommitId>,
}

#[derive(Debug, Default)]
pub struct ModelUnit {
    pub version: u64,
    pub applied: BTreeMap<PartitionKey, Position>,
}

/// A process's own disk.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    pub pending: BTreeMap<CommitId, (PendingLetters, Vec<u64>, PartitionKeys)>,
    pub published: BTreeMap<CommitId, Vec<Row>>,
    pub known: BTreeSet<PartitionKey>,
}

/// The partition of each pending letter.
pub type PartitionKeys = Vec<PartitionKey>;

/// What the group wants to tell a member.
#[derive(Clone, Debug)]
pub enum Notice {
    Assigned(Vec<PartitionKey>),
    Revoked(Vec<PartitionKey>),
    Lost(Vec<PartitionKey>),
}

#[derive(Debug, Default)]
pub struct Member {
    pub is_alive: bool,
    /// Grows with each start: what belongs to an earlier life has no effect.
    pub life: u64,
    pub notices: VecDeque<Notice>,
    pub disk: Disk,
}

/// Everything, behind one lock.
pub struct State {
    pub scenario: Scenario,
    pub rng: fastrand::Rng,
    pub left: u32,
    pub swaps_left: u32,
    pub home: ModelHome,
    pub unit: ModelUnit,
    /// Files that exist.
    pub files: BTreeMap<CommitId, File>,
    /// Rows that are visible, in order.
    pub visible: BTreeMap<PartitionKey, Vec<u64>>,
    pub second: BTreeMap<PartitionKey, Vec<u64>>,
    pub members: Vec<Member>,
    pub owners: BTreeMap<PartitionKey, usize>,
    pub trace: Vec<String>,
    pub violation: Option<String>,
    pub steps: u64,
    /// Epochs that were shown of components that began as canaries.
    pub canary_epochs: u64,
}

/// The world of one seed.
#[derive(Clone)]
pub struct World {
    pub state: Arc<Mutex<State>>,
    /// Rung when a member dies or gets a notice.
    pub bell: Arc<Notify>,
}

/// Which life of which process does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    pub process: usize,
    pub life: u64,
}

pub fn key(partition: usize) -> PartitionKey {
    PartitionKey::new("model", partition.to_string())
}

impl World {
    pub fn new(scenario: Scenario) -> Self {
        let members = (0..scenario.processes).map(|_| Member::default()).collect();
        let state = State {
            rng: fastrand::Rng::with_seed(scenario.seed),
            left: scenario.disturbances,
            swaps_left: scenario.swaps,
            home: ModelHome::default(),
            unit: ModelUnit::default(),
            files: BTreeMap::new(),
            visible: BTreeMap::new(),
            second: BTreeMap::new(),
            members,
            owners: BTreeMap::new(),
            trace: Vec::new(),
            violation: None,
            steps: 0,
            canary_epochs: 0,
            scenario,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            bell: Arc::new(Notify::new()),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Every step that others can see passes here first: it takes time, and it may be where the
    /// process dies or stalls. A dead process never returns.
    pub async fn step(&self, actor: Actor, what: &str) {
        let wait = {
            let mut state = self.lock();
            state.steps += 1;
            state.note(actor, what);
            match state.rng.u8(..100) {
                0..4 if state.spend() => {
                    state.note(actor, "CRASH");
                    state.members[actor.process].is_alive = false;
                    self.bell.notify_waiters();
                    Duration::ZERO
                }
                4..8 if state.spend() => {
                    let stall = Duration::from_secs(state.rng.u64(1..900));
                    state.note(actor, &format!("STALL {} s", stall.as_secs()));
                    stall
                }
                _ => Duration::from_millis(state.rng.u64(0..20)),
            }
        };
        tokio::time::sleep(wait).await;
        self.alive(actor).await;
    }

    /// Waits for ever where this life is over.
    pub async fn alive(&self, actor: Actor) {
        if !self.lock().is_alive(actor) {
            std::future::pending::<()>().await;
        }
    }
}

impl State {
    pub fn is_alive(&self, actor: Actor) -> bool {
        let member = &self.members[actor.process];
        member.is_alive && member.life == actor.life
    }

    /// Takes one disturbance from the seed's share.
    pub fn spend(&mut self) -> bool {
        let has = self.left > 0;
        self.left -= u32::from(has);
        has
    }

    /// A disturbance that happens once in `times` chances.
    pub fn goes_wrong(&mut self, times: u8) -> bool {
        self.rng.u8(..times) == 0 && self.spend()
    }

    pub fn note(&mut self, actor: Actor, what: &str) {
        self.trace
            .push(format!("p{}.{} {what}", actor.process, actor.life));
    }

    pub fn violated(&mut self, what: String) {
        self.trace.push(format!("VIOLATION {what}"));
        self.violation.get_or_insert(what);
    }

    /// Makes an epoch's rows visible in the home, by a commit that names what wrote them.
    pub fn show(&mut self, id: CommitId, file: Option<CommitId>, named: &Writer) {
        self.home.history.insert(id);
        let Some(file) = file else { return };
        self.home.referenced.insert(file);
        let names = [&named.component, &named.configuration];
        self.canary_epochs += u64::from(names.iter().any(|name| name.starts_with(CANARY)));
        let writer = self.files.get(&file).map(|file| &file.writer);
        if writer.is_some_and(|writer| writer != named) {
            self.violated(format!("commit {id} names something else than wrote it"));
        }
        let rows = self.files.get(&file).map(|file| file.rows.clone());
        match rows {
            None => self.violated(format!("commit {id} references a file that is gone")),
            Some(rows) => {
                for (key, row) in rows {
                    let seen = self.visible.entry(key.clone()).or_default();
                    if seen.last().is_some_and(|last| *last >= row) {
                        self.violated(format!(
                            "{key} row {row} is in the home twice or out of order"
                        ));
                    } else {
                        seen.push(row);
                    }
                }
            }
        }
    }

    /// Makes an intent's rows visible in the second unit.
    pub fn show_second(&mut self, moves: &[Move], file: CommitId) {
        let rows = self.files.get(&file).map(|file| file.rows.clone());
        let Some(rows) = rows else {
            self.violated(format!(
                "the second unit applies file {file}, which is gone"
            ));
            return;
        };
        for (key, row) in rows {
            let seen = self.second.entry(key.clone()).or_default();
            if seen.last().is_some_and(|last| *last >= row) {
                self.violated(format!(
                    "{key} row {row} is in the second unit twice or out of order"
                ));
            } else {
                seen.push(row);
            }
        }
        self.home.referenced.insert(file);
        for moved in moves {
            self.unit
                .applied
                .insert(moved.key.clone(), moved.end.clone());
        }
    }

    pub fn remove_file(&mut self, file: CommitId) {
        if self.home.referenced.contains(&file) {
            self.violated(format!(
                "file {file} was deleted and a version references it"
            ));
        }
        self.files.remove(&file);
    }

    /// Acknowledged must not be ahead of what is stored.
    pub fn acknowledged(&mut self, key: &PartitionKey, position: &Position) {
        let stored = self
            .home
            .positions
            .get(key)
            .map(|stored| stored.position.clone());
        if stored.as_ref().is_none_or(|stored| stored < position) {
            self.violated(format!(
                "{key} was acknowledged to {position}, stored is {stored:?}"
            ));
        }
    }

    pub fn last_intent(&self, key: &PartitionKey) -> Option<&Intent> {
        self.home.positions.get(key)?.intent.as_ref()
    }

    /// Whether every row has arrived where it belongs.
    pub fn is_delivered(&self) -> bool {
        let end = Position::from_offset(self.scenario.rows);
        (0..self.scenario.partitions).all(|partition| {
            let key = key(partition);
            let is_stored = self
                .home
                .positions
                .get(&key)
                .is_some_and(|stored| stored.position == end);
            let is_applied = self.last_intent(&key).is_none_or(|intent| {
                intent.parts.is_empty()
                    || self.unit.applied.get(&key).is_some_and(|applied| {
                        intent
                            .moves
                            .iter()
                            .any(|m| m.key == key && *applied >= m.end)
                    })
            });
            is_stored && is_applied
        })
    }

    /// At the end, every row stands exactly where it belongs.
    pub fn check_delivered(&mut self) {
        let scenario = self.scenario.clone();
        let mut letters: BTreeMap<Row, u32> = BTreeMap::new();
        for member in &self.members {
            for row in member.disk.published.values().flatten() {
                *letters.entry(row.clone()).or_default() += 1;
            }
        }
        for partition in 0..scenario.partitions {
            let key = key(partition);
            let all = 0..scenario.rows;
            let good = |row: &u64| !scenario.is_poison(*row);
            let second: Vec<u64> = all
                .clone()
                .filter(good)
                .filter(|r| scenario.is_for_second_unit(*r))
                .collect();
            let home: Vec<u64> = all
                .clone()
                .filter(good)
                .filter(|r| !scenario.is_for_second_unit(*r))
                .collect();
            if self.visible.get(&key).cloned().unwrap_or_default() != home {
                self.violated(format!(
                    "{key}: the home shows {:?}",
                    self.visible.get(&key)
                ));
            }
            if self.second.get(&key).cloned().unwrap_or_default() != second {
                self.violated(format!(
                    "{key}: the second unit shows {:?}",
                    self.second.get(&key)
                ));
            }
            for row in all.filter(|row| scenario.is_poison(*row)) {
                let times = letters.get(&(key.clone(), row)).copied().unwrap_or(0);
                if times != 1 {
                    self.violated(format!("{key} row {row} is a dead letter {times} times"));
                }
            }
        }
        for (row, _) in letters {
            if !scenario.is_poison(row.1) {
                self.violated(format!("{row:?} is a dead letter and should not be"));
            }
        }
    }
}

/// The seed's numbers, for commit ids and jitter.
impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}

impl Entropy for World {
    fn next(&self) -> u64 {
        self.lock().rng.u64(..)
    }
}
