//! An OpenTelemetry Collector.

use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::server::{Server, free_port};
use crate::tools::tool;

/// A real one, which writes down what it gets.
#[derive(Debug)]
pub struct Collector {
    server: Option<Server>,
    port: u16,
    folder: TempDir,
}

/// A span as it came.
#[derive(Clone, Debug)]
pub struct Span {
    /// Whose it is: attributes of the resource.
    pub resource: Value,
    /// All of it, as OTLP JSON.
    pub all: Value,
}

impl Collector {
    /// A place where one may be started.
    pub fn absent() -> Self {
        let folder = TempDir::with_prefix("collector-").expect("a temporary folder");
        let collector = Self {
            server: None,
            port: free_port(),
            folder,
        };
        let configuration = format!(
            "receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: \"127.0.0.1:{}\" }} }} }} }}\n\
             exporters: {{ lines: {{ path: \"{}\" }} }}\n\
             service:\n  telemetry: {{ metrics: {{ level: none }} }}\n  pipelines:\n    \
             traces: {{ receivers: [otlp], exporters: [lines] }}\n    \
             metrics: {{ receivers: [otlp], exporters: [lines] }}\n",
            collector.port,
            collector.lines().display()
        );
        std::fs::write(collector.folder.path().join("collector.yml"), configuration)
            .expect("a file in the collector's folder");
        collector
    }

    /// Starts one.
    pub fn start() -> Self {
        let mut collector = Self::absent();
        collector.resume();
        collector
    }

    /// Starts it again, with what it had.
    pub fn resume(&mut self) {
        let mut command = Command::new(tool("collector"));
        let configuration = self.folder.path().join("collector.yml");
        command.arg(format!("--config=file:{}", configuration.display()));
        let (log, port) = (self.folder.path().join("log"), self.port);
        // It listens once all else of it has been started.
        self.server = Some(Server::start(&command, &log, || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        }));
    }

    /// Ends it, as a power cut would.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// `[telemetry]` without a table of headers.
    pub fn section(&self) -> String {
        format!(
            "[telemetry]\notlp = \"http://127.0.0.1:{}\"\ninterval_ms = 200\n",
            self.port
        )
    }

    fn lines(&self) -> PathBuf {
        self.folder.path().join("lines")
    }

    /// All that it got, as text.
    pub fn text(&self) -> String {
        std::fs::read_to_string(self.lines()).unwrap_or_default()
    }

    fn got(&self) -> Vec<Value> {
        let text = self.text();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = whole.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        for line in self.got() {
            for resource in list(&line["resourceSpans"]) {
                for span in list(&resource["scopeSpans"])
                    .iter()
                    .flat_map(|scope| list(&scope["spans"]))
                {
                    spans.push(Span {
                        resource: flat(&resource["resource"]["attributes"]),
                        all: span.clone(),
                    });
                }
            }
        }
        spans
    }

    /// The metrics that came last, whole.
    pub fn metrics(&self) -> Vec<Value> {
        let lines = self.got();
        let last = lines
            .iter()
            .rfind(|line| line.get("resourceMetrics").is_some());
        let scopes = last.map(|line| list(&line["resourceMetrics"][0]["scopeMetrics"]));
        let metrics = scopes.unwrap_or_default().iter();
        metrics
            .flat_map(|scope| list(&scope["metrics"]).to_vec())
            .collect()
    }

    /// Waits until spans are as they should be.
    ///
    /// # Panics
    /// It takes over a minute; the spans are shown.
    #[track_caller]
    pub fn await_spans(&self, is_so: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        let started = Instant::now();
        loop {
            let spans = self.spans();
            if is_so(&spans) {
                return spans;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "{spans:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Span {
    /// Its name.
    pub fn name(&self) -> &str {
        self.all["name"].as_str().unwrap_or_default()
    }

    /// Its number.
    pub fn id(&self) -> &str {
        self.all["spanId"].as_str().unwrap_or_default()
    }

    /// That of its parent; "" where it has none.
    pub fn parent(&self) -> &str {
        self.all["parentSpanId"].as_str().unwrap_or_default()
    }

    /// The trace that it is in.
    pub fn trace(&self) -> &str {
        self.all["traceId"].as_str().unwrap_or_default()
    }

    /// Begin and end, in nanoseconds.
    pub fn times(&self) -> (u64, u64) {
        let time = |key: &str| {
            let text = self.all[key].as_str();
            text.and_then(|text| text.parse().ok()).expect("a time")
        };
        (time("startTimeUnixNano"), time("endTimeUnixNano"))
    }

    /// Whether it failed.
    pub fn is_failed(&self) -> bool {
        self.all["status"]["code"] == 2
    }

    /// What is said of it.
    pub fn attributes(&self) -> Value {
        flat(&self.all["attributes"])
    }

    /// What happened meanwhile, by name, with what is said of it.
    pub fn events(&self) -> Vec<(String, Value)> {
        let events = list(&self.all["events"]).iter();
        let events = events.map(|event| {
            let name = event["name"].as_str().unwrap_or_default().to_owned();
            (name, flat(&event["attributes"]))
        });
        events.collect()
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// `[{"key": k, "value": {"intValue": "1"}}, …]` as an object; whole numbers are numbers.
fn flat(attributes: &Value) -> Value {
    let plain = |value: &Value| -> Value {
        let Some((kind, inner)) = value.as_object().and_then(|value| value.iter().next()) else {
            return Value::Null;
        };
        let whole = inner.as_str().and_then(|text| text.parse::<i64>().ok());
        match (kind.as_str(), whole) {
            ("intValue", Some(number)) => number.into(),
            _ => inner.clone(),
        }
    };
    let pairs = list(attributes).iter();
    let pairs = pairs.map(|pair| {
        let key = pair["key"].as_str().unwrap_or_default().to_owned();
        (key, plain(&pair["value"]))
    });
    Value::Object(pairs.collect())
}
