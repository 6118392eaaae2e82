//! One committer per pipeline and process: joins the tasks' ready epochs, attempts them on a fresh
//! base, and after anything but a plain answer reads back before it does more (commit protocol,
//! rules 4, 7 and 12).

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};
use wasm_sink_core::component::Writer;
use wasm_sink_core::home::{
    Admission, AttemptError, Base, Commit, CommitPurpose, EpochCommit, History, Staging, Stored,
    Winner, admit,
};
use wasm_sink_core::step::Step;
use wasm_sink_core::{Account, Blame, Error, Kind, PartitionKey, Result};

use super::backoff::Backoff;
use super::context::Context;
use super::epoch::ReadyEpoch;
use super::observe::{Attempt, Committed, EpochEvent};
use super::roll_forward::roll_forward;

/// How many epochs one commit joins at most.
const MAX_JOINED: usize = 64;

/// What became of an epoch.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is visible.
    Committed,
    /// Its partitions are no longer ours: somebody else's commit is stored.
    Lost {
        key: PartitionKey,
        stored: Option<Stored>,
        winner: Winner,
    },
    /// Its staged data can't be used any more; the batches are to be written again.
    Replay(Error),
    /// As above, since the destination changed under it; once.
    Outdated(Error),
    /// Waiting does not help.
    Failed(Error),
}

/// An epoch and where its outcome goes. A task that no longer waits drops its epoch.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) epoch: ReadyEpoch,
    /// What wrote it.
    pub(super) writer: Writer,
    pub(super) purpose: CommitPurpose,
    pub(super) outcome: oneshot::Sender<Outcome>,
}

struct Waiting {
    request: Request,
    /// Whether its files may be referenced by an attempt that has landed or may land.
    attempted: bool,
    /// Whether observers know that it is visible.
    reported: bool,
}

pub(super) struct Committer {
    context: Arc<Context>,
    requests: mpsc::UnboundedReceiver<Request>,
    waiting: VecDeque<Waiting>,
}

impl Committer {
    pub(super) fn new(context: Arc<Context>, requests: mpsc::UnboundedReceiver<Request>) -> Self {
        Self {
            context,
            requests,
            waiting: VecDeque::new(),
        }
    }

    /// Works until every sender is gone.
    pub(super) async fn run(mut self) {
        while let Some(request) = self.requests.recv().await {
            self.take(request);
            self.settle_all().await;
        }
    }

    fn take(&mut self, request: Request) {
        self.waiting.push_back(Waiting {
            request,
            attempted: false,
            reported: false,
        });
    }

    /// Until nobody waits.
    async fn settle_all(&mut self) {
        let context = Arc::clone(&self.context);
        let mut backoff = Backoff::new(&context.retry, &*context.entropy);
        while !self.waiting.is_empty() {
            while let Ok(request) = self.requests.try_recv() {
                self.take(request);
            }
            let error = match self.round().await {
                Ok(()) => {
                    backoff = Backoff::new(&context.retry, &*context.entropy);
                    continue;
                }
                Err(error) => error,
            };
            match backoff.wait(error) {
                Ok((wait, error)) => {
                    context.observer.retrying(&error, wait);
                    for waiting in &self.waiting {
                        let id = waiting.request.epoch.commit.id;
                        context.observer.epoch(id, EpochEvent::Retrying(&error));
                    }
                    sleep(wait).await;
                }
                Err(error) => self.fail_all(&error),
            }
        }
    }

