//! What `init` shows of a file.

use std::path::Path;

use arrow::datatypes::SchemaRef;
use wasm_sink_core::{Blame, Error, Kind, Result};
use wasm_sink_formats::{FieldText, Format, Inference, describe};

use crate::content::{self, Content};
use crate::source::observe;

const SAMPLE_BYTES: usize = 2 << 20;

/// What a file holds, by its beginning.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// What its name says.
    pub format: Format,
    /// Its columns.
    pub schema: SchemaRef,
    /// The same as text.
    pub fields: Vec<FieldText>,
    /// Records that were looked at.
    pub records: u64,
}

/// Looks at the first 2 MiB of a file, plain or gzip. Waits for the disk.
///
/// # Errors
/// A file that cannot be read, a name that says no format, or content without a single record.
pub fn inspect(path: &Path) -> Result<Inspection> {
    let name = path.display().to_string();
    let Some(format) = Format::of_name(&name) else {
        return Err(Error::new(
            Kind::Invalid,
            Blame::Configuration,
            format!(
                "the name of {name} does not say what is in it: .jsonl, .json, .ndjson, .csv and \
                 .tsv do, also with .gz"
            ),
        ));
    };
    let mut inference = Inference::default();
    let content = Content::open(path).map_err(|error| content::unreadable(&name, error))?;
    observe(&mut inference, content, format, SAMPLE_BYTES).map_err(|error| error.context(&name))?;
    if inference.records() == 0 {
        return Err(Error::new(
            Kind::Invalid,
            Blame::Source,
            format!("{name} has no record in its beginning: each line should be one"),
        ));
    }
    let schema = inference.schema();
    Ok(Inspection {
        format,
        fields: describe(&schema),
        schema,
        records: inference.records(),
    })
}
