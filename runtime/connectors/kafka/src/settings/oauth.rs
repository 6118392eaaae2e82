//! The properties of `[connections.<label>]` that are about a token server. They have librdkafka's names and are not
//! given to it: it would refuse them, since it is built without an HTTP client.

use std::path::PathBuf;

use url::Url;
use wasm_sink_core::secret::Secret;
use wasm_sink_core::settings::{Entry, Problem, Span, Table, Value, code};

use super::text::{Text, wrong};

/// The mechanism that takes tokens.
pub(super) const MECHANISM: &str = "OAUTHBEARER";

const METHOD: &str = "sasl.oauthbearer.method";
const GRANT: &str = "sasl.oauthbearer.grant.type";
const URL: &str = "sasl.oauthbearer.token.endpoint.url";
const SCOPE: &str = "sasl.oauthbearer.scope";
const EXTENSIONS: &str = "sasl.oauthbearer.extensions";
const CA_FILE: &str = "https.ca.location";
/// Each under both of its names.
const ID: [&str; 2] = [
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.credentials.client.id",
];
const SECRET: [&str; 2] = [
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.client.credentials.client.secret",
];

/// Every one of them.
pub(super) const KEYS: [&str; 10] = [
    METHOD, GRANT, URL, SCOPE, EXTENSIONS, CA_FILE, ID[0], ID[1], SECRET[0], SECRET[1],
];

/// Whether a property is one of these.
pub(super) fn is_key(name: &str) -> bool {
    KEYS.contains(&name)
}

/// Whether tokens are to come from a server.
pub(super) fn names_a_server(table: &Table) -> bool {
    word(table, METHOD).is_some_and(|method| method.eq_ignore_ascii_case("oidc"))
}

/// Where tokens come from, and who asks for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenSettings {
    pub(crate) url: Url,
    pub(crate) client_id: String,
    pub(crate) client_secret: Secret,
    pub(crate) scope: Option<String>,
    /// What brokers are told beside the token.
    pub(crate) extensions: Vec<(String, String)>,
    /// Certificates that are trusted, in PEM; None: those of this machine.
    pub(crate) ca_file: Option<PathBuf>,
}

impl TokenSettings {
    /// Reads them from a connection's properties; None where no server is named, or mistakes were reported.
    pub(crate) fn read(table: &Table, problems: &mut Vec<Problem>) -> Option<Self> {
        let before = problems.len();
        let read = Reading { table, problems }.read();
        read.filter(|_| problems.len() == before)
    }
}

/// A value, and where it stands.
struct Found<'a> {
    entry: &'a Entry,
    text: Text,
}

impl Found<'_> {
    fn text(&self) -> &str {
        self.text.expose()
    }
}

