//! Delta tables on a local disk, read by Python's `deltalake`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use wasm_sink_core::step::Step;
use wasm_sink_tests::DeltaTable;

use crate::destination::{Delivery, Destination, OnDisk, Promise, Routing, Shared};

pub struct Disk {
    path: PathBuf,
    _folder: Option<TempDir>,
}

impl Disk {
    fn table(&self, name: &str) -> DeltaTable {
        DeltaTable::local(&self.path.join(name))
    }
}

impl Destination for Disk {
    const PROMISE: Promise = Promise {
        connector: "delta",
        title: "Delta Lake: local disk",
        delivery: Delivery::ExactlyOnce,
        positions: "in the table's own log, swapped with the data",
    };
    const COMPONENT: &'static str = "delta";
    const STEPS_NOT_TAKEN: &'static [Step] = &[Step::PositionsMoved];

    fn start() -> Self {
        let folder = TempDir::with_prefix("lake-").expect("a temporary folder");
        Self {
            path: folder.path().to_owned(),
            _folder: Some(folder),
        }
    }

    fn connection(&self, _address: Option<SocketAddr>) -> String {
        format!(
            "[connections.out]\ntype = \"delta\"\npath = \"{}\"\n",
            self.path.display()
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

impl OnDisk for Disk {
    const SMALL: &'static str = "1m";
    const FULL: &'static str = "the disk is full";

    fn at(folder: &Path) -> Self {
        Self {
            path: folder.to_owned(),
            _folder: None,
        }
    }

    fn is_left_over(name: &str) -> bool {
        name.contains('#')
    }
}

impl Routing for Disk {
    const HAS_A_TABLE_WITHOUT_NAME: bool = true;
}

crate::suite!(Disk, tabular, shared, on_disk, routing);
