//! The deadline of a call, on the guest's own running time: what its code takes, and what the host
//! computes for it meanwhile, kernels above all. Waiting in host calls does not count (that has a
//! limit of its own, which blames the destination), nor does waiting for a core, as long as it is
//! the guest's code that waits: in a host call, nothing tells that from work.
//!
//! A call is a future. While somebody polls it, guest or host are at work; while it is pending,
//! everybody waits. So what counts is the time in which it is polled.
//!
//! Wasmtime's word for the mechanism is *epoch interruption*: the engine counts ticks, compiled
//! code looks at the count at loop heads and function entries, and calls back when it has moved.
//! Host calls are not interrupted (what one of them computes is bounded by the room that it has):
//! the guest's next look comes when they return.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use wasmtime::{CallHook, Store, UpdateDeadline};

use super::state::State;

/// How often a running guest is looked at, and lets others run.
const TICK: Duration = Duration::from_millis(10);
/// The most that counts for one tick. Longer, and the process did not run: it was stopped, or the
/// machine slept.
const LONGEST_RUN: Duration = TICK.saturating_mul(2);

/// The ticks of all engines; a process needs one. They stop where the process does.
static TICKS: AtomicU64 = AtomicU64::new(0);

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
                TICKS.fetch_add(1, Ordering::Relaxed);
                thread::sleep(TICK);
            }
        })
        .map(drop)
}

/// A moment, on the clock and in ticks.
#[derive(Clone, Copy, Debug)]
struct Moment {
    at: Instant,
    tick: u64,
}

impl Moment {
    fn now() -> Self {
        Self {
            at: Instant::now(),
            tick: TICKS.load(Ordering::Relaxed),
        }
    }
}

/// Whose code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Looks at every tick.
    Guest,
    /// Comes back when it is done.
    Host,
}

/// One call's running time so far.
#[derive(Debug)]
struct Run {
    ran: Duration,
    side: Side,
    /// Until when it is counted in `ran`; None while nobody polls the call.
    counted_to: Option<Moment>,
}

impl Run {
    const NONE: Self = Self {
        ran: Duration::ZERO,
        side: Side::Host,
        counted_to: None,
    };

    fn count(&mut self, now: Moment) {
        let Some(before) = self.counted_to.replace(now) else {
            self.counted_to = None;
            return;
        };
        let most = match self.side {
            Side::Guest => LONGEST_RUN,
            Side::Host => {
                let ticks = now.tick.saturating_sub(before.tick).saturating_add(1);
                LONGEST_RUN.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
            }
        };
        self.ran += now.at.saturating_duration_since(before.at).min(most);
    }

    fn cross(&mut self, to: Side, now: Moment) {
        self.count(now);
        self.side = to;
    }

    fn polled(&mut self, now: Moment) {
        self.counted_to = Some(now);
    }

    fn pending(&mut self, now: Moment) {
        self.count(now);
        self.counted_to = None;
    }
}

/// Adds up one call's own running time. Clones are one meter: the call's future, which has the
/// store, cannot be asked while it is polled.
#[derive(Clone, Debug)]
pub(super) struct RunMeter {
    run: Arc<Mutex<Run>>,
    deadline: Duration,
}

impl RunMeter {
    pub(super) fn new(deadline: Duration) -> Self {
        Self {
            run: Arc::new(Mutex::new(Run::NONE)),
            deadline,
        }
    }

    /// Never contended: a call is on one thread at a time.
    fn run(&self) -> MutexGuard<'_, Run> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The running time of the last call.
    pub(super) fn ran(&self) -> Duration {
        self.run().ran
    }

    /// Runs a call of the store that has this meter.
    pub(super) async fn measure<T>(self, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        poll_fn(|context| {
            self.run().polled(Moment::now());
            let answer = call.as_mut().poll(context);
            self.run().pending(Moment::now());
            answer
        })
        .await
    }

    /// A look at a running guest. It goes on after others had their turn, or not at all.
    fn tick(&self) -> wasmtime::Result<UpdateDeadline> {
        let ran = {
            let mut run = self.run();
            run.count(Moment::now());
            run.ran
        };
        if ran > self.deadline {
            return Err(DeadlineExceeded { ran }.into());
        }
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(tokio::task::yield_now()),
        ))
    }
}

/// Has a store keep to the deadline in its [`State`].
pub(super) fn install(store: &mut Store<State>) {
    store.call_hook(|mut store, hook| {
        let side = match hook {
            CallHook::CallingWasm | CallHook::ReturningFromHost => Side::Guest,
            CallHook::ReturningFromWasm | CallHook::CallingHost => Side::Host,
        };
        store.data_mut().meter.run().cross(side, Moment::now());
        Ok(())
    });
    store.epoch_deadline_callback(|mut store| store.data_mut().meter.tick());
}

/// The next call begins with its whole time; to be run by [`RunMeter::measure`].
pub(super) fn restart(store: &mut Store<State>) -> RunMeter {
    store.set_epoch_deadline(1);
    let meter = store.data().meter.clone();
    *meter.run() = Run::NONE;
    meter
}

#[cfg(test)]
mod tests {
    use super::super::Metering;
    use super::*;

    /// A moment so many seconds and ticks after the first.
    fn after(first: Moment, seconds: u64, ticks: u64) -> Moment {
        Moment {
            at: first.at + Duration::from_secs(seconds),
            tick: first.tick + ticks,
        }
    }

    #[test]
    fn a_look_after_a_long_stop_counts_little() {
        let first = Moment::now();
        let mut run = Run::NONE;
        run.polled(first);
        run.cross(Side::Guest, first);
        run.count(after(first, 60, 1));
        assert_eq!(run.ran, LONGEST_RUN);
        run.cross(Side::Host, after(first, 60, 1));
        run.count(after(first, 120, 2));
        assert_eq!(run.ran, LONGEST_RUN * 3);
    }

    #[test]
    fn what_the_host_computes_counts_in_full() {
        let first = Moment::now();
        let mut run = Run::NONE;
        run.polled(first);
        run.cross(Side::Guest, first);
        run.cross(Side::Host, first);
        run.cross(Side::Guest, after(first, 3, 300));
        assert_eq!(run.ran, Duration::from_secs(3));
    }

    #[test]
    fn waiting_does_not_count() {
        let first = Moment::now();
        let mut run = Run::NONE;
        run.polled(first);
        run.cross(Side::Host, first);
        run.pending(after(first, 1, 100));
        run.count(after(first, 50, 5_000));
        run.polled(after(first, 60, 6_000));
        run.pending(after(first, 61, 6_100));
        assert_eq!(run.ran, Duration::from_secs(2));
    }

    #[tokio::test]
    async fn a_call_is_measured_while_it_is_polled() {
        let meter = RunMeter::new(Duration::from_secs(1));
        let begun = Instant::now();
        let waited = Duration::from_millis(200);
        let call = async {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(5) {}
            tokio::time::sleep(waited).await;
        };
        meter.clone().measure(call).await;
        let ran = meter.run().ran;
        assert!(ran >= Duration::from_millis(5), "{ran:?}");
        assert!(ran <= begun.elapsed() - waited, "{ran:?}");
    }

    #[test]
    fn the_ticker_ends_with_its_engine() {
        let engine = wasmtime::Engine::new(&super::super::config(Metering::None)).unwrap();
        start_ticker(&engine).unwrap();
        let weak = engine.weak();
        drop(engine);
        // The ticker holds the engine for no longer than it takes to tick.
        while weak.upgrade().is_some() {
            thread::yield_now();
        }
    }
}
