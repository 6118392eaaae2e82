//! One life of a component: everything that a pipeline would ask of it.

use std::time::Duration;

use serde_json::json;
use wasm_sink::connectors::{BUILT, capabilities};
use wasm_sink::engine::{Configuration, Engine, EngineSettings, Grants, InstanceLimits, Loaded};
use wasm_sink_core::component::Instance;
use wasm_sink_core::epoch::CommitId;
use wasm_sink_core::error::Error;
use wasm_sink_core::guest::GuestLimits;
use wasm_sink_core::stage::Purpose;

use super::case::Case;
use super::rows::rows;

/// The engine of all tests of this run.
pub fn engine() -> Engine {
    Engine::new(&EngineSettings::default(), capabilities(&BUILT)).unwrap()
}

/// Limits that are reached quickly. The usual deadline is for those that end by themselves, however busy the machine is.
pub fn limits(case: &Case) -> InstanceLimits {
    let mut limits = endless_limits();
    if case.ends_by_itself() {
        limits.call_deadline = InstanceLimits::default().call_deadline;
    }
    limits.memory_bytes = case.memory_bytes.unwrap_or(limits.memory_bytes);
    limits
}

/// Limits of what never ends by itself.
pub fn endless_limits() -> InstanceLimits {
    InstanceLimits {
        memory_bytes: 4 << 20,
        call_deadline: Duration::from_millis(20),
        guest: GuestLimits {
            handles: 200,
            dead_letters: 2,
            ..InstanceLimits::default().guest
        },
        ..InstanceLimits::default()
    }
}

/// Loads, asks, starts, writes, flushes.
pub async fn live(engine: &Engine, case: &Case) -> Result<(), Error> {
    let loaded = engine.load("guest", &case.wasm(), None)?;
    live_loaded(&loaded, limits(case)).await
}

/// The same from what was loaded before.
pub async fn live_loaded(loaded: &Loaded, limits: InstanceLimits) -> Result<(), Error> {
    loaded.config_schema(&limits).await?;
    loaded.validate("{}", &limits).await?;
    let mut instance = start(loaded, limits).await?;
    instance.begin(CommitId::from_random(1));
    let written = instance.write(rows("0", 0, 3)).await;
    written.map_err(|failure| failure.error)?;
    let flushed = instance.flush().await.map(drop);
    flushed.map_err(|failure| failure.error)
}

/// An instance that was granted nothing.
pub async fn start(loaded: &Loaded, limits: InstanceLimits) -> Result<Box<dyn Instance>, Error> {
    let configuration = Configuration::new(&json!({}));
    let component = loaded.grant("hostile", Grants::default(), configuration, limits)?;
    component.start(Purpose::Commit).await
}
