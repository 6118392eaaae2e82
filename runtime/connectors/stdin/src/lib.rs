//! Standard input as a source: JSON lines or CSV from a pipe. It cannot go back, so that a rerun
//! starts over.

mod pipe;
mod settings;
mod source;

use std::sync::Arc;

use async_trait::async_trait;
use wasm_sink_core::Result;
use wasm_sink_core::connection::Connection;
use wasm_sink_core::settings::{Problem, Table};
use wasm_sink_core::source::{Source, SourceContext, SourceSpec};

use settings::Settings;
use source::Pipe;

/// Reads a `[source]` of type `stdin`: `format`, `schema`, `delimiter`, `header`.
pub fn source(settings: &Table, problems: &mut Vec<Problem>) -> Option<Box<dyn SourceSpec>> {
    Settings::read(settings, problems).map(|settings| Box::new(settings) as _)
}

#[async_trait]
impl SourceSpec for Settings {
    async fn open(
        &self,
        _connection: Option<Arc<dyn Connection>>,
        context: SourceContext,
    ) -> Result<Box<dyn Source>> {
        let input = pipe::read_on_a_thread(std::io::stdin())?;
        Ok(Box::new(Pipe::new(self.clone(), context, input)))
    }

    fn rewinds(&self) -> bool {
        false
    }
}
