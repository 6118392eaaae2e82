//! A clock that a guest can read and that tells nothing of the machine: it shows the batch's time,
//! goes on by a fixed step with each read, and sleeping moves it instead of waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

/// How far a read moves the clock.
const STEP: Duration = Duration::from_micros(1);

/// One instance's time. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub(super) struct VirtualClock {
    /// Nanoseconds since 1970.
    wall: Arc<AtomicU64>,
    /// Nanoseconds since the instance began. Batches may lie before each other; this never does.
    monotonic: Arc<AtomicU64>,
}

impl VirtualClock {
    /// Shows `at` from now on; what lies before 1970 shows as 1970.
    pub(super) fn set(&self, at: DateTime<Utc>) {
        let at = at
            .timestamp_nanos_opt()
            .and_then(|at| u64::try_from(at).ok())
            .unwrap_or(0);
        self.wall.store(at, Ordering::Relaxed);
    }

    fn advance(&self, by: Duration) {
        let by = nanoseconds(by);
        for time in [&self.wall, &self.monotonic] {
            let now = time.load(Ordering::Relaxed);
            time.store(now.saturating_add(by), Ordering::Relaxed);
        }
    }

    fn read_wall(&self) -> Duration {
        self.advance(STEP);
        Duration::from_nanos(self.wall.load(Ordering::Relaxed))
    }

    fn read_monotonic(&self) -> u64 {
        self.advance(STEP);
        self.monotonic.load(Ordering::Relaxed)
    }

    fn sleep_until(&self, monotonic: u64) {
        let now = self.monotonic.load(Ordering::Relaxed);
        self.advance(Duration::from_nanos(monotonic.saturating_sub(now)));
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn datetime(time: Duration) -> Datetime {
    Datetime {
        seconds: time.as_secs(),
        nanoseconds: time.subsec_nanos(),
    }
}

/// A point in an instance's time that somebody waits for.
struct Alarm {
    clock: VirtualClock,
    monotonic: u64,
}

#[async_trait]
impl Pollable for Alarm {
    /// At once: being waited for is what makes the time come.
    async fn ready(&mut self) {
        self.clock.sleep_until(self.monotonic);
    }
}

/// For linking: a clock, and the table that its alarms stand in.
pub(super) struct HasClock;

impl HasData for HasClock {
    type Data<'a> = ClockView<'a>;
}

/// What the clock interfaces work on.
pub(super) struct ClockView<'a> {
    pub(super) clock: &'a VirtualClock,
    pub(super) table: &'a mut ResourceTable,
}

impl ClockView<'_> {
    fn alarm(&mut self, monotonic: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let alarm = self.table.push(Alarm {
            clock: self.clock.clone(),
            monotonic,
        })?;
        subscribe(self.table, alarm)
    }
}

impl wall_clock::Host for ClockView<'_> {
    fn now(&mut self) -> wasmtime::Result<Datetime> {
        Ok(datetime(self.clock.read_wall()))
    }

    fn resolution(&mut self) -> wasmtime::Result<Datetime> {
        Ok(datetime(STEP))
    }
}

impl monotonic_clock::Host for ClockView<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.clock.read_monotonic())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(nanoseconds(STEP))
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.alarm(when)
    }

    fn subscribe_duration(&mut self, wait: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let now = self.clock.monotonic.load(Ordering::Relaxed);
        self.alarm(now.saturating_add(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_go_on_by_a_step_and_a_batch_may_turn_back_the_wall_clock_alone() {
        let clock = VirtualClock::default();
        let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        clock.set(at);
        assert_eq!(clock.read_wall(), Duration::from_secs(1_700_000_000) + STEP);
        let before = clock.read_monotonic();
        clock.set(at - chrono::Duration::days(1));
        assert_eq!(clock.read_monotonic(), before + nanoseconds(STEP));
        assert!(clock.read_wall() < Duration::from_secs(1_700_000_000));
    }

    #[test]
    fn times_that_do_not_fit_do_not_wrap() {
        let clock = VirtualClock::default();
        clock.set(DateTime::<Utc>::MIN_UTC);
        assert_eq!(clock.read_wall(), STEP);
        clock.sleep_until(u64::MAX);
        assert_eq!(clock.read_monotonic(), u64::MAX);
    }
}
