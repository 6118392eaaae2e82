//! The one place that calls librdkafka: everything `unsafe` of this crate, behind types that cannot be
//! misused.
//!
//! rdkafka's own consumer is not used: it gives messages one at a time, loses the topic and the offset
//! of an end of partition, and knows no topic ids. Its crate builds the library and declares its
//! functions.

mod admin;
mod bearer;
mod callbacks;
mod client;
mod config;
mod consumer;
mod error;
mod list;
mod message;
mod producer;
mod topic;

pub(crate) use admin::{End, TopicDescription};
pub(crate) use callbacks::{Listener, Rebalance};
pub(crate) use client::{Client, Role};
pub(crate) use config::{Config, Refusal, known_properties};
pub(crate) use consumer::GroupMember;
pub(crate) use error::{Code, NativeError};
pub(crate) use list::{TopicPartition, TopicPartitions};
pub(crate) use message::{Batch, Message};
pub(crate) use producer::{Partitioner, Producer, Record, Remedy, TransactionError, Unsent};

use std::ffi::{CStr, c_char};

/// A copy of a text that librdkafka owns; empty where there is none.
///
/// # Safety
/// `text` is null or points to a C string that lives as long as this call.
unsafe fn text_at(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and the caller vouches for the rest.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_string_lossy().into_owned()
}

/// Where librdkafka writes the text of an error.
struct ErrorText([c_char; 512]);

impl ErrorText {
    fn new() -> Self {
        Self([0; 512])
    }

    fn as_mut_ptr(&mut self) -> *mut c_char {
        self.0.as_mut_ptr()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn text(&self) -> String {
        let bytes: Vec<u8> = self.0.iter().map(|byte| *byte as u8).collect();
        let text = CStr::from_bytes_until_nul(&bytes).unwrap_or_default();
        text.to_string_lossy().into_owned()
    }
}
