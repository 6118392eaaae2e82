//! What a store holds, and the host's side of `epoch`, `dead-letters` and `log`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use wasm_sink_core::dead_letter::RefusedBy;
use wasm_sink_core::error::{Blame, Error, Kind};
use wasm_sink_core::guest::{Access, Batch, Guest, HasGuest, MAX_REASON_BYTES, wit};
use wasmtime::component::Resource;
use wasmtime_wasi::WasiCtx;

use super::bindings::{dead_letters, epoch, log};
use super::clock::VirtualClock;
use super::deadline::RunMeter;
use super::limits::Limiter;
use super::log::{GuestLog, Level, LineRate, printable};
use super::random::SeededRandom;
use super::{InstanceLimits, Usage, wasi};

/// Whose instance this is.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// Name of the pipeline.
    pub(super) pipeline: Arc<str>,
    /// The component as the user names it.
    pub(super) component: Arc<str>,
    /// Counts the instances of one pipeline in this process.
    pub(super) instance: u64,
}

/// What the instance is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// `config-schema` or `validate`.
    Check,
    /// It starts, or is in `open`.
    Open,
    /// Between the beginning and the end of an epoch.
    Epoch,
}

/// The data of one store.
pub struct State {
    pub(super) identity: Identity,
    pub(super) guest: Guest,
    pub(super) wasi: WasiCtx,
    pub(super) clock: VirtualClock,
    pub(super) random: SeededRandom,
    pub(super) limiter: Limiter,
    pub(super) meter: RunMeter,
    pub(super) call_deadline: Duration,
    pub(super) log: GuestLog,
    pub(super) wish: Option<Instant>,
    pub(super) usage: Arc<Usage>,
    phase: Phase,
}

impl State {
    /// An instance whose lines count alone.
    pub(super) fn new(identity: Identity, guest: Guest, limits: &InstanceLimits) -> Self {
        let lines = LineRate::new(Arc::clone(&identity.pipeline), limits.log_lines_per_second);
        Self::logging(identity, guest, limits, lines)
    }

    /// One whose lines count together with those of others.
    pub(super) fn logging(
        identity: Identity,
        guest: Guest,
        limits: &InstanceLimits,
        lines: LineRate,
    ) -> Self {
        let log = GuestLog::new(lines);
        Self {
            wasi: wasi::context(&log),
            clock: VirtualClock::default(),
            random: SeededRandom::new(&identity.pipeline, identity.instance),
            limiter: Limiter::new(limits.memory_bytes),
            meter: RunMeter::new(limits.call_deadline),
            call_deadline: limits.call_deadline,
            log,
            wish: None,
            usage: Arc::default(),
            phase: Phase::Check,
            identity,
            guest,
        }
    }

    /// The same; what it takes counts there.
    pub(super) fn counted(mut self, usage: &Arc<Usage>) -> Self {
        self.usage = Arc::clone(usage);
        self
    }

    /// Capabilities answer from [`Phase::Open`] on.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.guest.set_access(match phase {
            Phase::Check => Access::Denied,
            Phase::Open | Phase::Epoch => Access::Granted,
        });
    }
}

impl HasGuest for State {
    fn guest(&mut self) -> &mut Guest {
        &mut self.guest
    }
}

impl epoch::Host for State {
    fn commit_within(&mut self, ms: u32) -> wasmtime::Result<()> {
        self.guest
            .note("epoch.commit-within", || json!([ms]), None, Ok(()));
        if self.phase == Phase::Epoch {
            let wish = Instant::now() + Duration::from_millis(ms.into());
            self.wish = Some(self.wish.map_or(wish, |earlier| earlier.min(wish)));
        }
        Ok(())
    }

    fn skip(&mut self, row_count: u32, reason: String) -> wasmtime::Result<()> {
        self.guest.count_skipped(row_count.into());
        self.guest
            .note("epoch.skip", || json!([row_count, reason]), None, Ok(()));
        self.log.write(
            Level::Debug,
            &format!("{row_count} rows are skipped: {reason}"),
        );
        Ok(())
    }
}

impl dead_letters::Host for State {
    fn reject(
        &mut self,
        rows: Resource<Batch>,
        reason: String,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        if self.phase == Phase::Check {
            let denied = Error::new(
                Kind::Denied,
                Blame::Component,
                "rows are rejected in `write` and `flush`, not in `validate`",
            );
            return Ok(Err(wit::Error::from(&denied)));
        }
        let rows = self.guest.rows(&rows)?.clone();
        let reason = printable(&reason, MAX_REASON_BYTES);
        let rejected = self
            .guest
            .reject(&rows, RefusedBy::Component, |_| reason.clone());
        let answer = rejected.as_ref().copied();
        self.guest.note(
            "dead-letters.reject",
            || json!([reason]),
            Some(&rows),
            answer,
        );
        Ok(self.guest.answer(rejected))
    }
}

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.guest.note(
            "log.write",
            || json!([level.as_str(), message]),
            None,
            Ok(()),
        );
        self.log.write(level, &message);
        Ok(())
    }
}
