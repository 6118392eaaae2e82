//! A PostgreSQL server.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::certificates::make_certificates;
use crate::server::{Server, free_port};
use crate::tools::tool;
use crate::volume::Volume;

/// Who runs the server where the tests are root, which it refuses to be.
const UNPRIVILEGED: &str = "nobody";

/// A server over a folder of its own.
#[derive(Debug)]
pub struct Postgres {
    server: Option<Server>,
    port: u16,
    directory: TempDir,
    /// What enters the namespace of a volume.
    way_in: Vec<OsString>,
}

impl Postgres {
    /// Who may do everything.
    pub const USER: &'static str = "tester";
    /// The password of that user.
    pub const PASSWORD: &'static str = "only-for-tests";
    /// Its only database.
    pub const DATABASE: &'static str = "postgres";

    /// Starts one on a free port.
    pub fn start() -> Self {
        Self::start_by(Vec::new())
    }

    /// One whose tables are on this volume, and all else beside it.
    pub fn start_with_tables_on(volume: &Volume) -> Self {
        // Nobody else may look through the other path, which is for root alone then.
        let (way_in, place) = match is_root() {
            true => {
                let enter = volume.enter();
                let words = std::iter::once(enter.get_program()).chain(enter.get_args());
                let words = words.map(OsStr::to_owned).collect();
                (words, volume.mount_point().join("tables"))
            }
            false => (Vec::new(), volume.path().join("tables")),
        };
        let tables = volume.path().join("tables");
        std::fs::create_dir(&tables).expect("a new folder");
        if is_root() {
            run(Command::new("chown").arg(UNPRIVILEGED).arg(&tables));
        }
        let server = Self::start_by(way_in);
        server.run(&format!(
            "create tablespace volume location '{}'",
            place.display()
        ));
        server.run(&format!(
            "alter database {} set default_tablespace = volume",
            Self::DATABASE
        ));
        server
    }

    fn start_by(way_in: Vec<OsString>) -> Self {
        let directory = TempDir::with_prefix("postgres-").expect("a temporary folder");
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(directory.path(), open).expect("a folder to look into");
        if is_root() {
            run(Command::new("chown")
                .arg(UNPRIVILEGED)
                .arg(directory.path()));
        }
        let password = directory.path().join("password");
        std::fs::write(&password, Self::PASSWORD).expect("a password file");
        let mut initdb = program("initdb", directory.path());
        initdb
            .arg("-D")
            .arg(directory.path().join("data"))
            .args(["-U", Self::USER, "-A", "scram-sha-256", "--pwfile"])
            .arg(&password)
            .args(["-E", "UTF8", "--locale=C", "--no-sync"]);
        run(&mut initdb);
        let mut postgres = Self {
            server: None,
            port: free_port(),
            directory,
            way_in,
        };
        postgres.resume();
        postgres
    }

    /// Has it speak TLS from now on, and let the role `certonly` in by certificate alone. What it shows
    /// is signed by `ca.crt` and made out to `localhost`; `other-ca.crt` signed nothing.
    pub fn speak_tls(&mut self) {
        self.run("create role certonly login superuser");
        self.stop();
        let directory = self.directory.path();
        make_certificates(directory, "certonly");
        let rules = "hostssl all certonly all cert\nhost all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(directory.join("data/pg_hba.conf"), rules).expect("a file of rules");
        if is_root() {
            run(Command::new("chown")
                .arg(UNPRIVILEGED)
                .arg(directory.join("server.key")));
        }
        self.resume();
    }

