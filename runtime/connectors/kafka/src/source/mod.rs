//! Topics as a source: a member of a consumer group.

mod begin;
mod chunk;
mod collect;
mod decode;
mod ends;
mod events;
mod home;
mod lineage;
mod open;
mod partition;
mod poll;
mod state;
mod topics;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep_until;
use wasm_sink_core::home::Home;
use wasm_sink_core::lag::Ends;
use wasm_sink_core::source::{Membership, Source, SourceEvent};
use wasm_sink_core::{Blame, Error, Kind, PartitionKey, Position, Result};

use self::decode::Decoded;
use self::ends::LogEnds;
use self::home::{Place, Places};
use self::partition::{Partition, Reading};
use self::poll::{Command, Done, Event};
use self::state::{Assigning, Owned, Partitions, Releasing};
use self::topics::{Bounds, Found, Topics};
use crate::error::source_error;
use crate::log::Log;
use crate::native::{NativeError, TopicPartition};
use crate::settings::{Reset, SourceSettings, Until};

pub(crate) use home::{GroupHome, assignments, is_fenced};
pub(crate) use open::KafkaSourceSpec;

/// The group hears of offsets so often, and when partitions are let go of.
const COMMIT_EVERY: Duration = Duration::from_secs(5);
/// The thread has so long to leave the group.
const LEAVING: Duration = Duration::from_secs(10);

/// The open source.
pub(crate) struct KafkaSource {
    settings: SourceSettings,
    /// Its label.
    connection: Arc<str>,
    topics: Topics,
    commands: mpsc::UnboundedSender<Command>,
    events: mpsc::UnboundedReceiver<Event>,
    decoded: mpsc::Receiver<Decoded>,
    partitions: Partitions,
    group: String,
    /// As the group's offsets are filed, should they be the positions themselves.
    places: Places,
    /// Whether they are: then nothing else may move them.
    is_home: bool,
    /// What the library reads, whatever the pipeline has of it.
    taken: BTreeSet<TopicPartition>,
    /// What is given out next.
    ready: VecDeque<SourceEvent>,
    /// Came while their partitions were paused.
    held: VecDeque<Decoded>,
    /// What the group has given, while it is looked at.
    looking_up: Option<JoinHandle<Result<Vec<Found>>>>,
    /// What is being looked at.
    asked: Vec<TopicPartition>,
    assigning: Option<Assigning>,
    releasing: Option<Releasing>,
    /// Whether the group has given anything, be it nothing, so far.
    was_assigned: bool,
    has_ended: bool,
    generations: u64,
    assignments: u64,
    committed: Instant,
    log: Log,
    thread: std::thread::JoinHandle<()>,
}

impl KafkaSource {
    async fn tell(&self, command: impl FnOnce(Done) -> Command, doing: &str) -> Result<()> {
        let (done, answer) = oneshot::channel();
        self.command(command(done));
        match answer.await {
            Ok(answer) => answer.map_err(|error| source_error(doing, error)),
            Err(_) => Err(gone()),
        }
    }

    /// Label of the connection that it reads from.
    pub(crate) fn connection(&self) -> &str {
        &self.connection
    }

    /// The group's offsets as positions. From now on nothing else moves them.
    pub(crate) fn group_home(&mut self) -> GroupHome {
        self.is_home = true;
        GroupHome::new(
            Arc::clone(&self.topics.client),
            self.group.clone(),
            Arc::clone(&self.places),
        )
    }

    fn command(&self, command: Command) {
        // Where the thread is gone, `next` says so.
        let _ = self.commands.send(command);
        self.topics.client.wake();
    }

    /// A way through a partition from `begin` on.
    fn reading(
        &mut self,
        key: &PartitionKey,
        offset: i64,
        begin: Option<Position>,
    ) -> Option<Reading> {
        self.generations += 1;
        let generation = self.generations;
        let owned = self.partitions.get_mut(key)?;
        owned.generation = Some(generation);
        let stop = (self.settings.until == Until::Latest).then_some(owned.bounds.high);
        owned.is_done = stop.is_some_and(|stop| offset >= stop);
        owned.is_paused = false;
        owned.is_stopped = false;
        Some(Reading {
            partition: Arc::clone(&owned.partition),
            generation,
            offset,
            begin,
            stop,
        })
    }

