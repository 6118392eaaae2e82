//! Delta tables on a local disk, read by Python's `deltalake`.

use std::net::SocketAddr;

use serde_json::Value;
use tempfile::TempDir;
use wasm_sink_core::step::Step;
use wasm_sink_tests::DeltaTable;

use crate::destination::{Destination, Promise, Shared};

pub struct Disk(TempDir);

impl Disk {
    fn table(&self, name: &str) -> DeltaTable {
        DeltaTable::local(&self.0.path().join(name))
    }
}

impl Destination for Disk {
    const PROMISE: Promise = Promise {
        connector: "delta",
        title: "Delta Lake: local disk",
        positions: "in the table's own log, swapped with the data",
    };
    const COMPONENT: &'static str = "delta";
    const STEPS_NOT_TAKEN: &'static [Step] = &[];

    fn start() -> Self {
        Self(TempDir::with_prefix("lake-").expect("a temporary folder"))
    }

    fn connection(&self, _address: Option<SocketAddr>) -> String {
        format!(
            "[connections.out]\ntype = \"delta\"\npath = \"{}\"\n",
            self.0.path().display()
        )
    }

    fn query(&self, table: &str, sql: &str) -> Vec<Value> {
        self.table(table).query(sql)
    }

    fn columns(&self, table: &str) -> Vec<String> {
        self.table(table).columns()
    }

    fn member(column: &str, name: &str) -> String {
        format!("{column}.{name}")
    }
}

impl Shared for Disk {}

crate::suite!(Disk, shared);