    /// One look at the home, and one attempt at what may be committed on it.
    async fn round(&mut self) -> Result<()> {
        let context = Arc::clone(&self.context);
        let base = context.destination.home.read().await?;
        Step::ReadBack.reached();
        self.drop_abandoned();
        self.settle_against(&base).await?;
        self.drop_aged();
        let most = match context.destination.home.staging() {
            Staging::Durable => MAX_JOINED,
            // Each has a transaction of its own.
            Staging::Session | Staging::Sending => 1,
        };
        let joined = self.waiting.len().min(most);
        if joined == 0 {
            return Ok(());
        }
        // A restart is a commit of its own: it moves positions back. So are the epochs of each writer, which the
        // commit names.
        let Some(first) = self.waiting.front() else {
            return Ok(());
        };
        let (purpose, writer) = (first.request.purpose, first.request.writer.clone());
        let joined = self
            .waiting
            .iter()
            .take(joined)
            .take_while(|waiting| {
                let request = &waiting.request;
                request.purpose == purpose && request.writer == writer
            })
            .count();
        let epochs: Vec<EpochCommit> = self
            .waiting
            .iter()
            .take(joined)
            .map(|waiting| waiting.request.epoch.commit.clone())
            .collect();
        context.finish_intents(&base, &epochs).await?;
        for waiting in self.waiting.iter_mut().take(joined) {
            waiting.attempted = true;
        }
        let commit = Commit {
            epochs,
            writer,
            purpose,
        };
        let begun = Instant::now();
        Step::Attempting.reached();
        let answer = context.destination.home.attempt(&base, &commit).await;
        Step::Attempted.reached();
        context.observer.attempted(&Attempt {
            commit: &commit,
            version: base.version,
            took: begun.elapsed(),
            error: answer.as_ref().err().map(AttemptError::error),
        });
        match answer {
            Ok(()) => {
                self.report(joined, begun);
                for waiting in self.waiting.iter_mut().take(joined) {
                    waiting.reported = true;
                }
                if commit.epochs.iter().any(|epoch| epoch.intent.is_some()) {
                    // Read back, so that only an intent that the home has is applied.
                    return Ok(());
                }
                for waiting in self.waiting.drain(..joined) {
                    // A task that gave up reads positions before it goes on.
                    let _ = waiting.request.outcome.send(Outcome::Committed);
                }
                Ok(())
            }
            #[cfg(feature = "planted")]
            Err(_) if context.planted == Some(super::planted::Fault::NoReadBack) => {
                self.report(joined, begun);
                for waiting in self.waiting.drain(..joined) {
                    let _ = waiting.request.outcome.send(Outcome::Committed);
                }
                Ok(())
            }
            Err(error) => self.read_back(error, &commit, begun).await,
        }
    }

    /// After an attempt without a plain answer: only what the home stores counts.
    async fn read_back(
        &mut self,
        error: AttemptError,
        commit: &Commit,
        begun: Instant,
    ) -> Result<()> {
        let context = Arc::clone(&self.context);
        let base = context.read_home().await?;
        Step::ReadBack.reached();
        let before = self.waiting.len();
        self.settle_against(&base).await?;
        if self.waiting.len() < before {
            // Some of it is in, or lost. What is left is attempted again without delay.
            tracing::debug!(
                took_ms = begun.elapsed().as_millis() as u64,
                "a commit without an answer was settled by reading back"
            );
            return Ok(());
        }
        match error {
            AttemptError::Outdated(error) => {
                self.answer(commit, || Outcome::Outdated(copy(&error)));
                Ok(())
            }
            AttemptError::Failed(error) => {
                self.answer(commit, || Outcome::Failed(copy(&error)));
                Ok(())
            }
            AttemptError::Conflict(error) | AttemptError::Unknown(error) => {
                // Positions alone stand in nobody's session.
                let is_staged = commit.epochs.iter().any(|epoch| !epoch.staged.is_empty());
                if is_staged && context.destination.home.staging() != Staging::Durable {
                    context.may_land(commit.epochs.iter().map(|epoch| epoch.id));
                    let again = |error: &Error| {
                        Error::new(Kind::Unavailable, error.blame(), error.to_string())
                    };
                    self.answer(commit, || Outcome::Replay(again(&error)));
                    return Ok(());
                }
                Err(error)
            }
        }
    }

    /// Answers every epoch that the base shows to be in, or no longer ours.
    async fn settle_against(&mut self, base: &Base) -> Result<()> {
        let context = Arc::clone(&self.context);
        let epochs: Vec<EpochCommit> = self
            .waiting
            .iter()
            .map(|waiting| waiting.request.epoch.commit.clone())
            .collect();
        let admissions = context.admit(base, &epochs);
        for (epoch, admission) in epochs.iter().zip(&admissions) {
            if *admission == Admission::Done && epoch.intent.is_some() {
                context
                    .finish_intents(base, std::slice::from_ref(epoch))
                    .await?;
            }
        }
        let mut left = VecDeque::with_capacity(self.waiting.len());
        for (waiting, admission) in self.waiting.drain(..).zip(admissions) {
            let outcome = match admission {
                Admission::Admitted => {
                    left.push_back(waiting);
                    continue;
                }
                Admission::Done => {
                    if !waiting.reported {
                        report(&context, [&waiting.request.epoch], Instant::now());
                    }
                    Outcome::Committed
                }
                Admission::Refused(key) => {
                    remove_lost(&context, base, &waiting).await;
                    Outcome::Lost {
                        stored: base.positions.get(&key).cloned(),
                        winner: context.destination.home.winner(base, &key).await,
                        key,
                    }
                }
            };
            let _ = waiting.request.outcome.send(outcome);
        }
        self.waiting = left;
        Ok(())
    }

    /// Drops epochs whose task has gone: its partitions were taken away.
    fn drop_abandoned(&mut self) {
        self.waiting
            .retain(|waiting| !waiting.request.outcome.is_closed());
    }

