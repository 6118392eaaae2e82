//! A modelled component: stages even rows for the home and odd ones for the second unit, traps on
//! poisoned rows, and now and then for no reason.

use std::sync::Arc;

use arrow::array::{AsArray, UInt32Array};
use arrow::datatypes::Int64Type;
use async_trait::async_trait;
use tokio::time::Instant;
use wasm_sink_core::component::{Component, Failure, FailureCause, Instance, Sealed, Writer};
use wasm_sink_core::epoch::Account;
use wasm_sink_core::stage::{Purpose, Staged, TablePreview, UnitId};
use wasm_sink_core::{Blame, CommitId, Error, Kind, PartitionKey, Position, Result, Rows};

use crate::home::{away, home_unit, second_unit};
use crate::world::{Actor, File, Row, World};

/// What is wrong with a component itself, so that it fails whatever rows it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    Open,
    Write,
    Flush,
    /// All rows are rejected.
    Rejects,
}

impl Defect {
    pub const ALL: [Self; 4] = [Self::Open, Self::Write, Self::Flush, Self::Rejects];
}

pub struct ModelComponent {
    pub world: World,
    pub actor: Actor,
    pub writer: Writer,
    pub defect: Option<Defect>,
}

impl ModelComponent {
    /// The one that a run begins with.
    pub fn first(world: &World, actor: Actor) -> Self {
        Self {
            world: world.clone(),
            actor,
            writer: Writer {
                component: "first".to_owned(),
                configuration: "first".to_owned(),
            },
            defect: None,
        }
    }
}

#[async_trait]
impl Component for ModelComponent {
    fn hash(&self) -> &str {
        &self.writer.component
    }

    fn configuration(&self) -> &str {
        &self.writer.configuration
    }

    async fn start(&self, purpose: Purpose) -> Result<Box<dyn Instance>> {
        self.world.alive(self.actor).await;
        if self.defect == Some(Defect::Open) {
            let what = "a defect, in open";
            return Err(Error::new(Kind::Invalid, Blame::Component, what));
        }
        Ok(Box::new(ModelInstance {
            world: self.world.clone(),
            actor: self.actor,
            writer: self.writer.clone(),
            defect: self.defect,
            purpose,
            id: CommitId::from_random(0),
            rows: Vec::new(),
            taken: 0,
            wish: None,
            is_worn: false,
        }))
    }
}

struct ModelInstance {
    world: World,
    actor: Actor,
    writer: Writer,
    defect: Option<Defect>,
    purpose: Purpose,
    id: CommitId,
    rows: Vec<Row>,
    taken: u64,
    wish: Option<Instant>,
    /// Not to be given another epoch.
    is_worn: bool,
}

fn trap(message: &str) -> Failure {
    Failure {
        cause: FailureCause::Trap,
        error: Error::new(Kind::Other, Blame::Component, message),
    }
}

fn numbers(rows: &Rows) -> Vec<u64> {
    rows.values()
        .column(0)
        .as_primitive::<Int64Type>()
        .values()
        .iter()
        .map(|row| *row as u64)
        .collect()
}

#[async_trait]
impl Instance for ModelInstance {
    fn units(&self) -> Vec<UnitId> {
        vec![home_unit()]
    }

    fn begin(&mut self, id: CommitId) {
        if self.is_worn {
            let what = "a worn instance was given another epoch";
            self.world.lock().violated(what.to_owned());
        }
        self.id = id;
        self.rows.clear();
        self.taken = 0;
        self.wish = None;
    }

    fn admit(&mut self, _key: &PartitionKey, _begin: Option<&Position>) {}

    async fn write(&mut self, rows: Rows) -> Result<(), Failure> {
        let batch = Arc::clone(rows.source().unwrap());
        let sources: UInt32Array = rows.source_rows().unwrap();
        self.world
            .step(self.actor, &format!("write {} rows", rows.len()))
            .await;
        if self.defect == Some(Defect::Write) {
            return Err(trap("a defect"));
        }
        let mut state = self.world.lock();
        let numbers = numbers(&rows);
        for (number, source) in numbers.iter().zip(sources.values()) {
            // A row that lost its origin would be found here.
            assert_eq!(batch.lineage.origin(*source).offset, Some(*number));
            if state.scenario.is_poison(*number) {
                return Err(trap("the row is poison"));
            }
        }
        // Twice by chance would make a dead letter of a good row.
        let is_real = self.purpose == Purpose::Commit;
        match state.rng.u8(..60) {
            0 if is_real && state.spend() => {
                state.note(self.actor, "TRAP");
                return Err(trap("no reason"));
            }
            1 if state.spend() => {
                return Err(Failure {
                    cause: FailureCause::Answer,
                    error: away("staging answered `unavailable`"),
                });
            }
            2 => self.wish = Some(Instant::now()),
            _ => {}
        }
        self.taken += numbers.len() as u64;
        if self.defect == Some(Defect::Rejects) {
            return Ok(());
        }
        self.rows.extend(
            numbers
                .into_iter()
                .map(|number| (batch.key.clone(), number)),
        );
        Ok(())
    }

    fn wish(&self) -> Option<Instant> {
        self.wish
    }

    async fn flush(&mut self) -> Result<Sealed, Failure> {
        self.world
            .step(self.actor, &format!("flush {}", self.id))
            .await;
        if self.defect == Some(Defect::Flush) {
            return Err(trap("a defect, in flush"));
        }
        let mut state = self.world.lock();
        if self.purpose == Purpose::Commit && state.goes_wrong(60) {
            state.note(self.actor, "TRAP");
            return Err(trap("no reason, in flush"));
        }
        self.is_worn = state.rng.u8(..4) == 0;
        let rows = std::mem::take(&mut self.rows);
        let account = Account {
            taken: self.taken,
            staged: rows.len() as u64,
            rejected: self.taken - rows.len() as u64,
            ..Account::default()
        };
        self.wish = None;
        if self.purpose != Purpose::Commit {
            return Ok(Sealed {
                account,
                ..Sealed::default()
            });
        }
        let (second, first): (Vec<Row>, Vec<Row>) = rows
            .into_iter()
            .partition(|(_, row)| state.scenario.is_for_second_unit(*row));
        let mut staged = Vec::new();
        for (unit, rows) in [(home_unit(), first), (second_unit(), second)] {
            if rows.is_empty() {
                continue;
            }
            // An epoch may be staged twice under one name; its files have names of their own.
            let id = CommitId::from_random(state.rng.u64(..));
            staged.push(Staged {
                unit,
                rows: rows.len() as u64,
                bytes: 0,
                payload: Arc::new(id),
            });
            let schema = state.home.schema;
            let writer = self.writer.clone();
            state.files.insert(
                id,
                File {
                    rows,
                    schema,
                    writer,
                },
            );
        }
        Ok(Sealed {
            staged,
            account,
            dead_letters: Vec::new(),
        })
    }

    fn worn(&self) -> bool {
        self.is_worn
    }

    async fn forget(&mut self) {
        self.rows.clear();
    }

    fn preview(&mut self) -> Vec<TablePreview> {
        Vec::new()
    }
}
