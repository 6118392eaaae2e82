//! The keys of `[connections.<label>]` with `type = "duckdb"`.

use std::path::PathBuf;

use wasm_sink_core::settings::{Problem, Reader, Span, Table};

/// Less, and DuckDB does not even open.
const LEAST_MEMORY: u64 = 16 << 20;
const MOST_MEMORY: u64 = 1 << 40;
/// More is a slip of the pen.
const MOST_THREADS: u64 = 1_024;

/// A database file and how to open it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatabaseFile {
    /// A relative one counts from the configuration file.
    pub(crate) path: PathBuf,
    /// What DuckDB keeps in memory. None: what its tables need.
    pub(crate) memory_limit_bytes: Option<u64>,
    /// None: as many as the machine has cores.
    pub(crate) threads: Option<u64>,
}

impl DatabaseFile {
    /// The file, however it was written, and the same before it is there.
    pub(crate) fn identity(&self) -> PathBuf {
        let folder = || self.path.parent()?.canonicalize().ok();
        let missing = || Some(folder()?.join(self.path.file_name()?));
        let found = self.path.canonicalize().ok();
        found.or_else(missing).unwrap_or_else(|| self.path.clone())
    }
}

/// Reads the whole table; None where it reported problems.
pub(crate) fn read(settings: &Table, problems: &mut Vec<Problem>) -> Option<DatabaseFile> {
    let before = problems.len();
    let mut reader = settings.reader(problems);
    let path = reader.required_string("path", "path = \"data/events.duckdb\"");
    let memory_limit = reader.bytes("memory_limit", LEAST_MEMORY..=MOST_MEMORY);
    let threads = reader.integer_within("threads", 1..=MOST_THREADS);
    let path = path.and_then(|(text, span)| file(text, &span, &mut reader));
    reader.finish();
    path.filter(|_| problems.len() == before)
        .map(|path| DatabaseFile {
            path,
            memory_limit_bytes: memory_limit.map(|(bytes, _)| bytes),
            threads: threads.map(|(threads, _)| threads),
        })
}

fn file(text: &str, span: &Span, reader: &mut Reader<'_>) -> Option<PathBuf> {
    let refused = match text {
        "" => "`path` is empty",
        ":memory:" => "a database in memory would be gone with the process",
        text if text.contains("://") || text.starts_with("md:") => {
            "DuckDB writes databases to files of this machine alone"
        }
        _ => return Some(PathBuf::from(text)),
    };
    reader.bad_value(span, refused, "name a file: path = \"data/events.duckdb\"");
    None
}
