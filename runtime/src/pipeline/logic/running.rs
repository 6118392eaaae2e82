//! What one task runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use wasm_sink_core::component::Component;
use wasm_sink_core::{Error, Result};

use super::{Logic, Part, Positions, Verdict, Version};
use crate::pipeline::quota::Standing;

/// What one task runs, until it is dropped.
pub(in crate::pipeline) struct Running {
    pub(super) logic: Logic,
    pub(super) place: u64,
    pub(super) version: Version,
    pub(super) part: Part,
    pub(super) changes: watch::Receiver<u64>,
}

impl Running {
    pub(in crate::pipeline) fn component(&self) -> &Arc<dyn Component> {
        &self.version.component
    }

    pub(in crate::pipeline) fn standing(&self) -> Standing {
        self.logic.0.state().standing(self.version.number)
    }

    /// From now on this task runs the canary's component, while there is one.
    pub(in crate::pipeline) fn join_canary(&mut self) {
        self.part = Part::Canary;
    }

    /// What this task is to run.
    pub(in crate::pipeline) fn target(&self) -> Version {
        self.logic.0.state().target(self.part).clone()
    }

    /// Waits until there is another component than the one that this task runs. Safe to cancel.
    pub(in crate::pipeline) async fn replaced(&mut self) {
        loop {
            self.changes.mark_unchanged();
            if self.logic.0.state().target(self.part).number != self.version.number {
                return;
            }
            let _ = self.changes.changed().await;
        }
    }

    /// Turns to the component that counts now; nothing of the former one is under way. `at`: where the task's
    /// partitions stand; `pause`: how long it stood still.
    pub(in crate::pipeline) fn turn(&mut self, at: &Positions, pause: Duration) {
        self.version = self.logic.0.change(|state| {
            let version = state.target(self.part).clone();
            state.tasks.insert(self.place, version.number);
            let at = at.iter().map(|(key, at)| (key.clone(), at.clone()));
            state.turned.extend(at);
            state.pause = state.pause.max(pause);
            version
        });
    }

    /// An epoch of what this task runs is committed.
    pub(in crate::pipeline) fn committed(&self) {
        let number = self.version.number;
        if self.standing() != Standing::OnTrial {
            return;
        }
        self.logic.0.change(|state| {
            if state.is_canary(number) {
                if let Some(canary) = &mut state.canary {
                    canary.epochs_left = canary.epochs_left.saturating_sub(1);
                    if canary.epochs_left == 0 {
                        state.judge(number, Verdict::Going);
                    }
                }
                return;
            }
            // Another task may have found a fault meanwhile, and a further component be on trial.
            let trial = state.trial.as_mut();
            let Some(trial) = trial.filter(|_| state.current.number == number) else {
                return;
            };
            trial.epochs_left = trial.epochs_left.saturating_sub(1);
            if trial.epochs_left == 0 {
                state.trial = None;
                state.judge(number, Verdict::Kept);
            }
        });
    }

    /// What this task runs has failed. Where it is on trial, or another task has found the same before, the
    /// former one is back and this task turns to it: its epoch is to be written again.
    ///
    /// # Errors
    /// The same where there is no former one.
    pub(in crate::pipeline) fn failed(&mut self, error: Error) -> Result<Error> {
        let number = self.version.number;
        let is_back = self.logic.0.change(|state| {
            match state.standing(number) {
                Standing::Proven => return None,
                Standing::Failed => return Some(()),
                Standing::OnTrial => {}
            }
            if state.withdrawn.contains(&number) {
                state.failed.insert(number);
                return Some(());
            }
            if state.is_canary(number) {
                state.canary = None;
            } else {
                let trial = state.trial.take()?;
                state.current = Version {
                    number: state.next_number(),
                    component: trial.former.component,
                };
            }
            state.failed.insert(number);
            state.judge(number, Verdict::Reverted(error.to_string()));
            Some(())
        });
        if is_back.is_none() {
            return Err(error);
        }
        tracing::error!(
            component = self.version.component.hash(),
            "the new component failed, and the former one goes on: {error}"
        );
        self.turn(&Positions::new(), Duration::ZERO);
        Ok(error)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let place = self.place;
        self.logic.0.change(|state| state.tasks.remove(&place));
    }
}
