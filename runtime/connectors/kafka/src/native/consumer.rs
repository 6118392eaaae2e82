//! What a client reads, as a member of a group or by itself.

use std::ffi::c_int;
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::bindings as sys;

use super::client::{Client, milliseconds, out_of_memory};
use super::error::{Code, NativeError};
use super::list::{TopicPartition, TopicPartitions};
use super::message::Batch;
use super::text_at;

/// What subscriptions name in the place of a partition.
const ANY_PARTITION: i32 = -1;

impl Client {
    /// Waits up to `timeout` until `most` messages, or what is said in their place, are in `batch`.
    /// The listener may be called meanwhile.
    pub(crate) fn consume(&self, batch: &mut Batch, most: usize, timeout: Duration) {
        match self.queue {
            // SAFETY: the queue is that of this consumer; messages keep what they need of it.
            Some(queue) => unsafe { batch.fill(queue.as_ptr(), most, milliseconds(timeout)) },
            None => batch.clear(),
        }
    }

    /// Ends a wait in [`Self::consume`].
    pub(crate) fn wake(&self) {
        if let Some(queue) = self.queue {
            // SAFETY: the queue is alive.
            unsafe { sys::rd_kafka_queue_yield(queue.as_ptr()) }
        }
    }

    /// Joins the group. Names that begin with `^` are patterns.
    pub(crate) fn subscribe<'a>(
        &self,
        topics: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), NativeError> {
        let mut list = TopicPartitions::new().ok_or_else(out_of_memory)?;
        for topic in topics {
            list.add(topic, ANY_PARTITION, sys::RD_KAFKA_OFFSET_INVALID.into());
        }
        // SAFETY: handle and list are alive; the list is copied.
        NativeError::check(unsafe { sys::rd_kafka_subscribe(self.as_ptr(), list.as_ptr()) })
    }

    /// Begins to read partitions at the offsets of the list, beside those that are assigned already.
    pub(crate) fn assign(&self, list: &TopicPartitions) -> Result<(), NativeError> {
        // SAFETY: handle and list are alive; the list is copied. The error is ours.
        unsafe {
            NativeError::take(sys::rd_kafka_incremental_assign(
                self.as_ptr(),
                list.as_ptr(),
            ))
        }
    }

    /// Gives partitions back to the group.
    pub(crate) fn unassign(&self, list: &TopicPartitions) -> Result<(), NativeError> {
        // SAFETY: as for `assign`.
        unsafe {
            NativeError::take(sys::rd_kafka_incremental_unassign(
                self.as_ptr(),
                list.as_ptr(),
            ))
        }
    }

    /// Goes on at the offsets of the list; what was fetched ahead is dropped.
    pub(crate) fn seek(
        &self,
        list: &TopicPartitions,
        timeout: Duration,
    ) -> Result<(), NativeError> {
        // SAFETY: handle and list are alive; results are written into the list. The error is ours.
        unsafe {
            let error =
                sys::rd_kafka_seek_partitions(self.as_ptr(), list.as_ptr(), milliseconds(timeout));
            NativeError::take(error).map_err(|error| self.explain(error))?;
        }
        list.entries()
            .into_iter()
            .try_for_each(|(_, _, sought)| sought)
            .map_err(|error| self.explain(error))
    }

    /// Stops fetching partitions; what was fetched ahead is dropped, and fetched again later.
    pub(crate) fn pause(&self, list: &TopicPartitions) -> Result<(), NativeError> {
        // SAFETY: handle and list are alive; results are written into the list.
        NativeError::check(unsafe { sys::rd_kafka_pause_partitions(self.as_ptr(), list.as_ptr()) })
    }

    /// Fetches paused partitions again.
    pub(crate) fn resume(&self, list: &TopicPartitions) -> Result<(), NativeError> {
        // SAFETY: as for `pause`.
        NativeError::check(unsafe { sys::rd_kafka_resume_partitions(self.as_ptr(), list.as_ptr()) })
    }

    /// Tells the group how far partitions are read. With `waits` false nobody hears of a failure.
    pub(crate) fn commit(&self, list: &TopicPartitions, waits: bool) -> Result<(), NativeError> {
        // SAFETY: handle and list are alive; the list is copied.
        NativeError::check(unsafe {
            sys::rd_kafka_commit(self.as_ptr(), list.as_ptr(), c_int::from(!waits))
        })
        .map_err(|error| self.explain(error))
    }

    /// What the group has of partitions; a negative offset where it has none.
    pub(crate) fn committed(
        &self,
        list: &TopicPartitions,
        timeout: Duration,
    ) -> Result<Vec<(TopicPartition, i64)>, NativeError> {
        // SAFETY: handle and list are alive; results are written into the list.
        NativeError::check(unsafe {
            sys::rd_kafka_committed(self.as_ptr(), list.as_ptr(), milliseconds(timeout))
        })
        .map_err(|error| self.explain(error))?;
        let entries = list.entries().into_iter();
        entries
            .map(|(partition, offset, found)| found.map(|()| (partition, offset)))
            .collect::<Result<_, _>>()
            .map_err(|error| self.explain(error))
    }

    /// What the group has of partitions, with the notes beside.
    pub(crate) fn committed_with_notes(
        &self,
        list: &TopicPartitions,
        timeout: Duration,
    ) -> Result<Vec<(TopicPartition, i64, String)>, NativeError> {
        // SAFETY: handle and list are alive; results are written into the list.
        NativeError::check(unsafe {
            sys::rd_kafka_committed(self.as_ptr(), list.as_ptr(), milliseconds(timeout))
        })
        .map_err(|error| self.explain(error))?;
        list.noted()
    }

    /// As which member of the group this reader may commit now.
    pub(crate) fn membership(&self) -> Result<GroupMember, NativeError> {
        // SAFETY: the handle is alive. What it returns is ours.
        let metadata = unsafe { sys::rd_kafka_consumer_group_metadata(self.as_ptr()) };
        let none = || NativeError::of(Code::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
        let member = GroupMember(NonNull::new(metadata).ok_or_else(none)?);
        // SAFETY: the object is alive, and so is the text in it.
        let is_member = unsafe {
            let name = sys::rd_kafka_consumer_group_metadata_member_id(member.as_ptr());
            let generation = sys::rd_kafka_consumer_group_metadata_generation_id(member.as_ptr());
            generation >= 0 && !text_at(name).is_empty()
        };
        // Brokers take offsets from whoever says that it is no member.
        is_member.then_some(member).ok_or_else(none)
    }

    /// Leaves the group. The listener may be called meanwhile, and must not leave a question open.
    pub(crate) fn close(&self) {
        if self.queue.is_some() {
            // SAFETY: the handle is alive and a consumer's.
            let code = unsafe { sys::rd_kafka_consumer_close(self.as_ptr()) };
            if let Err(error) = NativeError::check(code) {
                tracing::debug!(%error, "leaving the group");
            }
        }
    }

    /// Lets go of everything, which also answers a question that is open.
    pub(crate) fn unassign_all(&self) {
        let mut list = ptr::null_mut();
        // SAFETY: the handle is alive, and `list` is written where it works. It is ours until it is
        // destroyed.
        let outcome = unsafe {
            NativeError::check(sys::rd_kafka_assignment(self.as_ptr(), &raw mut list)).and_then(
                |()| {
                    let error = sys::rd_kafka_incremental_unassign(self.as_ptr(), list);
                    sys::rd_kafka_topic_partition_list_destroy(list);
                    NativeError::take(error)
                },
            )
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "letting go of all partitions");
        }
    }
}

/// A member of a group in one generation.
pub(crate) struct GroupMember(NonNull<sys::rd_kafka_consumer_group_metadata_t>);

impl GroupMember {
    pub(super) fn as_ptr(&self) -> *const sys::rd_kafka_consumer_group_metadata_t {
        self.0.as_ptr()
    }
}

// SAFETY: memory and nothing else, which is only read.
unsafe impl Send for GroupMember {}

impl Drop for GroupMember {
    fn drop(&mut self) {
        // SAFETY: ours, and destroyed once.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.0.as_ptr()) }
    }
}