struct Reading<'a> {
    table: &'a Table,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Reading<'a> {
    fn read(&mut self) -> Option<TokenSettings> {
        let method = self.take(&[METHOD]);
        self.take(&[GRANT]);
        let url = self.take(&[URL]);
        let (id, secret) = (self.take(&ID), self.take(&SECRET));
        let (scope, extensions) = (self.take(&[SCOPE]), self.take(&[EXTENSIONS]));
        let ca_file = self.take(&[CA_FILE]);
        if !names_a_server(self.table) {
            if self.table.get(METHOD).is_none() || method.is_some() {
                self.refuse_alone();
            }
            return None;
        }
        let span = method?.entry.node.span.clone();
        self.check_mechanism(&span);
        let url = self.required(url, &[URL], "https://login.example.com/oauth2/token", &span);
        let id = self.required(id, &ID, "wasm-sink", &span);
        let secret = self.required(secret, &SECRET, "${SASL_OAUTHBEARER_CLIENT_SECRET}", &span);
        let extensions = extensions.map(|found| self.extensions(&found));
        let url = url.and_then(|found| self.address(&found));
        if let (Some(url), Some(file)) = (&url, &ca_file)
            && url.scheme() == "http"
        {
            let message =
                format!("`{CA_FILE}` is for https, and the token server's address is http");
            self.wrong(
                file.entry,
                message,
                "leave it out, or write an https address",
            );
        }
        let id = id?;
        if id.text().contains(':') {
            let message = format!("`{}` has a colon, which would end it", id.entry.key);
            self.wrong(
                id.entry,
                message,
                "write the id as the token server knows it",
            );
        }
        Some(TokenSettings {
            url: url?,
            client_id: id.text().to_owned(),
            client_secret: Secret::new(secret?.text()),
            scope: scope.map(|found| found.text().to_owned()),
            extensions: extensions.unwrap_or_default(),
            ca_file: ca_file.map(|found| PathBuf::from(found.text())),
        })
    }

    /// The value of a property with these names.
    fn take(&mut self, names: &[&str]) -> Option<Found<'a>> {
        let table = self.table;
        let mut entries = names.iter().filter_map(|name| table.get(name));
        let entry = entries.next()?;
        if let Some(other) = entries.next() {
            let message = format!("`{}` and `{}` are the same", other.key, entry.key);
            self.wrong(other, message, "keep one of them");
        }
        match Text::read(entry) {
            Ok(text) => Some(Found { entry, text }),
            Err(problem) => {
                self.problems.push(*problem);
                None
            }
        }
    }

    /// What must be there. `span` is where it is asked for.
    fn required(
        &mut self,
        found: Option<Found<'a>>,
        names: &[&str],
        example: &str,
        span: &Span,
    ) -> Option<Found<'a>> {
        let help = format!("write \"{}\" = \"{example}\"", names[0]);
        match found {
            Some(found) if found.text().is_empty() => {
                let message = format!("`{}` is empty", found.entry.key);
                self.wrong(found.entry, message, &help);
                None
            }
            Some(found) => Some(found),
            // One that is there was reported.
            None if names.iter().any(|name| self.table.get(name).is_some()) => None,
            None => {
                self.problems.push(Problem {
                    code: code::MISSING_KEY,
                    message: format!("`{}` is missing", names[0]),
                    span: span.clone(),
                    help: Some(help),
                });
                None
            }
        }
    }

    /// Properties that say something of a server which nobody is to ask.
    fn refuse_alone(&mut self) {
        let table = self.table;
        for entry in &table.entries {
            if is_key(&entry.key) && entry.key != METHOD {
                let message = format!("`{}` is about a token server, and none is asked", entry.key);
                self.wrong(
                    entry,
                    message,
                    "write \"sasl.oauthbearer.method\" = \"oidc\", or leave it out",
                );
            }
        }
    }

    fn check_mechanism(&mut self, span: &Span) {
        let mut problem = |message: &str, help: &str| {
            self.problems.push(Problem {
                code: code::BAD_VALUE,
                message: format!("`{METHOD}` {message}"),
                span: span.clone(),
                help: Some(help.to_owned()),
            });
        };
        let table = self.table;
        let mechanism = word(table, "sasl.mechanism").or_else(|| word(table, "sasl.mechanisms"));
        let protocol = word(table, "security.protocol").map(str::to_lowercase);
        if mechanism.is_some_and(|name| !name.eq_ignore_ascii_case(MECHANISM)) {
            problem(
                "gets tokens, and the mechanism takes none",
                "write \"sasl.mechanism\" = \"OAUTHBEARER\"",
            );
        }
        if protocol.is_none_or(|name| !name.starts_with("sasl_")) {
            problem(
                "gets tokens to log in with, and without SASL nobody logs in",
                "write \"security.protocol\" = \"sasl_ssl\"",
            );
        }
        if let Some(entry) = table.get("enable.sasl.oauthbearer.unsecure.jwt")
            && Text::read(entry).is_ok_and(|text| text.expose() == "true")
        {
            problem(
                "and `enable.sasl.oauthbearer.unsecure.jwt` exclude each other",
                "keep one of them",
            );
        }
    }

    /// The text is not shown: a password may stand in it.
    fn address(&mut self, found: &Found<'_>) -> Option<Url> {
        let url = Url::parse(found.text()).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let Some(url) = url else {
            let message = format!("`{URL}` is no http or https address");
            let help = "write it whole: \"https://login.example.com/oauth2/token\"";
            self.wrong(found.entry, message, help);
            return None;
        };
        if !url.username().is_empty() || url.password().is_some() {
            let message = format!("`{URL}` has a user or password in it");
            let help = "take them out, and write sasl.oauthbearer.client.id and \
                        \"sasl.oauthbearer.client.secret\" = \"${SASL_OAUTHBEARER_CLIENT_SECRET}\"";
            self.wrong(found.entry, message, help);
            return None;
        }
        Some(url)
    }

    /// Those that RFC 7628 allows.
    fn extensions(&mut self, found: &Found<'_>) -> Vec<(String, String)> {
        let read = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            let (name, value) = (name.trim(), value.trim());
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
            let is_value = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            // The token itself goes by this name.
            (is_name && name != "auth" && is_value).then(|| (name.to_owned(), value.to_owned()))
        };
        let pairs: Option<_> = found.text().split(',').map(read).collect();
        pairs.unwrap_or_else(|| {
            let message =
                format!("`{EXTENSIONS}` takes names of letters, but `auth`, with their values");
            let help =
                "\"sasl.oauthbearer.extensions\" = \"logicalCluster=lkc-1,identityPoolId=pool-1\"";
            self.wrong(found.entry, message, help);
            Vec::new()
        })
    }

    fn wrong(&mut self, entry: &Entry, message: String, help: &str) {
        let problem = wrong(entry, code::BAD_VALUE, message, Some(help.to_owned()));
        self.problems.push(*problem);
    }
}

