//! A producer, and its transactions.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_void};
use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::bindings as sys;

use super::callbacks::Listener;
use super::client::{Client, Role, milliseconds, out_of_memory};
use super::config::Config;
use super::consumer::GroupMember;
use super::error::{Code, NativeError};
use super::list::TopicPartitions;
use super::{ErrorText, text_at};

/// Whoever is to choose the partition.
const UNASSIGNED: i32 = -1;
/// The library copies key and value.
const COPY: i32 = sys::RD_KAFKA_MSG_F_COPY;

/// A record to be sent. Where `partition` is None its topic's partitioner chooses one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Record<'a> {
    /// None: a tombstone.
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) partition: Option<i32>,
    /// Milliseconds since 1970; None: now.
    pub(crate) timestamp: Option<i64>,
    pub(crate) headers: &'a [(CString, Option<Vec<u8>>)],
}

/// Why a record was not taken.
#[derive(Debug)]
pub(crate) enum Unsent {
    /// There is no room until others have gone.
    Full,
    Refused(NativeError),
}

/// How a topic's partitions are chosen by key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Partitioner {
    #[default]
    Murmur2,
    Crc32,
    Fnv1a,
    Random,
}

impl Partitioner {
    /// As librdkafka names it. Without a key each chooses anew with each batch.
    fn property(self) -> &'static CStr {
        match self {
            Self::Murmur2 => c"murmur2_random",
            Self::Crc32 => c"consistent_random",
            Self::Fnv1a => c"fnv1a_random",
            Self::Random => c"random",
        }
    }
}

/// Why a step of a transaction did not work, and what is left to do.
#[derive(Debug)]
pub(crate) struct TransactionError {
    pub(crate) error: NativeError,
    pub(crate) remedy: Remedy,
}

/// What helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The same step once more.
    Again,
    /// The transaction cannot be committed any more; the producer goes on after aborting it.
    Abort,
    /// Nothing: the producer is of no further use.
    NewProducer,
}

impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

/// An open producer with a transactional id.
pub(crate) struct Producer {
    client: Client,
    /// Those that were sent to; they live as long as the client.
    topics: Mutex<HashMap<String, Handle>>,
}

#[derive(Clone, Copy)]
struct Handle(NonNull<sys::rd_kafka_topic_t>);

// SAFETY: librdkafka's topic handles are made for use by several threads at once.
unsafe impl Send for Handle {}

/// A topic that a producer sends to.
#[derive(Clone, Copy)]
pub(crate) struct Topic<'a> {
    producer: &'a Producer,
    handle: NonNull<sys::rd_kafka_topic_t>,
}

impl Producer {
    /// # Errors
    /// Properties that do not go together, and files that are not there.
    pub(crate) fn new(config: Config, listener: Arc<dyn Listener>) -> Result<Self, String> {
        Ok(Self {
            client: Client::new(config, listener, Role::Producer)?,
            topics: Mutex::default(),
        })
    }

    /// The client as one that asks.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Ends what other producers with the same transactional id have under way, and keeps them from any more.
    pub(crate) fn init_transactions(&self, limit: Duration) -> Result<(), TransactionError> {
        // SAFETY: the handle is alive and a producer's. The error is ours.
        unsafe {
            self.taken(sys::rd_kafka_init_transactions(
                self.client.as_ptr(),
                milliseconds(limit),
            ))
        }
    }

    /// Begins a transaction: in this process alone, no broker is asked.
    pub(crate) fn begin(&self) -> Result<(), TransactionError> {
        // SAFETY: as above.
        unsafe { self.taken(sys::rd_kafka_begin_transaction(self.client.as_ptr())) }
    }

    /// Has positions of a group move with the transaction, if the member still counts.
    pub(crate) fn send_offsets(
        &self,
        offsets: &TopicPartitions,
        member: &GroupMember,
        limit: Duration,
    ) -> Result<(), TransactionError> {
        // SAFETY: the handle is alive and a producer's, list and member are alive and copied. The error
        // is ours.
        unsafe {
            self.taken(sys::rd_kafka_send_offsets_to_transaction(
                self.client.as_ptr(),
                offsets.as_ptr(),
                member.as_ptr(),
                milliseconds(limit),
            ))
        }
    }

