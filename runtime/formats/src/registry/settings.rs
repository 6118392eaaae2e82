//! The keys of `[source]` that name a schema registry. They stand beside `format`, which gives them
//! their meaning, and not with the broker: one registry serves brokers and streams of several kinds,
//! and a broker's properties are its client library's.

use std::net::IpAddr;
use std::path::PathBuf;

use url::{Host, Url};
use wasm_sink_core::secret::Secret;
use wasm_sink_core::settings::{Reader, Span};

/// Every key.
pub(crate) const KEYS: [&str; 6] = [
    "schema_registry_url",
    "schema_registry_user",
    "schema_registry_password",
    "schema_registry_token",
    "schema_registry_ca_file",
    "schema_registry_allow_http",
];

/// Where a registry is, and how to get in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegistrySettings {
    /// The API begins below it.
    pub(crate) url: Url,
    pub(crate) credentials: Credentials,
    /// Certificates that are trusted, in PEM; None: those of this machine.
    pub(crate) ca_file: Option<PathBuf>,
}

/// Who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    Nobody,
    Basic { user: String, password: Secret },
    Bearer(Secret),
}

impl RegistrySettings {
    /// Reads the keys; None where there is no address, or mistakes were reported.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let url = reader.string("schema_registry_url");
        let user = reader.string("schema_registry_user");
        let has_password = reader.take("schema_registry_password").is_some();
        let password = reader.secret("schema_registry_password");
        let token_span = reader
            .take("schema_registry_token")
            .map(|entry| entry.key_span.clone());
        let token = reader.secret("schema_registry_token");
        let ca_file = reader.string("schema_registry_ca_file");
        let allow_http = reader.boolean("schema_registry_allow_http");
        let Some((text, span)) = url else {
            if reader.take("schema_registry_url").is_none() {
                refuse_alone(reader);
            }
            return None;
        };
        let url = address(text, &span, reader)?;
        let credentials = match (user, password, token) {
            (Some((user, _)), Some(password), None) if !user.contains(':') => Credentials::Basic {
                user: user.to_owned(),
                password,
            },
            (Some((_, span)), Some(_), None) => {
                let message = "`schema_registry_user` has a colon, which no user's name can have";
                let help =
                    "put what stands before it here, and the rest into schema_registry_password";
                reader.bad_value(&span, message, help);
                return None;
            }
            (None, None, Some(token)) => Credentials::Bearer(token),
            (None, None, None) if !has_password && token_span.is_none() => Credentials::Nobody,
            (Some(_), None, None) if !has_password && token_span.is_none() => {
                reader.missing(
                    "schema_registry_password",
                    "schema_registry_user needs schema_registry_password = \"${SCHEMA_REGISTRY_PASSWORD}\"",
                );
                return None;
            }
            (None, Some(_), None) => {
                reader.missing(
                    "schema_registry_user",
                    "schema_registry_password needs schema_registry_user = \"…\"",
                );
                return None;
            }
            (_, _, Some(_)) => {
                let message = "`schema_registry_token` and a user exclude each other";
                reader.bad_value(&token_span?, message, "keep one of them");
                return None;
            }
            // A secret in the file, which was reported.
            _ => return None,
        };
        let goes_in_clear = url.scheme() == "http" && !is_this_machine(&url);
        if credentials != Credentials::Nobody && goes_in_clear && allow_http != Some(true) {
            reader.bad_value(
                &span,
                "`schema_registry_url` is not encrypted, and a secret would be sent there",
                "use https, or write schema_registry_allow_http = true if the way there is trusted",
            );
            return None;
        }
        if let Some((_, span)) = &ca_file
            && url.scheme() == "http"
        {
            let message = "`schema_registry_ca_file` is for https";
            reader.bad_value(span, message, "leave it out, or write an https address");
            return None;
        }
        Some(Self {
            url,
            credentials,
            ca_file: ca_file.map(|(path, _)| PathBuf::from(path)),
        })
    }
}

/// Keys that say something of a registry which is not named.
fn refuse_alone(reader: &mut Reader<'_>) {
    for key in KEYS {
        if let Some(entry) = reader.take(key) {
            let span = entry.key_span.clone();
            let message = format!("`{key}` stands without `schema_registry_url`");
            let help = "add schema_registry_url = \"https://registry.example.com\", or remove it";
            reader.bad_value(&span, message, help);
        }
    }
}

