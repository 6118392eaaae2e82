//! Kafka brokers. What asks them is Confluent's client, by Python.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::certificates::make_certificates;
use crate::cutter::Word;
use crate::python::{self, Asked};
use crate::server::{Server, lasting_ports};
use crate::tools::tool;

mod log;
mod records;

/// What a [`Cutter`](crate::Cutter) can wait for.
pub const PRODUCE: Word = Word::KafkaRequest(0);
/// The same for records that are asked for.
pub const FETCH: Word = Word::KafkaRequest(1);
/// The same for positions outside of a transaction.
pub const OFFSET_COMMIT: Word = Word::KafkaRequest(8);
/// The same for a sign of life in a group.
pub const HEARTBEAT: Word = Word::KafkaRequest(12);
/// The same for what fences others of the same transactional id.
pub const INIT_PRODUCER_ID: Word = Word::KafkaRequest(22);
/// The same for the end of a transaction.
pub const END_TXN: Word = Word::KafkaRequest(26);
/// The same for positions in a transaction.
pub const TXN_OFFSET_COMMIT: Word = Word::KafkaRequest(28);

/// One broker, which is its own controller, over a folder of its own. Topics must be created.
#[derive(Debug)]
pub struct Kafka {
    server: Option<Server>,
    /// The first of those that `kafka_broker.sh` names.
    port: u16,
    settings: Vec<String>,
    /// Whose cluster it is part of, as `kafka_broker.sh` is told, if that is another's.
    joins: Option<String>,
    folder: PathBuf,
    _folder: Option<TempDir>,
}

/// A topic as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Another one after it was deleted and made again.
    pub id: String,
    /// Per partition, the first offset that is there.
    pub low: Vec<i64>,
    /// Per partition, the offset of the next record.
    pub high: Vec<i64>,
    /// Per partition, the number of the broker that leads it.
    pub leaders: Vec<i64>,
}

impl Kafka {
    /// Who may log in, by PLAIN or SCRAM.
    pub const USER: &'static str = "tester";
    /// The password of that user.
    pub const PASSWORD: &'static str = "only-for-tests";

    /// Settings of a broker where who logs in may do what it was [allowed](Self::allow), and who does not, anything.
    pub const RIGHTS: [&'static str; 2] = [
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users=User:ANONYMOUS",
    ];

    /// Starts one for a test that interrupts it or counts what it has; others share one.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further settings, as KEY=VALUE.
    pub fn start_with(settings: &[&str]) -> Self {
        let folder = TempDir::with_prefix("kafka-").expect("a temporary folder");
        let mut kafka = Self::new(folder.path(), settings);
        kafka._folder = Some(folder);
        kafka.resume();
        kafka
    }

    /// The same with [TLS](Self::tls), made out to `localhost`, signed by [`ca.crt`](Self::certificate) and not by
    /// `other-ca.crt`. It takes `client.crt`, too, and goes without.
    pub fn start_with_tls(settings: &[&str]) -> Self {
        let folder = TempDir::with_prefix("kafka-").expect("a temporary folder");
        make_certificates(folder.path(), "client");
        let read = |name: &str| {
            std::fs::read_to_string(folder.path().join(name)).expect("a file of openssl")
        };
        let both = read("server.key") + &read("server.crt");
        std::fs::write(folder.path().join("server.pem"), both).expect("a file of both");
        let mut kafka = Self::new(folder.path(), settings);
        kafka._folder = Some(folder);
        kafka.resume();
        kafka
    }

