//! Files as a source: JSON lines and CSV, plain or gzip, each file a partition.
//!
//! A position is the offset in the uncompressed content, the line ends before it, and a check of
//! the bytes before it, so that a run goes on in the middle of a file and notices a file that was
//! rewritten.

mod content;
mod inspect;
mod lengths;
mod listing;
mod settings;
mod source;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::task::spawn_blocking;
use wasm_sink_core::connection::Connection;
use wasm_sink_core::settings::{Problem, Table};
use wasm_sink_core::source::{Redecoder, Source, SourceContext, SourceSpec};
use wasm_sink_core::{Blame, Error, Kind, Result};
use wasm_sink_formats::{Format, Redecoding, record_decoder};

pub use inspect::{Inspection, inspect};
use settings::Settings;
use source::Files;

/// Reads a `[source]` of type `files`: `path`, `format`, `schema`, `delimiter`, `header`,
/// `batch_rows`.
pub fn source(settings: &Table, problems: &mut Vec<Problem>) -> Option<Box<dyn SourceSpec>> {
    Settings::read(settings, problems).map(|settings| Box::new(FilesSpec(Arc::new(settings))) as _)
}

/// A header has no more.
const HEADER_BYTES: u64 = 1 << 20;

/// A validated `[source]`.
struct FilesSpec(Arc<Settings>);

#[async_trait]
impl SourceSpec for FilesSpec {
    async fn open(
        &self,
        _connection: Option<Arc<dyn Connection>>,
        context: SourceContext,
    ) -> Result<Box<dyn Source>> {
        let settings = Arc::clone(&self.0);
        let files = blocking(move || Files::open(&settings, context)).await?;
        Ok(Box::new(files))
    }

    async fn redecoder(&self, context: &SourceContext) -> Result<Option<Box<dyn Redecoder>>> {
        let (settings, directory) = (self.0.format.clone(), context.directory.clone());
        let make = move |name: Option<&str>| {
            let name = name.unwrap_or_default();
            let format = settings.format(Some(name)).unwrap_or(Format::Json);
            let beginning = match format {
                Format::Csv(dialect) if dialect.has_header => {
                    content::beginning(&directory.join(name), HEADER_BYTES)
                        .map_err(|error| content::unreadable(name, error))?
                }
                _ => Vec::new(),
            };
            record_decoder(format, &beginning, settings.schema.clone())
        };
        Ok(Some(Box::new(Redecoding::new(make))))
    }
}

/// Runs what waits for a disk where it holds up nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => {
            let message = "reading stopped half way; this is a bug in wasm-sink, please report it";
            Err(Error::new(Kind::Other, Blame::Host, message).with_source(error))
        }
    }
}
