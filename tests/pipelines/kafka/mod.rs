//! Kafka as a source: a real broker, read as a member of a group, with positions in the destination.

mod faults;
mod group;
mod home;
mod members;
mod positions;
mod records;
mod routes;
mod slow;
mod topics;
mod ways;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wasm_sink_tests::kafka::Kafka;
use wasm_sink_tests::postgres::Postgres;
use wasm_sink_tests::{Case, Connected, DeltaTable, Outcome, Process, Signal};

const LIMIT: Duration = Duration::from_secs(60);
/// A member that says nothing for so long is taken for dead: 1.5 s. Commits come often.
const HASTY: &str = "\"session.timeout.ms\" = \"1500\"\n\"heartbeat.interval.ms\" = \"300\"\n";
/// Many commits.
const OFTEN: &str = "[epoch]\nmax_ms = 200\nmin_commit_ms = 50\n[retry]\nmax_ms = 500\n";

/// Where records go: into a table `t`.
#[derive(Clone, Copy)]
enum Out<'a> {
    Lake(&'a Path),
    Database(&'a Postgres),
    Nowhere,
}

impl Out<'_> {
    fn sink(self) -> &'static str {
        match self {
            Self::Lake(_) => "component = \"delta\"\nconnection = \"out\"\n",
            Self::Database(_) => "component = \"postgres\"\nconnection = \"out\"\n",
            Self::Nowhere => "component = \"discard\"\n",
        }
    }

    /// The rows that a query over the table `t` answers.
    fn query(self, sql: &str) -> Vec<Value> {
        match self {
            Self::Lake(path) => DeltaTable::local(&path.join("t")).query(sql),
            Self::Database(server) => server.query(sql),
            Self::Nowhere => panic!("nothing is kept"),
        }
    }

    fn query_one(self, sql: &str) -> Value {
        let mut rows = self.query(sql);
        assert_eq!(rows.len(), 1, "one row for `{sql}`");
        rows.remove(0)
    }

    fn has_table(self) -> bool {
        match self {
            Self::Lake(path) => DeltaTable::local(&path.join("t")).exists(),
            Self::Database(server) => {
                let found = server.query("select to_regclass('t')::text as name");
                found[0]["name"] == json!("t")
            }
            Self::Nowhere => false,
        }
    }

    /// Rows, and how many are different by their place and by their number.
    fn counts(self) -> Counts {
        if !self.has_table() {
            return Counts::default();
        }
        let counts = self.query_one(
            "select count(*) as rows, count(distinct (_partition, _offset)) as places, \
             count(distinct n) as numbers from t",
        );
        let number = |name: &str| counts[name].as_u64().expect("a number");
        Counts {
            rows: number("rows"),
            places: number("places"),
            numbers: number("numbers"),
        }
    }

    /// Waits until there are so many different records. Doubles are found later, by who counts rows.
    #[track_caller]
    fn await_records(self, records: u64) {
        await_that(&format!("{records} records"), || {
            let counts = self.counts();
            (counts.numbers >= records, counts)
        });
    }

    #[track_caller]
    fn expect_each_once(self, records: u64) {
        assert_eq!(self.counts(), Counts::of(records));
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    rows: u64,
    places: u64,
    numbers: u64,
}

impl Counts {
    fn of(records: u64) -> Self {
        Self {
            rows: records,
            places: records,
            numbers: records,
        }
    }
}

/// The connections of a pipeline.
struct Ends<'a> {
    /// `bootstrap.servers`.
    servers: String,
    /// Further properties.
    properties: String,
    out: Out<'a>,
}

impl<'a> Ends<'a> {
    fn new(kafka: &Kafka, out: Out<'a>) -> Self {
        Self {
            servers: kafka.servers(),
            properties: String::new(),
            out,
        }
    }

    fn with(mut self, properties: &str) -> Self {
        self.properties.push_str(properties);
        self
    }
}

impl Connected for Ends<'_> {
    fn connection(&self) -> String {
        let (servers, properties) = (&self.servers, &self.properties);
        let out = match self.out {
            Out::Lake(path) => format!("type = \"delta\"\npath = \"{}\"\n", path.display()),
            Out::Database(server) => format!(
                "type = \"postgres\"\nconnection_string = \"postgresql://{}@{}/{}\"\n\
                 password = \"${{DATABASE_PASSWORD}}\"\n",
                Postgres::USER,
                server.address(),
                Postgres::DATABASE
            ),
            Out::Nowhere => String::new(),
        };
        let out = match out.as_str() {
            "" => out,
            _ => format!("[connections.out]\n{out}"),
        };
        format!(
            "[connections.broker]\ntype = \"kafka\"\n\"bootstrap.servers\" = \"{servers}\"\n\
             {properties}\n{out}"
        )
    }

    fn environment(&self) -> Vec<(String, String)> {
        let secrets = [
            ("DATABASE_PASSWORD", Postgres::PASSWORD),
            ("KAFKA_PASSWORD", Kafka::PASSWORD),
        ];
        let secrets = secrets.map(|(name, secret)| (name.to_owned(), secret.to_owned()));
        secrets.to_vec()
    }
}

/// A pipeline that is called after its topic, with further keys in `[source]` and further tables.
fn pipeline(topic: &str, source: &str, out: Out<'_>, more: &str) -> String {
    pipeline_of(
        topic,
        &format!("topics = [\"{topic}\"]\n{source}"),
        out,
        more,
    )
}

/// The same where the source is written out.
fn pipeline_of(name: &str, source: &str, out: Out<'_>, more: &str) -> String {
    let sink = out.sink();
    let config = match out {
        Out::Nowhere => "",
        _ => "[sink.config]\ntable_name = \"t\"\nmetadata_columns = [\"partition\", \"offset\"]\n",
    };
    format!(
        "name = \"{name}\"\n[source]\nconnection = \"broker\"\n{source}\n[sink]\n{sink}{config}{more}\n"
    )
}

const LATEST: &str = "until = \"latest\"\n";

/// The same pipeline once more, in a folder of its own, as another machine has it.
fn case(kafka: &Kafka, text: &str, out: Out<'_>) -> Case {
    Case::new(text, Ends::new(kafka, out).with(HASTY))
}

/// Waits until something is so; `look` answers whether it is, and what it saw.
///
/// # Panics
/// It takes over a minute; what was seen last is shown.
#[track_caller]
fn await_that<T: std::fmt::Debug>(what: &str, mut look: impl FnMut() -> (bool, T)) {
    let started = Instant::now();
    loop {
        let (is_so, seen) = look();
        if is_so {
            return;
        }
        assert!(started.elapsed() < LIMIT, "no {what}, but {seen:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Has it finish what it began.
fn end(process: Process) -> Outcome {
    process.signal(Signal::TERM);
    process.wait(LIMIT + LIMIT + LIMIT)
}

/// Writes records with the numbers `first..first + count`, in turn to so many partitions.
fn generate(kafka: &Kafka, topic: &str, first: usize, count: usize, partitions: usize) {
    let how = json!({ "count": count, "first": first, "partitions": partitions });
    kafka.ask(json!({ "produce": topic, "generate": how }));
}

/// What is there is all delivered, and was: a run finds nothing.
#[track_caller]
fn expect_nothing_new(kafka: &Kafka, topic: &str, source: &str, out: Out<'_>) {
    let text = pipeline(topic, &format!("{source}{LATEST}"), out, "");
    let outcome = case(kafka, &text, out).run().finish().expect_code(0);
    outcome.expect_said("nothing new");
}
