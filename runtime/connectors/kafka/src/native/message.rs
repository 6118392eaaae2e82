//! Messages as librdkafka holds them, until they are copied.

use std::ffi::{c_char, c_void};
use std::ptr;
use std::slice;

use rdkafka::bindings as sys;

use super::error::Code;
use super::list::TopicPartition;
use super::text_at;

/// Messages of one call, destroyed together.
pub(crate) struct Batch {
    messages: Vec<*mut sys::rd_kafka_message_t>,
}

impl Batch {
    /// Room for so many.
    pub(crate) fn with_capacity(messages: usize) -> Self {
        Self {
            messages: Vec::with_capacity(messages),
        }
    }

    /// Asks for at most `most` messages within `timeout_ms`; what was here before is gone.
    ///
    /// # Safety
    /// `queue` is a queue of a consumer that is alive, and outlives the messages.
    pub(super) unsafe fn fill(
        &mut self,
        queue: *mut sys::rd_kafka_queue_t,
        most: usize,
        timeout_ms: i32,
    ) {
        self.clear();
        let most = most.min(self.messages.capacity());
        // SAFETY: the vector has room for `most` pointers, of which the first `count` are written,
        // and each of these is ours until it is destroyed.
        unsafe {
            let at = self.messages.as_mut_ptr();
            let count = sys::rd_kafka_consume_batch_queue(queue, timeout_ms, at, most);
            self.messages
                .set_len(usize::try_from(count).unwrap_or_default().min(most));
        }
    }

    pub(crate) fn clear(&mut self) {
        for message in self.messages.drain(..) {
            // SAFETY: ours, and no longer reachable.
            unsafe { sys::rd_kafka_message_destroy(message) }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Message<'_>> {
        // SAFETY: each pointer is that of a message which lives as long as this batch is not changed.
        self.messages
            .iter()
            .filter_map(|message| unsafe { message.as_ref() })
            .map(Message)
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.clear();
    }
}

/// One message, or what is said in the place of one.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a>(&'a sys::rd_kafka_message_t);

impl<'a> Message<'a> {
    /// NO_ERROR for a message.
    pub(crate) fn code(self) -> Code {
        self.0.err
    }

    /// What an error says.
    pub(crate) fn error_text(self) -> String {
        // SAFETY: the message is alive; its text lives as long.
        unsafe { text_at(sys::rd_kafka_message_errstr(ptr::from_ref(self.0))) }
    }

    /// The topic's handle: equal for messages of one topic, and for nothing else while any of them
    /// lives.
    pub(crate) fn topic_handle(self) -> usize {
        self.0.rkt.addr()
    }

    pub(crate) fn partition(self) -> i32 {
        self.0.partition
    }

    /// Topic by name, and partition; None for an error that is about none.
    pub(crate) fn topic_partition(self) -> Option<TopicPartition> {
        if self.0.rkt.is_null() {
            return None;
        }
        // SAFETY: the handle is alive as long as the message.
        let topic = unsafe { text_at(sys::rd_kafka_topic_name(self.0.rkt)) };
        Some(TopicPartition {
            topic,
            partition: self.0.partition,
        })
    }

    pub(crate) fn offset(self) -> i64 {
        self.0.offset
    }

    /// None for a tombstone.
    pub(crate) fn payload(self) -> Option<&'a [u8]> {
        // SAFETY: the payload has so many bytes and lives as long as the message.
        unsafe { bytes_at(self.0.payload, self.0.len) }
    }

    pub(crate) fn key(self) -> Option<&'a [u8]> {
        // SAFETY: the key has so many bytes and lives as long as the message.
        unsafe { bytes_at(self.0.key, self.0.key_len) }
    }

    /// Milliseconds since 1970.
    pub(crate) fn timestamp(self) -> Option<i64> {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive, and `kind` is written.
        let at = unsafe { sys::rd_kafka_message_timestamp(ptr::from_ref(self.0), &raw mut kind) };
        (kind != sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE).then_some(at)
    }

    /// Calls `each` with name and value of every header, in their order. False where there are none.
    pub(crate) fn headers(self, mut each: impl FnMut(String, Option<&[u8]>)) -> bool {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is alive and used by this thread alone; the headers stay its own.
        let code =
            unsafe { sys::rd_kafka_message_headers(ptr::from_ref(self.0), &raw mut headers) };
        if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR || headers.is_null() {
            return false;
        }
        for index in 0.. {
            let mut name: *const c_char = ptr::null();
            let mut value: *const c_void = ptr::null();
            let mut size = 0;
            // SAFETY: the headers are alive; name, value and size are written where there is one of
            // this number, and live as long as the message.
            unsafe {
                let code = sys::rd_kafka_header_get_all(
                    headers,
                    index,
                    &raw mut name,
                    &raw mut value,
                    &raw mut size,
                );
                if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
                    break;
                }
                each(text_at(name), bytes_at(value, size));
            }
        }
        true
    }
}

/// # Safety
/// `at` is null, or `length` bytes stand there for as long as `'a`.
unsafe fn bytes_at<'a>(at: *const c_void, length: usize) -> Option<&'a [u8]> {
    if at.is_null() {
        return None;
    }
    // SAFETY: not null, and the caller vouches for the rest.
    Some(unsafe { slice::from_raw_parts(at.cast(), length) })
}