    /// Sends back epochs whose files upkeep may have removed.
    fn drop_aged(&mut self) {
        let Some(limit) = self.context.destination.home.max_staged_age() else {
            return;
        };
        let (aged, fresh) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<VecDeque<_>, _>(|waiting| {
                !waiting.request.epoch.staged.is_empty()
                    && waiting.request.epoch.staged_at.elapsed() >= limit
            });
        self.waiting = fresh;
        for waiting in aged {
            let error = Error::new(
                Kind::Unavailable,
                Blame::Destination,
                "what was staged is older than half the vacuum retention",
            );
            let _ = waiting.request.outcome.send(Outcome::Replay(error));
        }
    }

    /// Gives every epoch of a commit the same outcome.
    fn answer(&mut self, commit: &Commit, outcome: impl Fn() -> Outcome) {
        let (answered, left) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<VecDeque<_>, _>(|waiting| {
                commit
                    .epochs
                    .iter()
                    .any(|epoch| epoch.id == waiting.request.epoch.commit.id)
            });
        self.waiting = left;
        for waiting in answered {
            let _ = waiting.request.outcome.send(outcome());
        }
    }

    fn fail_all(&mut self, error: &Error) {
        for waiting in self.waiting.drain(..) {
            let _ = waiting.request.outcome.send(Outcome::Failed(copy(error)));
        }
    }

    /// Tells observers of the first `joined` epochs.
    fn report(&self, joined: usize, begun: Instant) {
        let waiting = self.waiting.iter().take(joined);
        let epochs = waiting.map(|waiting| &waiting.request.epoch);
        report(&self.context, epochs, begun);
    }
}

/// The same once more, its sources as text.
fn copy(error: &Error) -> Error {
    Error::new(error.kind(), error.blame(), error.to_string())
}

fn report<'a>(context: &Context, epochs: impl IntoIterator<Item = &'a ReadyEpoch>, begun: Instant) {
    let mut account = Account::default();
    let (mut bytes, mut joined) = (0, 0);
    for ReadyEpoch {
        commit: epoch,
        dead_letters,
        ..
    } in epochs
    {
        if !dead_letters.is_empty() {
            context.observer.refused(dead_letters);
        }
        account.add(&epoch.account);
        bytes += epoch.staged.iter().map(|staged| staged.bytes).sum::<u64>();
        joined += 1;
    }
    context.observer.committed(&Committed {
        epochs: joined,
        account,
        bytes,
        took: begun.elapsed(),
    });
}

/// Rule 7: what a lost epoch staged is removed only once its partition has left its begin and the
/// home's history lacks it; otherwise an attempt of ours may have landed and been built upon.
async fn remove_lost(context: &Context, base: &Base, waiting: &Waiting) {
    let epoch = &waiting.request.epoch;
    let home = &context.destination.home;
    #[cfg(feature = "planted")]
    if context.planted == Some(super::planted::Fault::DeleteAttempted) {
        home.discard(&epoch.staged).await;
        return;
    }
    if !waiting.attempted {
        home.discard(&epoch.staged).await;
        return;
    }
    let has_left = epoch.commit.moves.iter().any(|moved| {
        base.positions
            .get(&moved.key)
            .map(|stored| &stored.position)
            != moved.begin.as_ref()
    });
    if has_left && matches!(home.history(epoch.commit.id).await, Ok(History::Lacks)) {
        home.discard(&epoch.staged).await;
    }
}

impl Context {
    /// Rule 4 on a base.
    fn admit(&self, base: &Base, epochs: &[EpochCommit]) -> Vec<Admission> {
        #[cfg(feature = "planted")]
        if self.planted == Some(super::planted::Fault::AtLeast) {
            return super::planted::admit_at_least(&base.positions, epochs);
        }
        admit(&base.positions, epochs)
    }

    /// Rule 2: no commit of a partition before its last intent is seen applied.
    async fn finish_intents(&self, base: &Base, epochs: &[EpochCommit]) -> Result<()> {
        let keys = epochs.iter().flat_map(|epoch| &epoch.moves).map(|m| &m.key);
        self.roll_forward(base, keys).await
    }

    /// Sees the last intents of `keys` applied.
    pub(super) async fn roll_forward(
        &self,
        base: &Base,
        keys: impl Iterator<Item = &PartitionKey>,
    ) -> Result<()> {
        #[cfg(feature = "planted")]
        if self.planted == Some(super::planted::Fault::LostIntent) {
            return Ok(());
        }
        roll_forward(
            base,
            keys,
            &self.destination,
            &self.retry,
            &*self.entropy,
            &*self.observer,
        )
        .await
    }
}
