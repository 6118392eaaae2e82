//! A DuckDB database, read by Python's `duckdb`, which is another version than ours.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::python;

/// A file in a folder of its own, made by whoever opens it first.
#[derive(Debug)]
pub struct DuckDb {
    path: PathBuf,
    _folder: Option<TempDir>,
}

impl DuckDb {
    /// No file yet.
    ///
    /// # Panics
    /// There is no temporary folder.
    pub fn start() -> Self {
        let folder = TempDir::with_prefix("duckdb-").expect("a temporary folder");
        let database = Self::at(folder.path());
        Self {
            _folder: Some(folder),
            ..database
        }
    }

    /// One in this folder, which lives longer.
    pub fn at(folder: &Path) -> Self {
        Self {
            path: folder.join("kit.duckdb"),
            _folder: None,
        }
    }

    /// Where it is or will be.
    pub fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// The rows of a query, each a JSON object. No process may have the database open.
    ///
    /// # Panics
    /// It cannot be read, or the query is wrong.
    pub fn query(&self, sql: &str) -> Vec<Value> {
        read(&self.path(), sql)
    }

    /// Runs statements, and makes the file if need be.
    ///
    /// # Panics
    /// One fails.
    pub fn run(&self, statements: &str) {
        ask(json!({ "path": self.path(), "run": statements }));
    }
}

/// The rows of a query over a database, each a JSON object.
///
/// # Panics
/// It cannot be read, or the query is wrong.
pub fn read(path: &Path, sql: &str) -> Vec<Value> {
    match ask(json!({ "path": path, "sql": sql })) {
        Value::Array(rows) => rows,
        other => panic!("no list of rows: {other}"),
    }
}

fn ask(question: Value) -> Value {
    python::ask("read_duckdb.py", &question)
}
