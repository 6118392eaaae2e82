//! The deadline of a call, on the guest's own running time. Waiting in host calls does not count
//! (that has a limit of its own, which blames the destination), nor does waiting for a core.
//!
//! Wasmtime's word for the mechanism is *epoch interruption*: the engine counts ticks, compiled
//! code looks at the count at loop heads and function entries, and calls back when it has moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use wasmtime::{CallHook, Store, UpdateDeadline};

use super::state::State;

/// How often a running guest is looked at, and lets others run.
const TICK: Duration = Duration::from_millis(10);
/// The most that one look counts. Code looks at every tick, so more than this is time in which the
/// process did not run: it was stopped, or the machine slept.
const LONGEST_RUN: Duration = TICK.saturating_mul(2);

/// A guest ran for longer than it may.
#[derive(Debug, thiserror::Error)]
#[error("it ran for {} ms", .ran.as_millis())]
pub(super) struct DeadlineExceeded {
    /// The guest's own running time.
    pub(super) ran: Duration,
}

/// Starts the thread that ticks for an engine, until the engine is gone.
pub(super) fn start_ticker(engine: &wasmtime::Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    thread::Builder::new()
        .name("deadline-ticker".to_owned())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(TICK);
            }
        })
        .map(drop)
}

/// Adds up one call's own running time.
#[derive(Debug)]
pub(super) struct RunMeter {
    started: Instant,
    /// Nanoseconds after `started` since when the guest runs; shared with the pause at a tick,
    /// which cannot reach the store.
    running_since: Arc<AtomicU64>,
    is_running: bool,
    ran: Duration,
    deadline: Duration,
}

impl RunMeter {
    pub(super) fn new(deadline: Duration) -> Self {
        Self {
            started: Instant::now(),
            running_since: Arc::new(AtomicU64::new(0)),
            is_running: false,
            ran: Duration::ZERO,
            deadline,
        }
    }

    /// A new call begins.
    fn reset(&mut self) {
        self.is_running = false;
        self.ran = Duration::ZERO;
    }

    fn run(&mut self) {
        self.running_since
            .store(nanoseconds_since(self.started), Ordering::Relaxed);
        self.is_running = true;
    }

    fn pause(&mut self) {
        if self.is_running {
            self.is_running = false;
            let since = self.running_since.load(Ordering::Relaxed);
            let ran = Duration::from_nanos(nanoseconds_since(self.started).saturating_sub(since));
            self.ran += ran.min(LONGEST_RUN);
        }
    }

    /// A look at a running guest. It goes on after others had their turn, or not at all.
    fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        self.pause();
        if self.ran > self.deadline {
            return Err(DeadlineExceeded { ran: self.ran }.into());
        }
        self.is_running = true;
        let (started, running_since) = (self.started, Arc::clone(&self.running_since));
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(async move {
                tokio::task::yield_now().await;
                running_since.store(nanoseconds_since(started), Ordering::Relaxed);
            }),
        ))
    }
}

fn nanoseconds_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Has a store keep to the deadline in its [`State`].
pub(super) fn install(store: &mut Store<State>) {
    store.call_hook(|mut store, hook| {
        let meter = &mut store.data_mut().meter;
        match hook {
            CallHook::CallingWasm | CallHook::ReturningFromHost => meter.run(),
            CallHook::ReturningFromWasm | CallHook::CallingHost => meter.pause(),
        }
        Ok(())
    });
    store.epoch_deadline_callback(|mut store| store.data_mut().meter.tick());
}

/// The next call begins with its whole time.
pub(super) fn restart(store: &mut Store<State>) {
    store.data_mut().meter.reset();
    store.set_epoch_deadline(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_after_a_long_stop_counts_little() {
        let mut meter = RunMeter::new(Duration::from_secs(1));
        meter.started -= Duration::from_secs(60);
        meter.running_since.store(0, Ordering::Relaxed);
        meter.is_running = true;
        assert!(meter.tick().is_ok());
        assert_eq!(meter.ran, LONGEST_RUN);
    }

    #[test]
    fn only_running_time_counts() {
        let mut meter = RunMeter::new(Duration::from_secs(1));
        meter.run();
        meter.pause();
        let ran = meter.ran;
        meter.started -= Duration::from_secs(5);
        meter.pause();
        assert_eq!(meter.ran, ran);
    }

    #[test]
    fn the_ticker_ends_with_its_engine() {
        let engine = wasmtime::Engine::new(&super::super::config()).unwrap();
        start_ticker(&engine).unwrap();
        let weak = engine.weak();
        drop(engine);
        // The ticker holds the engine for no longer than it takes to tick.
        while weak.upgrade().is_some() {
            thread::yield_now();
        }
    }
}
