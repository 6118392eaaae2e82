//! Planted secrets are looked for wherever wasm-sink leaves anything: what it says, logs (all of it), tells over HTTP and
//! its socket, records and keeps on the disk, and in the whole linear memory of a component. In each of these places
//! something that may be there is looked for, too, so that nobody looks into an empty one.

use std::fs;
use std::path::Path;

use serde_json::Value;
use wasm_sink_tests::kafka::{Kafka, fresh};
use wasm_sink_tests::postgres::Postgres;
use wasm_sink_tests::{
    Admin, Binary, Case, Connected, Outcome, Signal, Versitygw, files_below, hostile_component,
};

use crate::case::Lake;
use crate::kafka::await_that;

const TOKEN: &str = "planted-token-4f1c77aa";
/// What the component may know.
const GRANTED: &str = "granted-value-90ab31";
/// Too much for any log; of the compiler, which sees none, less.
pub const ALL: (&str, &str) = (
    "WASM_SINK_LOG",
    "trace,wasmtime=warn,wasmtime_internal_cranelift=warn,wasmtime_environ=warn,cranelift_codegen=warn,cranelift_frontend=warn,regalloc2=warn",
);

/// What was looked into, and what may not be there.
pub struct Search {
    secrets: Vec<String>,
    places: usize,
}

impl Search {
    pub fn new(secrets: &[&str]) -> Self {
        let plain = secrets.iter().map(|secret| (*secret).to_owned());
        // As HTTP and SASL send them.
        let encoded = secrets.iter().flat_map(|secret| {
            let bytes = secret.as_bytes();
            [0, 1, 2].map(|shift| base64_within(bytes, shift))
        });
        let digits = secrets.iter().map(|secret| {
            let digits = secret.bytes().map(|byte| format!("{byte:02x}"));
            digits.collect::<String>()
        });
        Self {
            secrets: plain.chain(encoded).chain(digits).collect(),
            places: 0,
        }
    }

    /// `marker` shows that the place has in it what belongs there.
    #[track_caller]
    pub fn look(&mut self, place: &str, bytes: &[u8], marker: &str) {
        assert!(
            contains(bytes, marker.as_bytes()),
            "{place} has no `{marker}`, so that nothing is shown by looking there: {}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(2_000)])
        );
        for secret in &self.secrets {
            let at = find(bytes, secret.as_bytes());
            assert!(
                at.is_none(),
                "a secret stands in {place}: {}",
                around(bytes, at)
            );
        }
        self.places += 1;
    }

    #[track_caller]
    pub fn look_at(&mut self, place: &str, outcome: &Outcome, marker: &str) {
        self.look(place, outcome.said().as_bytes(), marker);
    }

    /// All files below a folder, of which one at least has the marker.
    #[track_caller]
    pub fn look_below(&mut self, place: &str, folder: &Path, marker: &str) {
        let mut all = Vec::new();
        for file in files_below(folder) {
            all.extend(file.as_bytes());
            all.extend(fs::read(folder.join(&file)).unwrap());
        }
        self.look(place, &all, marker);
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|found| found == wanted)
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || find(bytes, wanted).is_some()
}

fn around(bytes: &[u8], at: Option<usize>) -> String {
    let at = at.unwrap_or(0);
    let part = &bytes[at.saturating_sub(200)..bytes.len().min(at + 100)];
    String::from_utf8_lossy(part).into_owned()
}

/// The part of any Base64 text that these bytes alone decide, where so many bytes stand before them.
fn base64_within(bytes: &[u8], shift: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let padded: Vec<u8> = std::iter::repeat_n(0, shift)
        .chain(bytes.iter().copied())
        .collect();
    let mut text = String::new();
    for group in padded.chunks_exact(3) {
        let number = group
            .iter()
            .fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
        for place in [18, 12, 6, 0] {
            text.push(char::from(LETTERS[number >> place & 63]));
        }
    }
    // The first letters also depend on what stands before.
    let first = (shift * 8).div_ceil(6);
    text[first..].to_owned()
}

