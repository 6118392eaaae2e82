//! The generator: rows that are a pure function of seed, partition and offset, so that loss and
//! doubles can be counted.

mod rows;
mod settings;
mod source;

use std::sync::Arc;

use async_trait::async_trait;
use wasm_sink_core::Result;
use wasm_sink_core::connection::Connection;
use wasm_sink_core::settings::{Problem, Table};
use wasm_sink_core::source::{Source, SourceContext, SourceSpec};

pub use rows::{Rows, schema};
use settings::Settings;
use source::Generator;

/// Reads a `[source]` of type `generator`: `rows`, `partitions`, `rate`, `batch_rows`, `seed`.
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
        Ok(Box::new(Generator::new(self.clone(), context.budget)))
    }
}
