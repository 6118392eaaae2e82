//! Questions to brokers: what a topic is, and where partitions begin and end.

use std::ffi::CString;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as sys;

use super::client::{Client, milliseconds, out_of_memory};
use super::error::{Code, NativeError};
use super::list::{Entry, TopicPartition, TopicPartitions};
use super::{ErrorText, text_at};

/// A topic as the brokers describe it.
#[derive(Clone, Debug)]
pub(crate) struct TopicDescription {
    pub(crate) name: String,
    /// Another one for each topic that ever had this name; None from brokers older than 3.1.
    pub(crate) id: Option<String>,
    pub(crate) partitions: usize,
    /// Why there is nothing to be said of it.
    pub(crate) found: Result<(), NativeError>,
}

/// One end of a partition's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The first offset that is still there.
    Low,
    /// The offset of the next record; in front of transactions that are still open.
    High,
    /// The offset of the next record, whatever is still open.
    Written,
}

/// The id of a topic that has none.
const NO_ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

impl Client {
    /// Describes topics by name.
    pub(crate) fn describe_topics(
        &self,
        names: &[String],
        timeout: Duration,
    ) -> Result<Vec<TopicDescription>, NativeError> {
        let names: Vec<CString> = names
            .iter()
            .filter_map(|name| CString::new(name.as_str()).ok())
            .collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let options = Options::new(
            self,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
            timeout,
        )?;
        let answer = self.ask(timeout, |queue| {
            // SAFETY: handle, queue, options and the texts are alive; the collection copies the texts,
            // is copied itself, and is destroyed once.
            unsafe {
                let topics = sys::rd_kafka_TopicCollection_of_topic_names(
                    pointers.as_mut_ptr(),
                    pointers.len(),
                );
                sys::rd_kafka_DescribeTopics(self.as_ptr(), topics, options.as_ptr(), queue);
                sys::rd_kafka_TopicCollection_destroy(topics);
            }
        })?;
        // SAFETY: the event is alive until the end of this function, and everything in it as long.
        unsafe {
            let result = sys::rd_kafka_event_DescribeTopics_result(answer.as_ptr());
            if result.is_null() {
                return Err(no_answer());
            }
            let mut count = 0;
            let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
            if topics.is_null() {
                return Ok(Vec::new());
            }
            let topics = std::slice::from_raw_parts(topics, count).iter();
            Ok(topics.map(|topic| description(*topic)).collect())
        }
    }

    /// Where partitions begin or end. What may not be read is missing.
    pub(crate) fn offsets<'a>(
        &self,
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
        end: End,
        timeout: Duration,
    ) -> Result<Vec<Entry>, NativeError> {
        let spec = match end {
            End::Low => sys::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_EARLIEST,
            End::High | End::Written => sys::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_LATEST,
        };
        let list = TopicPartitions::with_offset(partitions, spec as i64);
        let list = list.ok_or_else(out_of_memory)?;
        if list.entries().is_empty() {
            return Ok(Vec::new());
        }
        let options = Options::new(
            self,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS,
            timeout,
        )?;
        if end != End::Written {
            options.read_committed()?;
        }
        let answer = self.ask(timeout, |queue| {
            // SAFETY: handle, list, options and queue are alive; the list is copied.
            unsafe {
                sys::rd_kafka_ListOffsets(self.as_ptr(), list.as_ptr(), options.as_ptr(), queue);
            }
        })?;
        // SAFETY: the event is alive until the end of this function, and everything in it as long.
        unsafe {
            let result = sys::rd_kafka_event_ListOffsets_result(answer.as_ptr());
            if result.is_null() {
                return Err(no_answer());
            }
            let mut count = 0;
            let infos = sys::rd_kafka_ListOffsets_result_infos(result, &raw mut count);
            if infos.is_null() {
                return Ok(Vec::new());
            }
            let infos = std::slice::from_raw_parts(infos, count).iter();
            Ok(infos
                .filter_map(|info| {
                    let found =
                        sys::rd_kafka_ListOffsetsResultInfo_topic_partition(*info).as_ref()?;
                    let partition = TopicPartition {
                        topic: text_at(found.topic),
                        partition: found.partition,
                    };
                    let outcome = match found.err {
                        Code::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
                        code => Err(self.explain(NativeError::of(code))),
                    };
                    Some((partition, found.offset, outcome))
                })
                .collect())
        }
    }

    /// Sends a question and waits for its answer.
    pub(super) fn ask(
        &self,
        timeout: Duration,
        send: impl FnOnce(*mut sys::rd_kafka_queue_t),
    ) -> Result<Answer, NativeError> {
        // SAFETY: the handle is alive. The queue is ours, and destroyed once, after the last use of it;
        // an answer that comes later is dropped with it.
        unsafe {
            let queue = sys::rd_kafka_queue_new(self.as_ptr());
            if queue.is_null() {
                return Err(out_of_memory());
            }
            send(queue);
            // The request has the same limit and answers by itself; this only makes sure.
            let limit = timeout.saturating_add(Duration::from_secs(1));
            let event = sys::rd_kafka_queue_poll(queue, milliseconds(limit));
            sys::rd_kafka_queue_destroy(queue);
            let answer = Answer(NonNull::new(event).ok_or_else(no_answer)?);
            match sys::rd_kafka_event_error(event) {
                Code::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(answer),
                code => {
                    let text = text_at(sys::rd_kafka_event_error_string(event));
                    Err(self.explain(NativeError::new(code, text)))
                }
            }
        }
    }
}

