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
use wasm_sink_core::source::{Redecoder, Source, SourceContext, SourceSpec};
use wasm_sink_formats::{Format, Redecoding, record_decoder};

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

    async fn redecoder(&self, _context: &SourceContext) -> Result<Option<Box<dyn Redecoder>>> {
        let format = self.format;
        if matches!(format, Format::Csv(dialect) if dialect.has_header) {
            // The names of its columns are gone with the pipe.
            return Ok(None);
        }
        let schema = self.formats.schema.clone();
        let make = move |_: Option<&str>| record_decoder(format, &[], schema.clone());
        Ok(Some(Box::new(Redecoding::new(make))))
    }

    fn rewinds(&self) -> bool {
        false
    }
}
