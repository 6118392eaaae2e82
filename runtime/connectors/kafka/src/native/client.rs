//! A client of the brokers, and what it reads.

use std::ffi::{c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as sys;

use super::config::Config;
use super::error::{Code, NativeError};
use super::list::{TopicPartition, TopicPartitions, entries_at};
use super::message::Batch;
use super::{ErrorText, text_at};

/// What subscriptions name in the place of a partition.
const ANY_PARTITION: i32 = -1;

/// What the group wants of this member. It goes on when it is answered.
#[derive(Debug)]
pub(crate) enum Rebalance {
    /// Answered by [`Client::assign`].
    Assign(Vec<TopicPartition>),
    /// Answered by [`Client::unassign`].
    Revoke {
        partitions: Vec<TopicPartition>,
        /// Others have them already.
        is_lost: bool,
    },
}

/// Who hears what a client has to say. Called by several threads, in the middle of librdkafka: it may
/// take notes and do no more.
pub(crate) trait Listener: Send + Sync {
    /// Called by the thread that polls. False: nobody will answer; nothing is
    /// taken any more, and what is to be given back is given back at once.
    fn rebalance(&self, rebalance: Rebalance) -> bool;
    /// Something is wrong that is about no partition; librdkafka tries on by itself unless it is fatal.
    fn error(&self, error: NativeError, is_fatal: bool);
    /// A line of the library's log, with syslog's level.
    fn log(&self, level: i32, facility: &str, line: &str);
    /// A record that was sent is not in its topic, and will not be.
    fn undelivered(&self, _error: NativeError) {}
}

/// What a client is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It asks and no more.
    Asker,
    /// It reads: as a member of the group with the `group.id` in its properties once it subscribes, or else
    /// what it is assigned.
    Reader,
    /// It sends.
    Producer,
}

/// An open client. Its functions may be called by any thread.
pub(crate) struct Client {
    handle: NonNull<sys::rd_kafka_t>,
    /// Where a reader gets everything; None for others.
    queue: Option<NonNull<sys::rd_kafka_queue_t>>,
    /// What the callbacks get; as old as the handle.
    opaque: NonNull<Opaque>,
}

struct Opaque {
    listener: Arc<dyn Listener>,
}

// SAFETY: librdkafka's handles and queues are made for use by several threads at once. The listener is
// Send and Sync, and only read.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

