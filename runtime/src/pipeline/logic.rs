//! The component of a pipeline, which may be replaced while it runs (commit protocol, rule 16).
//!
//! Nothing is handed over, since an instance's memory is a cache: each task goes on with an instance of the new
//! component once its outstanding commit is settled. For its first epochs the new one is on trial: what fails
//! for its own sake takes the pipeline back to the former one, which writes the epoch again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use wasm_sink_core::component::Component;
use wasm_sink_core::{Error, PartitionKey, Position, Result};

use super::quota::Standing;

type Positions = BTreeMap<PartitionKey, Option<Position>>;

/// Of a pipeline's source partitions, how many a canary gets, in percent: at least one, and never all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(f64);

impl Share {
    /// None unless it is more than 0 and less than 100.
    pub fn of_percent(percent: f64) -> Option<Self> {
        (percent > 0.0 && percent < 100.0).then_some(Self(percent))
    }

    /// Of so many, of which at least one stays with the others.
    pub(super) fn of(self, all: usize) -> usize {
        let wanted = (all as f64 * self.0 / 100.0).round() as usize;
        wanted.clamp(1, all.saturating_sub(1).max(1))
    }
}

/// A component, and which of those that a run has had it is.
#[derive(Clone)]
pub(super) struct Version {
    number: u64,
    pub(super) component: Arc<dyn Component>,
}

impl Version {
    pub(super) fn is(&self, other: &Self) -> bool {
        self.number == other.number
    }
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
    canary: Option<Canary>,
    /// The highest number that there was.
    last: u64,
    /// What each task runs, by its place here.
    tasks: BTreeMap<u64, u64>,
    /// Where partitions stood when their tasks turned to the newest one.
    turned: Positions,
    /// The longest that one of them then had no instance with nothing to wait for.
    pause: Duration,
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

/// A component that some partitions are given to, beside the current one.
struct Canary {
    version: Version,
    share: Share,
    /// Until it is said to go on well.
    epochs_left: u64,
}

/// Which component a task runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Current,
    /// The canary's, while there is one.
    Canary,
}

/// How a replacement ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The new component stays.
    Kept,
    /// It failed, and the former one is back. Why.
    Reverted(String),
    /// As a canary it has committed its first epochs, and goes on.
    Going,
    /// It is a canary no more, and the other one has its partitions.
    Withdrawn,
    /// It can be no canary. Why.
    Impossible(String),
}

/// A component that another one was replaced by, or that some partitions were given to.
#[derive(Debug)]
pub struct Replacement {
    logic: Logic,
    number: u64,
    part: Part,
    changes: watch::Receiver<u64>,
}

/// A component is in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenOver {
    /// Where partitions stood then; None: at their beginning.
    pub at: BTreeMap<PartitionKey, Option<Position>>,
    /// The longest that a task stood still, beside the commit that it waited for.
    pub pause: Duration,
}

impl fmt::Debug for Logic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Logic")
            .field(&self.0.state().current)
            .finish()
    }
}

impl State {
    fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn target(&self, part: Part) -> &Version {
        match (&self.canary, part) {
            (Some(canary), Part::Canary) => &canary.version,
            _ => &self.current,
        }
    }

    fn is_canary(&self, number: u64) -> bool {
        let canary = self.canary.as_ref();
        canary.is_some_and(|canary| canary.version.number == number)
    }

    fn try_out(&mut self, next: Version, epochs: u64) {
        let number = next.number;
        let former = std::mem::replace(&mut self.current, next);
        self.turned.clear();
        self.pause = Duration::ZERO;
        self.trial = (epochs > 0).then_some(Trial {
            former,
            epochs_left: epochs,
        });
        if epochs == 0 {
            self.verdict = Some((number, Verdict::Kept));
        }
    }

