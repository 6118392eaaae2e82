//! The thread that asks the library for messages. It never waits for the pipeline without asking on,
//! so that the group does not take this member for dead, and it alone answers the group.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::chunk::Chunk;
use super::collect::{Collector, Complaint, LINGER};
use super::home::BEGINNING;
use super::partition::Reading;
use crate::log::Log;
use crate::native::{
    Batch, Client, Listener, NativeError, Rebalance, TopicPartition, TopicPartitions,
};

/// Messages that the library is asked for at once.
const MESSAGES: usize = 2048;
/// Without messages the library is asked so often.
const IDLE: Duration = Duration::from_millis(200);
/// Nobody takes chunks for so long: fetching stops, and the library's queue is emptied.
const STALL: Duration = Duration::from_millis(500);
/// While nobody takes chunks the library is asked so often.
const STALLED: Duration = Duration::from_millis(100);
/// A seek is done within this: no broker is asked.
const SEEK: Duration = Duration::from_secs(20);

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Command {
    /// The answer to `Rebalance::Assign`.
    Assign(Vec<Reading>, Done),
    /// The answer to `Rebalance::Revoke`; offsets to commit before.
    Unassign(Vec<TopicPartition>, Vec<(TopicPartition, i64)>, Done),
    /// Goes on elsewhere.
    Seek(Reading, Done),
    /// What comes of a partition is not wanted any more.
    Forget(TopicPartition),
    Pause(Vec<TopicPartition>),
    Resume(Vec<TopicPartition>),
    Commit(Vec<(TopicPartition, i64)>),
    /// Tells the group where partitions begin, and waits for its answer.
    Begin(Vec<(TopicPartition, i64)>, Done),
    /// Commits, leaves the group and ends.
    Close(Vec<(TopicPartition, i64)>),
}

/// Where the outcome goes.
pub(super) type Done = oneshot::Sender<Result<(), NativeError>>;

/// What the thread tells, beside chunks.
#[derive(Debug)]
pub(super) enum Event {
    Rebalance(Rebalance),
    Complaint(Complaint),
    /// Of no partition; fatal ones end the client.
    Error(NativeError, bool),
}

/// Hears the library and passes it on.
pub(super) struct Ears {
    events: mpsc::UnboundedSender<Event>,
    log: Log,
    /// From now on everything is let go of.
    is_closing: AtomicBool,
    /// The group waits for an answer.
    is_asked: AtomicBool,
}

impl Ears {
    pub(super) fn new(events: mpsc::UnboundedSender<Event>) -> Self {
        Self {
            events,
            log: Log::default(),
            is_closing: AtomicBool::new(false),
            is_asked: AtomicBool::new(false),
        }
    }

    fn close(&self) {
        self.is_closing.store(true, Ordering::SeqCst);
    }
}

impl Listener for Ears {
    fn rebalance(&self, rebalance: Rebalance) -> bool {
        let is_closing = self.is_closing.load(Ordering::SeqCst);
        self.is_asked.store(true, Ordering::SeqCst);
        !is_closing && self.events.send(Event::Rebalance(rebalance)).is_ok()
    }

    fn error(&self, error: NativeError, is_fatal: bool) {
        let _ = self.events.send(Event::Error(error, is_fatal));
    }

    fn log(&self, level: i32, facility: &str, line: &str) {
        self.log.line(level, facility, line);
    }
}

/// The thread's own.
pub(super) struct Poller {
    pub(super) client: Arc<Client>,
    pub(super) ears: Arc<Ears>,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) chunks: mpsc::Sender<Chunk>,
    pub(super) events: mpsc::UnboundedSender<Event>,
    pub(super) collector: Collector,
    pub(super) runtime: Handle,
    pub(super) paused: HashSet<TopicPartition>,
    /// Partitions that begin anew, at these offsets, once the group has its answer: until then whatever
    /// is assigned is taken for it.
    pub(super) postponed: Vec<(TopicPartition, i64)>,
    /// When passing over tombstones was said last.
    pub(super) said: Option<Instant>,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    On,
    End,
}

impl Poller {
    /// Until it is told to close, or nobody could tell it any more.
    pub(super) fn run(mut self) {
        let mut batch = Batch::with_capacity(MESSAGES);
        loop {
            match self.obey() {
                Next::On => {}
                Next::End => return,
            }
            self.fetch(&mut batch);
            if self.deliver(&mut batch) == Next::End {
                return;
            }
        }
    }

