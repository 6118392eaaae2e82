//! Names as PostgreSQL takes them.

use wasm_sink_core::sql::Names;

/// PostgreSQL cuts longer names without a word
/// (NAMEDATALEN, <https://www.postgresql.org/docs/current/limits.html>).
pub(crate) const NAMES: Names = Names {
    database: "PostgreSQL",
    max_bytes: Some(63),
};
