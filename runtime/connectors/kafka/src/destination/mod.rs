//! Topics as a destination. A row's way: `stage` gets it from the component's call, `layout` makes a record of
//! it, `session` sends it within an open transaction of one of the `producers`, and a home commits that
//! transaction together with the positions. There are two homes (commit protocol, the table of connectors):
//!
//! - `group`: the source is read over the same connection. Its group's offsets move in the transaction, as the
//!   member that it is now.
//! - `positions`: any other source. Positions are records of a compacted topic; `lanes` keeps each of them for
//!   one producer, and whoever had that lane before can send nothing more.

mod group;
mod headers;
mod lanes;
mod layout;
mod ledger;
mod letters;
mod positions;
mod producers;
mod session;
mod stage;
mod template;

use std::sync::{Arc, OnceLock};

use wasm_sink_core::dead_letter::DeadLetterTarget;
use wasm_sink_core::home::Home;
use wasm_sink_core::source::Membership;
use wasm_sink_core::{Blame, Error, Kind, Result};

use self::group::HomeInGroup;
use self::lanes::Lanes;
use self::letters::LetterTopic;
use self::positions::HomeInTopic;
use self::producers::Producers;
use crate::cluster::Cluster;
use crate::source::GroupHome;

pub(crate) use stage::KafkaStage;

/// How an epoch's transaction comes about.
#[derive(Clone)]
enum Way {
    /// By any producer: the group tells members apart.
    Group,
    /// By the producer of the epoch's lane.
    Lanes(Arc<Lanes>),
}

/// What the stages of a connection and its home share.
pub(crate) struct Destination {
    pub(crate) cluster: Arc<Cluster>,
    producers: Arc<Producers>,
    way: OnceLock<Way>,
}

impl Destination {
    pub(crate) fn new(cluster: Arc<Cluster>) -> Self {
        Self {
            producers: Arc::new(Producers::new(Arc::clone(&cluster))),
            cluster,
            way: OnceLock::new(),
        }
    }

    /// A home whose positions are the offsets of the source's group.
    ///
    /// # Errors
    /// Its transactions would end before its epochs do.
    pub(crate) fn home_in_group(&self, group: GroupHome) -> Result<Arc<dyn Home>> {
        producers::check(&self.cluster)?;
        let _ = self.way.set(Way::Group);
        let producers = Arc::clone(&self.producers);
        Ok(Arc::new(HomeInGroup::new(group, producers)))
    }

    /// A home whose positions are records of a topic. `membership` is the source's; None: nothing will be
    /// committed.
    ///
    /// # Errors
    /// Its transactions would end before its epochs do.
    pub(crate) fn home_in_topic(&self, membership: Option<Membership>) -> Result<Arc<dyn Home>> {
        producers::check(&self.cluster)?;
        let membership = membership.unwrap_or(Membership::Alone);
        let lanes = Arc::new(Lanes::new(Arc::clone(&self.producers), membership));
        let way = self.way.get_or_init(|| Way::Lanes(Arc::clone(&lanes)));
        let lanes = match way {
            Way::Lanes(lanes) => Arc::clone(lanes),
            Way::Group => lanes,
        };
        Ok(Arc::new(HomeInTopic::new(lanes)))
    }

    /// A topic that takes dead letters.
    ///
    /// # Errors
    /// `invalid`: no topic can be called so.
    pub(crate) fn dead_letters(&self, topic: &str) -> Result<Arc<dyn DeadLetterTarget>> {
        let producers = Arc::clone(&self.producers);
        Ok(Arc::new(LetterTopic::new(producers, topic)?))
    }

    fn way(&self) -> Result<Way> {
        self.way.get().cloned().ok_or_else(|| {
            let message = "rows were staged before it was said where positions are";
            Error::new(Kind::Other, Blame::Host, message)
        })
    }

    /// What one record may have, since it has to go through a producer's queue.
    fn queue_bytes(&self) -> usize {
        let queue = self.cluster.settings.producer.queue_bytes();
        queue.unwrap_or(producers::QUEUE_BYTES)
    }

    /// What waits in the queues of producers; of as many as a source without a group has.
    pub(crate) fn staged_bytes(&self) -> usize {
        producers::QUEUE_BYTES * lanes::LANES as usize
    }

    /// Ends the producers, so that nobody waits for their transactions.
    pub(crate) async fn close(&self) {
        self.producers.close().await;
    }
}