fn address(text: &str, span: &Span, reader: &mut Reader<'_>) -> Option<Url> {
    let help = "schema_registry_url = \"https://registry.example.com\", with the path of its API \
                where it has one";
    // The text is not shown: a password may stand in it.
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    let Some(url) = url else {
        let message = "`schema_registry_url` is no http or https address";
        reader.bad_value(span, message, help);
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        reader.bad_value(
            span,
            "`schema_registry_url` has a user or password in it",
            "take them out and write schema_registry_user and schema_registry_password = \
             \"${SCHEMA_REGISTRY_PASSWORD}\"",
        );
        return None;
    }
    Some(url)
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use wasm_sink_core::settings::{Entry, Node, Table, Value};

    use super::*;

    fn read(entries: &[(&str, &str)]) -> Result<RegistrySettings, String> {
        let entries = entries.iter().map(|(key, text)| Entry {
            key: format!("schema_registry_{key}"),
            key_span: 0..1,
            node: Node {
                value: match *text {
                    "true" => Value::Boolean(true),
                    text => Value::String {
                        text: text.trim_start_matches('$').to_owned(),
                        from_environment: text.starts_with('$'),
                    },
                },
                span: 0..1,
            },
        });
        let table = Table {
            entries: entries.collect(),
            span: 0..1,
        };
        let mut problems = Vec::new();
        let mut reader = table.reader(&mut problems);
        let read = RegistrySettings::read(&mut reader);
        reader.finish();
        let messages: Vec<_> = problems
            .into_iter()
            .map(|problem| problem.message)
            .collect();
        read.filter(|_| messages.is_empty())
            .ok_or(messages.join("; "))
    }

    #[test]
    fn a_registry_lets_in_whom_it_knows() {
        let basic = read(&[
            ("url", "https://r.example/apis/ccompat/v7/"),
            ("user", "me"),
            ("password", "$hush"),
            ("ca_file", "ca.pem"),
        ]);
        let basic = basic.unwrap();
        assert_eq!(basic.url.path(), "/apis/ccompat/v7/");
        assert!(matches!(basic.credentials, Credentials::Basic { .. }));
        assert!(!format!("{basic:?}").contains("hush"), "{basic:?}");
        let bearer = read(&[("url", "http://localhost:8081"), ("token", "$hush")]).unwrap();
        assert!(matches!(bearer.credentials, Credentials::Bearer(_)));
        let nobody = read(&[("url", "http://registry:8081")]).unwrap();
        assert_eq!(nobody.credentials, Credentials::Nobody);
        let trusted = [
            ("url", "http://registry:8081"),
            ("token", "$hush"),
            ("allow_http", "true"),
        ];
        assert!(read(&trusted).is_ok());
    }

    #[test]
    fn mistakes_are_named_without_the_secret() {
        let url = ("url", "https://r.example");
        for (entries, why) in [
            (&[("url", "r.example:8081")] as &[_], "no http or https"),
            (
                &[("url", "http://a:8081,http://b:8081")],
                "no http or https",
            ),
            (
                &[("url", "https://me:hush@r.example")],
                "user or password in it",
            ),
            (&[url, ("password", "hush")], "must not stand in the file"),
            (
                &[url, ("password", "$hush")],
                "`schema_registry_user` is missing",
            ),
            (
                &[url, ("user", "me")],
                "`schema_registry_password` is missing",
            ),
            (&[url, ("user", "me:x"), ("password", "$hush")], "colon"),
            (
                &[
                    url,
                    ("user", "me"),
                    ("password", "$hush"),
                    ("token", "$hush"),
                ],
                "exclude each other",
            ),
            (
                &[("url", "http://r.example"), ("token", "$hush")],
                "not encrypted",
            ),
            (
                &[("url", "http://r.example"), ("ca_file", "x")],
                "for https",
            ),
            (&[("user", "me")], "stands without `schema_registry_url`"),
            (&[url, ("usr", "me")], "nothing reads `schema_registry_usr`"),
        ] {
            let problem = read(entries).unwrap_err();
            assert!(problem.contains(why), "{problem}");
            assert!(!problem.contains("hush"), "{problem}");
        }
    }
}
