//! The keys of `[connections.<label>]` with `type = "postgres"`.

mod parameters;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use wasm_sink_core::settings::{Problem, Reader, Span, Table, Value, code};

use parameters::Parameters;

/// The server must answer within this, where `connect_timeout` does not say otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What was sent must be received within this, where `tcp_user_timeout` does not say otherwise.
const TCP_TIMEOUT: Duration = Duration::from_secs(30);
/// What the client library takes where nothing is said.
const CLIENT_KEEPALIVES_IDLE: Duration = Duration::from_secs(2 * 3600);
/// A server that vanished is noticed after a minute.
const KEEPALIVES_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVES_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVES_RETRIES: u32 = 3;
/// How long a statement waits for another transaction's lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// A server and how to talk to it.
#[derive(Clone)]
pub(crate) struct Server {
    /// All that the client library reads, the password included.
    pub(crate) config: Config,
    pub(crate) tls: Tls,
    pub(crate) lock_timeout: Duration,
    /// None: without end.
    pub(crate) statement_timeout: Option<Duration>,
}

/// Whether and how the way to the server is encrypted: `sslmode`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) trust: Trust,
    /// Certificates that are trusted; None: those of this machine.
    pub(crate) root: Option<PathBuf>,
    /// Certificate and key that we show.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
}

/// What is checked of the server's certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Nothing: `disable`, `prefer`, `require`.
    #[default]
    Anyone,
    /// Who signed it: `verify-ca`.
    Authority,
    /// That, and the server's name: `verify-full`.
    Name,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the password.
        f.debug_struct("Server")
            .field("at", &self.describe())
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Who connects to what, for messages.
    pub(crate) fn describe(&self) -> String {
        let ports = self.config.get_ports();
        let hosts: Vec<String> = self
            .config
            .get_hosts()
            .iter()
            .enumerate()
            .map(|(index, host)| {
                let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
                match host {
                    Host::Tcp(name) => format!("{name}:{port}"),
                    #[cfg(unix)]
                    Host::Unix(path) => path.display().to_string(),
                }
            })
            .collect();
        let database = self
            .config
            .get_dbname()
            .or(self.config.get_user())
            .unwrap_or("postgres");
        format!("PostgreSQL database `{database}` at {}", hosts.join(","))
    }
}

/// Reads the whole table; None where it reported problems.
pub(crate) fn read(settings: &Table, problems: &mut Vec<Problem>) -> Option<Server> {
    let before = problems.len();
    let mut reader = settings.reader(problems);
    let written = reader.required_string(
        "connection_string",
        "connection_string = \"postgresql://user@host:5432/database\"",
    );
    let is_from_environment = settings.get("connection_string").is_some_and(|entry| {
        matches!(&entry.node.value, Value::String { from_environment, .. } if *from_environment)
    });
    let password = reader.secret("password");
    let lock_timeout = reader.milliseconds("lock_timeout_ms", 1);
    let statement_timeout = reader.milliseconds("statement_timeout_ms", 1);
    let parsed = written.and_then(|(text, span)| parse(text, &span, &mut reader));
    let server = parsed.map(|(mut config, tls, span)| {
        if config.get_password().is_some() && !is_from_environment {
            reader.problem(Problem {
                code: code::SECRET_IN_FILE,
                message: "`connection_string` holds a password, which must not stand in the file"
                    .to_owned(),
                span,
                help: Some(
                    "take it out and write password = \"${PGPASSWORD}\", or put the whole \
                     string into the environment"
                        .to_owned(),
                ),
            });
        }
        if let Some(password) = password {
            config.password(password.expose());
        }
        Server {
            config,
            tls,
            lock_timeout: lock_timeout.unwrap_or(LOCK_TIMEOUT),
            statement_timeout,
        }
    });
    reader.finish();
    server.filter(|_| problems.len() == before)
}