    /// Whether all that is ours has been read as far as is wanted.
    fn is_delivered(&self) -> bool {
        self.settings.until == Until::Latest
            && self.was_assigned
            && self.looking_up.is_none()
            && self.assigning.is_none()
            && self.releasing.is_none()
            && self.partitions.iter().all(|owned| owned.is_done)
    }

    /// Where the log begins and ends now, for a partition that has been read before; None where its topic
    /// is another one, or gone.
    async fn bounds(&self, partition: Arc<Partition>) -> Result<Option<Bounds>> {
        let topics = self.topics.clone();
        let asked = spawn_blocking(move || topics.bounds_of(&partition));
        asked.await.map_err(topics::broke_off)?
    }

    fn file<T>(&self, work: impl FnOnce(&mut BTreeMap<PartitionKey, Place>) -> T) -> T {
        work(&mut self.places.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Offsets that the group has not been told; all of them where this may be the last time.
    fn uncommitted(&mut self, all: bool) -> Vec<(TopicPartition, i64)> {
        let is_due = all || self.committed.elapsed() >= COMMIT_EVERY;
        if !is_due {
            return Vec::new();
        }
        self.committed = Instant::now();
        let offsets = self.partitions.take_uncommitted(all);
        match self.is_home {
            true => Vec::new(),
            false => offsets,
        }
    }
}

#[async_trait]
impl Source for KafkaSource {
    fn membership(&self) -> Membership {
        Membership::Group
    }

    fn ends(&self) -> Option<Arc<dyn Ends>> {
        let client = Arc::clone(&self.topics.client);
        Some(Arc::new(LogEnds::new(client, Arc::clone(&self.places))))
    }

    fn topic(&self, key: &PartitionKey) -> Option<Arc<str>> {
        let owned = self.partitions.get(key)?;
        Some(Arc::clone(&owned.partition.topic))
    }

    async fn next(&mut self) -> Result<SourceEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            if let Some(index) = self.first_flowing() {
                if let Some(decoded) = self.held.remove(index) {
                    self.give(decoded)?;
                }
                continue;
            }
            if self.is_delivered() && !self.has_ended {
                self.has_ended = true;
                return Ok(SourceEvent::End);
            }
            let offsets = self.uncommitted(false);
            if !offsets.is_empty() {
                self.command(Command::Commit(offsets));
            }
            // Also where nothing comes any more that could be acknowledged.
            let tell_at = self.committed + COMMIT_EVERY;
            let is_to_be_told = !self.is_home && self.partitions.are_uncommitted();
            let is_wanted = self.partitions.iter().any(Owned::flows) || self.partitions.is_empty();
            let Self {
                events,
                decoded,
                looking_up,
                ..
            } = self;
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Some(event) => self.hear(event)?,
                    None => return Err(gone()),
                },
                found = async {
                    match looking_up {
                        Some(task) => task.await,
                        None => std::future::pending().await,
                    }
                } => {
                    self.looking_up = None;
                    self.found(found.map_err(topics::broke_off)??);
                }
                decoded = decoded.recv(), if is_wanted => match decoded {
                    Some(decoded) => self.take(decoded)?,
                    None => return Err(gone()),
                },
                () = sleep_until(tell_at.into()), if is_to_be_told => {}
            }
        }
    }

    fn home(&mut self) -> Option<Arc<dyn Home>> {
        Some(Arc::new(self.group_home()))
    }

    fn as_any(&mut self) -> Option<&mut dyn Any> {
        Some(self)
    }

    fn beginning(&self, key: &PartitionKey) -> Position {
        match (self.settings.reset, self.partitions.get(key)) {
            (Reset::Latest, Some(owned)) => partition::position(owned.bounds.high),
            _ => partition::position(0),
        }
    }

    async fn seek(&mut self, key: &PartitionKey, to: Option<&Position>) -> Result<()> {
        let Some(owned) = self.partitions.get(key) else {
            // It went while its position was read.
            return Ok(());
        };
        let place = owned.partition.place.clone();
        let topic = Arc::clone(&owned.partition.topic);
        let mut bounds = owned.bounds;
        let (offset, begin) = match to {
            None => (owned.beginning, None),
            Some(position) => {
                let stored = position.words().first().copied();
                if owned.generation.is_some() {
                    let Some(now) = self.bounds(Arc::clone(&owned.partition)).await? else {
                        self.replaced([&place.topic]);
                        return Ok(());
                    };
                    bounds = now;
                }
                let at = begin::at(&self.settings, key, &topic, bounds, position)?;
                let mut begin = position.clone();
                if let Some(lost_from) = at.lost_from {
                    begin = self.jump(key, position, lost_from, at.offset);
                }
                if let Some(owned) = self.partitions.get_mut(key) {
                    // Who had it before may not have got through with it.
                    owned.uncommitted = stored;
                }
                (at.offset, Some(begin))
            }
        };
        self.held.retain(|decoded| decoded.key() != Some(key));
        self.has_ended = false;
        let Some(reading) = self.reading(key, offset, begin) else {
            return Ok(());
        };
        if let Some(assigning) = &mut self.assigning
            && assigning.waiting.remove(key)
        {
            assigning.readings.push(reading);
            return self.assign_if_complete().await;
        }
        let doing = format!(
            "going to offset {offset} of {topic} partition {}",
            key.partition()
        );
        self.tell(|done| Command::Seek(reading, done), &doing).await
    }

    fn pause(&mut self, key: &PartitionKey) {
        if let Some(owned) = self.partitions.get_mut(key) {
            owned.is_paused = true;
        }
    }

    fn resume(&mut self, key: &PartitionKey) {
        if let Some(owned) = self.partitions.get_mut(key) {
            owned.is_paused = false;
            if std::mem::replace(&mut owned.is_stopped, false) {
                let place = owned.partition.place.clone();
                self.command(Command::Resume(vec![place]));
            }
        }
    }

    async fn acknowledge(&mut self, durable: &[(PartitionKey, Position)]) -> Result<()> {
        for (key, position) in durable {
            if let (Some(owned), [offset]) = (self.partitions.get_mut(key), position.words()) {
                owned.uncommitted = Some(*offset);
            }
        }
        let offsets = self.uncommitted(false);
        if !offsets.is_empty() {
            self.command(Command::Commit(offsets));
        }
        Ok(())
    }

    async fn release(&mut self, keys: &[PartitionKey]) -> Result<()> {
        let offsets = self.uncommitted(true);
        self.held
            .retain(|decoded| !decoded.key().is_some_and(|key| keys.contains(key)));
        let mut replaced = Vec::new();
        for key in keys {
            let Some(owned) = self.partitions.remove(key) else {
                continue;
            };
            self.file(|places| places.remove(key));
            let place = owned.partition.place.clone();
            let releasing = self.releasing.as_mut();
            if !releasing.is_some_and(|releasing| releasing.waiting.remove(key)) {
                // The group has not taken it: its topic is another one.
                replaced.push(place);
            }
        }
        if !replaced.is_empty() {
            self.look_up(replaced, Duration::ZERO);
        }
        let is_complete = self
            .releasing
            .as_ref()
            .is_some_and(|releasing| releasing.waiting.is_empty());
        if is_complete && let Some(releasing) = self.releasing.take() {
            let places = releasing.places;
            for place in &places {
                self.taken.remove(place);
            }
            return self
                .tell(
                    |done| Command::Unassign(places, offsets, done),
                    "giving partitions back to the group",
                )
                .await;
        }
        if !offsets.is_empty() {
            self.command(Command::Commit(offsets));
        }
        Ok(())
    }
}

impl Drop for KafkaSource {
    /// Leaves the group, so that others need not wait until this member is taken for dead.
    fn drop(&mut self) {
        let offsets = self.uncommitted(true);
        self.command(Command::Close(offsets));
        self.topics.is_closing.store(true, Ordering::SeqCst);
        let since = Instant::now();
        while !self.thread.is_finished() && since.elapsed() < LEAVING {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The thread or the task ended without being told to.
fn gone() -> Error {
    let message =
        "reading from Kafka ended by itself; this is a bug in wasm-sink, please report it";
    Error::new(Kind::Other, Blame::Host, message)
}

/// An error of the library that is about the whole client.
fn client_error(error: NativeError) -> Error {
    source_error("reading from Kafka", error)
}
