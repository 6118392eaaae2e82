//! Owns the source: hands its batches to tasks, seeks and pauses partitions, acknowledges what is
//! durable, and ends the pipeline.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::timeout;
use tracing::Instrument as _;
use wasm_sink_core::home::Lane;
use wasm_sink_core::source::{Membership, Source, SourceEvent};
use wasm_sink_core::step::Step;
use wasm_sink_core::{Blame, Error, Kind, PartitionKey, Position, Result, SourceBatch};

use super::canary::CanaryTask;
use super::committer::Committer;
use super::context::{Context, settle_all_letters, settle_unclaimed_letters};
use super::logic::Logic;
use super::observe::Observer;
use super::ownership::Ownership;
use super::quota::Quota;
use super::task::{Order, Task};
use super::totals::Totals;
use super::{Destinations, Pipeline, Start, Summary};

/// Batches that may wait for one task before its partitions are paused.
const QUEUED_BATCHES: usize = 4;

/// A task; the one that takes the place of another has a number of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TaskNumber(pub(super) u64);

/// What a task tells the driver.
#[derive(Debug)]
pub(super) enum TaskEvent {
    /// It is done with a batch.
    Took(TaskNumber),
    /// These positions are durable.
    Committed(Vec<(PartitionKey, Position)>),
    /// These partitions stand elsewhere; positions must be read again.
    Displaced(TaskNumber, Vec<PartitionKey>),
}

pub(super) struct TaskHandle {
    /// The place of its destination.
    pub(super) destination: usize,
    /// That of all its partitions, where its home has lanes.
    pub(super) lane: Option<Lane>,
    pub(super) orders: mpsc::UnboundedSender<Order>,
    pub(super) abort: AbortHandle,
    queued: usize,
    pub(super) is_full: bool,
}

/// What keeps rows away from a task that has enough of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backpressure {
    /// The source is not asked for more: there is one task, and nobody who would miss the asking.
    WholeSource,
    /// The task's partitions are paused, and the others go on.
    Partitions,
}

/// The source, and which task has which of its partitions.
pub(super) struct Driver {
    pub(super) destinations: Destinations,
    /// For each of the destinations what its tasks and its committer share.
    pub(super) contexts: Vec<Arc<Context>>,
    pub(super) source: Box<dyn Source>,
    pub(super) start: Start,
    pub(super) logic: Logic,
    /// Says when `logic` has changed.
    logic_changes: watch::Receiver<u64>,
    /// The task of a canary, and its partitions.
    pub(super) canary: Option<CanaryTask>,
    workers: JoinSet<Result<()>>,
    events: mpsc::UnboundedSender<TaskEvent>,
    inbox: mpsc::UnboundedReceiver<TaskEvent>,
    pub(super) tasks: BTreeMap<TaskNumber, TaskHandle>,
    /// How many of them a destination has.
    pub(super) tasks_each: usize,
    tasks_started: u64,
    pub(super) ownership: Ownership,
    pub(super) backpressure: Backpressure,
    pub(super) revoke_limit: Duration,
    /// Partitions that were committed at any time.
    pub(super) known: BTreeSet<PartitionKey>,
    pub(super) is_restarted: bool,
    pub(super) positions: BTreeMap<PartitionKey, Position>,
}

