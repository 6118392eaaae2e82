//! Lines for the operator's log: [`debug!`](crate::debug), [`info!`](crate::info),
//! [`warn!`](crate::warn!), [`error!`](crate::error!).

use std::fmt::Arguments;

pub use crate::bindings::wasm_sink::sink::log::Level;

/// Writes one line. The macros format it like `format!`.
pub fn write(level: Level, line: Arguments<'_>) {
    match line.as_str() {
        Some(line) => crate::bindings::wasm_sink::sink::log::write(level, line),
        None => crate::bindings::wasm_sink::sink::log::write(level, &line.to_string()),
    }
}

/// For whoever wrote the component.
#[macro_export]
macro_rules! debug {
    ($($line:tt)+) => { $crate::log::write($crate::log::Level::Debug, ::core::format_args!($($line)+)) };
}

/// Worth knowing.
#[macro_export]
macro_rules! info {
    ($($line:tt)+) => { $crate::log::write($crate::log::Level::Info, ::core::format_args!($($line)+)) };
}

/// Something is off, the pipeline goes on.
#[macro_export]
macro_rules! warn {
    ($($line:tt)+) => { $crate::log::write($crate::log::Level::Warn, ::core::format_args!($($line)+)) };
}

/// Something failed.
#[macro_export]
macro_rules! error {
    ($($line:tt)+) => { $crate::log::write($crate::log::Level::Error, ::core::format_args!($($line)+)) };
}
