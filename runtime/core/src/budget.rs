//! One byte budget per process: what is retained, staged and prefetched counts against it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Bytes per permit: coarse enough for a semaphore of many GiB.
const GRAIN_BYTES: usize = 1024;

/// Three quarters spent closes epochs, all spent pauses sources (commit.md, 18). Sources read a quarter
/// ahead at most, so epochs hold half of it by then.
#[derive(Clone, Debug)]
pub struct Budget {
    free: Arc<Semaphore>,
    capacity: u32,
    /// Reservations that wait for more than is free.
    starving: Arc<AtomicUsize>,
    wanted: Arc<Notify>,
}

/// Counts a reservation that waits, also where its future is dropped.
struct Starving<'a>(&'a AtomicUsize);

impl<'a> Starving<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Starving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Bytes that are taken until this is dropped.
#[derive(Debug)]
pub struct Reservation {
    _permits: OwnedSemaphorePermit,
}

impl Budget {
    /// A budget of `bytes`, at least one KiB.
    pub fn new(bytes: usize) -> Self {
        let capacity = u32::try_from(bytes.div_ceil(GRAIN_BYTES).max(1)).unwrap_or(u32::MAX >> 4);
        Self {
            free: Arc::new(Semaphore::new(capacity as usize)),
            capacity,
            starving: Arc::new(AtomicUsize::new(0)),
            wanted: Arc::new(Notify::new()),
        }
    }

    /// Waits until `bytes` are free. More than the whole budget waits for all of it, so that one
    /// oversized batch passes alone instead of never.
    pub async fn reserve(&self, bytes: usize) -> Reservation {
        let wanted = u32::try_from(bytes.div_ceil(GRAIN_BYTES)).unwrap_or(u32::MAX);
        let wanted = wanted.min(self.capacity);
        let _starving = ((wanted as usize) > self.free.available_permits()).then(|| {
            let starving = Starving::new(&self.starving);
            self.wanted.notify_waiters();
            starving
        });
        match Arc::clone(&self.free).acquire_many_owned(wanted).await {
            Ok(permits) => {
                if self.is_nearly_spent() {
                    self.wanted.notify_waiters();
                }
                Reservation { _permits: permits }
            }
            // The semaphore is never closed; waiting for ever is what a closed one would mean.
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits until epochs should be closed to free memory.
    pub async fn pressed(&self) {
        loop {
            let notified = self.wanted.notified();
            if self.is_pressed() {
                return;
            }
            notified.await;
        }
    }

    /// Whether epochs should be closed to free memory: three quarters of it are spent, or somebody waits
    /// for more than is free.
    fn is_pressed(&self) -> bool {
        self.is_nearly_spent() || self.starving.load(Ordering::SeqCst) > 0
    }

    fn is_nearly_spent(&self) -> bool {
        self.free.available_permits() < (self.capacity / 4) as usize
    }

    /// Bytes in all.
    pub fn capacity_bytes(&self) -> usize {
        self.capacity as usize * GRAIN_BYTES
    }

    /// Bytes in use.
    pub fn used_bytes(&self) -> usize {
        (self.capacity as usize).saturating_sub(self.free.available_permits()) * GRAIN_BYTES
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn who_waits_for_more_than_is_free_presses_the_others() {
        let budget = Budget::new(100 << 10);
        let little = budget.reserve(10 << 10).await;
        let pressed = budget.pressed();
        tokio::pin!(pressed);
        let quick = Duration::from_millis(1);
        assert!(tokio::time::timeout(quick, &mut pressed).await.is_err());
        {
            let large = budget.reserve(95 << 10);
            tokio::pin!(large);
            assert!(tokio::time::timeout(quick, &mut large).await.is_err());
            pressed.await;
        }
        // Nobody waits any more.
        let pressed = tokio::time::timeout(quick, budget.pressed());
        assert!(pressed.await.is_err());
        drop(little);
        assert_eq!(budget.used_bytes(), 0);
    }
}
