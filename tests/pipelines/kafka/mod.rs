//! Kafka as a source: a real broker, read as a member of a group, with positions in the destination.

pub mod faults;
pub mod group;
mod home;
pub mod members;
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

pub const LIMIT: Duration = Duration::from_secs(60);
/// A member that says nothing for so long is taken for dead: 1.5 s. Commits come often.
pub const HASTY: &str = "\"session.timeout.ms\" = \"1500\"\n\"heartbeat.interval.ms\" = \"300\"\n";
/// Many commits.
pub const OFTEN: &str = "[epoch]\nmax_ms = 200\nmin_commit_ms = 50\n[retry]\nmax_ms = 500\n";

/// Where records go: into a table `t`, or a topic.
#[derive(Clone, Copy)]
pub enum Out<'a> {
    Lake(&'a Path),
    Database(&'a Postgres),
    /// By the connection that records come by: offsets are in the transaction.
    Same(&'a Target<'a>),
    /// By a connection of its own, which may lead anywhere.
    Other(&'a Target<'a>),
    Nowhere,
}

/// A topic that records go to.
pub struct Target<'a> {
    pub kafka: &'a Kafka,
    pub topic: String,
}

/// Transactions of who was killed stand in the way for 7 s. An epoch must be 5 s shorter.
pub const SHORT: &str = "\"transaction.timeout.ms\" = \"7000\"\n";

impl Out<'_> {
    fn sink(self) -> &'static str {
        match self {
            Self::Lake(_) => "component = \"delta\"\nconnection = \"out\"\n",
            Self::Database(_) => "component = \"postgres\"\nconnection = \"out\"\n",
            Self::Same(_) => "component = \"kafka\"\nconnection = \"broker\"\n",
            Self::Other(_) => "component = \"kafka\"\nconnection = \"out\"\n",
            Self::Nowhere => "component = \"discard\"\n",
        }
    }

    /// `[sink.config]`, whole.
    fn config(self) -> String {
        let place = match self {
            Self::Nowhere => return String::new(),
            Self::Same(target) | Self::Other(target) => format!("topic = \"{}\"", target.topic),
            _ => "table_name = \"t\"".to_owned(),
        };
        format!("[sink.config]\n{place}\nmetadata_columns = [\"partition\", \"offset\"]\n")
    }

    /// The rows that a query over the table `t` answers.
    fn query(self, sql: &str) -> Vec<Value> {
        match self {
            Self::Lake(path) => DeltaTable::local(&path.join("t")).query(sql),
            Self::Database(server) => server.query(sql),
            Self::Same(target) | Self::Other(target) => target.kafka.query(&target.topic, sql),
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
            Self::Same(target) | Self::Other(target) => {
                target.kafka.describe(&target.topic).is_some()
            }
            Self::Nowhere => false,
        }
    }

    /// Rows, and how many are different by their place and by their number.
    pub fn counts(self) -> Counts {
        self.counts_by(|sql| self.query_one(sql))
    }

    fn counts_by(self, query: impl FnOnce(&str) -> Value) -> Counts {
        if !self.has_table() {
            return Counts::default();
        }
        let counts = query(match self {
            Self::Same(_) | Self::Other(_) => {
                "select count(*) as rows, count(distinct value->>'$.n') as numbers, \
                 count(distinct (value->>'$._partition', value->>'$._offset')) as places from records"
            }
            _ => {
                "select count(*) as rows, count(distinct (_partition, _offset)) as places, \
                 count(distinct n) as numbers from t"
            }
        });
        let number = |name: &str| counts[name].as_u64().expect("a number");
        Counts {
            rows: number("rows"),
            places: number("places"),
            numbers: number("numbers"),
        }
    }

    /// Waits until there are so many different records. Doubles are found later, by who counts rows.
    #[track_caller]
    pub fn await_records(self, records: u64) {
        await_that(&format!("{records} records"), || {
            let counts = self.counts();
            (counts.numbers >= records, counts)
        });
    }

    /// The same, in a topic also behind all transactions that are open now.
    pub fn settled(self) -> Counts {
        match self {
            Self::Same(target) | Self::Other(target) => self.counts_by(|sql| {
                let mut rows = target.kafka.query_settled(&target.topic, sql);
                rows.remove(0)
            }),
            _ => self.counts(),
        }
    }

    #[track_caller]
    pub fn expect_each_once(self, records: u64) {
        assert_eq!(self.settled(), Counts::of(records));
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub rows: u64,
    pub places: u64,
    pub numbers: u64,
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
pub struct Ends<'a> {
    /// `bootstrap.servers`.
    pub servers: String,
    /// Further properties.
    pub properties: String,
    pub out: Out<'a>,
}

