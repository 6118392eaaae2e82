//! The component of a pipeline, which may be replaced while it runs (commit protocol, rule 16).
//!
//! Nothing is handed over, since an instance's memory is a cache: each task goes on with an instance of the new
//! component once its outstanding commit is settled. For its first epochs the new one is on trial: what fails
//! for its own sake takes the pipeline back to the former one, which writes the epoch again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use wasm_sink_core::component::Component;
use wasm_sink_core::{Error, PartitionKey, Position, Result};

use super::quota::Standing;

type Positions = BTreeMap<PartitionKey, Option<Position>>;

/// A component, and which of those that a run has had it is.
#[derive(Clone)]
pub(super) struct Version {
    number: u64,
    pub(super) component: Arc<dyn Component>,
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = self.component.hash();
        write!(f, "Version({}, {hash})", self.number)
    }
}

/// Which component a pipeline's tasks run. Cheap to clone.
#[derive(Clone)]
pub struct Logic(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Grows with each change of `State`.
    changes: watch::Sender<u64>,
}

struct State {
    current: Version,
    trial: Option<Trial>,
    /// What each task runs, by its place here.
    tasks: BTreeMap<u64, u64>,
    /// Where partitions stood when their tasks turned to the current one.
    turned: Positions,
    tasks_begun: u64,
    failed: BTreeSet<u64>,
    /// How the last trial ended, and whose it was.
    verdict: Option<(u64, Verdict)>,
}

/// The first epochs of a component.
struct Trial {
    former: Version,
    epochs_left: u64,
}

/// How a replacement ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The new component stays.
    Kept,
    /// It failed, and the former one is back. Why.
    Reverted(String),
}

/// A component that another one was replaced by.
#[derive(Debug)]
pub struct Replacement {
    logic: Logic,
    number: u64,
    changes: watch::Receiver<u64>,
}

impl fmt::Debug for Logic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Logic")
            .field(&self.0.state().current)
            .finish()
    }
}

impl State {
    fn standing(&self, number: u64) -> Standing {
        if self.failed.contains(&number) {
            Standing::Failed
        } else if self.trial.is_some() && self.current.number == number {
            Standing::OnTrial
        } else {
            Standing::Proven
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let done = change(&mut self.state());
        self.changes.send_modify(|changes| *changes += 1);
        done
    }
}

impl Logic {
    /// What a pipeline begins with.
    pub fn new(component: Arc<dyn Component>) -> Self {
        let state = State {
            current: Version {
                number: 0,
                component,
            },
            trial: None,
            tasks: BTreeMap::new(),
            turned: Positions::new(),
            tasks_begun: 0,
            failed: BTreeSet::new(),
            verdict: None,
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            changes: watch::Sender::new(0),
        }))
    }

    /// What tasks run, or turn to at the end of their epochs.
    pub fn component(&self) -> Arc<dyn Component> {
        Arc::clone(&self.0.state().current.component)
    }

    /// Has tasks turn to another component, on trial for so many epochs. None while another one is on trial.
    pub fn replace(&self, component: Arc<dyn Component>, epochs: u64) -> Option<Replacement> {
        let number = self.0.change(|state| {
            if state.trial.is_some() {
                return None;
            }
            let number = state.current.number + 1;
            let next = Version { number, component };
            let former = std::mem::replace(&mut state.current, next);
            state.turned.clear();
            state.trial = (epochs > 0).then_some(Trial {
                former,
                epochs_left: epochs,
            });
            if epochs == 0 {
                state.verdict = Some((number, Verdict::Kept));
            }
            Some(number)
        })?;
        Some(Replacement {
            logic: self.clone(),
            number,
            changes: self.0.changes.subscribe(),
        })
    }

    /// A task begins.
    pub(super) fn task(&self) -> Running {
        let changes = self.0.changes.subscribe();
        let (place, version) = self.0.change(|state| {
            state.tasks_begun += 1;
            state.tasks.insert(state.tasks_begun, state.current.number);
            (state.tasks_begun, state.current.clone())
        });
        Running {
            logic: self.clone(),
            place,
            version,
            changes,
        }
    }
}