impl Client {
    /// Makes a client, which connects by itself when it is asked for something.
    pub(crate) fn new(
        config: Config,
        listener: Arc<dyn Listener>,
        role: Role,
    ) -> Result<Self, String> {
        let opaque = Box::new(Opaque { listener });
        let opaque = NonNull::from(Box::leak(opaque));
        let mut text = ErrorText::new();
        let conf = config.into_ptr();
        // SAFETY: `conf` is alive. The callbacks have the signatures that their declarations ask for,
        // and what they get as `opaque` lives until the handle is destroyed. `rd_kafka_new` takes
        // `conf` if it works, and only then.
        let handle = unsafe {
            sys::rd_kafka_conf_set_opaque(conf, opaque.as_ptr().cast());
            sys::rd_kafka_conf_set_log_cb(conf, Some(on_log));
            sys::rd_kafka_conf_set_error_cb(conf, Some(on_error));
            let kind = match role {
                Role::Producer => sys::rd_kafka_type_t::RD_KAFKA_PRODUCER,
                Role::Asker | Role::Reader => sys::rd_kafka_type_t::RD_KAFKA_CONSUMER,
            };
            match role {
                Role::Asker => {}
                Role::Reader => sys::rd_kafka_conf_set_rebalance_cb(conf, Some(on_rebalance)),
                Role::Producer => sys::rd_kafka_conf_set_dr_msg_cb(conf, Some(on_delivery)),
            }
            let handle = sys::rd_kafka_new(kind, conf, text.as_mut_ptr(), text.len());
            if handle.is_null() {
                sys::rd_kafka_conf_destroy(conf);
            }
            handle
        };
        let Some(handle) = NonNull::new(handle) else {
            // SAFETY: leaked above, and no client knows of it.
            drop(unsafe { Box::from_raw(opaque.as_ptr()) });
            return Err(text.text());
        };
        let mut client = Self {
            handle,
            queue: None,
            opaque,
        };
        if role == Role::Reader {
            // SAFETY: the handle is alive and a consumer's. The queue is ours until it is destroyed.
            client.queue = unsafe {
                let _ = sys::rd_kafka_poll_set_consumer(handle.as_ptr());
                NonNull::new(sys::rd_kafka_queue_get_consumer(handle.as_ptr()))
            };
            if client.queue.is_none() {
                return Err("there is no queue for a consumer".to_owned());
            }
        }
        Ok(client)
    }

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_t {
        self.handle.as_ptr()
    }

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
            NativeError::take(error)?;
        }
        list.entries()
            .into_iter()
            .try_for_each(|(_, _, sought)| sought)
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
        })?;
        let entries = list.entries().into_iter();
        entries
            .map(|(partition, offset, found)| found.map(|()| (partition, offset)))
            .collect()
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
        })?;
        list.noted()
    }

    /// Lets the listener hear what has been said, for a client that is no reader.
    pub(crate) fn serve(&self) {
        self.serve_for(Duration::ZERO);
    }

    /// The same, waiting for so long until there is something.
    pub(crate) fn serve_for(&self, limit: Duration) {
        if self.queue.is_none() {
            // SAFETY: the handle is alive.
            unsafe { sys::rd_kafka_poll(self.as_ptr(), milliseconds(limit)) };
        }
    }

    /// What ended it for good, if anything did.
    pub(crate) fn fatal(&self) -> Option<NativeError> {
        let mut text = ErrorText::new();
        // SAFETY: the handle is alive, and the buffer is as long as it says.
        let code =
            unsafe { sys::rd_kafka_fatal_error(self.as_ptr(), text.as_mut_ptr(), text.len()) };
        NativeError::check(code).err().map(|error| NativeError {
            text: text.text(),
            ..error
        })
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

    /// The cluster's id; None where it has none, or does not answer in time.
    pub(crate) fn cluster_id(&self, timeout: Duration) -> Option<String> {
        // SAFETY: the handle is alive. The text is ours until it is freed.
        unsafe {
            let text = sys::rd_kafka_clusterid(self.as_ptr(), milliseconds(timeout));
            if text.is_null() {
                return None;
            }
            let id = text_at(text);
            sys::rd_kafka_mem_free(self.as_ptr(), text.cast());
            Some(id)
        }
    }

    /// Names of all topics that this client may see, with how many partitions each has.
    pub(crate) fn topics(&self, timeout: Duration) -> Result<Vec<(String, usize)>, NativeError> {
        let mut metadata = ptr::null();
        // SAFETY: the handle is alive, and `metadata` is written where it works.
        NativeError::check(unsafe {
            sys::rd_kafka_metadata(
                self.as_ptr(),
                1,
                ptr::null_mut(),
                &raw mut metadata,
                milliseconds(timeout),
            )
        })?;
        // SAFETY: on success there is metadata, which is ours until it is destroyed, with
        // `topic_cnt` topics at `topics`.
        unsafe {
            let Some(found) = metadata.as_ref() else {
                return Ok(Vec::new());
            };
            let count = usize::try_from(found.topic_cnt).unwrap_or_default();
            let topics = if found.topics.is_null() {
                &[]
            } else {
                std::slice::from_raw_parts(found.topics, count)
            };
            let topics = topics.iter().map(|topic| {
                let partitions = usize::try_from(topic.partition_cnt).unwrap_or_default();
                (text_at(topic.topic), partitions)
            });
            let topics = topics.collect();
            sys::rd_kafka_metadata_destroy(metadata);
            Ok(topics)
        }
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

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: nobody else has the client, so its queue and its handle are destroyed once, in this
        // order. Once the handle is gone no callback runs any more, and what they got is ours again.
        unsafe {
            if let Some(queue) = self.queue {
                sys::rd_kafka_queue_destroy(queue.as_ptr());
            }
            sys::rd_kafka_destroy(self.as_ptr());
            drop(Box::from_raw(self.opaque.as_ptr()));
        }
    }
}

