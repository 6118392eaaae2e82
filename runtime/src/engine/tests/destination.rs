//! A destination in memory, with a capability of its own, `wasm-sink:depot`: `put(n)` stages n rows,
//! unless n is one of the numbers that make it fail.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use wasm_sink_core::component::Component;
use wasm_sink_core::connection::Connection;
use wasm_sink_core::epoch::CommitId;
use wasm_sink_core::error::{Blame, Error, Kind, Result};
use wasm_sink_core::guest::HasGuest;
use wasm_sink_core::home::Home;
use wasm_sink_core::position::{PartitionKey, Position};
use wasm_sink_core::source::Source;
use wasm_sink_core::stage::{Purpose, Stage, Staged, UnitId};
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use super::super::link::{Capabilities, Link};
use super::super::state::State;
use super::super::{Configuration, Engine, EngineSettings, Grant, Grants, InstanceLimits};
use super::guest::Guest;

/// `put` of so many rows answers `unavailable`.
pub(super) const UNAVAILABLE: u32 = 901;
/// `put` of so many rows answers `invalid`.
pub(super) const INVALID: u32 = 902;
/// `put` of so many rows makes `finish` fail.
pub(super) const LOST: u32 = 903;
/// How long `put-slowly` waits.
pub(super) const SLOWLY: Duration = Duration::from_millis(300);

/// An engine that knows the depot and nothing else.
pub(super) fn engine() -> Engine {
    let depot = Capabilities {
        known: &["depot"],
        connectors: ["depot"].into(),
        links: [("depot", link as Link)].into(),
    };
    Engine::new(&EngineSettings::default(), depot).unwrap()
}

/// What a component is told that needs nothing.
pub(super) fn unconfigured() -> Configuration {
    Configuration::new(&serde_json::json!({}))
}

/// Little memory, and the usual deadline: host calls count while they wait for a core, which takes
/// long where many tests run.
pub(super) fn limits() -> InstanceLimits {
    InstanceLimits {
        memory_bytes: 4 << 20,
        ..InstanceLimits::default()
    }
}

/// Limits with a deadline that a test reaches quickly.
pub(super) fn hasty_limits() -> InstanceLimits {
    InstanceLimits {
        call_deadline: Duration::from_millis(50),
        ..limits()
    }
}

/// A guest that may use a depot, and what the depot hears.
pub(super) fn component(guest: &Guest) -> (Arc<dyn Component>, Heard) {
    component_within(guest, limits())
}

/// As above, with other limits.
pub(super) fn component_within(
    guest: &Guest,
    limits: InstanceLimits,
) -> (Arc<dyn Component>, Heard) {
    let heard = Heard::default();
    let grant = Grant {
        connector: "depot".to_owned(),
        connection: Arc::new(Depot(heard.clone())),
    };
    let grants = Grants {
        connections: BTreeMap::from([("default".to_owned(), grant)]),
        ..Grants::default()
    };
    let component = engine()
        .load("guest", &guest.build(), None)
        .unwrap()
        .grant("pipeline", grants, unconfigured(), limits)
        .unwrap();
    (component, heard)
}

/// What stages were told, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct Depot(Heard);

#[async_trait]
impl Connection for Depot {
    fn describe(&self) -> String {
        "a depot".to_owned()
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    fn stage(&self, purpose: Purpose) -> Option<Box<dyn Stage>> {
        self.0.note(format!("stage {purpose:?}"));
        Some(Box::new(DepotStage {
            heard: self.0.clone(),
            rows: 0,
            is_lost: false,
        }))
    }

    fn home(
        &self,
        _unit: &UnitId,
        _source: Option<&mut dyn Source>,
    ) -> Result<Option<Arc<dyn Home>>> {
        Ok(None)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct DepotStage {
    heard: Heard,
    rows: u32,
    is_lost: bool,
}

impl DepotStage {
    fn unit() -> UnitId {
        UnitId {
            connection: "depot".into(),
            name: "".into(),
        }
    }

    fn put(&mut self, rows: u32) -> Result<()> {
        match rows {
            UNAVAILABLE => Err(Error::new(
                Kind::Unavailable,
                Blame::Destination,
                "the depot is closed",
            )),
            INVALID => Err(Error::new(Kind::Invalid, Blame::Component, "a bad number")),
            rows => {
                self.is_lost |= rows == LOST;
                self.rows += rows;
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Stage for DepotStage {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn begin(&mut self, id: CommitId) {
        self.heard.note(format!("begin {}", id.slot()));
    }

    fn admit(&mut self, key: &PartitionKey, begin: Option<&Position>) {
        let begin = begin.map_or("beginning".to_owned(), Position::to_string);
        self.heard
            .note(format!("admit {} {begin}", key.partition()));
    }

    fn units(&self) -> Vec<UnitId> {
        vec![Self::unit()]
    }

    async fn finish(&mut self) -> Result<Vec<Staged>> {
        self.heard.note(format!("finish {}", self.rows));
        if self.is_lost {
            return Err(Error::new(
                Kind::Unavailable,
                Blame::Destination,
                "a file was lost",
            ));
        }
        Ok(vec![Staged {
            unit: Self::unit(),
            rows: std::mem::take(&mut self.rows).into(),
            bytes: 0,
            payload: Arc::new(()),
        }])
    }

    async fn forget(&mut self) {
        self.heard.note(format!("forget {}", self.rows));
        self.rows = 0;
    }
}

fn put(state: &mut State, rows: u32) -> u32 {
    let guest = state.guest();
    let put = guest
        .stage::<DepotStage>("default")
        .and_then(|stage| stage.put(rows));
    if put.is_ok() {
        guest.count_staged(rows.into());
    }
    u32::from(guest.answer(put).is_err())
}

fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut depot = linker.instance("wasm-sink:depot/depot@0.1.0")?;
    depot.func_wrap(
        "put",
        |mut store: StoreContextMut<'_, State>, (rows,): (u32,)| Ok((put(store.data_mut(), rows),)),
    )?;
    depot.func_wrap_async(
        "put-slowly",
        |mut store: StoreContextMut<'_, State>, (rows,): (u32,)| {
            Box::new(async move {
                tokio::time::sleep(SLOWLY).await;
                Ok((put(store.data_mut(), rows),))
            })
        },
    )?;
    Ok(())
}