/// The client's configuration, and what it leaves to us.
fn parse(text: &str, span: &Span, reader: &mut Reader<'_>) -> Option<(Config, Tls, Span)> {
    // Neither the text nor the library's message is shown: the password may stand in it.
    let mut refuse = |message: String| {
        reader.bad_value(
            span,
            message,
            "\"postgresql://user@host:5432/database?sslmode=verify-full\" or \"host=… user=… \
             dbname=…\"",
        );
        None::<(Config, Tls, Span)>
    };
    let Some(mut parameters) = Parameters::split(text) else {
        return refuse("`connection_string` cannot be read".to_owned());
    };
    let mode = parameters.take("sslmode");
    let root = parameters.take("sslrootcert");
    let certificate = parameters.take("sslcert");
    let key = parameters.take("sslkey");
    let (mut encryption, mut trust) = match mode.as_deref() {
        None | Some("prefer") => (SslMode::Prefer, Trust::Anyone),
        Some("disable") => (SslMode::Disable, Trust::Anyone),
        Some("require") => (SslMode::Require, Trust::Anyone),
        Some("verify-ca") => (SslMode::Require, Trust::Authority),
        Some("verify-full") => (SslMode::Require, Trust::Name),
        Some(other) => {
            return refuse(format!(
                "sslmode `{other}` is none of disable, prefer, require, verify-ca, verify-full"
            ));
        }
    };
    // As libpq does: who names an authority wants it to count.
    if trust == Trust::Anyone && encryption == SslMode::Require && root.is_some() {
        trust = Trust::Authority;
    }
    // Anybody can have a certificate that this machine trusts: the name must be right, too.
    if root.as_deref() == Some("system") {
        if !matches!(mode.as_deref(), None | Some("verify-full")) {
            return refuse("`sslrootcert=system` goes with sslmode=verify-full".to_owned());
        }
        (encryption, trust) = (SslMode::Require, Trust::Name);
    }
    let client = match (certificate, key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
        _ => return refuse("`sslcert` and `sslkey` belong together".to_owned()),
    };
    let Ok(mut config) = parameters.rest().parse::<Config>() else {
        return refuse(
            "`connection_string` is none that PostgreSQL's clients read, or has a parameter that \
             is not known here"
                .to_owned(),
        );
    };
    if config.get_hosts().is_empty() {
        return refuse("`connection_string` names no host".to_owned());
    }
    config.ssl_mode(encryption);
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(TCP_TIMEOUT);
    }
    if config.get_hosts().len() > 1 {
        // A standby would answer with what was.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    if config.get_keepalives_idle() == CLIENT_KEEPALIVES_IDLE {
        config.keepalives_idle(KEEPALIVES_IDLE);
        config.keepalives_interval(KEEPALIVES_INTERVAL);
        config.keepalives_retries(KEEPALIVES_RETRIES);
    }
    let tls = Tls {
        trust,
        root: root.filter(|root| root != "system").map(PathBuf::from),
        client,
    };
    Some((config, tls, span.clone()))
}

#[cfg(test)]
mod tests {
    use wasm_sink_core::settings::{Entry, Node};

    use super::*;

    fn table(entries: &[(&str, &str, bool)]) -> Table {
        let entries = entries.iter().map(|(key, text, from_environment)| Entry {
            key: (*key).to_owned(),
            key_span: 0..1,
            node: Node {
                value: Value::String {
                    text: (*text).to_owned(),
                    from_environment: *from_environment,
                },
                span: 0..1,
            },
        });
        Table {
            entries: entries.collect(),
            span: 0..1,
        }
    }

    fn server(text: &str) -> Server {
        let mut problems = Vec::new();
        let read = read(&table(&[("connection_string", text, true)]), &mut problems);
        read.unwrap_or_else(|| panic!("{problems:?}"))
    }

    fn problem(entries: &[(&str, &str, bool)]) -> String {
        let mut problems = Vec::new();
        assert!(read(&table(entries), &mut problems).is_none());
        let texts: Vec<_> = problems
            .iter()
            .map(|problem| format!("{} {}", problem.code, problem.message))
            .collect();
        texts.join("; ")
    }

    #[test]
    fn both_forms_are_read() {
        for text in [
            "postgresql://me:hush@db.example:5433/shop?sslmode=verify-full&sslrootcert=/ca%20s.crt",
            r"host=db.example port = 5433 user=me password='hu\'sh' dbname=shop sslmode=verify-full sslrootcert='/ca s.crt'",
        ] {
            let server = server(text);
            assert_eq!(
                server.describe(),
                "PostgreSQL database `shop` at db.example:5433"
            );
            assert_eq!(server.tls.trust, Trust::Name);
            assert_eq!(server.tls.root, Some("/ca s.crt".into()));
            assert_eq!(server.config.get_ssl_mode(), SslMode::Require);
            assert!(!format!("{server:?}").contains("hu"), "{server:?}");
        }
        assert_eq!(server("host=h").config.get_ssl_mode(), SslMode::Prefer);
        assert_eq!(server("host=h sslrootcert=system").tls.trust, Trust::Name);
        let several = server("postgres://a:1,b:2/d?sslmode=require&sslrootcert=/ca");
        assert_eq!(several.tls.trust, Trust::Authority);
        assert_eq!(several.describe(), "PostgreSQL database `d` at a:1,b:2");
    }

    #[test]
    fn mistakes_are_named_without_the_password() {
        let in_file = problem(&[("connection_string", "postgres://me:hush@h/d", false)]);
        assert!(in_file.starts_with("secret-in-file"), "{in_file}");
        for (text, why) in [
            ("postgres://me:hush@h/d?sslmode=maybe", "`maybe`"),
            ("postgres://me:hush@h/d?sslcert=/c", "belong together"),
            (
                "postgres://me:hush@h/d?sslmode=require&sslrootcert=system",
                "verify-full",
            ),
            ("postgres://me:hush@h/d?colour=red", "not known"),
            ("dbname=d password=hush", "no host"),
            ("host=h password='hush", "cannot be read"),
        ] {
            let problem = problem(&[("connection_string", text, true)]);
            assert!(problem.contains(why), "{problem}");
            assert!(!problem.contains("hush"), "{problem}");
        }
        assert!(problem(&[]).contains("`connection_string` is missing"));
    }

    #[test]
    fn a_password_of_its_own_counts() {
        let mut problems = Vec::new();
        let entries = [
            ("connection_string", "host=h user=me", false),
            ("password", "hush", true),
        ];
        let server = read(&table(&entries), &mut problems).unwrap();
        assert_eq!(server.config.get_password(), Some("hush".as_bytes()));
    }
}
