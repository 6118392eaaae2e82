//! What the brokers say of topics: their identity, and where partitions begin and end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wasm_sink_core::{Blame, Error, Kind, Result};

use super::partition::Partition;
use crate::connection::ASKING;
use crate::error::{is_transient, source_error};
use crate::native::{Client, Code, End, NativeError, TopicDescription, TopicPartition};

/// Brokers may be away for so long before a question fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// A partition that has just been assigned, as the brokers see it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) partition: Arc<Partition>,
    pub(super) bounds: Bounds,
    /// What the group has of it; None where nothing, or where nobody asks.
    pub(super) committed: Option<i64>,
    /// Whether the group has something of any partition, so that what it has nothing of came later.
    pub(super) is_group_known: bool,
}

/// The part of a log that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The first offset.
    pub(super) low: i64,
    /// After the last record, in front of transactions that are open.
    pub(super) high: i64,
}

/// Asks about topics. Waits, so it is called where waiting is allowed.
#[derive(Clone)]
pub(super) struct Topics {
    pub(super) client: Arc<Client>,
    pub(super) cluster: Arc<str>,
    /// Nobody waits for answers any more.
    pub(super) is_closing: Arc<AtomicBool>,
}

impl Topics {
    /// Everything that is to be known of partitions before they are read. `asks_group`: also what the
    /// group has of any.
    pub(super) fn look_up(
        &self,
        places: Vec<TopicPartition>,
        asks_group: bool,
    ) -> Result<Vec<Found>> {
        let names: BTreeSet<&str> = places.iter().map(|place| place.topic.as_str()).collect();
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let (places, ids, bounds) = loop {
            let ids = self.ids(&names)?;
            let is_there = |place: &&TopicPartition| ids.contains_key(&place.topic);
            let places: Vec<_> = places.iter().filter(is_there).cloned().collect();
            let bounds = self.bounds(&places);
            // The log is asked for by name, and by now the name may be another topic's.
            if self.ids(&names)? == ids {
                break (places, ids, bounds?);
            }
        };
        let mut committed = BTreeMap::new();
        if asks_group {
            committed = self.committed()?;
        }
        let mut found = Vec::with_capacity(places.len());
        for place in &places {
            let Some(bounds) = bounds.get(place) else {
                continue;
            };
            let id = ids.get(&place.topic).cloned().flatten();
            found.push(Found {
                partition: Arc::new(Partition::new(&self.cluster, place.clone(), id)),
                bounds: *bounds,
                committed: committed.get(place).copied(),
                is_group_known: !committed.is_empty(),
            });
        }
        Ok(found)
    }

    /// The topics that are there, and their ids.
    fn ids(&self, names: &[String]) -> Result<BTreeMap<String, Option<String>>> {
        self.patiently("asking what topics are", || {
            let topics = self.client.describe_topics(names, ASKING)?;
            let mut ids = BTreeMap::new();
            for TopicDescription {
                name, id, found, ..
            } in topics
            {
                match found {
                    Ok(()) => {
                        ids.insert(name, id);
                    }
                    // It went meanwhile; the group will hear of it.
                    Err(error) if is_unknown(error.code) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(ids)
        })
    }

    /// Where the log of a partition begins and ends now; None where its topic is another one, or gone.
    pub(super) fn bounds_of(&self, partition: &Partition) -> Result<Option<Bounds>> {
        let place = &partition.place;
        let bounds = self.bounds(std::slice::from_ref(place));
        let name = place.topic.clone();
        let known = partition.topic_id.clone().map(|id| (name, id)).into_iter();
        let known = known.collect();
        let replaced = self.patiently("asking what topics are", || self.replaced(&known))?;
        if !replaced.is_empty() {
            return Ok(None);
        }
        Ok(bounds?.get(place).copied())
    }

    /// Where partitions begin and end now.
    pub(super) fn bounds(
        &self,
        places: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Bounds>> {
        let end = |end| {
            self.patiently("asking where partitions begin and end", || {
                let offsets = self.client.offsets(places, end, ASKING)?.into_iter();
                offsets
                    .map(|(place, offset, found)| found.map(|()| (place, offset)))
                    .collect::<Result<BTreeMap<_, _>, _>>()
            })
        };
        let lows = end(End::Low)?;
        let highs = end(End::High)?;
        let bounds = lows.into_iter().filter_map(|(place, low)| {
            let high = *highs.get(&place)?;
            Some((place, Bounds { low, high }))
        });
        Ok(bounds.collect())
    }

    /// Offsets that the group has, of all partitions of all topics that there are.
    fn committed(&self) -> Result<BTreeMap<TopicPartition, i64>> {
        self.patiently("asking for the group's offsets", || {
            let topics = self.client.topics(ASKING)?.into_iter();
            let places: Vec<_> = topics
                .flat_map(|(topic, partitions)| {
                    (0..partitions as i32).map(move |partition| TopicPartition {
                        topic: topic.clone(),
                        partition,
                    })
                })
                .collect();
            let list = crate::native::TopicPartitions::with_offset(&places, 0);
            let Some(list) = list else {
                return Ok(BTreeMap::new());
            };
            let committed = self.client.committed(&list, ASKING)?.into_iter();
            Ok(committed.filter(|(_, offset)| *offset >= 0).collect())
        })
    }

    /// Tries until it works, while brokers are away or move.
    fn patiently<T>(
        &self,
        doing: &str,
        mut ask: impl FnMut() -> Result<T, NativeError>,
    ) -> Result<T> {
        let since = Instant::now();
        loop {
            match ask() {
                Ok(answer) => return Ok(answer),
                Err(error)
                    if is_transient(error.code)
                        && since.elapsed() < PATIENCE
                        && !self.is_closing.load(Ordering::SeqCst) =>
                {
                    tracing::debug!(%error, doing, "trying again");
                    std::thread::sleep(PAUSE);
                }
                Err(error) => return Err(source_error(doing, error)),
            }
        }
    }

    /// Whether each of these topics is still the one that it was. Those that are not, and those that
    /// are gone.
    pub(super) fn replaced(
        &self,
        topics: &BTreeMap<String, String>,
    ) -> Result<BTreeSet<String>, NativeError> {
        let names: Vec<String> = topics.keys().cloned().collect();
        let described = self.client.describe_topics(&names, ASKING)?;
        let mut replaced = BTreeSet::new();
        for TopicDescription {
            name, id, found, ..
        } in described
        {
            match found {
                Ok(()) if id.as_ref() != topics.get(&name) => {
                    replaced.insert(name);
                }
                Ok(()) => {}
                Err(error) if is_unknown(error.code) => {
                    replaced.insert(name);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(replaced)
    }
}

fn is_unknown(code: Code) -> bool {
    matches!(
        code,
        Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART | Code::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC
    )
}

/// Answers that did not come since the thread that asks broke off.
pub(super) fn broke_off(error: tokio::task::JoinError) -> Error {
    let message =
        "a question to the brokers broke off; this is a bug in wasm-sink, please report it";
    Error::new(Kind::Other, Blame::Host, message).with_source(error)
}
