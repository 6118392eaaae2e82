//! The most that the instances of a pipeline have taken of what is limited.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Highest values since the pipeline was started. Cheap enough to be told of every call.
#[derive(Debug, Default)]
pub struct Usage {
    memory_bytes: AtomicU64,
    call_us: AtomicU64,
    handles: AtomicU64,
    derived_bytes: AtomicU64,
    epoch_dead_letters: AtomicU64,
}

/// The same at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Highest {
    /// Linear memory of one instance.
    pub memory_bytes: u64,
    /// A call's own running time.
    pub call: Duration,
    /// Handles of one instance.
    pub handles: u64,
    /// What batches that the host made for one instance held.
    pub derived_bytes: u64,
    /// Dead letters of one epoch.
    pub epoch_dead_letters: u64,
}

/// Numbers beyond 64 bits there are none.
fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl Usage {
    pub(super) fn called(&self, memory_bytes: usize, ran: Duration) {
        self.memory_bytes
            .fetch_max(number(memory_bytes), Ordering::Relaxed);
        let ran = u64::try_from(ran.as_micros()).unwrap_or(u64::MAX);
        self.call_us.fetch_max(ran, Ordering::Relaxed);
    }

    pub(super) fn flushed(&self, handles: usize, derived_bytes: usize, dead_letters: usize) {
        let pairs = [
            (&self.handles, handles),
            (&self.derived_bytes, derived_bytes),
            (&self.epoch_dead_letters, dead_letters),
        ];
        for (highest, now) in pairs {
            highest.fetch_max(number(now), Ordering::Relaxed);
        }
    }

    /// So far.
    pub fn highest(&self) -> Highest {
        let now = |value: &AtomicU64| value.load(Ordering::Relaxed);
        Highest {
            memory_bytes: now(&self.memory_bytes),
            call: Duration::from_micros(now(&self.call_us)),
            handles: now(&self.handles),
            derived_bytes: now(&self.derived_bytes),
            epoch_dead_letters: now(&self.epoch_dead_letters),
        }
    }
}