    /// A file that [`speak_tls`](Self::speak_tls) made.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts it again, over what it had.
    pub fn resume(&mut self) {
        let server = program("postgres", self.directory.path());
        let mut command = match self.way_in.split_first() {
            None => server,
            Some((enter, words)) => {
                let mut command = Command::new(enter);
                command.args(words).arg(server.get_program());
                command.args(server.get_args());
                command.env("HOME", self.directory.path());
                command
            }
        };
        command.arg("-D").arg(self.directory.path().join("data"));
        for setting in [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "max_connections=60".to_owned(),
            "shared_buffers=64MB".to_owned(),
            // A killed process loses nothing by these; only a power cut would.
            "fsync=off".to_owned(),
            "full_page_writes=off".to_owned(),
        ] {
            command.args(["-c", &setting]);
        }
        if self.certificate("server.crt").exists() {
            command.args(["-c", "ssl=on"]);
            for (key, file) in [
                ("ssl_cert_file", "server.crt"),
                ("ssl_key_file", "server.key"),
                ("ssl_ca_file", "ca.crt"),
            ] {
                let setting = format!("{key}={}", self.certificate(file).display());
                command.args(["-c", &setting]);
            }
        }
        let log = self.directory.path().join("log");
        let server = Server::start(&command, &log, || self.ask("select 1").is_ok());
        self.server = Some(server);
    }

    /// Ends it, as a power cut would.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The rows that a query answers, each a JSON object. `psql` asks it.
    ///
    /// # Panics
    /// The query is wrong.
    pub fn query(&self, sql: &str) -> Vec<Value> {
        let text = self.run(&format!(
            "select coalesce(json_agg(row_to_json(q)), '[]') from ({sql}) q"
        ));
        match serde_json::from_str(&text) {
            Ok(Value::Array(rows)) => rows,
            other => panic!("no list of rows: {other:?}"),
        }
    }

    /// Runs statements; what `psql` prints.
    ///
    /// # Panics
    /// One of them fails.
    pub fn run(&self, sql: &str) -> String {
        self.ask(sql)
            .unwrap_or_else(|error| panic!("`{sql}`: {error}"))
    }

    /// A client that has run these statements and goes on to hold what they took, until it is dropped.
    pub fn hold(&self, sql: &str) -> Holder {
        let mut client = self
            .client()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql starts");
        let mut stdin = client.stdin.take().expect("a piped stdin");
        writeln!(stdin, "{sql};\n\\echo held").expect("psql takes statements");
        let stdout = client.stdout.take().expect("a piped stdout");
        let mut said = BufReader::new(stdout).lines();
        assert!(
            said.any(|line| line.is_ok_and(|line| line == "held")),
            "psql ended before it held what `{sql}` takes"
        );
        Holder { client, stdin }
    }

    fn client(&self) -> Command {
        let mut client = Command::new(tool("postgres").join("psql"));
        client
            .args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-h"])
            .arg("127.0.0.1")
            .args(["-p", &self.port.to_string(), "-U", Self::USER])
            .args(["-d", Self::DATABASE])
            .env("PGPASSWORD", Self::PASSWORD)
            .env("PGTZ", "UTC");
        client
    }

    fn ask(&self, sql: &str) -> Result<String, String> {
        let output = self
            .client()
            .args(["-c", sql])
            .output()
            .expect("psql starts");
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

/// A client in the middle of a transaction.
#[derive(Debug)]
pub struct Holder {
    client: Child,
    stdin: ChildStdin,
}

impl Holder {
    /// Has it run another statement, and does not wait for that.
    ///
    /// # Panics
    /// It has ended.
    pub fn go_on(&mut self, sql: &str) {
        writeln!(self.stdin, "{sql};").expect("psql takes statements");
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// One of the server's own programs, as somebody who may run it.
fn program(name: &str, directory: &Path) -> Command {
    let path = tool("postgres").join(name);
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command
            .args([
                &format!("--reuid={UNPRIVILEGED}"),
                "--clear-groups",
                "--regid",
            ])
            .arg("nogroup")
            .arg(path);
        command
    } else {
        Command::new(path)
    };
    command.env("HOME", directory);
    command
}

fn run(command: &mut Command) {
    let output = command.output().expect("a program starts");
    assert!(
        output.status.success(),
        "{command:?}:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
