//! What librdkafka says when something does not work.

use std::fmt;

use rdkafka::bindings as sys;

use super::text_at;

/// Its codes: the broker's, and its own, which begin with two underscores.
pub(crate) use sys::rd_kafka_resp_err_t as Code;

/// A code with what was said of it.
#[derive(Clone, Debug)]
pub(crate) struct NativeError {
    pub(crate) code: Code,
    pub(crate) text: String,
    /// What to do, where that does not follow from the code.
    pub(crate) help: Option<&'static str>,
}

impl NativeError {
    pub(crate) fn new(code: Code, text: String) -> Self {
        Self {
            code,
            text,
            help: None,
        }
    }

    pub(crate) fn of(code: Code) -> Self {
        // SAFETY: any code has a text, which lives as long as the program.
        let text = unsafe { text_at(sys::rd_kafka_err2str(code)) };
        Self::new(code, text)
    }

    /// Nothing where the code says that it worked.
    pub(super) fn check(code: Code) -> Result<(), Self> {
        match code {
            Code::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
            code => Err(Self::of(code)),
        }
    }

    /// Takes an error object, if there is one.
    ///
    /// # Safety
    /// `error` is null, or an error object that nobody else destroys.
    pub(super) unsafe fn take(error: *mut sys::rd_kafka_error_t) -> Result<(), Self> {
        if error.is_null() {
            return Ok(());
        }
        // SAFETY: the object is ours until it is destroyed, after its text was copied.
        unsafe {
            let code = sys::rd_kafka_error_code(error);
            let taken = Self::new(code, text_at(sys::rd_kafka_error_string(error)));
            sys::rd_kafka_error_destroy(error);
            Err(taken)
        }
    }
}

/// The name by which documentation knows a code.
fn name_of(code: Code) -> String {
    // SAFETY: any code has a name, which lives as long as the program.
    unsafe { text_at(sys::rd_kafka_err2name(code)) }
}

impl fmt::Display for NativeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, name_of(self.code))
    }
}

impl std::error::Error for NativeError {}
