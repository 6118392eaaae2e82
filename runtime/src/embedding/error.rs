//! Why a pipeline cannot be started.

use std::fmt;

use wasm_sink_core::Error;

use crate::config::{Diagnostics, LoadError, Style};

/// Why a pipeline cannot be started.
#[derive(thiserror::Error)]
pub enum PipelineError {
    /// Mistakes in its configuration, all at once; shown as on a terminal without colours.
    #[error("{}", .0.render(Style::Plain).trim_end())]
    Wrong(Diagnostics),
    /// Anything else.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// As it is shown: this is what a `main` prints that returns it.
impl fmt::Debug for PipelineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(_) => fmt::Display::fmt(self, f),
            Self::Failed(error) => fmt::Debug::fmt(error, f),
        }
    }
}

impl From<LoadError> for PipelineError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Unreadable(error) => Self::Failed(error),
            LoadError::Wrong(diagnostics) => Self::Wrong(diagnostics),
        }
    }
}
