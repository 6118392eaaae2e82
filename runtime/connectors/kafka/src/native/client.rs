//! A client of the brokers.

use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as sys;

use super::bearer::{Bearer, on_token_wanted};
use super::callbacks::{Listener, on_delivery, on_error, on_log, on_rebalance};
use super::config::Config;
use super::error::{Code, NativeError};
use super::{ErrorText, text_at};

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
    pub(super) queue: Option<NonNull<sys::rd_kafka_queue_t>>,
    /// What the callbacks get; as old as the handle.
    opaque: NonNull<Opaque>,
}

/// What callbacks get.
pub(super) struct Opaque {
    pub(super) listener: Arc<dyn Listener>,
    /// Of one that logs in with tokens of ours.
    pub(super) bearer: Option<Bearer>,
}

impl Opaque {
    /// What an error is: that a login was refused may be for want of a token.
    pub(super) fn explain(&self, error: NativeError) -> NativeError {
        match &self.bearer {
            Some(bearer) => bearer.explain(error),
            None => error,
        }
    }
}

// SAFETY: librdkafka's handles and queues are made for use by several threads at once. What the callbacks get is
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
        let (conf, tokens) = config.into_parts();
        let wants_tokens = tokens.is_some();
        let opaque = Box::new(Opaque {
            listener,
            bearer: tokens.map(Bearer::new),
        });
        let opaque = NonNull::from(Box::leak(opaque));
        let mut text = ErrorText::new();
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
            if wants_tokens {
                sys::rd_kafka_conf_enable_sasl_queue(conf, 1);
                sys::rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, Some(on_token_wanted));
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
        if wants_tokens {
            // SAFETY: the handle is alive, and no queue of it is in use yet. The error is ours.
            let enabled = unsafe {
                NativeError::take(sys::rd_kafka_sasl_background_callbacks_enable(
                    handle.as_ptr(),
                ))
            };
            enabled.map_err(|error| error.to_string())?;
        }
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

    /// What an error is that came in the place of an answer, or of a message.
    pub(crate) fn explain(&self, error: NativeError) -> NativeError {
        // SAFETY: it lives as long as the handle, and is only read.
        unsafe { self.opaque.as_ref() }.explain(error)
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
        })
        .map_err(|error| self.explain(error))?;
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
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: nobody else has the client, so its queue and its handle are destroyed once, in this
        // order. Once the handle is gone no callback runs any more, and what they got is ours again. Until then it is
        // only read.
        unsafe {
            if let Some(bearer) = &self.opaque.as_ref().bearer {
                bearer.close();
            }
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
