//! The modelled home and the modelled second unit. A request may land at once, minutes later,
//! twice or never, and its reply may be lost.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use wasm_sink_core::home::{
    Admission, AttemptError, Base, Commit, EpochCommit, History, Home, IntentPart, Staging, Stored,
    Unit, UnitBase, admit,
};
use wasm_sink_core::position::Move;
use wasm_sink_core::stage::{Staged, UnitId};
use wasm_sink_core::{Blame, CommitId, Error, Kind, Result};

use crate::world::{Actor, HomeKind, SchemaChanges, State, World};

pub fn home_unit() -> UnitId {
    UnitId {
        connection: "home".into(),
        name: "".into(),
    }
}

pub fn second_unit() -> UnitId {
    UnitId {
        connection: "second".into(),
        name: "".into(),
    }
}

pub fn away(what: &str) -> Error {
    Error::new(Kind::Unavailable, Blame::Destination, what)
}

/// How a request and its reply travel.
enum Travel {
    Plain,
    /// It lands, and nobody hears of it.
    ReplyLost,
    /// The client gives up first; it lands so much later.
    Late(Duration),
    /// It never lands.
    Dropped,
    /// The client's library sends it twice, and hears of the second.
    Twice,
}

fn travel(state: &mut State) -> Travel {
    if !state.goes_wrong(8) {
        return Travel::Plain;
    }
    match state.rng.u8(..4) {
        0 => Travel::ReplyLost,
        1 => Travel::Late(Duration::from_secs(state.rng.u64(1..600))),
        2 => Travel::Dropped,
        _ => Travel::Twice,
    }
}

pub struct ModelHome {
    pub world: World,
    pub actor: Actor,
    pub unit: UnitId,
}

/// What the epoch staged for the home.
fn staged_file(epoch: &EpochCommit) -> Option<CommitId> {
    epoch.staged.first()?.payload.downcast_ref().copied()
}

/// Somebody changes the columns.
fn change_schema(state: &mut State) {
    let changes = match state.scenario.schema_changes {
        SchemaChanges::Sometimes => state.goes_wrong(40),
        SchemaChanges::Always => true,
    };
    if changes {
        state.home.version += 1;
        state.home.schema += 1;
        state
            .trace
            .push(format!("home v{}: OTHER COLUMNS", state.home.version));
    }
}

/// The request, as it lands: whoever sent it may be gone.
fn land(state: &mut State, version: u64, commit: &Commit) -> Result<(), AttemptError> {
    let is_free = match state.scenario.home {
        HomeKind::Log => state.home.version == version,
        HomeKind::Database => admit(&state.home.positions, &commit.epochs)
            .iter()
            .all(|admission| *admission == Admission::Admitted),
    };
    if !is_free {
        return Err(AttemptError::Conflict(Error::new(
            Kind::Conflict,
            Blame::Destination,
            "somebody was first",
        )));
    }
    let schema = state.home.schema;
    let fits = |epoch: &EpochCommit| {
        let file = staged_file(epoch).and_then(|file| state.files.get(&file));
        file.is_none_or(|file| file.schema == schema)
    };
    if !commit.epochs.iter().all(fits) {
        return Err(AttemptError::Outdated(Error::new(
            Kind::Conflict,
            Blame::Destination,
            "the columns changed while rows were staged",
        )));
    }
    state.home.version += 1;
    for epoch in &commit.epochs {
        state.show(epoch.id, staged_file(epoch), &commit.writer);
        state.trace.push(format!(
            "home v{} takes {} {:?}",
            state.home.version,
            epoch.id,
            epoch
                .moves
                .iter()
                .map(|m| format!("{}→{}", m.key, m.end))
                .collect::<Vec<_>>()
        ));
        for moved in &epoch.moves {
            let stored = Stored {
                position: moved.end.clone(),
                commit: epoch.id,
                intent: epoch.intent.clone(),
            };
            state.home.positions.insert(moved.key.clone(), stored);
        }
    }
    Ok(())
}

#[async_trait]
impl Home for ModelHome {
    fn describe(&self) -> String {
        "the modelled home".to_owned()
    }

    fn unit(&self) -> Option<&UnitId> {
        Some(&self.unit)
    }

    fn staging(&self) -> Staging {
        match self.world.lock().scenario.home {
            HomeKind::Log => Staging::Durable,
            HomeKind::Database => Staging::Session,
        }
    }

    async fn read(&self) -> Result<Base> {
        self.world.step(self.actor, "read home").await;
        let mut state = self.world.lock();
        change_schema(&mut state);
        if state.goes_wrong(20) {
            return Err(away("the home can't be read"));
        }
        Ok(Base {
            version: state.home.version,
            positions: state.home.positions.clone(),
            token: Box::new(()),
        })
    }

