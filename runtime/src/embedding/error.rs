//! Why a pipeline cannot be started.

use wasm_sink_core::Error;

use crate::config::{Diagnostics, LoadError, Style};

/// Why a pipeline cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// Mistakes in its configuration, all at once; shown as on a terminal without colours.
    #[error("{}", .0.render(Style::Plain).trim_end())]
    Wrong(Diagnostics),
    /// Anything else.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<LoadError> for PipelineError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Unreadable(error) => Self::Failed(error),
            LoadError::Wrong(diagnostics) => Self::Wrong(diagnostics),
        }
    }
}
