//! A web service on a bad day: a stand-in, in Python, since no real one fails when it is asked to.

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::server::{Server, answers_http, free_port};
use crate::tools::tool;

/// Takes orders from whoever has the token. How it fails is told in web_service.py.
#[derive(Debug)]
pub struct WebService {
    _server: Server,
    port: u16,
    folder: TempDir,
}

/// A request whose orders it has taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// `Idempotency-Key`.
    pub key: String,
    /// What came, order by order.
    pub orders: Vec<Value>,
}

impl WebService {
    /// Starts one.
    pub fn start(token: &str) -> Self {
        let folder = TempDir::with_prefix("web-service-").expect("a temporary folder");
        let port = free_port();
        let mut command = Command::new(tool("python"));
        command
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/harness/web_service.py"
            ))
            .arg(folder.path())
            .args([&port.to_string(), token]);
        let server = Server::start(&command, &folder.path().join("log"), || {
            answers_http(port, "/")
        });
        Self {
            _server: server,
            port,
            folder,
        }
    }

    /// Its address, below which are `orders`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// Requests whose orders it has taken, in turn: also where nobody was told.
    ///
    /// # Panics
    /// What it keeps does not read.
    pub fn taken(&self) -> Vec<Taken> {
        let requests = self.lines("taken").into_iter().map(|request| Taken {
            key: request["key"].as_str().unwrap_or_default().to_owned(),
            orders: request["orders"].as_array().expect("orders").clone(),
        });
        requests.collect()
    }

    /// How it has answered, in turn.
    pub fn answers(&self) -> Vec<String> {
        let answers = self.lines("answers").into_iter();
        answers
            .filter_map(|answer| answer.as_str().map(str::to_owned))
            .collect()
    }

    /// A line that is being written is left out.
    fn lines(&self, name: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        let lines = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        lines
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }
}
