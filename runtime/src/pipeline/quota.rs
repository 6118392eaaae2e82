//! `max_rejected`: a bad deployment must not turn a stream into dead letters.

use std::sync::Mutex;

use wasm_sink_core::{Account, Blame, Error, Kind, Result};

/// Rows that dead letters are counted against.
const WINDOW_ROWS: u64 = 10_000;

/// What is known of the component that wrote an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Proven,
    /// It has replaced another one, which stands by.
    OnTrial,
    /// It failed on trial, and the other one is back.
    Failed,
}

/// Counts dead letters across the tasks and epochs of a pipeline, before they are committed.
#[derive(Debug)]
pub(super) struct Quota {
    max_rejected: u64,
    counts: Mutex<Counts>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Rows and dead letters of the window that is being filled.
    rows: u64,
    rejected: u64,
    /// Whether any row of this pipeline ever got through.
    delivered: bool,
}

impl Quota {
    pub(super) fn new(max_rejected: u64) -> Self {
        Self {
            max_rejected,
            counts: Mutex::new(Counts::default()),
        }
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// An earlier run has delivered, so that no epoch of this one is the first.
    pub(super) fn has_delivered_before(&self) {
        self.counts().delivered = true;
    }

    /// Counts an epoch that is about to be committed.
    ///
    /// # Errors
    /// Too many of its rows, or all of the first epoch's, are dead letters; it must not be
    /// committed.
    pub(super) fn admit(
        &self,
        account: &Account,
        standing: Standing,
        first_reason: Option<&str>,
    ) -> Result<()> {
        let mut counts = self.counts();
        let is_first = !counts.delivered || standing != Standing::Proven;
        if is_first && account.rejected > 0 && account.staged + account.skipped == 0 {
            let why = first_reason.map(|reason| format!(". The first: {reason}"));
            return Err(stop(format!(
                "all {} rows of the first epoch were rejected, so the component or its \
                 configuration is probably wrong; nothing was committed{}",
                account.rejected,
                why.unwrap_or_default()
            )));
        }
        let mut next = *counts;
        if next.rows >= WINDOW_ROWS {
            next.rows = 0;
            next.rejected = 0;
        }
        next.rows += account.taken;
        next.rejected += account.rejected;
        next.delivered |= account.staged + account.skipped > 0;
        if next.rejected > self.allowed(next.rows) {
            return Err(self.too_many(next.rejected, next.rows));
        }
        *counts = next;
        Ok(())
    }

    /// Takes back an admitted epoch that will be written again, and counted again.
    pub(super) fn withdraw(&self, account: &Account) {
        let mut counts = self.counts();
        counts.rows = counts.rows.saturating_sub(account.taken);
        counts.rejected = counts.rejected.saturating_sub(account.rejected);
    }

    /// Whether `rejected` dead letters among `rows` rows that are being probed could be admitted.
    ///
    /// # Errors
    /// They could not, so probing further is of no use.
    pub(super) fn would_admit(&self, rejected: u64, rows: u64) -> Result<()> {
        let counts = self.counts();
        if counts.rejected + rejected > self.allowed(counts.rows + rows) {
            return Err(self.too_many(counts.rejected + rejected, counts.rows + rows));
        }
        Ok(())
    }

    /// One allowance per window begun.
    fn allowed(&self, rows: u64) -> u64 {
        self.max_rejected
            .saturating_mul(rows.div_ceil(WINDOW_ROWS).max(1))
    }

    fn too_many(&self, rejected: u64, rows: u64) -> Error {
        stop(format!(
            "{rejected} of {rows} rows were rejected, and the limit is {} per {WINDOW_ROWS} \
             ([limits] max_rejected); nothing of this epoch was committed",
            self.max_rejected
        ))
    }
}

fn stop(message: String) -> Error {
    Error::new(Kind::Other, Blame::Component, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(taken: u64, rejected: u64) -> Account {
        Account {
            taken,
            rejected,
            staged: taken - rejected,
            skipped: 0,
        }
    }

    #[test]
    fn counts_per_ten_thousand_rows_across_epochs() {
        let quota = Quota::new(100);
        for _ in 0..20 {
            quota
                .admit(&account(1_000, 10), Standing::Proven, None)
                .unwrap();
        }
        quota
            .admit(&account(1_000, 100), Standing::Proven, None)
            .unwrap();
        assert!(
            quota
                .admit(&account(1_000, 1), Standing::Proven, None)
                .is_err()
        );
        // Refused epochs are not counted: a good one still passes.
        quota
            .admit(&account(1_000, 0), Standing::Proven, None)
            .unwrap();
    }

    #[test]
    fn a_replayed_epoch_counts_once() {
        let quota = Quota::new(100);
        for _ in 0..50 {
            quota
                .admit(&account(1_000, 10), Standing::Proven, None)
                .unwrap();
            quota.withdraw(&account(1_000, 10));
        }
        quota
            .admit(&account(1_000, 100), Standing::Proven, None)
            .unwrap();
    }

    #[test]
    fn a_large_epoch_has_the_allowance_of_its_size() {
        Quota::new(100)
            .admit(&account(100_000, 1_000), Standing::Proven, None)
            .unwrap();
        assert!(
            Quota::new(100)
                .admit(&account(100_000, 1_001), Standing::Proven, None)
                .is_err()
        );
    }

    #[test]
    fn a_first_epoch_in_which_no_row_passes_stops() {
        let quota = Quota::new(100);
        let refused = quota.admit(&account(3, 3), Standing::Proven, Some("no name"));
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .ends_with("The first: no name")
        );
        quota.admit(&account(3, 2), Standing::Proven, None).unwrap();
        quota.admit(&account(3, 3), Standing::Proven, None).unwrap();
        // That of a new component as well.
        assert!(
            quota
                .admit(&account(3, 3), Standing::OnTrial, None)
                .is_err()
        );
    }
}
