//! The group's own offsets as the home of a pipeline whose destination takes no positions (commit
//! protocol, rule 15). The coordinator takes offsets of the group's present members alone, so that one
//! who was taken for dead moves nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::task::spawn_blocking;
use wasm_sink_core::home::{
    Admission, AttemptError, Base, Commit, History, Home, Staging, Stored, admit,
};
use wasm_sink_core::stage::{Staged, UnitId};
use wasm_sink_core::{Blame, CommitId, Error, Kind, Move, PartitionKey, Result};

use super::partition::position;
use super::topics::broke_off;
use crate::connection::ASKING;
use crate::error::source_error;
use crate::native::{Client, Code, GroupMember, NativeError, TopicPartition, TopicPartitions};

/// The partitions that are ours now.
pub(super) type Places = Arc<Mutex<BTreeMap<PartitionKey, Place>>>;

/// Where the group files a partition.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) at: TopicPartition,
    /// Another one each time that the partition becomes ours.
    pub(super) assignment: u64,
}

/// The note beside an offset at which a partition begins of which nothing is delivered. It is no position.
pub(super) const BEGINNING: &str = "beginning";

/// As which assignments positions were read.
pub(crate) type Assignments = BTreeMap<PartitionKey, u64>;

/// The offsets of one group.
pub(crate) struct GroupHome {
    client: Arc<Client>,
    group: String,
    places: Places,
}

impl GroupHome {
    pub(super) fn new(client: Arc<Client>, group: String, places: Places) -> Self {
        Self {
            client,
            group,
            places,
        }
    }

    fn places(&self) -> BTreeMap<PartitionKey, Place> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.clone()
    }

    /// Where an epoch ends, in the group's words, if its partitions are those of which positions were read, and the member that may say so: as long as that one counts,
    /// the partitions are ours. Asks the library's own thread.
    ///
    /// # Errors
    /// A partition is not ours, or we are no member.
    pub(crate) fn offsets(
        &self,
        read_as: &Assignments,
        moves: &[Move],
        id: CommitId,
    ) -> Result<(TopicPartitions, GroupMember), AttemptError> {
        let mut list = TopicPartitions::new().ok_or_else(|| unknown(NativeError::of(NO_MEMORY)))?;
        // A partition is taken from here before the group is told that it may have it: what counts as a
        // member while it is here is fenced off once another may have it.
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        add(&places, read_as, moves, id, &mut list)?;
        let member = self.client.membership();
        drop(places);
        Ok((list, member.map_err(unknown)?))
    }
}

#[async_trait]
impl Home for GroupHome {
    fn describe(&self) -> String {
        format!("the offsets of the consumer group `{}`", self.group)
    }

    fn unit(&self) -> Option<&UnitId> {
        None
    }

    fn staging(&self) -> Staging {
        Staging::Durable
    }

    async fn read(&self) -> Result<Base> {
        let mut assignments = Assignments::new();
        let keys: BTreeMap<TopicPartition, PartitionKey> = self
            .places()
            .into_iter()
            .map(|(key, place)| {
                assignments.insert(key.clone(), place.assignment);
                (place.at, key)
            })
            .collect();
        let client = Arc::clone(&self.client);
        let asked: Vec<TopicPartition> = keys.keys().cloned().collect();
        let answer = spawn_blocking(move || match TopicPartitions::with_offset(&asked, 0) {
            Some(list) if !asked.is_empty() => client.committed_with_notes(&list, ASKING),
            _ => Ok(Vec::new()),
        });
        let found = answer.await.map_err(broke_off)?;
        let found = found.map_err(|error| source_error("asking the group for offsets", error))?;
        let mut positions = BTreeMap::new();
        for (place, offset, note) in found {
            if let Some(key) = keys.get(&place).filter(|_| note != BEGINNING) {
                let stored = Stored {
                    position: position(offset),
                    // Offsets that somebody else set have no note of ours.
                    commit: note.parse().unwrap_or(CommitId::from_random(0)),
                    intent: None,
                };
                positions.insert(key.clone(), stored);
            }
        }
        Ok(Base {
            version: 0,
            positions,
            token: Box::new(assignments),
        })
    }

    async fn attempt(&self, base: &Base, commit: &Commit) -> Result<(), AttemptError> {
        let mut list = TopicPartitions::new().ok_or_else(|| unknown(NativeError::of(NO_MEMORY)))?;
        for (epoch, admission) in commit
            .epochs
            .iter()
            .zip(admit(&base.positions, &commit.epochs))
        {
            if let Admission::Refused(key) = admission {
                let message = format!("partition {key} stands elsewhere in the group");
                let error = Error::new(Kind::Conflict, Blame::Source, message);
                return Err(AttemptError::Conflict(error));
            }
            add(
                &self.places(),
                assignments(base),
                &epoch.moves,
                epoch.id,
                &mut list,
            )?;
        }
        let client = Arc::clone(&self.client);
        let answer = spawn_blocking(move || client.commit(&list, true)).await;
        match answer.map_err(|error| AttemptError::Unknown(broke_off(error)))? {
            Ok(()) => Ok(()),
            Err(error) if is_fenced(error.code) => Err(AttemptError::Conflict(source_error(
                "committing offsets to the group",
                error,
            ))),
            Err(error) => Err(unknown(error)),
        }
    }

    async fn history(&self, _commit: CommitId) -> Result<History> {
        Ok(History::Forgotten)
    }

    async fn discard(&self, _staged: &[Staged]) {}
}

/// Adds where an epoch ends.
///
/// # Errors
/// A partition is not ours.
fn add(
    places: &BTreeMap<PartitionKey, Place>,
    read_as: &Assignments,
    moves: &[Move],
    id: CommitId,
    list: &mut TopicPartitions,
) -> Result<(), AttemptError> {
    for moved in moves {
        let place = places.get(&moved.key);
        // It may have been somebody else's since.
        let place = place.filter(|place| read_as.get(&moved.key) == Some(&place.assignment));
        let (Some(place), [offset]) = (place, moved.end.words()) else {
            let message = format!("partition {} is no longer ours", moved.key);
            let error = Error::new(Kind::Conflict, Blame::Source, message);
            return Err(AttemptError::Conflict(error));
        };
        list.add_noted(&place.at, *offset, &id.to_string());
    }
    Ok(())
}

/// As which assignments the positions of a base were read.
pub(crate) fn assignments(base: &Base) -> &Assignments {
    static NONE: Assignments = Assignments::new();
    base.token.downcast_ref().unwrap_or(&NONE)
}

const NO_MEMORY: Code = Code::RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE;

fn unknown(error: NativeError) -> AttemptError {
    AttemptError::Unknown(source_error("committing offsets to the group", error))
}

/// Whether the coordinator no longer counts us among the members that have these partitions.
pub(crate) fn is_fenced(code: Code) -> bool {
    matches!(
        code,
        Code::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION
            | Code::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID
            | Code::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID
            | Code::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS
    )
}