    /// The one that all tests of this process have, each with [topics](fresh) of its own. It ends with the process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Kafka> = OnceLock::new();
        SHARED.get_or_init(|| {
            let folder = TempDir::with_prefix("kafka-").expect("a temporary folder");
            let mut kafka = Self::new(&folder.keep(), &[]);
            let log = kafka.log_file();
            let server =
                Server::start_for_all(&kafka.command(), &log, &kafka.folder, || has_started(&log));
            kafka.server = Some(server);
            kafka
        })
    }

    fn new(folder: &Path, settings: &[&str]) -> Self {
        Self {
            server: None,
            port: lasting_ports(7),
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            joins: None,
            folder: folder.to_owned(),
            _folder: None,
        }
    }

    /// Starts another broker, number 2 or higher, in the cluster of this one, which is number 1 and has the
    /// controller. Topics with replicas are for [`ask`](Self::ask); those of Kafka's own have one, unless both are
    /// started with `offsets.topic.replication.factor=2` and `transaction.state.log.replication.factor=2`.
    pub fn start_another(&self, number: u16, settings: &[&str]) -> Self {
        let folder = TempDir::with_prefix("kafka-").expect("a temporary folder");
        let mut kafka = Self::new(folder.path(), settings);
        kafka._folder = Some(folder);
        let first = self.folder.display();
        kafka.joins = Some(format!("{number}:{first}:{}", self.port));
        kafka.resume();
        kafka
    }

    fn command(&self) -> Command {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/harness/kafka_broker.sh");
        let mut command = Command::new(script);
        command
            .arg(&self.folder)
            .arg(self.port.to_string())
            .args(&self.settings)
            .env("KAFKA_HOME", tool("kafka"));
        if let Some(joins) = &self.joins {
            command.env("KAFKA_JOINS", joins);
        }
        command
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Ends it, as a power cut would that spares the disk.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Starts it again, over what it had and where it was. That takes two seconds more than the first time: so long
    /// does the controller hold it for another one with its name.
    pub fn resume(&mut self) {
        let log = self.log_file();
        let server = Server::start(&self.command(), &log, || has_started(&log));
        self.server = Some(server);
    }

    /// Stops its time; connections stay, and nothing is answered.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let server = self.server.as_ref().expect("a broker that runs");
        server.signal(signal);
    }

    /// What it logged: warnings and errors.
    pub fn log(&self) -> String {
        self.server.as_ref().map(Server::log).unwrap_or_default()
    }

    fn at(&self, listener: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port + listener).into()
    }

    /// `bootstrap.servers` for who need not log in.
    pub fn servers(&self) -> String {
        self.at(0).to_string()
    }

    /// The same with SASL.
    pub fn sasl(&self) -> String {
        self.at(1).to_string()
    }

    /// The same with TLS.
    pub fn tls(&self) -> String {
        format!("localhost:{}", self.port + 2)
    }

    /// The same with SASL and TLS.
    pub fn sasl_tls(&self) -> String {
        format!("localhost:{}", self.port + 3)
    }

    /// Where a proxy listens, to where clients are told to come, and where it connects to. For that, too, it is
    /// `bootstrap.servers`.
    pub fn proxied(&self) -> (SocketAddr, SocketAddr) {
        (self.at(5), self.at(4))
    }

    /// A file that [`start_with_tls`](Self::start_with_tls) made.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    // ---- topics ----

    /// Creates a topic.
    pub fn create(&self, topic: &str, partitions: usize) {
        self.create_with(topic, partitions, json!({}));
    }

    /// Creates a topic with settings, as `{"cleanup.policy": "compact"}`.
    pub fn create_with(&self, topic: &str, partitions: usize, config: Value) {
        self.ask(json!({ "create": topic, "partitions": partitions, "config": config }));
    }

    /// Deletes a topic, and waits until it is gone.
    pub fn delete(&self, topic: &str) {
        self.ask(json!({ "delete": topic }));
    }

    /// Gives a topic so many partitions.
    pub fn grow(&self, topic: &str, partitions: usize) {
        self.ask(json!({ "grow": topic, "partitions": partitions }));
    }

    /// Deletes the records of a partition before an offset, as retention does.
    pub fn trim(&self, topic: &str, partition: usize, before: i64) {
        self.ask(json!({ "trim": topic, "before": { partition.to_string(): before } }));
    }

    /// What there is of a topic; None where there is none.
    pub fn describe(&self, topic: &str) -> Option<Topic> {
        let answer = self.ask(json!({ "describe": topic }));
        let id = answer["id"].as_str()?.to_owned();
        let partitions = answer["partitions"].as_array().expect("partitions");
        let numbers = |name: &str| {
            let numbers = partitions.iter().map(|partition| &partition[name]);
            numbers
                .map(|number| number.as_i64().expect("a number"))
                .collect()
        };
        Some(Topic {
            id,
            low: numbers("low"),
            high: numbers("high"),
            leaders: numbers("leader"),
        })
    }

    // ---- groups and rights ----

    /// `{"state", "coordinator", "members": [{"id", "client", "partitions"}], "offsets": [{"topic", "partition",
    /// "offset", "metadata", "lag"}]}`; the coordinator is a broker's number.
    pub fn group(&self, name: &str) -> Value {
        self.ask(json!({ "group": name }))
    }

    /// A member that takes partitions for so long, does nothing with their records, and leaves.
    pub fn join(&self, group: &str, topic: &str, seconds: f64) -> Asked {
        self.start_asking(json!({ "join": group, "consume": topic, "seconds": seconds }))
    }

    /// Lets a user who logs in do anything with these, each a type and how its name begins:
    /// `[["TOPIC", "a"]]`. For brokers that ask for it, as those do that are started with
    /// [`RIGHTS`](Self::RIGHTS).
    pub fn allow(&self, user: &str, resources: Value) {
        self.ask(json!({ "allow": user, "resources": resources }));
    }

    /// Anything that `kafka_client.py` knows.
    ///
    /// # Panics
    /// It fails.
    pub fn ask(&self, question: Value) -> Value {
        self.start_asking(question).wait()
    }

    /// The same, beside the test.
    pub fn start_asking(&self, mut question: Value) -> Asked {
        question["servers"] = self.servers().into();
        Asked::start(SCRIPT, &question)
    }
}

/// A name that no other test of this process has.
pub fn fresh(name: &str) -> String {
    static NAMED: AtomicUsize = AtomicUsize::new(0);
    format!("{name}-{}", NAMED.fetch_add(1, Ordering::Relaxed))
}

/// Asks what needs no broker.
pub(crate) fn ask_registry(question: &Value) -> Value {
    python::ask(SCRIPT, question)
}

const SCRIPT: &str = "kafka_client.py";

fn has_started(log: &Path) -> bool {
    std::fs::read_to_string(log).is_ok_and(|text| text.contains("Kafka Server started"))
}