/// Runs a pipeline to its end.
pub(super) async fn drive(pipeline: Pipeline) -> Result<Summary> {
    let totals = Arc::new(Totals::new(pipeline.observer));
    let membership = pipeline.source.membership();
    let quota = Arc::new(Quota::new(pipeline.limits.max_rejected));
    // Dropped, and so ended, with this future.
    let mut committers = JoinSet::new();
    let contexts: Vec<Arc<Context>> = pipeline
        .destinations
        .iter()
        .map(|destination| {
            let (committer, requests) = mpsc::unbounded_channel();
            let context = Arc::new(Context {
                logic: pipeline.logic.clone(),
                samples: pipeline.samples.clone(),
                destination: destination.clone(),
                epoch: pipeline.epoch.clone(),
                retry: pipeline.retry.clone(),
                budget: pipeline.budget.clone(),
                state: Arc::clone(&pipeline.state),
                entropy: Arc::clone(&pipeline.entropy),
                observer: Arc::clone(&totals) as Arc<dyn Observer>,
                quota: Arc::clone(&quota),
                membership,
                committer,
                unanswered: Mutex::default(),
                #[cfg(feature = "planted")]
                planted: pipeline.planted,
            });
            let committer = Committer::new(Arc::clone(&context), requests).run();
            committers.spawn(committer.in_current_span());
            context
        })
        .collect();
    let mut shutdown = pipeline.shutdown;
    tokio::select! {
        biased;
        () = stopped(&mut shutdown) => return Ok(Summary::default()),
        settled = settle_unclaimed_letters(&contexts, &*pipeline.state) => settled?,
    }

    let (events, inbox) = mpsc::unbounded_channel();
    let tasks_each = (pipeline.limits.tasks.get() / contexts.len()).max(1);
    let mut driver = Driver {
        destinations: pipeline.destinations,
        source: pipeline.source,
        start: pipeline.start,
        logic_changes: pipeline.logic.changes(),
        logic: pipeline.logic,
        canary: None,
        workers: JoinSet::new(),
        events,
        inbox,
        tasks: BTreeMap::new(),
        tasks_each,
        tasks_started: 0,
        ownership: Ownership::default(),
        backpressure: match (tasks_each * contexts.len(), membership) {
            (1, Membership::Alone) => Backpressure::WholeSource,
            _ => Backpressure::Partitions,
        },
        known: pipeline.state.known_partitions().await?,
        is_restarted: false,
        revoke_limit: pipeline.epoch.revoke,
        positions: BTreeMap::new(),
        contexts: contexts.clone(),
    };
    let is_stopping = tokio::select! {
        biased;
        () = stopped(&mut shutdown) => true,
        result = driver.flow() => result.map(|()| false)?,
    };
    let finish = async {
        driver.finish().await?;
        if let Err(error) = settle_all_letters(&contexts, &*pipeline.state).await {
            // The next start does it.
            tracing::warn!(%error, "dead letters are left under their temporary name");
        }
        Ok(())
    };
    if is_stopping {
        let limit = pipeline.epoch.shutdown;
        timeout(limit, finish).await.unwrap_or_else(|_| {
            Err(Error::new(
                Kind::Unavailable,
                Blame::Destination,
                format!(
                    "shutdown did not finish within {} ms ([epoch] shutdown_ms); what was not \
                     committed will be read again",
                    limit.as_millis()
                ),
            ))
        })?;
    } else {
        finish.await?;
    }
    // What they hold, the lock of local positions among it, is free for whoever starts next.
    committers.shutdown().await;
    let mut summary = totals.so_far();
    summary.positions = driver.positions;
    Ok(summary)
}

/// Completes when the pipeline is told to stop.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    if shutdown.wait_for(|stop| *stop).await.is_err() {
        // Nobody is left who could say so.
        std::future::pending().await
    }
}

fn worker_result(result: Result<Result<()>, JoinError>) -> Result<()> {
    match result {
        Ok(result) => result,
        // Replaced by another task.
        Err(error) if error.is_cancelled() => Ok(()),
        Err(error) => {
            Err(Error::new(Kind::Other, Blame::Host, "a task panicked").with_source(error))
        }
    }
}

impl Driver {
    /// Until everything that the source has is committed.
    async fn flow(&mut self) -> Result<()> {
        loop {
            tokio::select! {
                biased;
                Some(result) = self.workers.join_next() => worker_result(result)?,
                Some(event) = self.inbox.recv() => { self.on_task(event).await?; }
                Ok(()) = self.logic_changes.changed() => self.place_canary().await?,
                event = self.source.next(), if !self.is_held() => match event {
                    Ok(SourceEvent::Batch(batch)) => self.dispatch(batch),
                    Ok(SourceEvent::Assigned(keys)) => {
                        self.assign(keys).await?;
                        self.place_canary().await?;
                    }
                    Ok(SourceEvent::Revoked(keys)) => {
                        self.revoke(keys).await?;
                        self.place_canary().await?;
                    }
                    Ok(SourceEvent::Lost(keys)) => {
                        self.lose(&keys).await?;
                        self.place_canary().await?;
                    }
                    Ok(SourceEvent::End) => {
                        if self.commit_all().await? == Settled::InPlace {
                            return Ok(());
                        }
                    }
                    Err(error) => {
                        // What it gave before is good.
                        self.commit_all().await?;
                        return Err(error);
                    }
                },
            }
        }
    }

    /// Has the tasks commit what they hold, and go on.
    async fn commit_all(&mut self) -> Result<Settled> {
        let owned: Vec<_> = self.ownership.partitions().cloned().collect();
        let answers = self.release(&owned, Vec::new);
        self.wait_for(answers).await
    }

    /// Has every task commit what it holds and end, and waits for that.
    async fn finish(&mut self) -> Result<()> {
        for task in self.tasks.values() {
            let _ = task.orders.send(Order::Finish);
        }
        loop {
            tokio::select! {
                biased;
                Some(event) = self.inbox.recv() => self.on_last(event).await?,
                result = self.workers.join_next() => match result {
                    Some(result) => worker_result(result)?,
                    None => break,
                },
            }
        }
        while let Ok(event) = self.inbox.try_recv() {
            self.on_last(event).await?;
        }
        Ok(())
    }

    /// Nothing is assigned any more.
    async fn on_last(&mut self, event: TaskEvent) -> Result<()> {
        match event {
            TaskEvent::Committed(durable) => self.acknowledge(durable).await,
            TaskEvent::Took(_) | TaskEvent::Displaced(..) => Ok(()),
        }
    }