fn word<'a>(table: &'a Table, name: &str) -> Option<&'a str> {
    match &table.get(name)?.node.value {
        Value::String { text, .. } => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use wasm_sink_core::settings::Node;

    use super::*;

    /// Each value as it stands in the file, or from the environment where it begins with a dollar sign. The n-th key
    /// stands at n.
    fn read(entries: &[(&str, &str)]) -> Result<Option<TokenSettings>, Vec<Problem>> {
        let entries = entries.iter().enumerate().map(|(n, (key, text))| Entry {
            key: (*key).to_owned(),
            key_span: n..n,
            node: Node {
                value: Value::String {
                    text: text.trim_start_matches('$').to_owned(),
                    from_environment: text.starts_with('$'),
                },
                span: n..n,
            },
        });
        let table = Table {
            entries: entries.collect(),
            span: 99..99,
        };
        let mut problems = Vec::new();
        let read = TokenSettings::read(&table, &mut problems);
        match problems.is_empty() {
            true => Ok(read),
            false => Err(problems),
        }
    }

    const PROTOCOL: (&str, &str) = ("security.protocol", "SASL_SSL");
    const BEARER: (&str, &str) = ("sasl.mechanism", "OAUTHBEARER");
    const OIDC: (&str, &str) = (METHOD, "oidc");
    const AT: (&str, &str) = (URL, "https://id.example/token");
    const NAMED: (&str, &str) = (ID[0], "sink");
    const KNOWN: (&str, &str) = (SECRET[0], "$hunter2");

    #[test]
    fn a_token_server_is_where_it_says() {
        let whole = [
            PROTOCOL,
            BEARER,
            OIDC,
            (GRANT, "client_credentials"),
            AT,
            (ID[1], "$sink"),
            (SECRET[1], "$hunter2"),
            (SCOPE, "kafka write"),
            (EXTENSIONS, "logicalCluster=lkc-1, identityPoolId=a=b"),
            (CA_FILE, "ca.pem"),
        ];
        let settings = read(&whole).unwrap().unwrap();
        assert_eq!(settings.url.as_str(), "https://id.example/token");
        assert_eq!(settings.client_id, "sink");
        assert_eq!(settings.client_secret, Secret::new("hunter2"));
        assert_eq!(settings.scope.as_deref(), Some("kafka write"));
        let extensions = [("logicalCluster", "lkc-1"), ("identityPoolId", "a=b")];
        let extensions = extensions.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(settings.extensions, extensions);
        assert_eq!(settings.ca_file, Some(PathBuf::from("ca.pem")));
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert!(read(&[PROTOCOL, BEARER]).unwrap().is_none());
        assert!(read(&[(METHOD, "default")]).unwrap().is_none());
    }

    #[test]
    fn mistakes_are_named_where_they_stand() {
        let most = [PROTOCOL, BEARER, OIDC, AT, NAMED, KNOWN];
        let but = |n: usize, entry| {
            let mut entries = most.to_vec();
            entries[n] = entry;
            entries
        };
        let without = |n: usize| {
            let mut entries = most.to_vec();
            entries.remove(n);
            entries
        };
        let and = |entry| [&most[..], &[entry]].concat();
        let missing = |name: &str| format!("`{name}` is missing");
        for (entries, at, why) in [
            (without(0), 1, "without SASL nobody logs in"),
            (but(0, ("security.protocol", "ssl")), 2, "without SASL"),
            (but(1, ("sasl.mechanisms", "PLAIN")), 2, "takes none"),
            (but(2, (METHOD, "oauth")), 2, "no way of this name"),
            (without(2), 2, "none is asked"),
            (but(2, (METHOD, "default")), 3, "none is asked"),
            (without(3), 2, &*missing(URL)),
            (without(4), 2, &*missing(ID[0])),
            (without(5), 2, &*missing(SECRET[0])),
            (but(3, (URL, "id.example/token")), 3, "no http or https"),
            (but(3, (URL, "ftp://id.example")), 3, "no http or https"),
            (
                but(3, (URL, "https://a:hunter2@b")),
                3,
                "user or password in it",
            ),
            (but(4, (ID[0], "a:b")), 4, "colon"),
            (but(4, (ID[0], "$")), 4, "is empty"),
            (
                but(5, (SECRET[0], "hunter2")),
                5,
                "must not stand in the file",
            ),
            (but(5, (SECRET[0], "$")), 5, "is empty"),
            (and((SECRET[1], "$hunter2")), 6, "are the same"),
            (and((GRANT, "urn:ietf:params")), 6, "with a client's secret"),
            (and((EXTENSIONS, "a")), 6, "names of letters"),
            (and((EXTENSIONS, "a=1,")), 6, "names of letters"),
            (and((EXTENSIONS, "a_b=1")), 6, "names of letters"),
            (and((EXTENSIONS, "auth=1")), 6, "names of letters"),
            (and((EXTENSIONS, "a=\u{1}")), 6, "names of letters"),
            (
                and(("enable.sasl.oauthbearer.unsecure.jwt", "true")),
                2,
                "exclude each other",
            ),
            (
                [
                    &but(3, (URL, "http://id.example"))[..],
                    &[(CA_FILE, "ca.pem")],
                ]
                .concat(),
                6,
                "is for https",
            ),
        ] {
            let problems = read(&entries).unwrap_err();
            let problem = &problems[0];
            assert!(problem.message.contains(why), "{why}: {problems:?}");
            assert_eq!(problem.span.start, at, "{why}: {problems:?}");
            assert!(problem.help.is_some(), "{problem:?}");
            assert!(!format!("{problems:?}").contains("hunter2"), "{problems:?}");
        }
    }
}
