//! What the parts of a running pipeline share.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use wasm_sink_core::budget::Budget;
use wasm_sink_core::home::{Base, Stored, Winner};
use wasm_sink_core::source::Membership;
use wasm_sink_core::{Blame, CommitId, Error, Kind, PartitionKey, Result};

use super::Destination;
use super::backoff::persist;
use super::committer::Request;
use super::dead_letters;
use super::entropy::Entropy;
use super::limits::{EpochLimits, Retry};
use super::logic::Logic;
use super::observe::Observer;
use super::quota::Quota;
use super::samples::Samples;
use super::state::{LocalState, PendingLetters};

/// What tasks and committer share.
pub(super) struct Context {
    pub(super) logic: Logic,
    pub(super) samples: Samples,
    pub(super) destination: Destination,
    pub(super) epoch: EpochLimits,
    pub(super) retry: Retry,
    pub(super) budget: Budget,
    pub(super) state: Arc<dyn LocalState>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) quota: Arc<Quota>,
    pub(super) membership: Membership,
    pub(super) committer: mpsc::UnboundedSender<Request>,
    /// Epochs of this run that may have been committed without our hearing of it.
    pub(super) unanswered: Mutex<BTreeSet<CommitId>>,
    #[cfg(feature = "planted")]
    pub(super) planted: Option<super::planted::Fault>,
}

impl Context {
    pub(super) fn new_commit_id(&self) -> CommitId {
        CommitId::from_random(self.entropy.next())
    }

    /// Attempts at these were not answered, and may land while their rows are written again under other names.
    pub(super) fn may_land(&self, ids: impl Iterator<Item = CommitId>) {
        self.unanswered().extend(ids);
    }

    fn unanswered(&self) -> MutexGuard<'_, BTreeSet<CommitId>> {
        let unanswered = self.unanswered.lock();
        unanswered.unwrap_or_else(PoisonError::into_inner)
    }

    /// The home as it stands, however often one must ask.
    pub(super) async fn read_home(&self) -> Result<Base> {
        let home = &self.destination.home;
        persist(&self.retry, &*self.entropy, &*self.observer, || home.read()).await
    }

    /// Keeps others from committing for these partitions, however often one must ask.
    pub(super) async fn claim(&self, keys: &[PartitionKey]) -> Result<()> {
        let home = &self.destination.home;
        persist(&self.retry, &*self.entropy, &*self.observer, || {
            home.claim(keys)
        })
        .await
    }

    /// Settles dead letters of epochs that are no longer at work.
    pub(super) async fn settle_letters(&self, pending: &[PendingLetters]) -> Result<()> {
        if pending.is_empty() {
            return Ok(());
        }
        let base = self.read_home().await?;
        for pending in pending {
            dead_letters::settle(pending, &base, &*self.destination.home, &*self.state).await?;
        }
        Ok(())
    }

    /// Settles dead letters of epochs whose partitions are claimed now: what was not committed never will be, and
    /// later on positions will have passed it by.
    pub(super) async fn settle_claimed_letters(
        &self,
        keys: &[PartitionKey],
        base: &Base,
    ) -> Result<()> {
        if !self.destination.home.is_final_once_claimed() {
            return Ok(());
        }
        for pending in self.state.pending_letters().await? {
            if !pending.begins.keys().all(|key| keys.contains(key)) {
                continue;
            }
            if dead_letters::stand_at_begin(&pending, base) {
                self.state.remove_letters(pending.id).await?;
            } else {
                dead_letters::settle(&pending, base, &*self.destination.home, &*self.state).await?;
            }
        }
        Ok(())
    }

    /// A partition moved without us. In a group that is its new owner; without one it is a second
    /// process under the same name.
    pub(super) fn lost(
        &self,
        key: &PartitionKey,
        stored: Option<&Stored>,
        winner: &Winner,
    ) -> Result<()> {
        let stands = stored.map_or_else(
            || "nowhere".to_owned(),
            |stored| format!("at {}", stored.position),
        );
        let is_own = stored.is_some_and(|stored| self.unanswered().contains(&stored.commit));
        if is_own || self.membership == Membership::Group {
            tracing::info!(partition = %key, "the partition stands {stands}; reading positions again");
            return Ok(());
        }
        let version = winner
            .version
            .map(|version| format!(" by version {version}"))
            .unwrap_or_default();
        let who = if winner.description.is_empty() {
            String::new()
        } else {
            format!(" ({})", winner.description)
        };
        Err(Error::new(
            Kind::Conflict,
            Blame::Configuration,
            format!(
                "another process commits to {} under this pipeline's name: partition {key} stands \
                 {stands}, put there{version}{who}. Nothing of this epoch was committed here; run \
                 one process, or give this pipeline another name",
                self.destination.home.describe()
            ),
        ))
    }
}

/// Settles every dead-letter file that a crash or a lost partition left behind.
pub(super) async fn settle_all_letters(
    contexts: &[Arc<Context>],
    state: &dyn LocalState,
) -> Result<()> {
    let pending = state.pending_letters().await?;
    match contexts {
        _ if pending.is_empty() => Ok(()),
        [only] => only.settle_letters(&pending).await,
        several => {
            // An epoch has one home: the one that knows its partitions. While none does, its attempt
            // may still land.
            for context in several {
                let base = context.read_home().await?;
                let mut own = pending.clone();
                own.retain(|letters| {
                    letters
                        .begins
                        .keys()
                        .any(|key| base.positions.contains_key(key))
                });
                context.settle_letters(&own).await?;
            }
            Ok(())
        }
    }
}

/// The same where nothing has to be claimed before: until then, reading such a home may wait for what a process
/// that died has under way.
pub(super) async fn settle_unclaimed_letters(
    contexts: &[Arc<Context>],
    state: &dyn LocalState,
) -> Result<()> {
    let is_claimed = |context: &Arc<Context>| context.destination.home.is_final_once_claimed();
    match contexts.iter().any(is_claimed) {
        true => Ok(()),
        false => settle_all_letters(contexts, state).await,
    }
}
