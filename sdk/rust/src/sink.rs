//! The trait that a sink implements, and what stands between it and the host.

use std::cell::RefCell;
use std::sync::Once;

use serde::de::DeserializeOwned;

use crate::bindings::exports::wasm_sink::sink::sink::Problem;
use crate::bindings::wasm_sink::sink::types::{Batch, Error};
use crate::log;

/// What a capability or a sink answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A sink: an opinion about rows. Connections, retries, commits and the clock are the host's.
///
/// One instance serves one task, one call at a time. After an error or a panic it is gone, and a
/// fresh one is given the whole epoch again: what an instance remembers is a cache.
pub trait Sink: Sized + 'static {
    /// `[sink.config]`, parsed. Parsing and [`CONFIG_SCHEMA`](Self::CONFIG_SCHEMA) should agree.
    type Config: DeserializeOwned;

    /// JSON Schema of the configuration, checked by the host before anything else; "": none.
    const CONFIG_SCHEMA: &'static str;

    /// The same, for a sink whose schema is put together.
    fn config_schema() -> String {
        Self::CONFIG_SCHEMA.to_owned()
    }

    /// Mistakes that the schema cannot find. Capabilities answer `denied` here.
    fn validate(config: &Self::Config) -> Vec<Problem> {
        let _ = config;
        Vec::new()
    }

    /// Makes the sink, once per instance.
    ///
    /// # Errors
    /// Why it cannot work; the pipeline stops or tries again, by the error's kind.
    fn open(config: Self::Config) -> Result<Self>;

    /// Takes rows. They may be kept until [`flush`](Self::flush) has returned.
    ///
    /// # Errors
    /// The epoch is given up; the error's kind says what follows.
    fn write(&mut self, rows: Batch) -> Result<()>;

    /// Stages all that is held; then the host commits.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Problem {
    /// A mistake at `path` (as in `["routes", "0", "table"]`).
    pub fn at<P: Into<String>>(
        path: impl IntoIterator<Item = P>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into_iter().map(Into::into).collect(),
            message: message.into(),
            help: None,
        }
    }

    /// What to write instead.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Makes the type a component: implements the exports of the contract with a [`Sink`]. Once per
/// crate.
#[macro_export]
macro_rules! sink {
    ($sink:ty) => {
        // Off Wasm nothing is exported, so that `cargo test` links; there is no host to call either.
        #[cfg_attr(not(target_family = "wasm"), allow(dead_code))]
        const _: () = {
            ::std::thread_local! {
                static SINK: $crate::instance::Slot<$sink> = const { $crate::instance::Slot::new() };
            }

            struct Component;

            impl $crate::instance::Exports for Component {
                fn config_schema() -> ::std::string::String {
                    <$sink as $crate::Sink>::config_schema()
                }

                fn validate(config: ::std::string::String) -> ::std::vec::Vec<$crate::Problem> {
                    $crate::instance::validate::<$sink>(&config)
                }

                fn open(config: ::std::string::String) -> $crate::Result<()> {
                    SINK.with(|sink| sink.open(&config))
                }

                fn write(rows: $crate::Batch) -> $crate::Result<()> {
                    SINK.with(|sink| sink.call(|sink| $crate::Sink::write(sink, rows)))
                }

                fn flush() -> $crate::Result<()> {
                    SINK.with(|sink| sink.call($crate::Sink::flush))
                }
            }

            #[cfg(target_family = "wasm")]
            $crate::bindings::export_component!(Component with_types_in $crate::bindings);
        };
    };
}

/// What [`sink!`](crate::sink!) expands to.
#[doc(hidden)]
pub mod instance {
    use super::*;

    pub use crate::bindings::exports::wasm_sink::sink::sink::Guest as Exports;

    /// The instance's sink, once it is open.
    #[derive(Debug)]
    pub struct Slot<S>(RefCell<Option<S>>);

    impl<S: Sink> Slot<S> {
        /// Nothing is open.
        #[expect(clippy::new_without_default, reason = "made by the macro alone")]
        pub const fn new() -> Self {
            Self(RefCell::new(None))
        }

        /// Opens the sink.
        ///
        /// # Errors
        /// A configuration that does not parse, or what the sink answers.
        pub fn open(&self, config: &str) -> Result<()> {
            report_panics();
            let config = parse::<S>(config).map_err(|error| Error::invalid(error.to_string()))?;
            *self.0.borrow_mut() = Some(S::open(config)?);
            Ok(())
        }

        /// Calls the open sink.
        ///
        /// # Errors
        /// What the sink answers.
        pub fn call(&self, call: impl FnOnce(&mut S) -> Result<()>) -> Result<()> {
            match &mut *self.0.borrow_mut() {
                Some(sink) => call(sink),
                None => Err(Error::other("the sink was called before `open`")),
            }
        }
    }

    /// The sink's own checks; a configuration that does not parse is one problem.
    pub fn validate<S: Sink>(config: &str) -> Vec<Problem> {
        report_panics();
        match parse::<S>(config) {
            Ok(config) => S::validate(&config),
            Err(error) => vec![Problem::at([""; 0], error.to_string())],
        }
    }

    fn parse<S: Sink>(config: &str) -> serde_json::Result<S::Config> {
        serde_json::from_str(config)
    }

    /// A panic ends in a trap, which says little by itself: its message goes to the log first.
    fn report_panics() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            std::panic::set_hook(Box::new(|panic| {
                log::write(log::Level::Error, format_args!("{panic}"));
            }));
        });
    }
}