    /// Waits until all records are in their topics. The listener hears of those that are not.
    pub(crate) fn flush(&self, limit: Duration) -> Result<(), NativeError> {
        // SAFETY: the handle is alive and a producer's.
        NativeError::check(unsafe {
            sys::rd_kafka_flush(self.client.as_ptr(), milliseconds(limit))
        })
        .map_err(|error| self.client.explain(error))
    }

    /// Makes the transaction visible. Without an answer it may be repeated.
    pub(crate) fn commit(&self, limit: Duration) -> Result<(), TransactionError> {
        // SAFETY: the handle is alive and a producer's. The error is ours.
        unsafe {
            self.taken(sys::rd_kafka_commit_transaction(
                self.client.as_ptr(),
                milliseconds(limit),
            ))
        }
    }

    /// Takes the transaction back.
    pub(crate) fn abort(&self, limit: Duration) -> Result<(), TransactionError> {
        // Nothing is purged here: a request that is on its way could arrive in the next transaction of this
        // producer. The library drops what waits, and waits for what does not.
        // SAFETY: as above.
        unsafe {
            self.taken(sys::rd_kafka_abort_transaction(
                self.client.as_ptr(),
                milliseconds(limit),
            ))
        }
    }

    /// Takes an error object of a transaction, if there is one.
    ///
    /// # Safety
    /// `error` is null, or an error object that nobody else destroys.
    unsafe fn taken(&self, error: *mut sys::rd_kafka_error_t) -> Result<(), TransactionError> {
        // SAFETY: the caller vouches for it.
        unsafe { taken(error) }.map_err(|failed| TransactionError {
            error: self.client.explain(failed.error),
            ..failed
        })
    }

    /// A topic, by name. What it is asked for first as its partitioner stays.
    pub(crate) fn topic(
        &self,
        name: &str,
        partitioner: Partitioner,
    ) -> Result<Topic<'_>, NativeError> {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = match topics.get(name) {
            Some(handle) => *handle,
            None => {
                let handle = Handle(self.open_topic(name, partitioner)?);
                topics.insert(name.to_owned(), handle);
                handle
            }
        };
        Ok(Topic {
            producer: self,
            handle: handle.0,
        })
    }

    fn open_topic(
        &self,
        name: &str,
        partitioner: Partitioner,
    ) -> Result<NonNull<sys::rd_kafka_topic_t>, NativeError> {
        let invalid = |_| NativeError::of(Code::RD_KAFKA_RESP_ERR__INVALID_ARG);
        let name = CString::new(name).map_err(invalid)?;
        let mut text = ErrorText::new();
        // SAFETY: the handle is alive; texts and buffer outlive the calls. The settings are ours until the
        // topic takes them, which it does if it works, and only then. The topic is ours until it is destroyed.
        unsafe {
            let settings = sys::rd_kafka_default_topic_conf_dup(self.client.as_ptr());
            if settings.is_null() {
                return Err(out_of_memory());
            }
            sys::rd_kafka_topic_conf_set(
                settings,
                c"partitioner".as_ptr(),
                partitioner.property().as_ptr(),
                text.as_mut_ptr(),
                text.len(),
            );
            let topic = sys::rd_kafka_topic_new(self.client.as_ptr(), name.as_ptr(), settings);
            NonNull::new(topic).ok_or_else(|| {
                let code = sys::rd_kafka_last_error();
                sys::rd_kafka_topic_conf_destroy(settings);
                NativeError::of(code)
            })
        }
    }
}

