//! The keys of `[source]`.

use wasm_sink_core::settings::{Problem, Reader, Table, Value};
use wasm_sink_formats::FormatSettings;

/// A batch counts its rows in 32 bits, and a block has no more.
const MAX_BATCH_ROWS: u64 = 1 << 20;

/// A validated `[source]`.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Paths, globs and folders, as written.
    pub(crate) paths: Vec<String>,
    pub(crate) format: FormatSettings,
    pub(crate) batch_rows: Option<usize>,
}

impl Settings {
    pub(crate) fn read(table: &Table, problems: &mut Vec<Problem>) -> Option<Self> {
        let before = problems.len();
        let mut reader = table.reader(problems);
        let settings = Self {
            paths: paths(&mut reader),
            format: FormatSettings::read(&mut reader),
            batch_rows: reader
                .integer_within("batch_rows", 1..=MAX_BATCH_ROWS)
                .map(|(rows, _)| rows as usize),
        };
        reader.finish();
        (problems.len() == before).then_some(settings)
    }
}

fn paths(reader: &mut Reader<'_>) -> Vec<String> {
    let help = "write path = \"data/*.jsonl\", or a list of paths";
    let is_list = matches!(
        reader.take("path").map(|entry| &entry.node.value),
        Some(Value::List(_))
    );
    let written = if is_list {
        reader.strings("path")
    } else {
        reader.required_string("path", help).map(|path| vec![path])
    };
    let Some(written) = written else {
        return Vec::new();
    };
    if let Some((_, span)) = written.iter().find(|(path, _)| path.is_empty()) {
        reader.bad_value(span, "`path` is empty", help);
    }
    if written.is_empty()
        && let Some(entry) = reader.take("path")
    {
        reader.bad_value(&entry.node.span, "`path` names no files", help);
    }
    written
        .into_iter()
        .map(|(path, _)| path.to_owned())
        .collect()
}
