//! Tokens for a client that logs in by OAUTHBEARER.

use std::ffi::{CString, c_char, c_void};
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::bindings as sys;
use tokio::task::AbortHandle;

use super::ErrorText;
use super::callbacks::{Listener, opaque_at};
use super::error::{Code, NativeError};
use crate::oauth::{Answer, Failure, Token, Tokens};

/// A token that ends within this may be over by a broker's clock.
const NEARLY: Duration = Duration::from_secs(2);

/// A transaction says at its end that a login was refused while it lasted.
const HEARD_OF: Duration = Duration::from_secs(60);

/// What a client that asks for tokens has beside.
pub(super) struct Bearer {
    tokens: Arc<Tokens>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The client is about to be destroyed.
    is_closed: bool,
    asking: Option<Asking>,
    /// What the client has.
    token: Option<Arc<Token>>,
    /// Why it has no newer one.
    failure: Option<Arc<Failure>>,
    /// When it last had one again after one that was over.
    lapsed: Option<Instant>,
}

/// A wait for a token.
struct Asking {
    task: AbortHandle,
    answers: mpsc::Sender<Option<Answer>>,
}

impl Bearer {
    pub(super) fn new(tokens: Arc<Tokens>) -> Self {
        Self {
            tokens,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a wait for a token. Destroying the client waits for the thread that waits.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        if let Some(asking) = state.asking.take() {
            asking.task.abort();
            // The task ends once its runtime has time, and the thread of the runtime may be the one that waits for this
            // client's end.
            let _ = asking.answers.send(None);
        }
    }

    /// Has a token fetched, and gives the client what comes of it. The listener hears of failures. Returns when
    /// there is a token, or will be none.
    ///
    /// # Safety
    /// `handle` is alive, and that of the client.
    unsafe fn fetch(&self, handle: *mut sys::rd_kafka_t, listener: &dyn Listener) {
        let (answers, heard) = mpsc::channel();
        {
            let mut state = self.state();
            if state.is_closed {
                return;
            }
            let task = self.tokens.fetch(answers.clone());
            state.asking = Some(Asking { task, answers });
        }
        while let Ok(Some(answer)) = heard.recv() {
            // SAFETY: the caller vouches for the handle.
            unsafe { self.answer(handle, answer, listener) }
        }
        self.state().asking = None;
    }

    /// # Safety
    /// As for `fetch`.
    unsafe fn answer(&self, handle: *mut sys::rd_kafka_t, answer: Answer, listener: &dyn Listener) {
        let failure = match answer {
            // SAFETY: the caller vouches for the handle.
            Ok(token) => match unsafe { self.set(handle, &token) } {
                Ok(()) => {
                    let mut state = self.state();
                    if state.token.is_some() && state.is_without() {
                        state.lapsed = Some(Instant::now());
                    }
                    state.token = Some(token);
                    state.failure = None;
                    return;
                }
                Err(failure) => failure,
            },
            Err(failure) => failure,
        };
        let text = CString::new(failure.text.replace('\0', " ")).unwrap_or_default();
        listener.error(said(&failure), false);
        self.state().failure = Some(failure);
        // SAFETY: the caller vouches for the handle; the text is copied.
        unsafe { sys::rd_kafka_oauthbearer_set_token_failure(handle, text.as_ptr()) };
    }

    /// # Safety
    /// As for `fetch`.
    unsafe fn set(&self, handle: *mut sys::rd_kafka_t, token: &Token) -> Result<(), Arc<Failure>> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let until = (now + token.told()).as_millis();
        let until = i64::try_from(until).unwrap_or(i64::MAX);
        let (Ok(value), Ok(principal)) = (
            CString::new(token.value.expose()),
            CString::new(&*token.principal),
        ) else {
            let code = Code::RD_KAFKA_RESP_ERR__INVALID_ARG;
            return Err(self.tokens.unfit(&NativeError::of(code)));
        };
        let extensions = self.tokens.extensions().iter().flatten();
        let mut extensions: Vec<*const c_char> = extensions.map(|text| text.as_ptr()).collect();
        let pointer = match extensions.is_empty() {
            true => ptr::null_mut(),
            false => extensions.as_mut_ptr(),
        };
        let mut text = ErrorText::new();
        // SAFETY: the caller vouches for the handle. All texts outlive the call, which copies them; the extensions
        // are so many, and the buffer is as long as it says.
        let code = unsafe {
            sys::rd_kafka_oauthbearer_set_token(
                handle,
                value.as_ptr(),
                until,
                principal.as_ptr(),
                pointer,
                extensions.len(),
                text.as_mut_ptr(),
                text.len(),
            )
        };
        // What it says of a token may hold the token.
        NativeError::check(code).map_err(|error| self.tokens.unfit(&error))
    }

    /// Whether the library repeats what it was answered, which the listener has heard already.
    pub(super) fn is_told(&self, error: &NativeError) -> bool {
        is_of_login(error) && error.text.contains(self.tokens.server())
    }

    /// What an error of the client is, seen with what is known of its tokens.
    pub(super) fn explain(&self, error: NativeError) -> NativeError {
        if !is_of_login(&error) {
            return error;
        }
        let state = self.state();
        match &state.failure {
            // That a broker refuses a token which is over follows from that.
            Some(failure) if state.is_without() || self.is_told(&error) => said(failure),
            _ if state.is_without() || state.was_without() => {
                NativeError::new(Code::RD_KAFKA_RESP_ERR__TRANSPORT, error.text)
            }
            _ => NativeError {
                help: Some(
                    "look at sasl.oauthbearer.scope, and at the issuer and the audience that the brokers expect",
                ),
                ..error
            },
        }
    }
}

impl State {
    /// Whether there is no token that brokers take.
    fn is_without(&self) -> bool {
        let token = self.token.as_ref();
        token.is_none_or(|token| token.left() < NEARLY)
    }

    fn was_without(&self) -> bool {
        self.lapsed
            .is_some_and(|lapsed| lapsed.elapsed() < HEARD_OF)
    }
}

fn is_of_login(error: &NativeError) -> bool {
    matches!(
        error.code,
        Code::RD_KAFKA_RESP_ERR__AUTHENTICATION
            | Code::RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED
    )
}

/// A failure as an error of the client: the library has one code for all.
fn said(failure: &Failure) -> NativeError {
    let code = match failure.is_transient() {
        true => Code::RD_KAFKA_RESP_ERR__TRANSPORT,
        false => Code::RD_KAFKA_RESP_ERR__AUTHENTICATION,
    };
    NativeError {
        code,
        text: failure.text.clone(),
        help: failure.help,
    }
}

/// Called by a thread of the library's own that does nothing else, so that it may wait.
pub(super) unsafe extern "C" fn on_token_wanted(
    handle: *mut sys::rd_kafka_t,
    _config: *const c_char,
    opaque: *mut c_void,
) {
    // SAFETY: the library calls this with what `Client::new` gave to the client.
    let opaque = unsafe { opaque_at(opaque) };
    let Some((opaque, bearer)) = opaque.and_then(|opaque| Some((opaque, opaque.bearer.as_ref()?)))
    else {
        return;
    };
    // SAFETY: the library calls this with its own handle, and joins this thread before it destroys anything.
    unsafe { bearer.fetch(handle, opaque.listener.as_ref()) }
}