impl<'a> Ends<'a> {
    pub fn new(kafka: &Kafka, out: Out<'a>) -> Self {
        Self {
            servers: kafka.servers(),
            properties: String::new(),
            out,
        }
    }

    pub fn with(mut self, properties: &str) -> Self {
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
            Out::Other(target) => format!(
                "type = \"kafka\"\n\"bootstrap.servers\" = \"{}\"\n{SHORT}",
                target.kafka.servers()
            ),
            Out::Same(_) | Out::Nowhere => String::new(),
        };
        let out = match out.as_str() {
            "" => out,
            _ => format!("[connections.out]\n{out}"),
        };
        let short = match self.out {
            Out::Same(_) => SHORT,
            _ => "",
        };
        format!(
            "[connections.broker]\ntype = \"kafka\"\n\"bootstrap.servers\" = \"{servers}\"\n\
             {properties}{short}\n{out}"
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
pub fn pipeline(topic: &str, source: &str, out: Out<'_>, more: &str) -> String {
    pipeline_of(
        topic,
        &format!("topics = [\"{topic}\"]\n{source}"),
        out,
        more,
    )
}

/// The same where the source is written out.
pub fn pipeline_of(name: &str, source: &str, out: Out<'_>, more: &str) -> String {
    let (sink, config) = (out.sink(), out.config());
    let short = match out {
        Out::Same(_) | Out::Other(_) if !more.contains("[epoch]") => "[epoch]\nmax_ms = 1_000\n",
        _ => "",
    };
    format!(
        "name = \"{name}\"\n[source]\nconnection = \"broker\"\n{source}\n[sink]\n{sink}{config}{more}\n{short}"
    )
}

pub const LATEST: &str = "until = \"latest\"\n";

/// The same pipeline once more, in a folder of its own, as another machine has it.
pub fn case(kafka: &Kafka, text: &str, out: Out<'_>) -> Case {
    Case::new(text, Ends::new(kafka, out).with(HASTY))
}

/// Waits until something is so; `look` answers whether it is, and what it saw.
///
/// # Panics
/// It takes over a minute; what was seen last is shown.
#[track_caller]
pub fn await_that<T: std::fmt::Debug>(what: &str, mut look: impl FnMut() -> (bool, T)) {
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
pub fn end(process: Process) -> Outcome {
    process.signal(Signal::TERM);
    process.wait(LIMIT + LIMIT + LIMIT)
}

/// Writes records with the numbers `first..first + count`, in turn to so many partitions.
pub fn generate(kafka: &Kafka, topic: &str, first: usize, count: usize, partitions: usize) {
    let how = json!({ "count": count, "first": first, "partitions": partitions });
    kafka.ask(json!({ "produce": topic, "generate": how }));
}

/// What is there is all delivered, and was: a run finds nothing.
#[track_caller]
pub fn expect_nothing_new(kafka: &Kafka, topic: &str, source: &str, out: Out<'_>) {
    let text = pipeline(topic, &format!("{source}{LATEST}"), out, "");
    let outcome = case(kafka, &text, out).run().finish().expect_code(0);
    outcome.expect_said("nothing new");
}
