//! One instance, and what it does with epochs.

use std::sync::atomic::{AtomicU64, Ordering};

use wasm_sink_core::component::{Failure, FailureCause};
use wasm_sink_core::guest::calls::Call;
use wasm_sink_core::{Account, CommitId, DeadLetter, Rows};

use super::Subject;
use super::destination::Destination;
use crate::comparison::Lived;
use crate::engine::SWALLOWED;
use crate::stand_in::function;

/// What came of an instance.
#[derive(Debug)]
pub(super) struct Life {
    /// Where its rows went.
    pub(super) to: Destination,
    /// What it asked for in `open`.
    pub(super) opening: Vec<Call>,
    /// The epochs that it began.
    pub(super) epochs: Vec<Epoch>,
    /// Why it is gone, if it is.
    pub(super) failure: Option<Failed>,
}

/// What came of an epoch.
#[derive(Debug, Default)]
pub(super) struct Epoch {
    pub(super) calls: Vec<Call>,
    pub(super) letters: Vec<DeadLetter>,
    /// None where it failed.
    pub(super) account: Option<Account>,
    /// Fuel that its calls took.
    pub(super) fuel: u64,
}

/// How an instance failed.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) how: How,
    pub(super) message: String,
}

/// As far as it matters to whoever wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It answered with an error.
    Answered,
    /// It answered ok although a call had failed.
    Swallowed,
    /// It trapped.
    Trapped,
    /// It took too long.
    Late,
}

impl From<&Failure> for Failed {
    fn from(failure: &Failure) -> Self {
        let message = failure.error.to_string();
        let how = match failure.cause {
            FailureCause::Trap => How::Trapped,
            FailureCause::Deadline => How::Late,
            FailureCause::Answer if message.contains(SWALLOWED) => How::Swallowed,
            FailureCause::Answer if message.contains(TRAPPED_AFTERWARDS) => How::Trapped,
            FailureCause::Answer => How::Answered,
        };
        Self { how, message }
    }
}

/// Calls that ask for tables and their columns, or make them.
const SHAPING: [&str; 5] = ["open", "fields", "create", "add-columns", "widen-columns"];

/// What is said of a component that traps after a call has failed.
const TRAPPED_AFTERWARDS: &str = "the component trapped in";

impl Life {
    /// All calls, those of `open` first.
    pub(super) fn calls(&self) -> impl Iterator<Item = &Call> {
        let of_epochs = self.epochs.iter().flat_map(|epoch| &epoch.calls);
        self.opening.iter().chain(of_epochs)
    }

    /// Its last epoch, to be held against another. What tables have become is seen by their columns: who has made
    /// them is no matter.
    pub(super) fn into_last(mut self) -> Lived {
        let epoch = self.epochs.pop().unwrap_or_default();
        let calls = epoch.calls.into_iter();
        let shapes = |call: &Call| SHAPING.contains(&function(&call.asked));
        Lived {
            calls: calls.filter(|call| !shapes(call)).collect(),
            letters: epoch.letters,
            failure: self.failure.map(|failed| failed.message),
            ..Lived::default()
        }
    }
}

/// Has a fresh instance live through epochs, each of which is given these rows.
pub(super) async fn live(subject: &Subject, to: &Destination, epochs: &[&[Rows]]) -> Life {
    static INSTANCES: AtomicU64 = AtomicU64::new(0);
    // What it takes for chance is another one in each instance.
    let header = subject.header(INSTANCES.fetch_add(1, Ordering::Relaxed));
    let mut life = Life {
        to: to.clone(),
        opening: Vec::new(),
        epochs: Vec::new(),
        failure: None,
    };
    let replies = Box::new(to.clone());
    let deadline = subject.limits.call_deadline;
    let (calls, opened) = subject.component.offline(&header, deadline, replies).await;
    life.opening = calls;
    let mut instance = match opened {
        Ok(instance) => instance,
        Err(failure) => {
            life.failure = Some((&failure).into());
            return life;
        }
    };
    // What `open` took is no row's.
    instance.take_fuel();
    for (number, batches) in (1..).zip(epochs) {
        instance.begin(CommitId::from_random(number));
        let mut epoch = Epoch::default();
        let mut done = Ok(());
        for rows in *batches {
            done = instance.write(rows.clone()).await;
            if done.is_err() {
                break;
            }
        }
        let sealed = match done {
            Ok(()) => instance.flush().await,
            Err(failure) => Err(failure),
        };
        epoch.calls = instance.take_calls();
        epoch.fuel = instance.take_fuel();
        match sealed {
            Ok(sealed) => {
                epoch.letters = sealed.dead_letters;
                epoch.account = Some(sealed.account);
                life.epochs.push(epoch);
            }
            Err(failure) => {
                life.failure = Some((&failure).into());
                life.epochs.push(epoch);
                return life;
            }
        }
    }
    life
}
