//! A client's properties, checked by librdkafka itself.

use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::Arc;

use rdkafka::bindings as sys;

use super::{ErrorText, text_at};
use crate::oauth::Tokens;

/// Properties of a client that is not made yet.
pub(crate) struct Config {
    conf: NonNull<sys::rd_kafka_conf_t>,
    tokens: Option<Arc<Tokens>>,
}

/// Why a property was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is none of this name.
    Unknown,
    /// The value is none that it takes, or the build lacks what it needs. The text may hold the value.
    Invalid(String),
}

impl Config {
    /// The defaults of librdkafka; None where memory is gone.
    pub(crate) fn new() -> Option<Self> {
        // SAFETY: no conditions. What it returns is ours.
        let conf = NonNull::new(unsafe { sys::rd_kafka_conf_new() })?;
        Some(Self { conf, tokens: None })
    }

    /// The client gets tokens from there, which it logs in with.
    pub(crate) fn set_tokens(&mut self, tokens: Arc<Tokens>) {
        self.tokens = Some(tokens);
    }

    /// Sets one property.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let refused = |_| Refusal::Invalid("a zero byte stands in it".to_owned());
        let name = CString::new(name).map_err(|_| Refusal::Unknown)?;
        let value = CString::new(value).map_err(refused)?;
        let mut text = ErrorText::new();
        // SAFETY: the object is ours and alive; both texts and the buffer, of which the length is
        // right, outlive the call.
        let answer = unsafe {
            sys::rd_kafka_conf_set(
                self.as_ptr(),
                name.as_ptr(),
                value.as_ptr(),
                text.as_mut_ptr(),
                text.len(),
            )
        };
        match answer {
            sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK => Ok(()),
            sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_UNKNOWN => Err(Refusal::Unknown),
            sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_INVALID => Err(Refusal::Invalid(text.text())),
        }
    }

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_conf_t {
        self.conf.as_ptr()
    }

    /// Gives the object away, and what else the client gets.
    pub(super) fn into_parts(mut self) -> (*mut sys::rd_kafka_conf_t, Option<Arc<Tokens>>) {
        let parts = (self.conf.as_ptr(), self.tokens.take());
        std::mem::forget(self);
        parts
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        // SAFETY: ours, and destroyed once: `into_parts` forgets it.
        unsafe { sys::rd_kafka_conf_destroy(self.as_ptr()) }
    }
}

/// Common properties without a default, which the library does not list.
const WITHOUT_DEFAULT: &[&str] = &[
    "bootstrap.servers",
    "client.rack",
    "debug",
    "sasl.mechanism",
    "sasl.oauthbearer.config",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.cipher.suites",
    "ssl.crl.location",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.location",
    "ssl.keystore.password",
];

/// The names of properties: what a misspelt one was probably meant to be.
pub(crate) fn known_properties() -> Vec<String> {
    let Some(config) = Config::new() else {
        return Vec::new();
    };
    let mut count = 0;
    // SAFETY: the object is alive. The result is an array of `count` texts, name and value in turns,
    // which is ours until it is given back.
    unsafe {
        let dump = sys::rd_kafka_conf_dump(config.as_ptr(), &raw mut count);
        if dump.is_null() {
            return Vec::new();
        }
        let texts = std::slice::from_raw_parts(dump, count);
        let names = texts.iter().step_by(2).map(|text| text_at(*text));
        let others = WITHOUT_DEFAULT.iter().map(|name| (*name).to_owned());
        let names = names.chain(others).collect();
        sys::rd_kafka_conf_dump_free(dump, count);
        names
    }
}