/// # Safety
/// `topic` is one of an event that lives as long as this call.
unsafe fn description(topic: *const sys::rd_kafka_TopicDescription_t) -> TopicDescription {
    // SAFETY: the caller vouches for the topic; what is in it lives as long.
    unsafe {
        let id = sys::rd_kafka_TopicDescription_topic_id(topic);
        let id = if id.is_null() {
            String::new()
        } else {
            // As Kafka's own tools write it.
            text_at(sys::rd_kafka_Uuid_base64str(id))
                .replace('+', "-")
                .replace('/', "_")
        };
        let mut partitions = 0;
        sys::rd_kafka_TopicDescription_partitions(topic, &raw mut partitions);
        let error = sys::rd_kafka_TopicDescription_error(topic);
        let found = match error.is_null() {
            true => Ok(()),
            false => match sys::rd_kafka_error_code(error) {
                Code::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
                code => Err(NativeError::of(code)),
            },
        };
        TopicDescription {
            name: text_at(sys::rd_kafka_TopicDescription_name(topic)),
            id: Some(id).filter(|id| !id.is_empty() && id.trim_end_matches('=') != NO_ID),
            found,
            partitions,
        }
    }
}

/// An array of an answer; empty where there is none.
///
/// # Safety
/// `at` is null, or `count` elements stand there for as long as `'a`.
pub(super) unsafe fn array_at<'a, T>(at: *const T, count: usize) -> &'a [T] {
    match at.is_null() {
        true => &[],
        // SAFETY: not null, and the caller vouches for the rest.
        false => unsafe { std::slice::from_raw_parts(at, count) },
    }
}

pub(super) fn no_answer() -> NativeError {
    NativeError::of(Code::RD_KAFKA_RESP_ERR__TIMED_OUT)
}

/// An event that answers a question.
pub(super) struct Answer(NonNull<sys::rd_kafka_event_t>);

impl Answer {
    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_event_t {
        self.0.as_ptr()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: ours, and destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.as_ptr()) }
    }
}

/// How a question is asked.
pub(super) struct Options(NonNull<sys::rd_kafka_AdminOptions_t>);

impl Options {
    pub(super) fn new(
        client: &Client,
        operation: sys::rd_kafka_admin_op_t,
        timeout: Duration,
    ) -> Result<Self, NativeError> {
        let mut text = ErrorText::new();
        // SAFETY: the handle is alive. The options are ours until they are destroyed.
        unsafe {
            let options = sys::rd_kafka_AdminOptions_new(client.as_ptr(), operation);
            let options = Self(NonNull::new(options).ok_or_else(out_of_memory)?);
            NativeError::check(sys::rd_kafka_AdminOptions_set_request_timeout(
                options.as_ptr(),
                milliseconds(timeout),
                text.as_mut_ptr(),
                text.len(),
            ))?;
            Ok(options)
        }
    }

    fn read_committed(&self) -> Result<(), NativeError> {
        let level = sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED;
        // SAFETY: the options are alive. The error is ours.
        unsafe {
            let error = sys::rd_kafka_AdminOptions_set_isolation_level(self.as_ptr(), level);
            NativeError::take(error)
        }
    }

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_AdminOptions_t {
        self.0.as_ptr()
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: ours, and destroyed once.
        unsafe { sys::rd_kafka_AdminOptions_destroy(self.as_ptr()) }
    }
}