    async fn attempt(&self, base: &Base, commit: &Commit) -> Result<(), AttemptError> {
        let ids: Vec<_> = commit
            .epochs
            .iter()
            .map(|epoch| epoch.id.to_string())
            .collect();
        self.world
            .step(self.actor, &format!("attempt {}", ids.join(" ")))
            .await;
        let unknown = || Err(AttemptError::Unknown(away("no reply to the commit")));
        let (answer, is_heard) = {
            let mut state = self.world.lock();
            match travel(&mut state) {
                Travel::Plain => (land(&mut state, base.version, commit), true),
                Travel::ReplyLost => {
                    state.note(self.actor, "REPLY LOST");
                    (land(&mut state, base.version, commit), false)
                }
                Travel::Dropped => {
                    state.note(self.actor, "REQUEST LOST");
                    (Ok(()), false)
                }
                Travel::Twice => {
                    state.note(self.actor, "SENT TWICE");
                    let _ = land(&mut state, base.version, commit);
                    (land(&mut state, base.version, commit), true)
                }
                Travel::Late(wait) => {
                    state.note(self.actor, &format!("LATE {} s", wait.as_secs()));
                    let (world, version, commit) =
                        (self.world.clone(), base.version, commit.clone());
                    tokio::spawn(async move {
                        tokio::time::sleep(wait).await;
                        let _ = land(&mut world.lock(), version, &commit);
                    });
                    (Ok(()), false)
                }
            }
        };
        self.world.step(self.actor, "hear of the attempt").await;
        if is_heard { answer } else { unknown() }
    }

    async fn history(&self, commit: CommitId) -> Result<History> {
        self.world.step(self.actor, "look into the history").await;
        let state = self.world.lock();
        Ok(if state.home.history.contains(&commit) {
            History::Holds
        } else {
            History::Lacks
        })
    }

    async fn discard(&self, staged: &[Staged]) {
        for part in staged {
            self.world.step(self.actor, "discard").await;
            if let Some(id) = part.payload.downcast_ref::<CommitId>() {
                self.world.lock().remove_file(*id);
            }
        }
    }
}

pub struct ModelUnit {
    pub world: World,
    pub actor: Actor,
    pub id: UnitId,
}

fn land_in_unit(
    state: &mut State,
    version: u64,
    moves: &[Move],
    file: CommitId,
) -> Result<(), AttemptError> {
    if state.unit.version != version {
        return Err(AttemptError::Conflict(Error::new(
            Kind::Conflict,
            Blame::Destination,
            "somebody was first",
        )));
    }
    state.unit.version += 1;
    state
        .trace
        .push(format!("second v{} takes {file}", state.unit.version));
    state.show_second(moves, file);
    Ok(())
}

#[async_trait]
impl Unit for ModelUnit {
    fn id(&self) -> &UnitId {
        &self.id
    }

    async fn read(&self) -> Result<UnitBase> {
        self.world.step(self.actor, "read second").await;
        let mut state = self.world.lock();
        if state.goes_wrong(20) {
            return Err(away("the second unit can't be read"));
        }
        Ok(UnitBase {
            applied: state.unit.applied.clone(),
            token: Box::new(state.unit.version),
        })
    }

    fn describe_staged(&self, staged: &Staged) -> Result<serde_json::Value> {
        let id = staged.payload.downcast_ref::<CommitId>().unwrap();
        Ok(serde_json::Value::String(id.to_string()))
    }

    async fn apply(
        &self,
        base: &UnitBase,
        moves: &[Move],
        part: &IntentPart,
    ) -> Result<(), AttemptError> {
        let version = *base.token.downcast_ref::<u64>().unwrap();
        let file: CommitId = part.staged.as_str().unwrap().parse().unwrap();
        self.world.step(self.actor, &format!("apply {file}")).await;
        let unknown = || Err(AttemptError::Unknown(away("no reply to the application")));
        let (answer, is_heard) = {
            let mut state = self.world.lock();
            match travel(&mut state) {
                Travel::Plain => (land_in_unit(&mut state, version, moves, file), true),
                Travel::ReplyLost => (land_in_unit(&mut state, version, moves, file), false),
                Travel::Dropped => (Ok(()), false),
                Travel::Twice => {
                    let _ = land_in_unit(&mut state, version, moves, file);
                    (land_in_unit(&mut state, version, moves, file), true)
                }
                Travel::Late(wait) => {
                    let (world, moves) = (self.world.clone(), moves.to_vec());
                    tokio::spawn(async move {
                        tokio::time::sleep(wait).await;
                        let _ = land_in_unit(&mut world.lock(), version, &moves, file);
                    });
                    (Ok(()), false)
                }
            }
        };
        if is_heard { answer } else { unknown() }
    }
}

/// The home and the second unit of one life.
pub fn destination(world: &World, actor: Actor) -> wasm_sink::pipeline::Destination {
    let home = ModelHome {
        world: world.clone(),
        actor,
        unit: home_unit(),
    };
    let mut units: std::collections::BTreeMap<UnitId, Arc<dyn Unit>> = Default::default();
    if world.lock().scenario.has_second_unit {
        let unit = ModelUnit {
            world: world.clone(),
            actor,
            id: second_unit(),
        };
        units.insert(second_unit(), Arc::new(unit));
    }
    wasm_sink::pipeline::Destination {
        home: Arc::new(home),
        units,
    }
}
