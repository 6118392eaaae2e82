//! What librdkafka calls back with.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use rdkafka::bindings as sys;

use super::client::Opaque;
use super::error::{Code, NativeError};
use super::list::{TopicPartition, TopicPartitions, entries_at};
use super::{ErrorText, text_at};

/// What the group wants of this member. It goes on when it is answered.
#[derive(Debug)]
pub(crate) enum Rebalance {
    /// Answered by [`Client::assign`](super::Client::assign).
    Assign(Vec<TopicPartition>),
    /// Answered by [`Client::unassign`](super::Client::unassign).
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

/// # Safety
/// `opaque` is what `Client::new` gave to the client that calls back.
pub(super) unsafe fn opaque_at<'a>(opaque: *mut c_void) -> Option<&'a Opaque> {
    // SAFETY: it points to an `Opaque`, which outlives the client and is only read.
    unsafe { opaque.cast::<Opaque>().as_ref() }
}

/// # Safety
/// As for `opaque_at`.
unsafe fn listener<'a>(opaque: *mut c_void) -> Option<&'a dyn Listener> {
    // SAFETY: the caller vouches for it.
    let opaque = unsafe { opaque_at(opaque) }?;
    Some(opaque.listener.as_ref())
}

pub(super) unsafe extern "C" fn on_rebalance(
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

pub(super) unsafe extern "C" fn on_delivery(
    _handle: *mut sys::rd_kafka_t,
    message: *const sys::rd_kafka_message_t,
    opaque: *mut c_void,
) {
    // SAFETY: librdkafka calls this with a message and our `opaque`, both alive.
    let (opaque, message) = unsafe { (opaque_at(opaque), message.as_ref()) };
    if let (Some(opaque), Some(message)) = (opaque, message)
        && let Err(error) = NativeError::check(message.err)
    {
        opaque.listener.undelivered(opaque.explain(error));
    }
}

pub(super) unsafe extern "C" fn on_error(
    handle: *mut sys::rd_kafka_t,
    code: c_int,
    reason: *const c_char,
    opaque: *mut c_void,
) {
    let mut text = ErrorText::new();
    // SAFETY: librdkafka calls this with the handle, a text, and our `opaque`, all alive. Codes that
    // it gives are those that it declares.
    let (opaque, error, is_fatal) = unsafe {
        let opaque = opaque_at(opaque);
        let fatal = sys::rd_kafka_fatal_error(handle, text.as_mut_ptr(), text.len());
        match fatal {
            Code::RD_KAFKA_RESP_ERR_NO_ERROR => {
                let code = std::mem::transmute::<c_int, Code>(code);
                let error = NativeError::new(code, text_at(reason));
                (opaque, error, false)
            }
            code => (opaque, NativeError::new(code, text.text()), true),
        }
    };
    if let Some(opaque) = opaque {
        let bearer = opaque.bearer.as_ref();
        if !bearer.is_some_and(|bearer| bearer.is_told(&error)) {
            opaque.listener.error(opaque.explain(error), is_fatal);
        }
    }
}

pub(super) unsafe extern "C" fn on_log(
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