pub(super) fn out_of_memory() -> NativeError {
    NativeError::of(Code::RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE)
}

pub(super) fn milliseconds(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}

/// # Safety
/// `opaque` is what `Client::new` gave to the client that calls back.
unsafe fn listener<'a>(opaque: *mut c_void) -> Option<&'a dyn Listener> {
    // SAFETY: it points to an `Opaque`, which outlives the client.
    let opaque = unsafe { opaque.cast::<Opaque>().as_ref() }?;
    Some(opaque.listener.as_ref())
}

unsafe extern "C" fn on_rebalance(
    handle: *mut sys::rd_kafka_t,
    code: Code,
    partitions: *mut sys::rd_kafka_topic_partition_list_t,
    opaque: *mut c_void,
) {
    // SAFETY: librdkafka calls this with the handle, a list, and our `opaque`, all alive.
    let (listener, places, is_lost) = unsafe {
        let places = entries_at(partitions).into_iter();
        (
            listener(opaque),
            places.map(|(place, ..)| place).collect(),
            sys::rd_kafka_assignment_lost(handle) != 0,
        )
    };
    let is_assignment = code == Code::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    let rebalance = match is_assignment {
        true => Rebalance::Assign(places),
        false => Rebalance::Revoke {
            partitions: places,
            is_lost,
        },
    };
    if listener.is_some_and(|listener| listener.rebalance(rebalance)) {
        return;
    }
    // Nothing is taken any more, and everything is given back.
    let answer = match is_assignment {
        true => TopicPartitions::new().map_or(Ok(()), |none| {
            // SAFETY: handle and list are alive; the list is copied. The error is ours.
            unsafe { NativeError::take(sys::rd_kafka_incremental_assign(handle, none.as_ptr())) }
        }),
        // SAFETY: as above.
        false => unsafe {
            NativeError::take(sys::rd_kafka_incremental_unassign(handle, partitions))
        },
    };
    if let Err(error) = answer {
        tracing::debug!(%error, "answering the group at the end");
    }
}

unsafe extern "C" fn on_delivery(
    _handle: *mut sys::rd_kafka_t,
    message: *const sys::rd_kafka_message_t,
    opaque: *mut c_void,
) {
    // SAFETY: librdkafka calls this with a message and our `opaque`, both alive.
    let (listener, message) = unsafe { (listener(opaque), message.as_ref()) };
    if let (Some(listener), Some(message)) = (listener, message)
        && let Err(error) = NativeError::check(message.err)
    {
        listener.undelivered(error);
    }
}

unsafe extern "C" fn on_error(
    handle: *mut sys::rd_kafka_t,
    code: c_int,
    reason: *const c_char,
    opaque: *mut c_void,
) {
    let mut text = ErrorText::new();
    // SAFETY: librdkafka calls this with the handle, a text, and our `opaque`, all alive. Codes that
    // it gives are those that it declares.
    let (listener, error, is_fatal) = unsafe {
        let listener = listener(opaque);
        let fatal = sys::rd_kafka_fatal_error(handle, text.as_mut_ptr(), text.len());
        match fatal {
            Code::RD_KAFKA_RESP_ERR_NO_ERROR => {
                let code = std::mem::transmute::<c_int, Code>(code);
                let text = text_at(reason);
                (listener, NativeError { code, text }, false)
            }
            code => {
                let text = text.text();
                (listener, NativeError { code, text }, true)
            }
        }
    };
    if let Some(listener) = listener {
        listener.error(error, is_fatal);
    }
}

unsafe extern "C" fn on_log(
    handle: *const sys::rd_kafka_t,
    level: c_int,
    facility: *const c_char,
    line: *const c_char,
) {
    // SAFETY: librdkafka calls this with two texts and a handle, whose `opaque` is ours; all are alive.
    let (listener, facility, line) = unsafe {
        let opaque = if handle.is_null() {
            ptr::null_mut()
        } else {
            sys::rd_kafka_opaque(handle)
        };
        (listener(opaque), text_at(facility), text_at(line))
    };
    if let Some(listener) = listener {
        listener.log(level, &facility, &line);
    }
}
