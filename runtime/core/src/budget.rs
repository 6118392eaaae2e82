//! One byte budget per process: what is retained, staged and prefetched counts against it.

use std::sync::Arc;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Bytes per permit: coarse enough for a semaphore of many GiB.
const GRAIN_BYTES: usize = 1024;

/// Half spent closes epochs, all spent pauses sources (commit.md, 18).
#[derive(Clone, Debug)]
pub struct Budget {
    free: Arc<Semaphore>,
    capacity: u32,
    wanted: Arc<Notify>,
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
            wanted: Arc::new(Notify::new()),
        }
    }

    /// Waits until `bytes` are free. More than the whole budget waits for all of it, so that one
    /// oversized batch passes alone instead of never.
    pub async fn reserve(&self, bytes: usize) -> Reservation {
        let wanted = u32::try_from(bytes.div_ceil(GRAIN_BYTES)).unwrap_or(u32::MAX);
        let wanted = wanted.min(self.capacity);
        if (wanted as usize) > self.free.available_permits() {
            self.wanted.notify_waiters();
        }
        match Arc::clone(&self.free).acquire_many_owned(wanted).await {
            Ok(permits) => {
                if self.is_half_spent() {
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
            if self.is_half_spent() {
                return;
            }
            notified.await;
        }
    }

    /// Whether epochs should be closed to free memory.
    pub fn is_half_spent(&self) -> bool {
        self.free.available_permits() < (self.capacity / 2) as usize
    }

    /// Bytes in use.
    pub fn used_bytes(&self) -> usize {
        (self.capacity as usize).saturating_sub(self.free.available_permits()) * GRAIN_BYTES
    }
}
