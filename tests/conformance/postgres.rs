//! Tables of PostgreSQL, read by `psql`.

use std::net::SocketAddr;

use serde_json::Value;
use wasm_sink_core::step::Step;
use wasm_sink_tests::postgres::Postgres;

use crate::destination::{
    Delivery, Destination, Promise, Refusing, Restartable, Routing, Shared, Upserting, Widening,
    Wire, Wired,
};

pub struct Server(Postgres);

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Destination for Server {
    const PROMISE: Promise = Promise {
        connector: "postgres",
        title: "PostgreSQL",
        delivery: Delivery::ExactlyOnce,
        positions: "in a table, swapped in the transaction that holds the data",
    };
    const COMPONENT: &'static str = "postgres";
    const STEPS_NOT_TAKEN: &'static [Step] = &[Step::Checkpointing];

    fn start() -> Self {
        Self(Postgres::start())
    }

    fn connection(&self, address: Option<SocketAddr>) -> String {
        format!(
            "[connections.out]\ntype = \"postgres\"\n\
             connection_string = \"postgresql://{}@{}/{}\"\npassword = \"${{PGPASSWORD}}\"\n",
            Postgres::USER,
            address.unwrap_or(self.0.address()),
            Postgres::DATABASE
        )
    }

    fn environment(&self) -> Vec<(String, String)> {
        let password = Postgres::PASSWORD.to_owned();
        vec![("PGPASSWORD".to_owned(), password)]
    }

    fn query(&self, table: &str, sql: &str) -> Vec<Value> {
        let table = quoted(table);
        self.0
            .query(&format!("with t as (select * from {table}) {sql}"))
    }

    fn columns(&self, table: &str) -> Vec<String> {
        let table = table.replace('\'', "''");
        let rows = self.0.query(&format!(
            "select column_name as name from information_schema.columns \
             where table_name = '{table}' order by ordinal_position"
        ));
        let names = rows.iter().filter_map(|row| row["name"].as_str());
        names.map(str::to_owned).collect()
    }

    fn member(column: &str, name: &str) -> String {
        format!("{column}->>'{name}'")
    }
}

impl Wired for Server {
    fn wire(&self) -> Wire {
        Wire::to(self.0.address(), b"commit\0")
    }
}

impl Restartable for Server {
    fn interrupt(&mut self) {
        self.0.stop();
    }

    fn resume(&mut self) {
        self.0.resume();
    }
}

impl Refusing for Server {
    fn refuse_one_row(&self, table: &str) -> &'static str {
        self.0.run(&format!(
            "create table {} (n bigint primary key, text text check (text <> 'row 4321'))",
            quoted(table)
        ));
        "_text_check"
    }
}

impl Shared for Server {}

impl Upserting for Server {}

impl Routing for Server {}

impl Widening for Server {
    fn run(&self, statements: &str) {
        self.0.run(statements);
    }

    fn keep_types(&self, table: &str) -> &'static str {
        let table = quoted(table);
        self.0.run(&format!(
            "create table {table} (n integer); create view seen as select n from {table}"
        ));
        "used by a view"
    }
}

crate::suite!(
    Server,
    tabular,
    shared,
    wired,
    restartable,
    refusing,
    routing,
    routing_upserts,
    upserting,
    widening
);