/// From Kafka with a password into a bucket with a secret key, with an admin token.
fn pipeline(name: &str, topic: &str, kafka: &Kafka, admin: Admin) -> String {
    format!(
        "name = \"{name}\"\n[admin]\naddress = \"{}\"\ntoken = \"${{ADMIN_TOKEN}}\"\n\
         [connections.broker]\ntype = \"kafka\"\n\"bootstrap.servers\" = \"{}\"\n\
         \"security.protocol\" = \"sasl_plaintext\"\n\"sasl.mechanism\" = \"PLAIN\"\n\
         \"sasl.username\" = \"{}\"\n\"sasl.password\" = \"${{KAFKA_PASSWORD}}\"\n\
         [source]\nconnection = \"broker\"\ntopics = [\"{topic}\"]\nformat = \"json\"\n\
         [sink]\ncomponent = \"{}\"\nconnection = \"lake\"\nenv = [\"GRANTED\"]\n\
         [sink.config]\nfault = \"tell-memory\"\ntable_name = \"\"\nknown = \"${{GRANTED}}\"\n\
         [epoch]\nmax_ms = 300\n[limits]\nmax_rejected = 10_000\n",
        admin.address(),
        kafka.sasl(),
        Kafka::USER,
        hostile_component("delta").display(),
    )
}

/// The hexadecimal digits in the reasons, in their order, as bytes.
fn memory(case: &Case, name: &str) -> Vec<u8> {
    let letters = case.dead_letters(name);
    let digits: String = letters.iter().map(|letter| letter.text("reason")).collect();
    let digit = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(digit).collect()
}

#[test]
fn a_run_leaves_no_secret_anywhere() {
    let kafka = Kafka::shared();
    let server = Versitygw::start();
    let endpoint = server.endpoint();
    let lake = Lake::S3 {
        server: &server,
        endpoint: &endpoint,
        prefix: "secrets",
    };
    let (topic, name, admin) = (fresh("secrets"), fresh("secrets"), Admin::somewhere());
    kafka.create(&topic, 1);
    kafka.generate(&topic, 5_000, 1);
    let case = Case::new(&pipeline(&name, &topic, kafka, admin), lake);
    let secrets = [Kafka::PASSWORD, Versitygw::SECRET_ACCESS_KEY, TOKEN];
    let mut search = Search::new(&secrets);
    let with = |command: &str| {
        case.command(command)
            .env("KAFKA_PASSWORD", Kafka::PASSWORD)
            .env("ADMIN_TOKEN", TOKEN)
            .env("GRANTED", GRANTED)
            .env(ALL.0, ALL.1)
    };
    let checked = with("check").arg("--connect").finish().expect_code(0);
    search.look_at("check --connect", &checked, "secrets");
    let preview = with("run").arg("--dry-run").finish().expect_code(0);
    search.look_at("run --dry-run", &preview, "Nothing was written");

    let recorded = case.path("recorded");
    let process = with("run").arg("--record").arg(&recorded).start();
    await_that("everything delivered", || {
        let told = status(&name);
        let written = told["totals"]["records_written"].as_u64().unwrap_or(0);
        let letters = told["totals"]["dead_letters"].as_u64().unwrap_or(0);
        (letters > 0 && written + letters == 5_000, told)
    });
    let asked = |arguments: &[&str]| {
        Binary::find()
            .command(["status", &name])
            .args(arguments)
            .finish()
    };
    search.look_at("status", &asked(&[]), "secrets");
    search.look_at("status --json", &asked(&["--json"]), "secrets");
    for path in ["/", "/page.js", "/health", "/status", "/metrics"] {
        let answer = admin.get_with(path, &format!("Authorization: Bearer {TOKEN}\r\n"));
        search.look(path, answer.as_bytes(), " 200 OK");
    }
    let refused = admin.get_with("/status", "");
    search.look("a refusal", refused.as_bytes(), " 401 Unauthorized");
    let swap = with("swap").arg("discard").finish();
    search.look_at("a refused swap", &swap, "nothing has changed");
    let changed = case.path("pipeline.toml");
    let text = fs::read_to_string(&changed).unwrap();
    fs::write(
        &changed,
        text.replace("max_rejected = 10_000", "max_rejected = 9_999"),
    )
    .unwrap();
    let applied = with("apply").arg("--dry-run").finish();
    search.look_at("apply", &applied, "max_rejected");
    process.signal(Signal::TERM);
    let ran = process.wait(crate::kafka::LIMIT).expect_code(0);
    search.look_at("the log", &ran, "\"level\":\"TRACE\"");

    let component = hostile_component("delta").display().to_string();
    let inspected = Binary::find()
        .command(["inspect", &component, "--json"])
        .finish();
    search.look_at("inspect", &inspected, "capabilities");
    search.look_below("the recordings", &recorded, "wasm-sink");
    let replayed = Binary::find()
        .command(["replay", "--debug"])
        .arg(&recorded)
        .env(ALL.0, ALL.1)
        .finish();
    search.look_at("replay", &replayed, "epoch");
    search.look_below("the state directory", &case.path(".wasm-sink"), &name);
    search.look_below("the table", &server.bucket_directory(), "_delta_log");
    let memory = memory(&case, &name);
    assert!(memory.len() > 1 << 20, "{}", memory.len());
    // What it may know stands in its memory, so that this is its memory.
    search.look("the memory of the component", &memory, GRANTED);
    println!("{} places, none with a secret in it", search.places);
}

