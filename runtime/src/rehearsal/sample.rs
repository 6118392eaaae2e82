//! Rows to rehearse with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasm_sink_core::budget::Budget;
use wasm_sink_core::source::{SourceContext, SourceSpec};
use wasm_sink_core::{Blame, Error, Kind, Result, SourceBatch};

use crate::config::{self, Pipeline};
use crate::connectors;
use crate::launch::first_batch;

/// So many rows are enough, and quick.
const ROWS: u32 = 1000;
const BUDGET_BYTES: usize = 256 << 20;

/// The first rows of a file, or of the pipeline's source where that needs no connection.
///
/// # Errors
/// There are none, or they cannot be read.
pub(crate) async fn sample(pipeline: &Pipeline, file: Option<PathBuf>) -> Result<SourceBatch> {
    let context = SourceContext {
        pipeline: pipeline.name.as_str().into(),
        budget: Budget::new(BUDGET_BYTES),
        directory: pipeline.directory.clone(),
        batch_rows: ROWS as usize,
    };
    let from_file;
    let (spec, of): (&dyn SourceSpec, String) = match file {
        Some(file) => {
            from_file = of_file(&file)?;
            (&*from_file, file.display().to_string())
        }
        None if pipeline.source.connection.is_some() => {
            let message = format!(
                "the source `{}` needs a server, and a test asks none: give it rows, for example of `run --record`, or \
                 made up, with --rows sample.jsonl",
                pipeline.source.connector
            );
            return Err(Error::new(Kind::Invalid, Blame::Configuration, message));
        }
        None => (
            &*pipeline.source.spec,
            format!("the source `{}`", pipeline.source.connector),
        ),
    };
    let mut source = spec.open(None, context).await?;
    let batch = first_batch(&mut *source).await?;
    let batch = batch.ok_or_else(|| {
        let message = format!("{of} has no rows to test with");
        Error::new(Kind::Invalid, Blame::Configuration, message)
    })?;
    Ok(cut(batch))
}

fn of_file(file: &Path) -> Result<Box<dyn SourceSpec>> {
    let wrong = |message: String| Error::new(Kind::Invalid, Blame::Configuration, message);
    let path = std::path::absolute(file)
        .map_err(|error| wrong(format!("{} has no path", file.display())).with_source(error))?;
    let text = format!(
        "path = {}",
        serde_json::Value::from(path.display().to_string())
    );
    let mut problems = Vec::new();
    let files = connectors::find("files").and_then(|connector| connector.source.as_ref());
    let files = files.ok_or_else(|| wrong("this build reads no files".to_owned()))?;
    let table = config::parse(&text, &mut problems);
    let spec = table.and_then(|table| files(&table, &mut problems));
    spec.ok_or_else(|| wrong(format!("{} cannot be read", file.display())))
}

/// No more than is needed.
fn cut(batch: SourceBatch) -> SourceBatch {
    let Some(end) = batch
        .boundary(ROWS)
        .filter(|_| batch.rows.num_rows() > ROWS as usize)
    else {
        return batch;
    };
    SourceBatch {
        key: batch.key.clone(),
        begin: batch.begin.clone(),
        end,
        rows: batch.rows.slice(0, ROWS as usize),
        lineage: Arc::clone(&batch.lineage),
        undecodable: Vec::new(),
        at: batch.at,
        bytes: batch.bytes,
        reservation: None,
    }
}
