//! This process as libFuzzer, for one target.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::ffi::{CString, c_char, c_int};
use std::panic::{self, PanicHookInfo};
use std::process::{ExitCode, abort};
use std::ptr;
use std::sync::OnceLock;
use std::thread::{self, ThreadId};

// For the C++ that it compiles, and nothing else.
use libfuzzer_sys as _;

use crate::targets::Target;

unsafe extern "C" {
    fn LLVMFuzzerRunDriver(
        count: *mut c_int,
        arguments: *mut *mut *mut c_char,
        take: extern "C" fn(*const u8, usize) -> c_int,
    ) -> c_int;
}

static TARGET: OnceLock<Target> = OnceLock::new();
/// The thread on which libFuzzer calls.
static CALLED: OnceLock<ThreadId> = OnceLock::new();

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs libFuzzer with the arguments of this process, until it is done or an input is a fault.
pub fn run(target: Target) -> ExitCode {
    TARGET.get_or_init(|| target);
    CALLED.get_or_init(|| thread::current().id());
    panic::set_hook(Box::new(hear));
    let arguments: Vec<CString> = std::env::args()
        .map(|argument| CString::new(argument).expect("no argument has a zero byte"))
        .collect();
    let mut pointers: Vec<*mut c_char> = arguments
        .iter()
        .map(|argument| argument.as_ptr().cast_mut())
        .chain([ptr::null_mut()])
        .collect();
    let mut count = c_int::try_from(arguments.len()).expect("there are few");
    let mut first = pointers.as_mut_ptr();
    // SAFETY: these are the arguments of a C `main`: `count` strings, each ended by a zero, then a null pointer. All
    // outlive the call, which reads them and changes none.
    let code = unsafe { LLVMFuzzerRunDriver(&raw mut count, &raw mut first, take) };
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

extern "C" fn take(data: *const u8, length: usize) -> c_int {
    let bytes = match length {
        0 => &[],
        // SAFETY: libFuzzer hands over so many bytes, which are its own and stay as they are until this returns.
        _ => unsafe { std::slice::from_raw_parts(data, length) },
    };
    if panic::catch_unwind(|| TARGET.get().map(|target| target(bytes))).is_err() {
        LAST_PANIC.with_borrow(|panic| fail(panic));
    }
    0
}

/// libFuzzer hears of the abort, and writes the input to a file.
fn fail(panic: &str) -> ! {
    eprintln!("{panic}");
    abort();
}

/// What is tested may catch a panic on purpose, but does so on the thread that called it. One on another thread would be
/// caught by tokio, and come back as an error like any other.
fn hear(panic: &PanicHookInfo<'_>) {
    let mut text = panic.to_string();
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        text = format!("{text}\n{trace}");
    }
    if CALLED.get() != Some(&thread::current().id()) {
        fail(&text);
    }
    LAST_PANIC.set(text);
}
