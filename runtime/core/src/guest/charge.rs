//! Who pays for host memory that a guest's calls took. Arrays are shared between batches, so that
//! their room comes back with the last batch that refers to them, not with the first that goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes that an instance's calls hold. Clones are the same account.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger(Arc<Account>);

#[derive(Debug, Default)]
struct Account {
    bytes: AtomicUsize,
    /// The most that there was.
    most: AtomicUsize,
}

impl Ledger {
    /// All that is held now.
    pub(super) fn bytes(&self) -> usize {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// The most that was held at any time.
    pub(super) fn most_bytes(&self) -> usize {
        self.0.most.load(Ordering::Relaxed)
    }

    /// Holds so many bytes until the charge is gone. Whether there is room is asked before.
    pub(super) fn charge(&self, bytes: usize) -> Charge {
        let before = self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.0
            .most
            .fetch_max(before.saturating_add(bytes), Ordering::Relaxed);
        Charge {
            ledger: self.clone(),
            bytes,
        }
    }
}

/// Bytes on a ledger, given back when this is dropped.
#[derive(Debug)]
pub(super) struct Charge {
    ledger: Ledger,
    bytes: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.ledger.0.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What is charged for all the memory that a batch refers to, each charge once. Cheap to clone:
/// a slice holds the very list of what it is a slice of.
#[derive(Clone, Debug, Default)]
pub(super) struct Charges(Arc<[Arc<Charge>]>);

impl Charges {
    pub(super) fn one(charge: Arc<Charge>) -> Self {
        Self(Arc::new([charge]))
    }

    /// Those of both.
    pub(super) fn and(&self, other: &Self) -> Self {
        if other.0.is_empty() || Arc::ptr_eq(&self.0, &other.0) {
            return self.clone();
        }
        if self.0.is_empty() {
            return other.clone();
        }
        let mut all: Vec<Arc<Charge>> = self.0.iter().chain(other.0.iter()).cloned().collect();
        all.sort_unstable_by_key(Arc::as_ptr);
        all.dedup_by(|a, b| Arc::ptr_eq(a, b));
        Self(all.into())
    }

    /// What a list with one more charge takes. Lists that grew by one at each call would add up.
    pub(super) fn next_list_bytes(&self) -> usize {
        (self.0.len() + 1) * size_of::<Arc<Charge>>() + size_of::<Charge>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_is_held_by_all_that_refer_to_it_and_counted_once() {
        let ledger = Ledger::default();
        let first = Charges::one(Arc::new(ledger.charge(10)));
        let second = first.and(&Charges::one(Arc::new(ledger.charge(5))));
        let both = second.and(&first);
        assert_eq!(both.0.len(), 2);
        assert_eq!(ledger.bytes(), 15);
        drop((first, second));
        assert_eq!(ledger.bytes(), 15);
        drop(both);
        assert_eq!(ledger.bytes(), 0);
        assert_eq!(ledger.most_bytes(), 15);
    }
}
