//! Components: loaded, compiled, limited, linked, run.
//!
//! [`Engine::load`] takes bytes and refuses whatever could not run here, with the reason.
//! [`Loaded`] tells what the component says about itself, on throw-away instances without
//! capabilities. [`Loaded::grant`] adds configuration and connections, and makes it a
//! [`wasm_sink_core::component::Component`], whose instances the pipeline feeds.
//!
//! An instance has a store of its own. Nothing that a guest does ends up elsewhere: its memory is
//! limited ([`limits`]), its running time per call as well ([`deadline`]), its lines are bounded
//! ([`log`]), its clock and randomness are made up ([`wasi`]), and what dooms an epoch is settled
//! from what the host saw, before the guest's own answer is looked at ([`outcome`]).

mod bindings;
mod cache;
mod check;
mod clock;
mod configuration;
mod contract;
mod deadline;
mod functions;
mod grant;
mod instance;
mod known;
mod limits;
mod link;
mod load;
mod log;
mod outcome;
mod quiet;
mod random;
mod recorded;
mod sandbox;
mod state;
mod surface;
mod usage;
mod wasi;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use wasm_sink_core::error::{Blame, Error, Kind, Result};
use wasm_sink_core::guest::GuestLimits;
use wasmtime::Config;

pub use cache::Compiled;
pub(crate) use cache::{hex, keep_newest, of_user as user_cache, place as code_directory};
pub use check::ConfigProblem;
pub use configuration::Configuration;
pub use contract::{CONTRACT, ContractVersion};
pub use grant::{Grant, Grants, MissingCapability, Recordings};
pub use link::{Capabilities, Link};
pub use load::Loaded;
pub(crate) use outcome::SWALLOWED;
pub use quiet::quietly;
pub use state::State;
pub use surface::Surface;
pub use usage::{Highest, Usage};

use functions::Functions;
use known::Known;

/// Native stack of one guest call, in bytes; half of it is the guest's.
const FIBER_STACK_BYTES: usize = 2 << 20;

/// What an engine is made with.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// The largest component that is loaded, in bytes.
    pub max_component_bytes: u64,
    /// Whether calls are accounted for.
    pub metering: Metering,
    /// How the next version of a component is compiled.
    pub compiling: Compiling,
}

/// How components are compiled. What comes out is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compiling {
    /// Each as a whole.
    #[default]
    Whole,
    /// What functions became is remembered, which makes the first version slower and the next ones faster.
    Incremental,
}

/// What is counted of the code that runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metering {
    /// Nothing: counting makes code slower.
    #[default]
    None,
    /// Fuel, about one for each instruction: the same on every machine and each time.
    Fuel,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            max_component_bytes: 128 << 20,
            metering: Metering::None,
            compiling: Compiling::Whole,
        }
    }
}

/// What one instance may use.
#[derive(Clone, Debug)]
pub struct InstanceLimits {
    /// Linear memory, all memories together, in bytes: `[limits] memory`.
    pub memory_bytes: usize,
    /// A guest's own running time per call, with what the host computes for it, without waiting:
    /// `[limits] call_deadline_ms`.
    pub call_deadline: Duration,
    /// Lines per second that reach the log; more are counted and left out.
    pub log_lines_per_second: u32,
    /// What an epoch may hold.
    pub guest: GuestLimits,
}

impl Default for InstanceLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            call_deadline: Duration::from_secs(10),
            log_lines_per_second: 100,
            guest: GuestLimits {
                handles: 100_000,
                dead_letters: 100_000,
                split_parts: 10_000,
                derived_bytes: 256 << 20,
                stage_wait: Duration::from_secs(60),
            },
        }
    }
}

/// Compiles and runs components. Cheap to clone; a process needs one.
#[derive(Clone)]
pub struct Engine {
    wasmtime: wasmtime::Engine,
    settings: Arc<EngineSettings>,
    capabilities: Arc<Capabilities>,
    known: Known,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine for components with these capabilities. Its ticker thread ends with its last clone.
    ///
    /// # Errors
    /// The machine cannot run compiled code (no thread, no executable memory).
    pub fn new(settings: &EngineSettings, capabilities: Capabilities) -> Result<Self> {
        Self::made(settings, Arc::new(capabilities))
    }

    /// The same, counting fuel. What one has compiled the other cannot run.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn metered(&self) -> Result<Self> {
        let settings = EngineSettings {
            metering: Metering::Fuel,
            ..EngineSettings::clone(&self.settings)
        };
        Self::made(&settings, Arc::clone(&self.capabilities))
    }

    fn made(settings: &EngineSettings, capabilities: Arc<Capabilities>) -> Result<Self> {
        let unfit = |error: wasmtime::Error| {
            let message = "compiled components cannot run on this machine";
            Error::new(Kind::Other, Blame::Host, message).with_source(error)
        };
        let mut config = config(settings.metering);
        if settings.compiling == Compiling::Incremental {
            let functions = Arc::new(Functions::default());
            config
                .enable_incremental_compilation(functions)
                .map_err(unfit)?;
        }
        let wasmtime = wasmtime::Engine::new(&config).map_err(unfit)?;
        deadline::start_ticker(&wasmtime).map_err(|error| {
            Error::new(Kind::Other, Blame::Host, "the ticker thread did not start")
                .with_source(error)
        })?;
        Ok(Self {
            wasmtime,
            settings: Arc::new(settings.clone()),
            capabilities,
            known: Known::default(),
        })
    }
}

/// Memory is reserved per instance, on demand: instances live for hours, so a pool would save
/// 9 µs at each start, and put a ceiling on what a component may be made of.
fn config(metering: Metering) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(limits::are_enforced())
        .consume_fuel(metering == Metering::Fuel)
        .async_stack_size(FIBER_STACK_BYTES)
        .max_wasm_stack(FIBER_STACK_BYTES / 2)
        .parallel_compilation(true)
        // An epoch's output is a function of its input, on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    config
}