    /// Takes what there is, without waiting for more than what is on its way.
    fn fetch(&mut self, batch: &mut Batch) {
        // One alone comes at once; a full call waits for its last.
        let timeout = if self.collector.is_open() {
            LINGER / 4
        } else {
            IDLE
        };
        self.client.consume(batch, 1, timeout);
        if batch.len() > 0 {
            self.collector.take(batch);
            self.client.consume(batch, MESSAGES, Duration::ZERO);
            self.collector.take(batch);
        }
        batch.clear();
        self.collector.close_old();
        for mut complaint in self.collector.complaints.drain(..) {
            complaint.error = self.client.explain(complaint.error);
            let _ = self.events.send(Event::Complaint(complaint));
        }
        self.say_skipped();
    }

    /// Passing over records must not go unseen.
    fn say_skipped(&mut self) {
        const EVERY: Duration = Duration::from_secs(60);
        let is_due = self.said.is_none_or(|said| said.elapsed() >= EVERY);
        if self.collector.skipped > 0 && is_due {
            let skipped = std::mem::take(&mut self.collector.skipped);
            self.said = Some(Instant::now());
            tracing::warn!(
                skipped,
                "records without a value (tombstones) were passed over; tombstones = \"row\" or \
                 \"reject\" in [source] keeps them"
            );
        }
    }

    /// Gives away what is closed. While nobody takes it commands are obeyed, and the library is asked
    /// for what the group wants.
    fn deliver(&mut self, batch: &mut Batch) -> Next {
        let since = Instant::now();
        let mut is_stopped = false;
        let mut waiting = std::mem::take(&mut self.collector.closed).into_iter();
        let mut chunk = waiting.next();
        while let Some(held) = chunk.take() {
            match self.chunks.try_send(held) {
                Ok(()) => {
                    chunk = waiting.next();
                    continue;
                }
                Err(mpsc::error::TrySendError::Full(held)) => chunk = Some(held),
                Err(mpsc::error::TrySendError::Closed(_)) => return self.close(&[]),
            }
            let left = match is_stopped {
                true => STALLED,
                false => STALL.saturating_sub(since.elapsed()),
            };
            match self.wait(left) {
                Waited::Room => continue,
                Waited::Told(command) => {
                    if self.execute(command) == Next::End {
                        return Next::End;
                    }
                }
                Waited::Late if !is_stopped => {
                    is_stopped = true;
                    self.stop_fetching();
                }
                Waited::Late => {
                    // Nothing is fetched, so nothing comes but questions and complaints.
                    self.client.consume(batch, 1, Duration::ZERO);
                    self.collector.take(batch);
                    batch.clear();
                }
                Waited::Gone => return self.close(&[]),
            }
        }
        if is_stopped {
            self.fetch_again();
        }
        Next::On
    }

    fn wait(&mut self, limit: Duration) -> Waited {
        let Self {
            runtime,
            chunks,
            commands,
            ..
        } = self;
        runtime.block_on(async {
            tokio::select! {
                biased;
                command = commands.recv() => command.map_or(Waited::Gone, Waited::Told),
                room = chunks.reserve() => match room {
                    Ok(_) => Waited::Room,
                    Err(_) => Waited::Gone,
                },
                () = tokio::time::sleep(limit) => Waited::Late,
            }
        })
    }

    fn stop_fetching(&self) {
        let places = self.collector.places();
        let flowing = places.filter(|place| !self.paused.contains(*place));
        if let Some(list) = TopicPartitions::with_offset(flowing, 0) {
            warn(self.client.pause(&list));
        }
    }

    fn fetch_again(&self) {
        let places = self.collector.places();
        let flowing = places.filter(|place| !self.paused.contains(*place));
        if let Some(list) = TopicPartitions::with_offset(flowing, 0) {
            warn(self.client.resume(&list));
        }
    }

    fn obey(&mut self) -> Next {
        loop {
            match self.commands.try_recv() {
                Ok(command) => {
                    if self.execute(command) == Next::End {
                        return Next::End;
                    }
                }
                Err(mpsc::error::TryRecvError::Empty) => return Next::On,
                Err(mpsc::error::TryRecvError::Disconnected) => return self.close(&[]),
            }
        }
    }