    fn standing(&self, number: u64) -> Standing {
        if self.failed.contains(&number) {
            Standing::Failed
        } else if self.trial.is_some() && self.current.number == number || self.is_canary(number) {
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
            canary: None,
            last: 0,
            tasks: BTreeMap::new(),
            turned: Positions::new(),
            pause: Duration::ZERO,
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

    /// Has tasks turn to another component, on trial for so many epochs. None while another one is on trial, or a
    /// canary.
    pub fn replace(&self, component: Arc<dyn Component>, epochs: u64) -> Option<Replacement> {
        let number = self.0.change(|state| {
            if state.trial.is_some() || state.canary.is_some() {
                return None;
            }
            let number = state.next_number();
            state.try_out(Version { number, component }, epochs);
            Some(number)
        })?;
        Some(self.replacement(number, Part::Current))
    }

    /// Gives some partitions to another component, for real. It goes on well once it has committed so many epochs, and
    /// is gone once it fails. None while another one is on trial, or a canary.
    pub fn try_on_some(
        &self,
        component: Arc<dyn Component>,
        share: Share,
        epochs: u64,
    ) -> Option<Replacement> {
        let number = self.0.change(|state| {
            if state.trial.is_some() || state.canary.is_some() {
                return None;
            }
            let number = state.next_number();
            state.turned.clear();
            state.pause = Duration::ZERO;
            state.canary = Some(Canary {
                version: Version { number, component },
                share,
                epochs_left: epochs.max(1),
            });
            Some(number)
        })?;
        Some(self.replacement(number, Part::Canary))
    }

    /// Has all tasks turn to the canary's component, on trial for so many epochs. None where there is no canary.
    pub fn promote(&self, epochs: u64) -> Option<Replacement> {
        let number = self.0.change(|state| {
            let canary = state.canary.take()?;
            let number = canary.version.number;
            state.try_out(canary.version, epochs);
            Some(number)
        })?;
        Some(self.replacement(number, Part::Current))
    }

    /// Ends the canary; its partitions go on with the other component. Which it was; None where there is none.
    pub fn withdraw(&self) -> Option<Arc<dyn Component>> {
        self.0.change(|state| {
            let canary = state.canary.take()?;
            state.verdict = Some((canary.version.number, Verdict::Withdrawn));
            Some(canary.version.component)
        })
    }

    /// What some partitions are tried with.
    pub fn canary(&self) -> Option<Arc<dyn Component>> {
        let state = self.0.state();
        let canary = state.canary.as_ref();
        canary.map(|canary| Arc::clone(&canary.version.component))
    }

    /// How many partitions a canary is to have.
    pub(super) fn canary_share(&self) -> Option<Share> {
        self.0.state().canary.as_ref().map(|canary| canary.share)
    }

    /// There can be no canary here.
    pub(super) fn refuse_canary(&self, why: String) {
        self.0.change(|state| {
            if let Some(canary) = state.canary.take() {
                state.verdict = Some((canary.version.number, Verdict::Impossible(why)));
            }
        });
    }

    /// Says when anything has changed.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    fn replacement(&self, number: u64, part: Part) -> Replacement {
        Replacement {
            logic: self.clone(),
            number,
            part,
            changes: self.0.changes.subscribe(),
        }
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
            part: Part::Current,
            changes,
        }
    }
}

impl Replacement {
    /// Waits until no task runs an older one, or for a canary until one runs it; where their partitions stood (None:
    /// at their beginning). Nowhere where it came to its end before.
    pub async fn taken_over(&mut self) -> TakenOver {
        let (number, part) = (self.number, self.part);
        self.wait(|state| {
            let mut tasks = state.tasks.values();
            let is_over = match part {
                Part::Current => tasks.all(|task| *task >= number),
                Part::Canary => tasks.any(|task| *task == number) || !state.is_canary(number),
            };
            is_over.then(|| TakenOver {
                at: state.turned.clone(),
                pause: state.pause,
            })
        })
        .await
    }

    /// Waits for the end of its trial; as a canary, for that of its first epochs.
    pub async fn verdict(&mut self) -> Verdict {
        let number = self.number;
        self.wait(|state| match &state.verdict {
            Some((of, verdict)) if *of == number => Some(verdict.clone()),
            _ => None,
        })
        .await
    }

    /// Waits for the end of a canary: None where it was promoted.
    pub async fn end(&mut self) -> Option<Verdict> {
        let number = self.number;
        self.wait(|state| match &state.verdict {
            _ if state.is_canary(number) => None,
            Some((of, verdict)) if *of == number => Some(match verdict {
                // Kept or not, that is for who has promoted it.
                Verdict::Going | Verdict::Kept => None,
                verdict => Some(verdict.clone()),
            }),
            _ => Some(None),
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
    part: Part,
    changes: watch::Receiver<u64>,
}

impl Running {
    pub(super) fn component(&self) -> &Arc<dyn Component> {
        &self.version.component
    }

    pub(super) fn standing(&self) -> Standing {
        self.logic.0.state().standing(self.version.number)
    }

    /// From now on this task runs the canary's component, while there is one.
    pub(super) fn join_canary(&mut self) {
        self.part = Part::Canary;
    }

    /// What this task is to run.
    pub(super) fn target(&self) -> Version {
        self.logic.0.state().target(self.part).clone()
    }

    /// Waits until there is another component than the one that this task runs. Safe to cancel.
    pub(super) async fn replaced(&mut self) {
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
    pub(super) fn turn(&mut self, at: &Positions, pause: Duration) {
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
    pub(super) fn committed(&self) {
        let number = self.version.number;
        if self.standing() != Standing::OnTrial {
            return;
        }
        self.logic.0.change(|state| {
            if state.is_canary(number) {
                if let Some(canary) = &mut state.canary {
                    canary.epochs_left = canary.epochs_left.saturating_sub(1);
                    if canary.epochs_left == 0 {
                        state.verdict = Some((number, Verdict::Going));
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