/// What is said of a pipeline.
fn status(name: &str) -> Value {
    let outcome = Binary::find().command(["status", name, "--json"]).finish();
    let told: Value = serde_json::from_str(&outcome.stdout).unwrap();
    told["pipelines"][0].clone()
}

/// Secrets that are refused, one connection after the other: whatever the servers answer, none is in the error.
#[test]
fn a_secret_that_is_refused_is_not_told() {
    let kafka = Kafka::shared();
    let (gateway, postgres) = (Versitygw::start(), Postgres::start());
    let planted = "planted-secret-77d0e1";
    let sources = [
        "type = \"generator\"\nrows = 100\n".to_owned(),
        format!(
            "connection = \"broker\"\ntopics = [\"{}\"]\nformat = \"json\"\n",
            fresh("none")
        ),
    ];
    let connections = [
        format!(
            "[connections.broker]\ntype = \"kafka\"\n\"bootstrap.servers\" = \"{}\"\n\
             \"security.protocol\" = \"sasl_plaintext\"\n\"sasl.mechanism\" = \"PLAIN\"\n\
             \"sasl.username\" = \"{}\"\n\"sasl.password\" = \"${{PLANTED}}\"\n\
             [sink]\ncomponent = \"discard\"\n",
            kafka.sasl(),
            Kafka::USER
        ),
        format!(
            "[connections.db]\ntype = \"postgres\"\nconnection_string = \"postgresql://{}@{}/{}\"\n\
             password = \"${{PLANTED}}\"\n\
             [sink]\ncomponent = \"postgres\"\nconnection = \"db\"\n[sink.config]\ntable_name = \"t\"\n",
            Postgres::USER,
            postgres.address(),
            Postgres::DATABASE
        ),
        format!(
            "[connections.lake]\ntype = \"delta\"\npath = \"s3://lake/refused\"\nendpoint = \"{}\"\n\
             region = \"us-east-1\"\nallow_http = true\naccess_key_id = \"someone\"\n\
             secret_access_key = \"${{PLANTED}}\"\n\
             [sink]\ncomponent = \"delta\"\nconnection = \"lake\"\n",
            gateway.endpoint()
        ),
    ];
    let mut search = Search::new(&[planted]);
    for (source, connection) in [(1, 0), (0, 1), (0, 2)] {
        let name = fresh("refused");
        let text = format!(
            "name = \"{name}\"\n[source]\n{}{}[retry]\ninitial_ms = 10\nmax_ms = 50\ngive_up_ms = 500\n",
            sources[source], connections[connection]
        );
        let case = Case::new(&text, Nothing);
        for command in [&["run"][..], &["run", "--dry-run"], &["check", "--connect"]] {
            let run = case.command(command[0]).args(&command[1..]);
            let outcome = run.env("PLANTED", planted).env(ALL.0, ALL.1).finish();
            // What asks the server for nothing is not refused.
            let is_asked = command == ["run"] || outcome.code() != Some(0);
            let said = outcome.said().to_lowercase();
            assert!(!is_asked || said.contains("error"), "{said}");
            search.look_at(&format!("{command:?}"), &outcome, "");
        }
        let state = case.path(".wasm-sink");
        if state.is_dir() {
            for file in files_below(&state) {
                let bytes = fs::read(state.join(&file)).unwrap();
                search.look(&file, &bytes, "");
            }
        }
    }
}

/// Everything stands in the pipeline.
struct Nothing;

impl Connected for Nothing {
    fn connection(&self) -> String {
        String::new()
    }

    fn environment(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}
