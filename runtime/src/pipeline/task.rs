//! One component instance and the source partitions that feed it: batches become epochs, epochs
//! become commits, and whatever fails before a commit is written again from memory. Where the
//! destination stages durably, the next epoch is written while the last one is committed.

mod commit;
mod evidence;
mod recover;
mod told;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use wasm_sink_core::component::{Instance, Sealed};
use wasm_sink_core::home::Staging;
use wasm_sink_core::stage::Purpose;
use wasm_sink_core::step::Step;
use wasm_sink_core::{Blame, Error, Kind, PartitionKey, Position, Result, SourceBatch};

use super::backoff::Backoff;
use super::committer::Outcome;
use super::context::Context;
use super::driver::{TaskEvent, TaskNumber};
use super::epoch::{Group, OpenEpoch, Piece};
use super::logic::Running;
use super::observe::EpochEnd;

use commit::{Submission, Submitted};
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
    /// Run the component of a canary, while there is one.
    JoinCanary,
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

/// An epoch that the committer has, and its rows, should it have to be written again.
struct InFlight {
    submitted: Submitted,
    pieces: Vec<Piece>,
}

/// What a task turns to next.
enum Next {
    /// The epoch in flight has an outcome; none where the committer is gone.
    Settled(Option<Outcome>),
    /// The open epoch is to be closed.
    Close,
    /// There is another component.
    Replace,
    Order(Option<Order>),
}

pub(super) struct Task {
    context: Arc<Context>,
    number: TaskNumber,
    orders: mpsc::UnboundedReceiver<Order>,
    events: mpsc::UnboundedSender<TaskEvent>,
    /// The component that writes what is open and in flight.
    running: Running,
    instance: Option<Box<dyn Instance>>,
    /// Where each of its partitions goes on.
    next: BTreeMap<PartitionKey, Option<Position>>,
    open: Option<OpenEpoch>,
    /// The epoch before the open one, until it is settled.
    in_flight: Option<InFlight>,
    /// Whether the last attempt found that the destination had changed under what was staged.
    was_outdated: bool,
    /// When the next failure is kept; None: at once.
    evidence_due: Option<Instant>,
}

impl Task {
    pub(super) fn new(
        context: Arc<Context>,
        number: TaskNumber,
        orders: mpsc::UnboundedReceiver<Order>,
        events: mpsc::UnboundedSender<TaskEvent>,
    ) -> Self {
        Self {
            running: context.logic.task(),
            context,
            number,
            orders,
            events,
            instance: None,
            next: BTreeMap::new(),
            open: None,
            in_flight: None,
            was_outdated: false,
            evidence_due: None,
        }
    }

    /// Works until it is told to finish.
    pub(super) async fn run(mut self) -> Result<()> {
        loop {
            let due = self.due();
            let context = Arc::clone(&self.context);
            let next = tokio::select! {
                biased;
                outcome = async {
                    match &mut self.in_flight {
                        Some(in_flight) => in_flight.submitted.outcome().await,
                        None => std::future::pending().await,
                    }
                } => Next::Settled(outcome),
                () = async { sleep_until(due.unwrap_or_else(Instant::now)).await },
                    if due.is_some() => Next::Close,
                () = context.budget.pressed(), if self.can_free_memory() => Next::Close,
                () = self.running.replaced() => Next::Replace,
                order = self.orders.recv() => Next::Order(order),
            };
            match next {
                Next::Settled(outcome) => self.settled(outcome).await?,
                Next::Close => self.close().await?,
                Next::Replace => self.replace().await?,
                Next::Order(Some(Order::Assign(key, at))) => {
                    self.next.insert(key, at);
                }
                Next::Order(Some(Order::Batch(batch))) => {
                    let result = self.take(batch).await;
                    self.tell(TaskEvent::Took(self.number));
                    result?;
                }
                Next::Order(Some(Order::Release(keys, done))) => {
                    self.close().await?;
                    self.settle().await?;
                    for key in &keys {
                        self.next.remove(key);
                    }
                    let _ = done.send(());
                }
                Next::Order(Some(Order::JoinCanary)) => self.running.join_canary(),
                Next::Order(Some(Order::Finish) | None) => {
                    self.close().await?;
                    return self.settle().await;
                }
            }
        }
    }

    /// Turns to the component that counts now: an epoch is written by one alone, and written again by the same. The new
    /// instance is started while the old one's epoch is committed, so that rows wait for that alone.
    async fn replace(&mut self) -> Result<()> {
        let next = self.running.target();
        let starting = next.component.start(Purpose::Commit);
        let settling = async {
            self.close().await?;
            self.settle().await?;
            Ok::<_, Error>(Instant::now())
        };
        let (settled, started) = tokio::join!(settling, starting);
        let settled = settled?;
        self.drop_instance().await;
        match started {
            // It may have failed elsewhere meanwhile.
            Ok(fresh) if self.running.target().is(&next) => self.instance = Some(fresh),
            Ok(mut fresh) => fresh.forget().await,
            // It is started once more, and what is wrong is dealt with then.
            Err(_) => {}
        }
        self.running.turn(&self.next, settled.elapsed());
        Ok(())
    }

    fn tell(&self, event: TaskEvent) {
        // A driver that is gone has no use for it.
        let _ = self.events.send(event);
    }

