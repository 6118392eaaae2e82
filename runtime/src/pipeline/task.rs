//! One component instance and the source partitions that feed it: batches become epochs, epochs
//! become commits, and whatever fails before a commit is written again from memory.

mod recover;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use wasm_sink_core::component::{Failure, Instance, Sealed};
use wasm_sink_core::home::CommitPurpose;
use wasm_sink_core::stage::Purpose;
use wasm_sink_core::step::Step;
use wasm_sink_core::{Blame, CommitId, Error, Kind, PartitionKey, Position, Result, SourceBatch};

use super::backoff::Backoff;
use super::committer::{Outcome, Request};
use super::context::Context;
use super::driver::{TaskEvent, TaskNumber};
use super::epoch::{OpenEpoch, Piece, ReadyEpoch};
use super::state::PendingLetters;

use recover::Broken;

/// How long an epoch may stay open that only moves positions.
const POSITIONS_ALONE: std::time::Duration = std::time::Duration::from_secs(60);

/// What the driver tells a task, in order.
#[derive(Debug)]
pub(super) enum Order {
    /// A partition is this task's from here on.
    Assign(PartitionKey, Option<Position>),
    /// Rows of one of its partitions.
    Batch(SourceBatch),
    /// Commit what there is, then let these partitions go.
    Release(Vec<PartitionKey>, oneshot::Sender<()>),
    /// Commit what there is and end.
    Finish,
}

/// How an attempt at an epoch ended, short of an error that stops the pipeline.
enum Delivery {
    Done,
    /// The partitions moved without us; nothing of it is ours any more.
    Displaced,
    /// To be written again from memory.
    Again(Error),
}

pub(super) struct Task {
    context: Arc<Context>,
    number: TaskNumber,
    orders: mpsc::UnboundedReceiver<Order>,
    events: mpsc::UnboundedSender<TaskEvent>,
    instance: Option<Box<dyn Instance>>,
    /// Where each of its partitions goes on.
    next: BTreeMap<PartitionKey, Option<Position>>,
    open: Option<OpenEpoch>,
    /// Whether the last attempt found that the destination had changed under what was staged.
    was_outdated: bool,
}

impl Task {
    pub(super) fn new(
        context: Arc<Context>,
        number: TaskNumber,
        orders: mpsc::UnboundedReceiver<Order>,
        events: mpsc::UnboundedSender<TaskEvent>,
    ) -> Self {
        Self {
            context,
            number,
            orders,
            events,
            instance: None,
            next: BTreeMap::new(),
            open: None,
            was_outdated: false,
        }
    }

    /// Works until it is told to finish.
    pub(super) async fn run(mut self) -> Result<()> {
        loop {
            let due = self.due();
            let context = Arc::clone(&self.context);
            let order = tokio::select! {
                biased;
                () = async { sleep_until(due.unwrap_or_else(Instant::now)).await },
                    if due.is_some() => None,
                () = context.budget.pressed(), if self.holds_rows() => None,
                order = self.orders.recv() => Some(order),
            };
            match order {
                None => self.close().await?,
                Some(Some(Order::Assign(key, at))) => {
                    self.next.insert(key, at);
                }
                Some(Some(Order::Batch(batch))) => {
                    let result = self.take(batch).await;
                    self.tell(TaskEvent::Took(self.number));
                    result?;
                }
                Some(Some(Order::Release(keys, done))) => {
                    self.close().await?;
                    for key in &keys {
                        self.next.remove(key);
                    }
                    let _ = done.send(());
                }
                Some(Some(Order::Finish) | None) => {
                    self.close().await?;
                    return Ok(());
                }
            }
        }
    }

    fn tell(&self, event: TaskEvent) {
        // A driver that is gone has no use for it.
        let _ = self.events.send(event);
    }

