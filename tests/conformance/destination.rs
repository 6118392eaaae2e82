//! What the suite knows of a destination.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use serde_json::Value;
use wasm_sink_core::step::Step;
use wasm_sink_tests::{Case, Connected, Word};

/// A row of the README's table.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// The connector's word.
    pub connector: &'static str,
    /// What a reader calls it.
    pub title: &'static str,
    /// How often a row arrives.
    pub delivery: Delivery,
    /// Where its positions are.
    pub positions: &'static str,
}

/// How often a row arrives.
#[derive(Clone, Copy, Debug)]
pub enum Delivery {
    ExactlyOnce,
    /// What comes again can be told by its identity.
    AtLeastOnce,
}

/// Where a client's bytes pass that can be cut.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    /// Where a proxy has to listen; with port 0: anywhere there.
    pub place: SocketAddr,
    /// Where the server listens.
    pub address: SocketAddr,
    /// What a client says when it commits, among other times.
    pub word: Word,
}

impl Wire {
    /// To a server whose clients come to whichever address they are told.
    pub fn to(address: SocketAddr, word: &'static [u8]) -> Self {
        Self {
            place: (Ipv4Addr::LOCALHOST, 0).into(),
            address,
            word: word.into(),
        }
    }
}

/// A destination: how to start it, how to connect to it, how to read it back with other software.
pub trait Destination: Sized {
    /// What it promises: exactly once. A destination with less has tests of its own.
    const PROMISE: Promise;
    /// The built-in component that writes to it.
    const COMPONENT: &'static str;
    /// The key of `[sink.config]` that says where rows go.
    const TABLE_KEY: &'static str = "table_name";
    /// Steps of the commit protocol that it does not take.
    const STEPS_NOT_TAKEN: &'static [Step];

    /// The finest part of a time that it keeps.
    const FINEST_TIME: Time = Time::Microsecond;

    /// Starts an empty one. Tests may share what is behind it, as long as none sees another's rows.
    fn start() -> Self;

    /// The same for a test that cuts the way to it or ends it, with nobody else there.
    fn start_alone() -> Self {
        Self::start()
    }

    /// A pipeline as the test wrote it, with names that no other test has, where they share what is behind it.
    fn adapt(&self, pipeline: &str) -> String {
        pipeline.to_owned()
    }

    /// `[connections.out]`; `address` in place of its own, where there is one.
    fn connection(&self, address: Option<SocketAddr>) -> String;

    /// The secrets that it names.
    fn environment(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The rows that a query over the table `t` answers, each a JSON object.
    fn query(&self, table: &str, sql: &str) -> Vec<Value>;

    /// The names of a table's columns; empty where there is no table.
    fn columns(&self, table: &str) -> Vec<String>;

    /// A member of a nested column, as an expression of the reader's SQL.
    fn member(column: &str, name: &str) -> String;

    /// A query with one row.
    #[track_caller]
    fn query_one(&self, table: &str, sql: &str) -> Value {
        let mut rows = self.query(table, sql);
        assert_eq!(rows.len(), 1, "one row for `{sql}`");
        rows.remove(0)
    }
}

/// A part of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    Microsecond,
    Nanosecond,
}

/// A destination that several processes write to at once.
pub trait Shared: Destination {}

/// A destination that one process has to itself.
pub trait Exclusive: Destination {
    /// What others are told.
    const TOLD: &'static str;
}

/// A destination in a folder.
pub trait OnDisk: Destination {
    /// Room for some rows and not for all, as `mount` reads it.
    const SMALL: &'static str;
    /// What is said where there is no room left.
    const FULL: &'static str;

    /// One in this folder, which lives longer.
    fn at(folder: &Path) -> Self;

    /// Whether a file's name says that it should be gone by now.
    fn is_left_over(name: &str) -> bool {
        let _ = name;
        false
    }
}

/// A destination whose rows can take the place of others.
pub trait Upserting: Destination {}

/// A destination whose tables take rows in one step, so that a pipeline may have several.
pub trait Routing: Destination {
    /// Whether a pipeline may name no table at all.
    const HAS_A_TABLE_WITHOUT_NAME: bool = false;
}

/// A destination whose columns can become ones that hold more.
pub trait Widening: Destination {
    /// Runs statements, as another client.
    fn run(&self, statements: &str);

    /// Makes an empty table whose column `n`, an integer, cannot get another type; a word of the reason.
    fn keep_types(&self, table: &str) -> &'static str;
}

/// A destination across a network.
pub trait Wired: Destination {
    /// Where its clients' bytes can be cut.
    fn wire(&self) -> Wire;
}

/// A destination whose server can go away.
pub trait Restartable: Destination {
    /// Ends the server as a power cut would.
    fn interrupt(&mut self);

    /// Starts it again, over what it had.
    fn resume(&mut self);
}

/// A destination that can refuse what the host lets pass.
pub trait Refusing: Destination {
    /// Makes a table with the columns `n` and `text` that does not take the text "row 4321"; a word of
    /// the reason that it gives.
    fn refuse_one_row(&self, table: &str) -> &'static str;
}

/// A destination, perhaps seen through a proxy.
pub struct Through<'a, D> {
    pub destination: &'a D,
    pub address: Option<SocketAddr>,
}

impl<D: Destination> Connected for Through<'_, D> {
    fn connection(&self) -> String {
        self.destination.connection(self.address)
    }

    fn environment(&self) -> Vec<(String, String)> {
        self.destination.environment()
    }

    fn adapt(&self, pipeline: &str) -> String {
        self.destination.adapt(pipeline)
    }
}

/// `pipeline` with its sink: rows go to `table`, with further keys in `config`.
pub fn pipeline<D: Destination>(pipeline: &str, table: &str, config: &str) -> String {
    format!(
        "{pipeline}\n[sink]\ncomponent = \"{}\"\nconnection = \"out\"\n[sink.config]\n\
         {} = {}\n{config}\n",
        D::COMPONENT,
        D::TABLE_KEY,
        Value::from(table),
    )
}

/// A pipeline into a destination.
pub fn case<D: Destination>(destination: &D, text: &str, table: &str, config: &str) -> Case {
    let through = Through {
        destination,
        address: None,
    };
    Case::new(&pipeline::<D>(text, table, config), through)
}
