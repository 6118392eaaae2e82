//! A registry of schemas.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kafka::ask_registry;
use crate::server::{Server, answers_http, lasting_ports};
use crate::tools::tool;

/// Where Confluent's API begins.
const API: &str = "/apis/ccompat/v7";

/// Apicurio's, which speaks Confluent's API. It checks no compatibility unless told to, and forgets all when it ends.
#[derive(Debug)]
pub struct SchemaRegistry {
    server: Option<Server>,
    port: u16,
    folder: PathBuf,
    _folder: Option<TempDir>,
}

impl SchemaRegistry {
    /// Starts an empty one, for a test that interrupts it; others share one.
    pub fn start() -> Self {
        let folder = TempDir::with_prefix("registry-").expect("a temporary folder");
        let mut registry = Self::new(folder.path());
        registry._folder = Some(folder);
        registry.resume();
        registry
    }

    /// The one that all tests of this process have, each with subjects of its own. It ends with the process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<SchemaRegistry> = OnceLock::new();
        SHARED.get_or_init(|| {
            let folder = TempDir::with_prefix("registry-").expect("a temporary folder");
            let mut registry = Self::new(&folder.keep());
            let (log, port) = (registry.folder.join("log"), registry.port);
            let server = Server::start_for_all(&registry.command(), &log, &registry.folder, || {
                is_ready(port)
            });
            registry.server = Some(server);
            registry
        })
    }

    fn new(folder: &Path) -> Self {
        Self {
            server: None,
            port: lasting_ports(1),
            folder: folder.to_owned(),
            _folder: None,
        }
    }

    fn command(&self) -> Command {
        let installed = tool("schema_registry");
        let mut command = Command::new("java");
        let classes = installed.join("classes.jsa");
        if classes.exists() {
            command.arg(format!("-XX:SharedArchiveFile={}", classes.display()));
        }
        command
            .args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .args(["-XX:-UsePerfData", "-Dquarkus.http.host=127.0.0.1"])
            .arg(format!("-Dquarkus.http.port={}", self.port))
            .arg("-jar")
            .arg(installed.join("registry.jar"));
        command
    }

    /// Ends it; what it had is gone.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Starts it again, empty, where it was.
    pub fn resume(&mut self) {
        let (log, port) = (self.folder.join("log"), self.port);
        let server = Server::start(&self.command(), &log, || is_ready(port));
        self.server = Some(server);
    }

    /// Stops its time; connections stay, and nothing is answered.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on, with what it had.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let server = self.server.as_ref().expect("a registry that runs");
        server.signal(signal);
    }

    /// Where it listens: what a [`Proxy`](crate::Proxy) stands before.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// What clients of Confluent's API are told.
    pub fn url(&self) -> String {
        self.url_through(&format!("http://{}", self.address()))
    }

    /// The same where a proxy has this URL.
    pub fn url_through(&self, endpoint: &str) -> String {
        format!("{endpoint}{API}")
    }

    /// Registers a schema under a subject; its id.
    pub fn register(&self, subject: &str, schema: &Value) -> i64 {
        let question = json!({ "register": subject, "schema": schema.to_string() });
        self.ask(question).as_i64().expect("the id of a schema")
    }

    /// The same for one of another kind, or with references, each `[name, subject, version]`.
    pub fn register_with(&self, subject: &str, kind: &str, schema: &str, references: Value) -> i64 {
        let question = json!({
            "register": subject, "schema": schema, "type": kind, "references": references,
        });
        self.ask(question).as_i64().expect("the id of a schema")
    }

    /// The newest under a subject: `{"id", "version", "schema", "type"}`, or null.
    pub fn latest(&self, subject: &str) -> Value {
        self.ask(json!({ "latest": subject }))
    }

    /// All subjects.
    pub fn subjects(&self) -> Value {
        self.ask(json!({ "subjects": true }))
    }

    /// Has it check from now on that schemas of a subject go with those before: `BACKWARD` and so on.
    pub fn check(&self, subject: &str, level: &str) {
        self.ask(json!({ "compatibility": level, "subject": subject }));
    }

    fn ask(&self, mut question: Value) -> Value {
        question["registry"] = self.url().into();
        ask_registry(&question)
    }
}

fn is_ready(port: u16) -> bool {
    answers_http(port, &format!("{API}/subjects"))
}
