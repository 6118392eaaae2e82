//! The component of a pipeline, which may be replaced while it runs (commit protocol, rule 16).
//!
//! Nothing is handed over, since an instance's memory is a cache: each task goes on with an instance of the new
//! component once its outstanding commit is settled. For its first epochs the new one is on trial: what fails
//! for its own sake takes the pipeline back to the former one, which writes the epoch again.

mod replacement;
mod running;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use wasm_sink_core::component::Component;
use wasm_sink_core::{PartitionKey, Position};

use super::quota::Standing;

pub use replacement::{Replacement, TakenOver, Verdict};
pub(super) use running::Running;

type Positions = BTreeMap<PartitionKey, Option<Position>>;

/// Verdicts that are kept for those who wait for them.
const VERDICTS: usize = 8;

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
    /// Canaries that were withdrawn, and may have an epoch under way.
    withdrawn: BTreeSet<u64>,
    /// How the last trials ended, by whose they were.
    verdicts: BTreeMap<u64, Verdict>,
    has_ended: bool,
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

    fn judge(&mut self, number: u64, verdict: Verdict) {
        self.verdicts.insert(number, verdict);
        while self.verdicts.len() > VERDICTS {
            self.verdicts.pop_first();
        }
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
        // A canary has had one before.
        self.verdicts.remove(&number);
        if epochs == 0 && !self.has_ended {
            self.judge(number, Verdict::Kept);
        }
    }

    fn standing(&self, number: u64) -> Standing {
        let is_tried = self.trial.is_some() && self.current.number == number;
        if self.failed.contains(&number) {
            Standing::Failed
        } else if is_tried || self.is_canary(number) || self.withdrawn.contains(&number) {
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
            withdrawn: BTreeSet::new(),
            verdicts: BTreeMap::new(),
            has_ended: false,
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
            // What it fails at from now on is its own fault as before.
            state.withdrawn.insert(canary.version.number);
            state.judge(canary.version.number, Verdict::Withdrawn);
            Some(canary.version.component)
        })
    }

    /// The pipeline has ended: nobody runs anything any more, and whoever waits for a verdict gets one.
    pub fn end(&self) {
        self.0.change(|state| state.has_ended = true);
    }

    /// What some partitions are tried with.
    pub fn canary(&self) -> Option<Arc<dyn Component>> {
        let state = self.0.state();
        let canary = state.canary.as_ref();
        canary.map(|canary| Arc::clone(&canary.version.component))
    }

    /// The epochs that are left of a trial, while there is one.
    pub fn trial_epochs_left(&self) -> Option<u64> {
        let state = self.0.state();
        state.trial.as_ref().map(|trial| trial.epochs_left)
    }

    /// How many partitions a canary is to have.
    pub(super) fn canary_share(&self) -> Option<Share> {
        self.0.state().canary.as_ref().map(|canary| canary.share)
    }

    /// There can be no canary here.
    pub(super) fn refuse_canary(&self, why: String) {
        self.0.change(|state| {
            if let Some(canary) = state.canary.take() {
                state.judge(canary.version.number, Verdict::Impossible(why));
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
