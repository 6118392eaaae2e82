//! Tables of a DuckDB file, read by Python's `duckdb`.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;
use wasm_sink_core::step::Step;
use wasm_sink_tests::duckdb::DuckDb;

use crate::destination::{
    Delivery, Destination, Exclusive, OnDisk, Promise, Refusing, Routing, Time, Upserting, Widening,
};

pub struct File(DuckDb);

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Destination for File {
    const PROMISE: Promise = Promise {
        connector: "duckdb",
        title: "DuckDB",
        delivery: Delivery::ExactlyOnce,
        positions: "in a table, swapped in the transaction that holds the data",
    };
    const COMPONENT: &'static str = "duckdb";
    const STEPS_NOT_TAKEN: &'static [Step] = &[Step::Checkpointing];
    const FINEST_TIME: Time = Time::Nanosecond;

    fn start() -> Self {
        Self(DuckDb::start())
    }

    fn connection(&self, _address: Option<SocketAddr>) -> String {
        format!(
            "[connections.out]\ntype = \"duckdb\"\npath = \"{}\"\n",
            self.0.path().display()
        )
    }

    fn query(&self, table: &str, sql: &str) -> Vec<Value> {
        let table = quoted(table);
        self.0
            .query(&format!("with t as (select * from {table}) {sql}"))
    }

    fn columns(&self, table: &str) -> Vec<String> {
        if !self.0.path().exists() {
            return Vec::new();
        }
        let table = table.replace('\'', "''");
        let rows = self.0.query(&format!(
            "select column_name as name from duckdb_columns() \
             where table_name = '{table}' order by column_index"
        ));
        let names = rows.iter().filter_map(|row| row["name"].as_str());
        names.map(str::to_owned).collect()
    }

    fn member(column: &str, name: &str) -> String {
        format!("{column}.{name}")
    }
}

impl Refusing for File {
    fn refuse_one_row(&self, table: &str) -> &'static str {
        self.0.run(&format!(
            "create table {} (n bigint primary key, text text check (text <> 'row 4321'))",
            quoted(table)
        ));
        "CHECK constraint"
    }
}

impl Exclusive for File {
    const TOLD: &'static str = "is open in another process";
}

impl Upserting for File {}

impl Routing for File {}

impl Widening for File {
    fn run(&self, statements: &str) {
        self.0.run(statements);
    }

    fn keep_types(&self, table: &str) -> &'static str {
        self.0.run(&format!(
            "create table {} (n integer primary key)",
            quoted(table)
        ));
        "PRIMARY KEY"
    }
}

impl OnDisk for File {
    const SMALL: &'static str = "4m";
    const FULL: &'static str = "No space left on device";

    fn at(folder: &Path) -> Self {
        Self(DuckDb::at(folder))
    }
}

crate::suite!(
    File,
    tabular,
    exclusive,
    on_disk,
    refusing,
    routing,
    routing_upserts,
    upserting,
    widening
);