    fn execute(&mut self, command: Command) -> Next {
        match command {
            Command::Assign(readings, done) => {
                let mut list = TopicPartitions::new();
                for reading in readings {
                    let place = &reading.partition.place;
                    if let Some(list) = &mut list {
                        list.add(&place.topic, place.partition, reading.offset);
                    }
                    self.paused.remove(place);
                    self.collector.begin(Arc::new(reading));
                }
                self.ears.is_asked.store(false, Ordering::SeqCst);
                let assigned = with(list, |list| self.client.assign(list));
                let _ = done.send(assigned.and_then(|()| self.begin_postponed()));
            }
            Command::Unassign(places, offsets, done) => {
                self.commit(&offsets);
                for place in &places {
                    self.collector.forget(place);
                    self.paused.remove(place);
                    self.postponed.retain(|(postponed, _)| postponed != place);
                }
                let list = TopicPartitions::with_offset(&places, 0);
                self.ears.is_asked.store(false, Ordering::SeqCst);
                let unassigned = with(list, |list| self.client.unassign(list));
                let _ = done.send(unassigned.and_then(|()| self.begin_postponed()));
            }
            Command::Seek(reading, done) => {
                let place = reading.partition.place.clone();
                let list = TopicPartitions::with_offset([&place], reading.offset);
                let mut sought = with(list, |list| self.client.seek(list, SEEK));
                if sought.is_err() {
                    // It has stopped, at an offset that was not there.
                    self.postponed.push((place.clone(), reading.offset));
                    sought = self.begin_postponed();
                }
                // It may have stopped by itself, at its end or here.
                self.paused.remove(&place);
                let list = TopicPartitions::with_offset([&place], 0);
                let resumed = with(list, |list| self.client.resume(list));
                self.collector.begin(Arc::new(reading));
                let _ = done.send(sought.and(resumed));
            }
            Command::Forget(place) => self.collector.forget(&place),
            Command::Pause(places) => {
                if let Some(list) = TopicPartitions::with_offset(&places, 0) {
                    warn(self.client.pause(&list));
                }
                self.paused.extend(places);
            }
            Command::Resume(places) => {
                if let Some(list) = TopicPartitions::with_offset(&places, 0) {
                    warn(self.client.resume(&list));
                }
                for place in &places {
                    self.paused.remove(place);
                }
            }
            Command::Commit(offsets) => self.commit(&offsets),
            Command::Begin(offsets, done) => {
                let mut list = TopicPartitions::new();
                for (place, offset) in &offsets {
                    if let Some(list) = &mut list {
                        list.add_noted(place, *offset, BEGINNING);
                    }
                }
                let _ = done.send(with(list, |list| self.client.commit(list, true)));
            }
            Command::Close(offsets) => return self.close(&offsets),
        }
        Next::On
    }

    /// Assigns anew what has to begin anew, unless the group waits for an answer.
    fn begin_postponed(&mut self) -> Result<(), NativeError> {
        if self.ears.is_asked.load(Ordering::SeqCst) || self.postponed.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitions::new();
        for (place, offset) in self.postponed.drain(..) {
            if let Some(list) = &mut list {
                list.add(&place.topic, place.partition, offset);
            }
        }
        with(list, |list| {
            self.client.unassign(list)?;
            self.client.assign(list)
        })
    }

    /// For those who watch the group; nobody waits for it.
    fn commit(&self, offsets: &[(TopicPartition, i64)]) {
        let Some(mut list) = TopicPartitions::new().filter(|_| !offsets.is_empty()) else {
            return;
        };
        for (place, offset) in offsets {
            list.add(&place.topic, place.partition, *offset);
        }
        if let Err(error) = self.client.commit(&list, false) {
            tracing::debug!(%error, "the group was not told of offsets");
        }
    }

    fn close(&self, offsets: &[(TopicPartition, i64)]) -> Next {
        self.commit(offsets);
        self.ears.close();
        // A question that is open already is answered by this, too.
        self.client.unassign_all();
        self.client.close();
        Next::End
    }
}

enum Waited {
    Room,
    Told(Command),
    Late,
    Gone,
}

/// Does something with a list, if there is memory for one.
fn with(
    list: Option<TopicPartitions>,
    work: impl FnOnce(&TopicPartitions) -> Result<(), NativeError>,
) -> Result<(), NativeError> {
    match list {
        Some(list) => work(&list),
        None => Err(NativeError::of(
            crate::native::Code::RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE,
        )),
    }
}

/// Partitions that went meanwhile cannot be paused.
fn warn(result: Result<(), NativeError>) {
    if let Err(error) = result {
        tracing::debug!(%error, "pausing or resuming partitions");
    }
}