    fn holds_rows(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.first_row.is_some())
    }

    /// When the open epoch is to be closed (commit protocol, rule 17).
    fn due(&self) -> Option<Instant> {
        let open = self.open.as_ref()?;
        let Some(first_row) = open.first_row else {
            return Some(open.opened + POSITIONS_ALONE);
        };
        let limits = &self.context.epoch;
        let latest = first_row + limits.max_age;
        let wish = self.instance.as_ref().and_then(|instance| instance.wish());
        Some(
            wish.map_or(latest, |wish| wish.min(latest))
                .max(first_row + limits.min_age),
        )
    }

    fn is_full(&self) -> bool {
        let limits = &self.context.epoch;
        self.open
            .as_ref()
            .is_some_and(|open| open.rows >= limits.max_rows || open.bytes >= limits.max_bytes)
    }

    async fn take(&mut self, batch: SourceBatch) -> Result<()> {
        match self.next.get_mut(&batch.key) {
            // Read before the partition was taken away.
            None => return Ok(()),
            Some(next) if *next != batch.begin => {
                return Err(Error::new(
                    Kind::Other,
                    Blame::Host,
                    format!(
                        "partition {} was read to {} and its next batch begins at {}",
                        batch.key,
                        show(next.as_ref()),
                        show(batch.begin.as_ref())
                    ),
                ));
            }
            Some(next) => *next = Some(batch.end.clone()),
        }
        let piece = Piece::whole(Arc::new(batch));
        let id = self.context.new_commit_id();
        let open = self.open.get_or_insert_with(|| OpenEpoch::new(id));
        let (id, is_first) = (open.id, open.rows == 0);
        open.push(piece.clone());
        if let Some(rows) = piece.rows()? {
            if is_first {
                self.instance().await?.begin(id);
            }
            if let Err(failure) = self.instance().await?.write(rows).await {
                let open = self.open.take();
                self.drop_instance().await;
                let pieces = open.map(|open| open.pieces).unwrap_or_default();
                let at = Some(pieces.len().saturating_sub(1));
                return self.recover(pieces, Broken { failure, at }).await;
            }
            Step::BatchWritten.reached();
        }
        if self.is_full() {
            self.close().await
        } else {
            Ok(())
        }
    }

    /// Commits the open epoch, however often it takes.
    async fn close(&mut self) -> Result<()> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let sealed = if open.rows > 0 {
            match self.instance().await?.flush().await {
                Ok(sealed) => sealed,
                Err(failure) => {
                    self.drop_instance().await;
                    return self
                        .recover(open.pieces, Broken { failure, at: None })
                        .await;
                }
            }
        } else {
            Sealed::default()
        };
        Step::Staged.reached();
        match self.commit(open.id, &open.pieces, sealed).await? {
            Delivery::Done => Ok(()),
            Delivery::Displaced => self.displaced(&open.pieces),
            Delivery::Again(error) => {
                self.drop_instance().await;
                let failure = Failure {
                    cause: wasm_sink_core::component::FailureCause::Answer,
                    error,
                };
                self.recover(open.pieces, Broken { failure, at: None })
                    .await
            }
        }
    }

    /// Hands a sealed epoch to the committer, with its dead letters written down before.
    async fn commit(&mut self, id: CommitId, pieces: &[Piece], sealed: Sealed) -> Result<Delivery> {
        let context = Arc::clone(&self.context);
        let staged = sealed.staged.clone();
        let epoch = match ReadyEpoch::new(id, pieces, sealed, &context.destination)
            .and_then(|epoch| context.quota.admit(&epoch.commit.account).map(|()| epoch))
        {
            Ok(epoch) => epoch,
            Err(error) => {
                context.destination.home.discard(&staged).await;
                return Err(error);
            }
        };
        let account = epoch.commit.account;
        if epoch.commit.moves.is_empty() {
            if account.taken == 0 && epoch.dead_letters.is_empty() {
                return Ok(Delivery::Done);
            }
            context.destination.home.discard(&staged).await;
            return Err(Error::new(
                Kind::Other,
                Blame::Host,
                "the source gave rows that move no position, so they could not be committed once",
            ));
        }
        let moves = epoch.commit.moves.clone();
        let pending = PendingLetters {
            id,
            begins: moves
                .iter()
                .map(|moved| (moved.key.clone(), moved.begin.clone()))
                .collect(),
        };
        let has_letters = !epoch.dead_letters.is_empty();
        if has_letters {
            if let Err(error) = context
                .state
                .write_letters(&pending, &epoch.dead_letters)
                .await
            {
                context.destination.home.discard(&staged).await;
                return if error.is_transient() {
                    context.quota.withdraw(&account);
                    Ok(Delivery::Again(error))
                } else {
                    Err(error)
                };
            }
            Step::DeadLettersWritten.reached();
        }
        let (outcome, answer) = oneshot::channel();
        let request = Request {
            epoch,
            purpose: CommitPurpose::Deliver,
            outcome,
        };
        if context.committer.send(request).is_err() {
            return Err(gone());
        }
        let outcome = answer.await.map_err(|_| gone())?;
        let was_outdated = std::mem::replace(
            &mut self.was_outdated,
            matches!(outcome, Outcome::Outdated(_)),
        );
        match outcome {
            Outcome::Committed => {
                if self
                    .instance
                    .as_ref()
                    .is_some_and(|instance| instance.worn())
                {
                    self.drop_instance().await;
                }
                if has_letters {
                    context.state.publish_letters(id).await?;
                    Step::DeadLettersPublished.reached();
                }
                let durable = moves
                    .into_iter()
                    .map(|moved| (moved.key, moved.end))
                    .collect();
                self.tell(TaskEvent::Committed(durable));
                Ok(Delivery::Done)
            }
            Outcome::Replay(error) => {
                context.quota.withdraw(&account);
                Ok(Delivery::Again(error))
            }
            Outcome::Outdated(error) if was_outdated => {
                Err(error.context("the epoch was written again, and refused again"))
            }
            Outcome::Outdated(error) => {
                context.quota.withdraw(&account);
                let kind = Kind::Unavailable;
                Ok(Delivery::Again(Error::new(
                    kind,
                    error.blame(),
                    error.to_string(),
                )))
            }
            Outcome::Failed(error) => Err(error),
            Outcome::Lost {
                key,
                stored,
                winner,
            } => {
                if has_letters {
                    context.settle_letters(&[pending]).await?;
                }
                context.lost(&key, stored.as_ref(), &winner)?;
                Ok(Delivery::Displaced)
            }
        }
    }

    /// The group gave these partitions to somebody else, or they stand elsewhere: they are ours
    /// again only once positions were read.
    fn displaced(&mut self, pieces: &[Piece]) -> Result<()> {
        let mut keys: Vec<PartitionKey> =
            pieces.iter().map(|piece| piece.batch.key.clone()).collect();
        keys.sort();
        keys.dedup();
        keys.retain(|key| self.next.remove(key).is_some());
        if !keys.is_empty() {
            self.tell(TaskEvent::Displaced(self.number, keys));
        }
        Ok(())
    }

    async fn drop_instance(&mut self) {
        if let Some(mut instance) = self.instance.take() {
            instance.forget().await;
        }
    }

    /// The instance, a fresh one where there is none.
    async fn instance(&mut self) -> Result<&mut Box<dyn Instance>> {
        if self.instance.is_none() {
            let context = Arc::clone(&self.context);
            let mut backoff = Backoff::new(&context.retry, &*context.entropy);
            let fresh = loop {
                match context.component.start(Purpose::Commit).await {
                    Ok(fresh) => break fresh,
                    Err(error) => pause(&context, &mut backoff, error).await?,
                }
            };
            self.instance = Some(fresh);
        }
        self.instance.as_mut().ok_or_else(gone)
    }
}

fn gone() -> Error {
    Error::new(
        Kind::Other,
        Blame::Host,
        "a part of the pipeline ended before its time",
    )
}

fn show(position: Option<&Position>) -> String {
    position.map_or_else(|| "its beginning".to_owned(), ToString::to_string)
}

async fn pause(context: &Context, backoff: &mut Backoff<'_>, error: Error) -> Result<()> {
    let (wait, error) = backoff.wait(error)?;
    context.observer.retrying(&error, wait);
    sleep(wait).await;
    Ok(())
}