    async fn on_task(&mut self, event: TaskEvent) -> Result<Settled> {
        match event {
            TaskEvent::Took(number) => self.took(number),
            TaskEvent::Committed(durable) => self.acknowledge(durable).await?,
            TaskEvent::Displaced(number, keys) => {
                let keys: Vec<_> = keys
                    .into_iter()
                    .filter(|key| self.ownership.owner(key) == Some(number))
                    .collect();
                for key in &keys {
                    self.ownership.take(key);
                }
                if !keys.is_empty() {
                    self.assign(keys).await?;
                    return Ok(Settled::Moved);
                }
            }
        }
        Ok(Settled::InPlace)
    }

    pub(super) fn start_task(&mut self, destination: usize, lane: Option<Lane>) -> TaskNumber {
        self.tasks_started += 1;
        let number = TaskNumber(self.tasks_started);
        let (orders, received) = mpsc::unbounded_channel();
        let task = Task::new(
            Arc::clone(&self.contexts[destination]),
            number,
            received,
            self.events.clone(),
        );
        let handle = TaskHandle {
            destination,
            lane,
            orders,
            abort: self.workers.spawn(task.run().in_current_span()),
            queued: 0,
            is_full: false,
        };
        self.tasks.insert(number, handle);
        if self.tasks.len() > 1 && self.backpressure == Backpressure::WholeSource {
            self.hold_partitions();
        }
        number
    }

    /// There is more than one task now, so that each has its own partitions held back.
    fn hold_partitions(&mut self) {
        self.backpressure = Backpressure::Partitions;
        for (number, _) in self.tasks.iter().filter(|(_, task)| task.is_full) {
            for key in self.ownership.of(*number) {
                self.source.pause(key);
            }
        }
    }

    fn took(&mut self, number: TaskNumber) {
        let Some(task) = self.tasks.get_mut(&number) else {
            return;
        };
        task.queued = task.queued.saturating_sub(1);
        if task.is_full && task.queued < QUEUED_BATCHES {
            task.is_full = false;
            if self.backpressure == Backpressure::Partitions {
                for key in self.ownership.of(number) {
                    self.source.resume(key);
                }
            }
        }
    }

    /// Whether nobody has room for what the source would give.
    fn is_held(&self) -> bool {
        self.backpressure == Backpressure::WholeSource
            && !self.tasks.is_empty()
            && self.tasks.values().all(|task| task.is_full)
    }

    fn dispatch(&mut self, batch: SourceBatch) {
        let Some(number) = self.ownership.owner(&batch.key) else {
            // Read before the partition was taken away.
            return;
        };
        let Some(task) = self.tasks.get_mut(&number) else {
            return;
        };
        let rows = batch.rows.num_rows() + batch.undecodable.len();
        self.contexts[task.destination]
            .observer
            .read(rows as u64, batch.bytes as u64);
        let _ = task.orders.send(Order::Batch(batch));
        task.queued += 1;
        if !task.is_full && task.queued >= QUEUED_BATCHES {
            task.is_full = true;
            if self.backpressure == Backpressure::Partitions {
                for key in self.ownership.of(number) {
                    self.source.pause(key);
                }
            }
        }
    }

    async fn acknowledge(&mut self, durable: Vec<(PartitionKey, Position)>) -> Result<()> {
        self.source.acknowledge(&durable).await?;
        Step::Acknowledged.reached();
        if let Some(context) = self.contexts.first() {
            context.observer.durable(&durable);
        }
        let before = self.known.len();
        for (key, position) in durable {
            self.known.insert(key.clone());
            self.positions.insert(key, position);
        }
        if self.known.len() > before {
            // All have the same.
            if let Some(context) = self.contexts.first() {
                context.state.remember_partitions(&self.known).await?;
            }
        }
        Ok(())
    }

    /// Has the tasks of `keys` commit what they hold and let go of what `letting_go` names.
    pub(super) fn release(
        &self,
        keys: &[PartitionKey],
        letting_go: impl Fn() -> Vec<PartitionKey>,
    ) -> Vec<oneshot::Receiver<()>> {
        let owners = keys.iter().filter_map(|key| self.ownership.owner(key));
        let tasks: BTreeSet<_> = owners.collect();
        tasks
            .into_iter()
            .filter_map(|number| self.tasks.get(&number))
            .map(|task| {
                let (done, answer) = oneshot::channel();
                let _ = task.orders.send(Order::Release(letting_go(), done));
                answer
            })
            .collect()
    }

    /// Waits for tasks while their events are handled.
    pub(super) async fn wait_for(
        &mut self,
        answers: Vec<oneshot::Receiver<()>>,
    ) -> Result<Settled> {
        let mut settled = Settled::InPlace;
        for mut answer in answers {
            loop {
                tokio::select! {
                    biased;
                    Some(result) = self.workers.join_next() => worker_result(result)?,
                    Some(event) = self.inbox.recv() => {
                        if self.on_task(event).await? == Settled::Moved {
                            settled = Settled::Moved;
                        }
                    }
                    _ = &mut answer => break,
                }
            }
        }
        while let Ok(event) = self.inbox.try_recv() {
            if self.on_task(event).await? == Settled::Moved {
                settled = Settled::Moved;
            }
        }
        Ok(settled)
    }
}

/// Whether partitions were sent back to where they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    InPlace,
    Moved,
}
