//! Lists of partitions, with offsets.

use std::ffi::CString;
use std::ptr::NonNull;

use rdkafka::bindings as sys;

use super::error::{Code, NativeError};
use super::text_at;

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TopicPartition {
    pub(crate) topic: String,
    pub(crate) partition: i32,
}

/// A partition with an offset, and what went wrong with it.
pub(crate) type Entry = (TopicPartition, i64, Result<(), NativeError>);

/// A list in librdkafka's form.
pub(crate) struct TopicPartitions(NonNull<sys::rd_kafka_topic_partition_list_t>);

impl TopicPartitions {
    /// An empty list; None where memory is gone.
    pub(crate) fn new() -> Option<Self> {
        // SAFETY: no conditions. What it returns is ours.
        NonNull::new(unsafe { sys::rd_kafka_topic_partition_list_new(8) }).map(Self)
    }

    /// Adds a partition. A topic with a zero byte in its name, which no broker has, is left out.
    pub(crate) fn add(&mut self, topic: &str, partition: i32, offset: i64) {
        let Ok(topic) = CString::new(topic) else {
            return;
        };
        // SAFETY: the list is ours; the name is copied. The result is the new element, which nobody
        // else knows yet.
        unsafe {
            let added =
                sys::rd_kafka_topic_partition_list_add(self.as_ptr(), topic.as_ptr(), partition);
            if let Some(added) = added.as_mut() {
                added.offset = offset;
            }
        }
    }

    /// Adds a partition with a note that the group keeps beside its offset. Without memory for the note
    /// it has none. It ends in a zero: the library's copies of a note do not, and programs that stand on it,
    /// Confluent's Python client among them, read on until they find one.
    pub(crate) fn add_noted(&mut self, place: &TopicPartition, offset: i64, note: &str) {
        let Ok(topic) = CString::new(place.topic.as_str()) else {
            return;
        };
        // SAFETY: the list is ours; the name is copied. The element is one that nobody else knows yet;
        // what it refers to was allocated by the library's own allocator, has room for the note, and is
        // freed with the list.
        unsafe {
            let added = sys::rd_kafka_topic_partition_list_add(
                self.as_ptr(),
                topic.as_ptr(),
                place.partition,
            );
            let Some(added) = added.as_mut() else {
                return;
            };
            added.offset = offset;
            let note = [note.as_bytes(), &[0]].concat();
            let copy = sys::rd_kafka_mem_malloc(std::ptr::null_mut(), note.len());
            if !copy.is_null() {
                std::ptr::copy_nonoverlapping(note.as_ptr(), copy.cast::<u8>(), note.len());
                added.metadata = copy;
                added.metadata_size = note.len();
            }
        }
    }

    /// The partitions of which the group has something: its offset, and the note beside it.
    ///
    /// # Errors
    /// The first partition with one.
    pub(crate) fn noted(&self) -> Result<Vec<(TopicPartition, i64, String)>, NativeError> {
        // SAFETY: the list is ours and alive, and has `cnt` elements at `elems`.
        let elements = unsafe {
            let list = &*self.as_ptr();
            let count = usize::try_from(list.cnt).unwrap_or_default();
            match list.elems.is_null() {
                true => &[][..],
                false => std::slice::from_raw_parts(list.elems, count),
            }
        };
        let mut noted = Vec::with_capacity(elements.len());
        for element in elements {
            NativeError::check(element.err)?;
            if element.offset < 0 {
                continue;
            }
            // SAFETY: each element has a topic; a note has as many bytes as stands beside it.
            let (topic, note) = unsafe {
                let note = match element.metadata.is_null() {
                    true => &[][..],
                    false => std::slice::from_raw_parts(
                        element.metadata.cast::<u8>().cast_const(),
                        element.metadata_size,
                    ),
                };
                (text_at(element.topic), note)
            };
            let place = TopicPartition {
                topic,
                partition: element.partition,
            };
            noted.push((
                place,
                element.offset,
                String::from_utf8_lossy(note.strip_suffix(&[0]).unwrap_or(note)).into_owned(),
            ));
        }
        Ok(noted)
    }

    /// A list of these, all with one offset; None where memory is gone.
    pub(crate) fn with_offset<'a>(
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
        offset: i64,
    ) -> Option<Self> {
        let mut list = Self::new()?;
        for one in partitions {
            list.add(&one.topic, one.partition, offset);
        }
        Some(list)
    }

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_topic_partition_list_t {
        self.0.as_ptr()
    }

    /// All entries, with offset and what went wrong with them.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        // SAFETY: the list is ours and alive.
        unsafe { entries_at(self.as_ptr()) }
    }
}

// SAFETY: a list is memory and nothing else; it belongs to no thread, and `&mut` keeps all but one away.
unsafe impl Send for TopicPartitions {}

impl Drop for TopicPartitions {
    fn drop(&mut self) {
        // SAFETY: ours, and destroyed once.
        unsafe { sys::rd_kafka_topic_partition_list_destroy(self.as_ptr()) }
    }
}

/// Copies a list.
///
/// # Safety
/// `list` is null or points to a list that lives as long as this call.
pub(super) unsafe fn entries_at(list: *const sys::rd_kafka_topic_partition_list_t) -> Vec<Entry> {
    // SAFETY: the caller vouches for it.
    let Some(list) = (unsafe { list.as_ref() }) else {
        return Vec::new();
    };
    if list.elems.is_null() {
        return Vec::new();
    }
    let count = usize::try_from(list.cnt).unwrap_or_default();
    // SAFETY: a list has `cnt` elements at `elems`.
    let elements = unsafe { std::slice::from_raw_parts(list.elems, count) };
    let entry = |element: &sys::rd_kafka_topic_partition_t| {
        // SAFETY: each element has a topic.
        let topic = unsafe { text_at(element.topic) };
        let partition = element.partition;
        let error = match element.err {
            Code::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
            code => Err(NativeError::of(code)),
        };
        (TopicPartition { topic, partition }, element.offset, error)
    };
    elements.iter().map(entry).collect()
}
