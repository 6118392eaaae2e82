//! Delta tables, read by Python's `deltalake`: no code of ours stands between a test and its table.

use std::path::Path;

use serde_json::{Value, json};

use crate::python;
use crate::versitygw::Versitygw;

/// A table that others wrote.
#[derive(Clone, Debug)]
pub struct DeltaTable {
    uri: String,
    options: Value,
}

impl DeltaTable {
    /// A table in a folder.
    pub fn local(path: &Path) -> Self {
        Self {
            uri: path.display().to_string(),
            options: json!({}),
        }
    }

    /// A table in the bucket of a gateway.
    pub fn s3(server: &Versitygw, prefix: &str) -> Self {
        Self {
            uri: format!("s3://{}/{prefix}", Versitygw::BUCKET),
            options: json!({
                "AWS_ENDPOINT_URL": server.endpoint(),
                "AWS_REGION": Versitygw::REGION,
                "AWS_ACCESS_KEY_ID": Versitygw::ACCESS_KEY_ID,
                "AWS_SECRET_ACCESS_KEY": Versitygw::SECRET_ACCESS_KEY,
                "AWS_ALLOW_HTTP": "true",
            }),
        }
    }

    /// The rows that a query over the table `t` answers, each a JSON object. DuckDB runs it.
    ///
    /// # Panics
    /// The table cannot be read, or the query is wrong.
    pub fn query(&self, sql: &str) -> Vec<Value> {
        match self.ask(json!({ "sql": sql })) {
            Value::Array(rows) => rows,
            other => panic!("no list of rows: {other}"),
        }
    }

    /// The only row of a query with one row.
    ///
    /// # Panics
    /// There are none, or several.
    pub fn query_one(&self, sql: &str) -> Value {
        let mut rows = self.query(sql);
        assert_eq!(rows.len(), 1, "one row for `{sql}`");
        rows.remove(0)
    }

    /// The names of its columns; empty where there is no table.
    ///
    /// # Panics
    /// The table cannot be read.
    pub fn columns(&self) -> Vec<String> {
        let names = self.ask(json!({ "columns": true }));
        serde_json::from_value(names).expect("a list of names")
    }

    /// Whether there is a table.
    pub fn exists(&self) -> bool {
        self.ask(json!({ "exists": true })) == json!(true)
    }

    /// Each version's `commitInfo`, the newest first.
    pub fn history(&self) -> Vec<Value> {
        match self.ask(json!({ "history": true })) {
            Value::Array(versions) => versions,
            other => panic!("no list of versions: {other}"),
        }
    }

    /// Versions that wrote data.
    pub fn commits(&self) -> usize {
        let writes = |version: &&Value| version["operation"] == "WRITE";
        self.history().iter().filter(writes).count()
    }

    fn ask(&self, question: Value) -> Value {
        let mut request = json!({ "uri": self.uri, "options": self.options });
        if let (Value::Object(request), Value::Object(question)) = (&mut request, question) {
            request.extend(question);
        }
        python::ask("read_delta.py", &request)
    }
}
