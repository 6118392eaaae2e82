//! A component that some partitions are tried with, for real.

use std::sync::Arc;
use std::time::Instant;

use wasm_sink_core::component::Component;

use super::journal::{Asked, Exchange};
use super::{Against, Listener, Swaps, refused};
use crate::control::Event;
use crate::pipeline::{Share, Verdict};

impl Swaps {
    /// Gives it some partitions, and waits for its first epochs there. What becomes of it later is noted down.
    pub(super) async fn try_on_some(
        &self,
        component: Arc<dyn Component>,
        percent: f64,
        trial_epochs: u64,
        listener: &Listener,
    ) -> Result<Verdict, Against> {
        let share = Share::of_percent(percent).ok_or_else(|| {
            refused("a canary gets more than 0 % of the partitions, and less than all")
        })?;
        let exchange = Exchange {
            asked: Asked::Canary,
            from: self.logic.component().writer(),
            to: component.writer(),
        };
        let begun = Instant::now();
        let replacement = self.logic.try_on_some(component, share, trial_epochs);
        let mut replacement = replacement.ok_or(Against::Busy)?;
        let verdict = self
            .follow(&mut replacement, begun, &exchange, listener)
            .await?;
        if verdict == Verdict::Going {
            let journal = self.journal.clone();
            tokio::spawn(async move {
                if let Some(end) = replacement.end().await {
                    journal.ended(&exchange, &end);
                }
            });
        }
        Ok(verdict)
    }

    /// Has all partitions go the way of the canary.
    pub(super) async fn promote(
        &self,
        trial_epochs: u64,
        listener: &Listener,
    ) -> Result<Verdict, Against> {
        let _in_force = self.in_force.try_lock().map_err(|_| Against::Busy)?;
        let exchange = Exchange {
            asked: Asked::Promote,
            from: self.logic.component().writer(),
            to: self.logic.canary().ok_or_else(none)?.writer(),
        };
        let begun = Instant::now();
        let replacement = self.logic.promote(trial_epochs);
        let mut replacement = replacement.ok_or_else(none)?;
        self.follow(&mut replacement, begun, &exchange, listener)
            .await
    }

    /// Gives its partitions back.
    pub(super) fn withdraw(&self) -> Result<Event, Against> {
        self.logic.withdraw().ok_or_else(none)?;
        tracing::info!("the canary is withdrawn");
        Ok(Event::Withdrawn)
    }

    /// While there is a canary, nothing else changes.
    pub(super) fn no_canary(&self) -> Result<(), Against> {
        match self.logic.canary() {
            None => Ok(()),
            Some(canary) => Err(refused(format!(
                "some partitions are tried with {}: end that first, by `swap --promote` or `swap --withdraw`",
                canary.hash()
            ))
            .into()),
        }
    }
}

fn none() -> Against {
    refused("there is no canary: it may have failed, which swaps.jsonl in the state directory says")
        .into()
}
