//! Rows of tables and queries as a source.

mod duckdb;
mod postgres;

use serde_json::json;
use wasm_sink_tests::duckdb::DuckDb;
use wasm_sink_tests::postgres::Postgres;
use wasm_sink_tests::{Connected, DeadLetter, Outcome};

use crate::case::Case;

/// `[connections.from]` and `[connections.to]`.
struct Both {
    from: String,
    to: String,
}

impl Connected for Both {
    fn connection(&self) -> String {
        format!(
            "[connections.from]\n{}\n[connections.to]\n{}",
            self.from, self.to
        )
    }

    fn environment(&self) -> Vec<(String, String)> {
        vec![("PGPASSWORD".to_owned(), Postgres::PASSWORD.to_owned())]
    }
}

fn server(server: &Postgres) -> String {
    let address = server.address();
    let string = format!(
        "postgresql://{}@{address}/{}?sslmode=disable",
        Postgres::USER,
        Postgres::DATABASE
    );
    format!(
        "type = \"postgres\"\nconnection_string = {}\npassword = \"${{PGPASSWORD}}\"\n",
        json!(string)
    )
}

fn file(database: &DuckDb) -> String {
    let path = database.path().display().to_string();
    format!("type = \"duckdb\"\npath = {}\n", json!(path))
}

/// From one database into the table `copies` of another. `source` is what `[source]` says beside its
/// connection.
fn case(from: String, source: &str, component: &str, to: String, more: &str) -> Case {
    let pipeline = format!(
        "name = \"rows\"\n{more}\n[source]\nconnection = \"from\"\n{source}\n\
         [sink]\ncomponent = \"{component}\"\nconnection = \"to\"\n\
         [sink.config]\ntable_name = \"copies\"\n[retry]\ngive_up_ms = 5_000\n"
    );
    Case::new(&pipeline, Both { from, to })
}

/// What a run says of a mistake in `[source]`.
fn expect_refused(outcome: Outcome, why: &str) {
    outcome.expect_code(1).expect_said(why);
}

/// Where each dead letter is from, and why it is one.
fn letters(case: &Case) -> Vec<(String, String)> {
    let letters = case.dead_letters("rows");
    let text = |letter: &DeadLetter, field: &str| letter.text(field).to_owned();
    letters
        .iter()
        .map(|letter| (text(letter, "name"), text(letter, "reason")))
        .collect()
}
