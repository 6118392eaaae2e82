//! What a call came to. The host's own record goes first: what doomed the epoch stays the reason,
//! whatever the guest answered, and even where it then trapped.

use std::fmt;

use wasm_sink_core::component::{Failure, FailureCause};
use wasm_sink_core::error::{Blame, Error, Kind};
use wasm_sink_core::guest::wit;
use wasmtime::WasmBacktrace;
use wasmtime::component::ResourceTableError;
use wasmtime_wasi::I32Exit;

use super::deadline::DeadlineExceeded;
use super::log::printable;
use super::state::State;

/// The longest message of a guest, in bytes.
const MESSAGE_BYTES: usize = 4 << 10;
/// What is said of a component that took no notice of an error.
pub(crate) const SWALLOWED: &str = "the component answered ok";
/// Functions named in the report of a trap.
const FUNCTIONS: usize = 6;

/// What a guest was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Its start functions.
    Instantiate,
    ConfigSchema,
    Validate,
    Open,
    Write,
    Flush,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instantiate => "its start",
            Self::ConfigSchema => "`config-schema`",
            Self::Validate => "`validate`",
            Self::Open => "`open`",
            Self::Write => "`write`",
            Self::Flush => "`flush`",
        })
    }
}

/// A call that answers with `result<_, error>`.
pub(super) fn settle(
    state: &mut State,
    call: Call,
    answer: wasmtime::Result<Result<(), wit::Error>>,
) -> Result<(), Failure> {
    if let Some(doom) = state.guest.doom().take() {
        let answered = match answer {
            Ok(Ok(())) => format!("{SWALLOWED} to {call} although a call had failed"),
            Ok(Err(_)) => format!("a call failed in {call}"),
            Err(_) => format!("the component trapped in {call} after a call had failed"),
        };
        return Err(Failure {
            cause: FailureCause::Answer,
            error: in_component(state, doom.context(answered)),
        });
    }
    match answer {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(answered(state, call, error)),
        Err(error) => Err(trapped(state, call, error)),
    }
}

/// The guest's own error.
fn answered(state: &State, call: Call, error: wit::Error) -> Failure {
    let message = match printable(&with_stack(&error.message), MESSAGE_BYTES) {
        message if message.trim().is_empty() => "it gave no reason".to_owned(),
        message => message,
    };
    let error = Error::from(wit::Error { message, ..error });
    Failure {
        cause: FailureCause::Answer,
        error: in_component(state, error.context(format!("{call} failed"))),
    }
}

/// A stack has a line for each call, indented; here it goes on in the same one.
fn with_stack(message: &str) -> String {
    let mut lines = message.split("\n  ");
    let mut joined = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        joined.push_str("; ");
        joined.push_str(line.trim_start());
    }
    joined
}

/// A call that did not come back.
pub(super) fn trapped(state: &mut State, call: Call, error: wasmtime::Error) -> Failure {
    if let Some(DeadlineExceeded { ran }) = error.downcast_ref() {
        let message = format!(
            "{call} ran for {} ms of its own time, limit {} ms ([limits] call_deadline_ms){}{}",
            ran.as_millis(),
            state.call_deadline.as_millis(),
            functions(&error),
            last_words(state),
        );
        return Failure {
            cause: FailureCause::Deadline,
            error: in_component(state, Error::new(Kind::Other, Blame::Component, message)),
        };
    }
    let places = functions(&error);
    let error = match error.downcast::<Error>() {
        // A host function gave up, and says whose fault that is.
        Ok(error) => error.context(format!("{call} was ended")),
        Err(error) => {
            let message = format!(
                "{call} trapped: {}{places}{}",
                reason(state, &error),
                last_words(state)
            );
            Error::new(Kind::Other, Blame::Component, message)
        }
    };
    Failure {
        cause: FailureCause::Trap,
        error: in_component(state, error),
    }
}

fn in_component(state: &State, error: Error) -> Error {
    error.context(format!("component `{}`", state.identity.component))
}

fn reason(state: &State, error: &wasmtime::Error) -> String {
    if let Some(explanation) = state.limiter.explanation() {
        return explanation;
    }
    if let Some(I32Exit(code)) = error.downcast_ref() {
        return format!("it called exit({code})");
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        return format!(
            "it holds {} batches and other handles, and may hold no more ([limits] handles): drop those that \
             are no longer needed",
            state.guest.limits().handles
        );
    }
    let root = error.root_cause().to_string();
    let root = root.strip_prefix("wasm trap: ").unwrap_or(&root);
    printable(root, MESSAGE_BYTES)
}

/// The functions that led there, innermost first; nothing where the component has no names.
fn functions(error: &wasmtime::Error) -> String {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return String::new();
    };
    let names: Vec<String> = backtrace
        .frames()
        .iter()
        .filter_map(|frame| frame.func_name())
        .map(|name| format!("{:#}", rustc_demangle::demangle(name)))
        .filter(|name| !is_machinery(name))
        .take(FUNCTIONS)
        .map(|name| printable(&name, MESSAGE_BYTES / FUNCTIONS))
        .collect();
    match names.as_slice() {
        [] => String::new(),
        names => format!("; in {}", names.join(" < ")),
    }
}

/// What stands on top of every panic or below every call, and says nothing about the sink.
fn is_machinery(name: &str) -> bool {
    const RUST: &[&str] = &[
        "__rust",
        "abort",
        "core::option::unwrap_failed",
        "core::panicking::",
        "core::result::unwrap_failed",
        "panic_abort::",
        "rust_panic",
        "std::panicking::",
        "std::process::abort",
        "std::sys::",
        "wasm_sink_sdk::sink::instance",
    ];
    const C: &[&str] = &[
        "_Exit",
        "__assert_fail",
        "__ubsan_handle",
        "__wasi_proc_exit",
        "exit_exit",
        "ws_panic_at",
    ];
    const GO: &[&str] = &["github.com_wasm_sink_wasm_sink_sdk_go", "runtime."];
    const PYTHON: &[&str] = &[
        "Py",
        "_Py",
        "cfunction_",
        "method_vectorcall",
        "wrapperdescr_",
    ];
    const EXPORTS: &[&str] = &[
        "__wasm_export_",
        "wasm-sink:sink/sink@",
        "wasm_sink_sink_sink_",
    ];
    let mut known = [RUST, C, GO, PYTHON, EXPORTS].into_iter().flatten();
    known.any(|prefix| name.starts_with(prefix))
}

fn last_words(state: &State) -> String {
    match state.log.take_last_words().as_slice() {
        [] => String::new(),
        lines => format!("; it last said: {}", lines.join(" / ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_goes_on_in_the_same_line() {
        let thrown =
            "TypeError: x is null\n    at raises (sink.js:1:2)\n    at write (sink.js:3:4)";
        let joined = "TypeError: x is null; at raises (sink.js:1:2); at write (sink.js:3:4)";
        assert_eq!(with_stack(thrown), joined);
        // What is quoted stays what it is.
        assert_eq!(
            with_stack("no table \"line\nbreak\""),
            "no table \"line\nbreak\""
        );
    }
}