impl Topic<'_> {
    /// Takes a record into the library's queue.
    pub(crate) fn send(self, record: &Record<'_>) -> Result<(), Unsent> {
        let code = if record.timestamp.is_none() && record.headers.is_empty() {
            self.send_plain(record)
        } else {
            self.send_whole(record)
        };
        match code {
            Code::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
            Code::RD_KAFKA_RESP_ERR__QUEUE_FULL => Err(Unsent::Full),
            code => Err(Unsent::Refused(NativeError::of(code))),
        }
    }

    fn send_plain(self, record: &Record<'_>) -> Code {
        let (value, value_len) = parts(record.value);
        let (key, key_len) = parts(record.key);
        // SAFETY: the topic is alive as long as its producer; value and key are copied.
        unsafe {
            let sent = sys::rd_kafka_produce(
                self.handle.as_ptr(),
                record.partition.unwrap_or(UNASSIGNED),
                COPY,
                value,
                value_len,
                key,
                key_len,
                ptr::null_mut(),
            );
            match sent {
                0 => Code::RD_KAFKA_RESP_ERR_NO_ERROR,
                _ => sys::rd_kafka_last_error(),
            }
        }
    }

    fn send_whole(self, record: &Record<'_>) -> Code {
        use sys::rd_kafka_vtype_t as kind;
        let (value, value_len) = parts(record.value);
        let (key, key_len) = parts(record.key);
        let memory = |ptr: *mut c_void, size| sys::rd_kafka_vu_s__bindgen_ty_1 {
            mem: sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr, size },
        };
        let part = |vtype, u| sys::rd_kafka_vu_t { vtype, u };
        let mut parts_of_record = vec![
            part(
                kind::RD_KAFKA_VTYPE_RKT,
                sys::rd_kafka_vu_s__bindgen_ty_1 {
                    rkt: self.handle.as_ptr(),
                },
            ),
            part(
                kind::RD_KAFKA_VTYPE_PARTITION,
                sys::rd_kafka_vu_s__bindgen_ty_1 {
                    i32_: record.partition.unwrap_or(UNASSIGNED),
                },
            ),
            part(
                kind::RD_KAFKA_VTYPE_MSGFLAGS,
                sys::rd_kafka_vu_s__bindgen_ty_1 { i: COPY },
            ),
            part(kind::RD_KAFKA_VTYPE_VALUE, memory(value, value_len)),
            part(kind::RD_KAFKA_VTYPE_KEY, memory(key, key_len)),
        ];
        if let Some(timestamp) = record.timestamp {
            parts_of_record.push(part(
                kind::RD_KAFKA_VTYPE_TIMESTAMP,
                sys::rd_kafka_vu_s__bindgen_ty_1 { i64_: timestamp },
            ));
        }
        for (name, value) in record.headers {
            let (value, size) = parts(value.as_deref());
            // The library takes -1 as the length of a text that ends with a zero.
            let size = isize::try_from(size).unwrap_or(isize::MAX);
            parts_of_record.push(part(
                kind::RD_KAFKA_VTYPE_HEADER,
                sys::rd_kafka_vu_s__bindgen_ty_1 {
                    header: sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_2 {
                        name: name.as_ptr(),
                        val: value,
                        size: size as _,
                    },
                },
            ));
        }
        // SAFETY: handle and topic are alive; each part has the member that its kind asks for, and all of
        // them are copied. The error is ours.
        let sent = unsafe {
            NativeError::take(sys::rd_kafka_produceva(
                self.producer.client.as_ptr(),
                parts_of_record.as_ptr(),
                parts_of_record.len(),
            ))
        };
        match sent {
            Ok(()) => Code::RD_KAFKA_RESP_ERR_NO_ERROR,
            Err(error) => error.code,
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        let topics = self.topics.get_mut();
        for handle in topics.unwrap_or_else(PoisonError::into_inner).values() {
            // SAFETY: ours, destroyed once, and before the client.
            unsafe { sys::rd_kafka_topic_destroy(handle.0.as_ptr()) }
        }
    }
}

/// Where bytes are, and how many. None is a null, and no bytes are none.
fn parts(bytes: Option<&[u8]>) -> (*mut c_void, usize) {
    match bytes {
        None => (ptr::null_mut(), 0),
        // Not written to: the C interface has no word for that.
        Some(bytes) => (bytes.as_ptr().cast_mut().cast(), bytes.len()),
    }
}

/// # Safety
/// As for [`Producer::taken`].
unsafe fn taken(error: *mut sys::rd_kafka_error_t) -> Result<(), TransactionError> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the object is ours until it is destroyed, after it was read.
    unsafe {
        let remedy = if sys::rd_kafka_error_is_fatal(error) != 0 {
            Remedy::NewProducer
        } else if sys::rd_kafka_error_txn_requires_abort(error) != 0 {
            Remedy::Abort
        } else if sys::rd_kafka_error_is_retriable(error) != 0 {
            Remedy::Again
        } else {
            Remedy::NewProducer
        };
        let code = sys::rd_kafka_error_code(error);
        let error_taken = NativeError::new(code, text_at(sys::rd_kafka_error_string(error)));
        sys::rd_kafka_error_destroy(error);
        Err(TransactionError {
            error: error_taken,
            remedy,
        })
    }
}