impl Replacement {
    /// Waits until no task runs an older one; where their partitions stood (None: at their beginning).
    pub async fn taken_over(&mut self) -> BTreeMap<PartitionKey, Option<Position>> {
        let number = self.number;
        self.wait(|state| {
            let mut tasks = state.tasks.values();
            tasks
                .all(|task| *task >= number)
                .then(|| state.turned.clone())
        })
        .await
    }

    /// Waits for the end of its trial.
    pub async fn verdict(&mut self) -> Verdict {
        let number = self.number;
        self.wait(|state| match &state.verdict {
            Some((of, verdict)) if *of == number => Some(verdict.clone()),
            _ => None,
        })
        .await
    }

    async fn wait<T>(&mut self, found: impl Fn(&State) -> Option<T>) -> T {
        loop {
            self.changes.mark_unchanged();
            if let Some(found) = found(&self.logic.0.state()) {
                return found;
            }
            // The sender is as old as `self.logic`.
            let _ = self.changes.changed().await;
        }
    }
}

/// What one task runs, until it is dropped.
pub(super) struct Running {
    logic: Logic,
    place: u64,
    version: Version,
    changes: watch::Receiver<u64>,
}

impl Running {
    pub(super) fn component(&self) -> &Arc<dyn Component> {
        &self.version.component
    }

    pub(super) fn standing(&self) -> Standing {
        self.logic.0.state().standing(self.version.number)
    }

    /// Waits until there is another component than the one that this task runs. Safe to cancel.
    pub(super) async fn replaced(&mut self) {
        loop {
            self.changes.mark_unchanged();
            if self.logic.0.state().current.number != self.version.number {
                return;
            }
            let _ = self.changes.changed().await;
        }
    }

    /// Turns to the component that counts now; nothing of the former one is under way. `at`: where the task's
    /// partitions stand.
    pub(super) fn turn(&mut self, at: &Positions) {
        self.version = self.logic.0.change(|state| {
            state.tasks.insert(self.place, state.current.number);
            let at = at.iter().map(|(key, at)| (key.clone(), at.clone()));
            state.turned.extend(at);
            state.current.clone()
        });
    }

    /// An epoch of what this task runs is committed.
    pub(super) fn committed(&self) {
        let number = self.version.number;
        if self.standing() != Standing::OnTrial {
            return;
        }
        self.logic.0.change(|state| {
            // Another task may have found a fault meanwhile, and a further component be on trial.
            let trial = state.trial.as_mut();
            let Some(trial) = trial.filter(|_| state.current.number == number) else {
                return;
            };
            trial.epochs_left = trial.epochs_left.saturating_sub(1);
            if trial.epochs_left == 0 {
                state.trial = None;
                state.verdict = Some((number, Verdict::Kept));
            }
        });
    }

    /// What this task runs has failed. Where it is on trial, or another task has found the same before, the
    /// former one is back and this task turns to it: its epoch is to be written again.
    ///
    /// # Errors
    /// The same where there is no former one.
    pub(super) fn failed(&mut self, error: Error) -> Result<Error> {
        let number = self.version.number;
        let is_back = self.logic.0.change(|state| {
            match state.standing(number) {
                Standing::Proven => return None,
                Standing::Failed => return Some(()),
                Standing::OnTrial => {}
            }
            let trial = state.trial.take()?;
            state.current = Version {
                number: number + 1,
                component: trial.former.component,
            };
            state.failed.insert(number);
            state.verdict = Some((number, Verdict::Reverted(error.to_string())));
            Some(())
        });
        if is_back.is_none() {
            return Err(error);
        }
        tracing::error!(
            component = self.version.component.hash(),
            "the new component failed, and the former one goes on: {error}"
        );
        self.turn(&Positions::new());
        Ok(error)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let place = self.place;
        self.logic.0.change(|state| state.tasks.remove(&place));
    }
}
