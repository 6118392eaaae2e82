//! What the group, the library and the decoder say, and what follows from it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::datatypes::Schema;
use bytes::Bytes;
use chrono::Utc;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use wasm_sink_core::dead_letter::{DeadLetter, Kept, RefusedBy, RowOrigin};
use wasm_sink_core::source::SourceEvent;
use wasm_sink_core::{
    Blame, Error, Kind, Lineage, MetadataKey, PartitionKey, Position, Result, SourceBatch,
};

use super::collect::Complaint;
use super::decode::Decoded;
use super::home::Place;
use super::partition::{Partition, position};
use super::poll::{Command, Event};
use super::state::{Assigning, Owned, Releasing};
use super::topics::Found;
use super::{KafkaSource, begin, client_error, topics};
use crate::error::{is_transient, source_error};
use crate::native::{Code, Rebalance, TopicPartition};
use crate::settings::{Reset, Until};

/// A topic that is not there is looked for again after this.
const LATER: Duration = Duration::from_secs(1);

impl KafkaSource {
    pub(super) fn hear(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Rebalance(Rebalance::Assign(places)) => self.given(places),
            Event::Rebalance(Rebalance::Revoke {
                partitions,
                is_lost,
            }) => self.let_go(partitions, is_lost),
            Event::Complaint(complaint) => return self.complaint(complaint),
            Event::Error(error, is_fatal) => {
                if is_fatal || is_final(error.code) {
                    return Err(client_error(error));
                }
                if self.log.is_due(&format!("{:?}", error.code)) {
                    tracing::warn!(%error, "Kafka; trying on");
                }
            }
        }
        Ok(())
    }

    /// The group has given partitions.
    fn given(&mut self, places: Vec<TopicPartition>) {
        // The group waits for an answer.
        self.assigning = Some(Assigning {
            waiting: BTreeSet::new(),
            readings: Vec::new(),
        });
        self.look_up(places, Duration::ZERO);
    }

    /// What partitions are is asked before anybody hears of them.
    pub(super) fn look_up(&mut self, places: Vec<TopicPartition>, later: Duration) {
        self.asked.extend(places.iter().cloned());
        let topics = self.topics.clone();
        let asks_group = self.settings.reset == Reset::Latest;
        let earlier = self.looking_up.take();
        self.looking_up = Some(tokio::spawn(async move {
            let mut found = match earlier {
                Some(earlier) => earlier.await.map_err(topics::broke_off)??,
                None => Vec::new(),
            };
            tokio::time::sleep(later).await;
            let asking = spawn_blocking(move || topics.look_up(places, asks_group));
            found.extend(asking.await.map_err(topics::broke_off)??);
            Ok(found)
        }));
    }

    pub(super) fn found(&mut self, found: Vec<Found>) {
        self.was_assigned = true;
        let mut missing: BTreeSet<_> = self.asked.drain(..).collect();
        let mut keys = Vec::with_capacity(found.len());
        for found in found {
            let key = found.partition.key.clone();
            let place = &found.partition.place;
            missing.remove(place);
            match &mut self.assigning {
                _ if self.taken.contains(place) => {}
                Some(assigning) => {
                    assigning.waiting.insert(key.clone());
                }
                // The group took it back meanwhile.
                None => continue,
            }
            let beginning = begin::anew(&self.settings, &found);
            self.assignments += 1;
            let at = Place {
                at: place.clone(),
                assignment: self.assignments,
            };
            self.file(|places| places.insert(key.clone(), at));
            self.partitions.insert(Owned {
                bounds: found.bounds,
                beginning,
                generation: None,
                is_paused: false,
                is_stopped: false,
                is_done: false,
                // So that what appears later is told from what was there, also if this ends here.
                uncommitted: (self.settings.reset == Reset::Latest).then_some(beginning),
                told: None,
                is_new: found.committed.is_none(),
                partition: found.partition,
            });
            keys.push(key);
        }
        // A topic that is gone may be made again before the group hears of it.
        missing.retain(|place| self.taken.contains(place));
        if !missing.is_empty() {
            self.look_up(missing.into_iter().collect(), LATER);
        }
        let takes_nothing = self
            .assigning
            .take_if(|assigning| assigning.waiting.is_empty())
            .is_some();
        if takes_nothing {
            let (done, _) = oneshot::channel();
            self.command(Command::Assign(Vec::new(), done));
        }
        if !keys.is_empty() {
            self.ready.push_back(SourceEvent::Assigned(keys));
        }
    }

    pub(super) async fn assign_if_complete(&mut self) -> Result<()> {
        let is_complete = self
            .assigning
            .as_ref()
            .is_some_and(|assigning| assigning.waiting.is_empty());
        if is_complete && let Some(assigning) = self.assigning.take() {
            let readings = assigning.readings;
            let places = readings
                .iter()
                .map(|reading| reading.partition.place.clone());
            self.taken.extend(places);
            if self.is_home && self.settings.reset == Reset::Latest {
                self.note_beginnings().await;
            }
            let doing = "taking the partitions that the group gives";
            self.tell(|done| Command::Assign(readings, done), doing)
                .await?;
            if self.settings.reset == Reset::Latest {
                let offsets = self.uncommitted(true);
                self.command(Command::Commit(offsets));
            }
        }
        Ok(())
    }

    /// Has the group remember where partitions begin that it has nothing of, so that what appears later is
    /// told from what was there. Before they flow: positions move in transactions from then on.
    async fn note_beginnings(&mut self) {
        let new = self.partitions.take_new();
        if new.is_empty() {
            return;
        }
        let told = self.tell(
            |done| Command::Begin(new, done),
            "telling the group where partitions begin",
        );
        if let Err(error) = told.await {
            tracing::warn!(%error, "a restart may take a partition for one that appeared later");
        }
    }

    fn let_go(&mut self, places: Vec<TopicPartition>, is_lost: bool) {
        let owned = places.iter().filter_map(|place| self.partitions.at(place));
        let keys: Vec<_> = owned.map(|owned| owned.partition.key.clone()).collect();
        if keys.is_empty() {
            for place in &places {
                self.taken.remove(place);
            }
            let (done, _) = oneshot::channel();
            self.command(Command::Unassign(places, Vec::new(), done));
            return;
        }
        self.releasing = Some(Releasing {
            waiting: keys.iter().cloned().collect(),
            places,
        });
        self.ready.push_back(match is_lost {
            true => SourceEvent::Lost(keys),
            false => SourceEvent::Revoked(keys),
        });
    }

    /// Topics are others by now: their partitions are lost, whoever the group gives them to.
    pub(super) fn replaced<'a>(&mut self, topics: impl IntoIterator<Item = &'a String>) {
        for topic in topics {
            let keys = self.partitions.of_topic(topic);
            for key in &keys {
                if let Some(owned) = self.partitions.get_mut(key) {
                    owned.generation = None;
                    let place = owned.partition.place.clone();
                    self.command(Command::Forget(place));
                }
            }
            let is_revoked = |key: &PartitionKey| {
                let releasing = self.releasing.as_ref();
                releasing.is_some_and(|releasing| releasing.waiting.contains(key))
            };
            let keys: Vec<_> = keys.into_iter().filter(|key| !is_revoked(key)).collect();
            if !keys.is_empty() {
                tracing::warn!(topic, "the topic was deleted, or made again under its name");
                self.ready.push_back(SourceEvent::Lost(keys));
            }
        }
    }

    fn complaint(&mut self, complaint: Complaint) -> Result<()> {
        let Complaint {
            error,
            about,
            reading,
        } = complaint;
        let code = error.code;
        if code == Code::RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET {
            let Some(reading) = reading else {
                return Ok(());
            };
            let key = reading.partition.key.clone();
            let is_current = self
                .partitions
                .get(&key)
                .is_some_and(|owned| owned.generation == Some(reading.generation));
            if is_current {
                // What the pipeline has of it decides, as if it had just been assigned.
                self.partitions
                    .get_mut(&key)
                    .map(|owned| owned.generation.take());
                self.ready.push_back(SourceEvent::Lost(vec![key]));
            }
            return Ok(());
        }
        let about = about.map_or_else(
            || "reading from Kafka".to_owned(),
            |place| format!("reading {} partition {}", place.topic, place.partition),
        );
        if code == Code::RD_KAFKA_RESP_ERR__LOG_TRUNCATION {
            let error = Error::new(
                Kind::Invalid,
                Blame::Source,
                format!(
                    "{error}: records that were read are no longer in the log (an unclean leader \
                     election)"
                ),
            );
            return Err(error.context(about));
        }
        let is_gone = matches!(
            code,
            Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
                | Code::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC
                | Code::RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION
        );
        if is_gone || is_transient(code) {
            if self.log.is_due(&format!("{about} {code:?}")) {
                tracing::warn!(%error, "{about}; trying on");
            }
            return Ok(());
        }
        Err(source_error(&about, error))
    }

    /// A decoded batch, if it still counts, goes out or waits.
    pub(super) fn take(&mut self, decoded: Decoded) -> Result<()> {
        let is_paused = decoded.key().is_some_and(|key| {
            let owned = self.partitions.get(key);
            owned.is_some_and(|owned| owned.is_paused)
        });
        if is_paused {
            self.held.push_back(decoded);
            let places = self.partitions.stop_paused();
            if !places.is_empty() {
                self.command(Command::Pause(places));
            }
            return Ok(());
        }
        self.give(decoded)
    }

    pub(super) fn give(&mut self, decoded: Decoded) -> Result<()> {
        match decoded {
            Decoded::Batch { generation, batch } => {
                let owned = self.partitions.get(&batch.key);
                if owned.is_some_and(|owned| owned.generation == Some(generation)) {
                    self.ready.push_back(SourceEvent::Batch(batch));
                }
            }
            Decoded::Done { key, generation } => {
                if let Some(owned) = self.partitions.get_mut(&key)
                    && owned.generation == Some(generation)
                {
                    owned.is_done = true;
                    let place = owned.partition.place.clone();
                    if self.settings.until == Until::Latest {
                        self.command(Command::Pause(vec![place]));
                    }
                }
            }
            Decoded::Replaced(topics) => self.replaced(&topics),
            Decoded::Failed(error) => return Err(error),
        }
        Ok(())
    }

    /// The first of what is held that may go out.
    pub(super) fn first_flowing(&self) -> Option<usize> {
        self.held.iter().position(|decoded| {
            let owned = decoded.key().and_then(|key| self.partitions.get(key));
            owned.is_none_or(|owned| !owned.is_paused)
        })
    }

    /// Passes over records that are lost, with a dead letter that names them; the position after them.
    pub(super) fn jump(
        &mut self,
        key: &PartitionKey,
        from: &Position,
        lost_from: i64,
        to: i64,
    ) -> Position {
        let end = position(to);
        let Some(owned) = self.partitions.get(key) else {
            return end;
        };
        let partition = Arc::clone(&owned.partition);
        let reason = format!(
            "offsets {lost_from} to {} were no longer in the log when they were to be read",
            to - 1
        );
        tracing::warn!(
            topic = &*partition.topic,
            partition = key.partition(),
            "{reason}"
        );
        let letter = DeadLetter {
            key: key.clone(),
            origin: partition.origin(lost_from),
            position: Some(end.clone()),
            by: RefusedBy::Host,
            reason,
            record: Bytes::new(),
            kept: Kept::Nothing,
        };
        self.ready.push_back(SourceEvent::Batch(SourceBatch {
            key: key.clone(),
            begin: Some(from.clone()),
            end: end.clone(),
            rows: RecordBatch::new_empty(Arc::new(Schema::empty())),
            lineage: Arc::new(NoRows(partition)),
            undecodable: vec![(0, letter)],
            at: Utc::now(),
            bytes: 0,
            reservation: None,
        }));
        end
    }
}

impl Decoded {
    /// The partition that it is about, if it is one.
    pub(super) fn key(&self) -> Option<&PartitionKey> {
        match self {
            Self::Batch { batch, .. } => Some(&batch.key),
            Self::Done { key, .. } => Some(key),
            Self::Replaced(_) | Self::Failed(_) => None,
        }
    }
}

/// What the library tries on with for ever, and no time heals.
fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::RD_KAFKA_RESP_ERR__AUTHENTICATION
            | Code::RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED
    )
}

/// The lineage of a batch without rows.
#[derive(Debug)]
struct NoRows(Arc<Partition>);

impl Lineage for NoRows {
    fn position_after(&self, _row: u32) -> Option<Position> {
        None
    }

    fn origin(&self, _row: u32) -> RowOrigin {
        self.0.origin(-1)
    }

    fn raw(&self, _row: u32) -> Option<Bytes> {
        None
    }

    fn metadata(&self, _key: MetadataKey, _rows: &UInt32Array) -> Option<ArrayRef> {
        None
    }
}