    /// Whether closing the open epoch is what gives memory back. While another is in flight, that
    /// one's end is.
    fn can_free_memory(&self) -> bool {
        let open = self.open.as_ref();
        self.in_flight.is_none() && open.is_some_and(|open| open.first_row.is_some())
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
        if self.open.is_none() {
            self.open = Some(OpenEpoch::new(self.begin_epoch()));
        }
        let open = self.open.as_mut().ok_or_else(gone)?;
        let (id, is_first) = (open.id, open.rows == 0);
        open.push(piece.clone());
        let key = &piece.batch.key;
        let begin = open.begun.at(key).cloned();
        if let Some(rows) = piece.rows()? {
            if is_first {
                if self.instance.as_ref().is_some_and(|it| it.worn()) {
                    self.drop_instance().await;
                }
                self.instance().await?.begin(id);
            }
            let instance = self.instance().await?;
            instance.admit(key, begin.as_ref());
            let begun = Instant::now();
            let written = instance.write(rows).await;
            self.wrote(id, &piece, begun);
            if let Err(failure) = written {
                self.ended(id, EpochEnd::Failed(&failure.error));
                let pieces = self.abandon_open().await;
                let at = Some(pieces.len().saturating_sub(1));
                return self
                    .recover(
                        VecDeque::from([pieces.into()]),
                        Some(Broken { failure, at }),
                    )
                    .await;
            }
            Step::BatchWritten.reached();
        }
        if self.is_full() {
            self.close().await
        } else {
            Ok(())
        }
    }

    /// Hands the open epoch to the committer once the one before is settled.
    async fn close(&mut self) -> Result<()> {
        if self.open.is_none() {
            return Ok(());
        }
        self.settle().await?;
        // Settling may have taken it along.
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let sealed = if open.rows > 0 {
            let begun = Instant::now();
            let flushed = self.instance().await?.flush().await;
            self.flushed(open.id, begun);
            match flushed {
                Ok(sealed) => sealed,
                Err(failure) => {
                    self.ended(open.id, EpochEnd::Failed(&failure.error));
                    self.drop_instance().await;
                    let broken = Broken { failure, at: None };
                    return self
                        .recover(VecDeque::from([open.pieces.into()]), Some(broken))
                        .await;
                }
            }
        } else {
            Sealed::default()
        };
        Step::Staged.reached();
        self.context.samples.offer(&open.pieces);
        let submitted = match self.submit(open.id, &open.pieces, sealed).await {
            Ok(submitted) => submitted,
            Err(error) => {
                self.running.failed(error)?;
                return self
                    .recover(VecDeque::from([open.pieces.into()]), None)
                    .await;
            }
        };
        match submitted {
            Submission::Nothing => {}
            Submission::Again(error) => {
                let groups = VecDeque::from([open.pieces.into()]);
                return self.write_again(groups, error).await;
            }
            Submission::Sent(submitted) => {
                self.in_flight = Some(InFlight {
                    submitted,
                    pieces: open.pieces,
                });
                if self.context.destination.home.staging() != Staging::Durable {
                    self.settle().await?;
                }
            }
        }
        Ok(())
    }

    /// Waits for the epoch in flight, if there is one.
    async fn settle(&mut self) -> Result<()> {
        let Some(in_flight) = &mut self.in_flight else {
            return Ok(());
        };
        let outcome = in_flight.submitted.outcome().await;
        self.settled(outcome).await
    }

    /// The epoch in flight has its outcome. Unless it is in, the open one goes its way: that begins
    /// where it ends.
    async fn settled(&mut self, outcome: Option<Outcome>) -> Result<()> {
        let Some(in_flight) = self.in_flight.take() else {
            return Ok(());
        };
        let id = Some(in_flight.submitted.id);
        match self.conclude(in_flight.submitted, outcome).await? {
            Delivery::Done => Ok(()),
            Delivery::Displaced => {
                let open = self.abandon_open().await;
                self.displaced(in_flight.pieces.iter().chain(&open))
            }
            Delivery::Again(error) => {
                let open = self.abandon_open().await;
                let pieces = in_flight.pieces;
                let mut groups = VecDeque::from([Group { id, pieces }]);
                if !open.is_empty() {
                    groups.push_back(open.into());
                }
                self.write_again(groups, error).await
            }
        }
    }

    /// Forgets what the open epoch has staged; its rows.
    async fn abandon_open(&mut self) -> Vec<Piece> {
        let Some(open) = self.open.take() else {
            return Vec::new();
        };
        self.ended(open.id, EpochEnd::Abandoned);
        self.drop_instance().await;
        open.pieces
    }

    /// The group gave these partitions to somebody else, or they stand elsewhere: they are ours
    /// again only once positions were read.
    fn displaced<'a>(&mut self, pieces: impl IntoIterator<Item = &'a Piece>) -> Result<()> {
        let keys: BTreeSet<&PartitionKey> =
            pieces.into_iter().map(|piece| &piece.batch.key).collect();
        let keys: Vec<PartitionKey> = keys
            .into_iter()
            .filter(|key| self.next.remove(key).is_some())
            .cloned()
            .collect();
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
                match self.running.component().start(Purpose::Commit).await {
                    Ok(fresh) => break fresh,
                    Err(error) => {
                        if let Err(error) = pause(&context, &mut backoff, error).await {
                            self.running.failed(error)?;
                        }
                    }
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
