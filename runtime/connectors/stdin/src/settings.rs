//! The keys of `[source]`.

use wasm_sink_core::settings::{Problem, Table};
use wasm_sink_formats::{Format, FormatSettings};

/// A validated `[source]`.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) format: Format,
    pub(crate) formats: FormatSettings,
}

impl Settings {
    pub(crate) fn read(table: &Table, problems: &mut Vec<Problem>) -> Option<Self> {
        let before = problems.len();
        let mut reader = table.reader(problems);
        let formats = FormatSettings::read(&mut reader);
        if reader.take("format").is_none() {
            reader.missing("format", "write format = \"json\" or format = \"csv\"");
        }
        reader.finish();
        let format = formats.format(None)?;
        (problems.len() == before).then_some(Self { format, formats })
    }
}
