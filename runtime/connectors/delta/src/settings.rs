//! The keys of `[connections.<label>]` with `type = "delta"`.

use std::path::PathBuf;

use url::Url;
use wasm_sink_core::secret::Secret;
use wasm_sink_core::settings::{Problem, Reader, Span, Table};

/// Where tables are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// A directory; a relative one counts from the configuration file.
    Local(PathBuf),
    /// A bucket.
    S3(Box<S3Settings>),
}

/// A bucket and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct S3Settings {
    pub(crate) bucket: String,
    /// Without slashes at its ends; "" for the bucket itself.
    pub(crate) prefix: String,
    /// None: Amazon's own for the region.
    pub(crate) endpoint: Option<Url>,
    pub(crate) region: Option<String>,
    /// Whether requests may go unencrypted, if an endpoint says so.
    pub(crate) allow_http: bool,
    /// None: in the path at an endpoint, in the host's name at Amazon.
    pub(crate) addressing: Option<Addressing>,
    pub(crate) credentials: Credentials,
}

/// Where the bucket's name stands in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addressing {
    /// In the path.
    Path,
    /// In the host's name.
    VirtualHost,
}

/// Who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// What the process is given by its surroundings: `AWS_*`, a web identity, the machine's role.
    Ambient,
    /// What pipeline.toml says.
    Keys {
        access_key_id: String,
        secret_access_key: Secret,
        session_token: Option<Secret>,
    },
}

const S3_ONLY: [&str; 7] = [
    "endpoint",
    "region",
    "allow_http",
    "path_style",
    "access_key_id",
    "secret_access_key",
    "session_token",
];

/// Reads the whole table; None where it reported problems.
pub(crate) fn read(settings: &Table, problems: &mut Vec<Problem>) -> Option<Location> {
    let before = problems.len();
    let mut reader = settings.reader(problems);
    let path = reader.required_string(
        "path",
        "path = \"data/lake\" or path = \"s3://bucket/prefix\"",
    );
    let s3 = read_s3(&mut reader);
    let location = path.and_then(|(text, span)| read_location(text, &span, s3, &mut reader));
    if let Some(Location::Local(_)) = location {
        for key in S3_ONLY {
            if let Some(entry) = settings.get(key) {
                reader.bad_value(
                    &entry.key_span,
                    format!("`{key}` is for buckets, and `path` is a directory"),
                    "remove it, or write path = \"s3://bucket/prefix\"",
                );
            }
        }
    }
    reader.finish();
    location.filter(|_| problems.len() == before)
}

/// The keys beside `path`, as written.
struct S3Keys {
    endpoint: Option<(Url, Span)>,
    region: Option<String>,
    allow_http: bool,
    path_style: Option<bool>,
    credentials: Credentials,
}

fn read_s3(reader: &mut Reader<'_>) -> S3Keys {
    let endpoint = reader
        .string("endpoint")
        .and_then(|(text, span)| match Url::parse(text) {
            Ok(url) if is_endpoint(&url) => Some((url, span)),
            _ => {
                reader.bad_value(
                    &span,
                    "`endpoint` is no http or https address",
                    "endpoint = \"https://s3.example.com\"",
                );
                None
            }
        });
    let allow_http = reader.boolean("allow_http").unwrap_or(false);
    if let Some((url, span)) = &endpoint
        && url.scheme() == "http"
        && !allow_http
    {
        reader.bad_value(
            span,
            "`endpoint` is not encrypted",
            "use https, or write allow_http = true if the way there is trusted",
        );
    }
    let region = reader.string("region").map(|(text, _)| text.to_owned());
    let path_style = reader.boolean("path_style");
    let credentials = read_credentials(reader);
    S3Keys {
        endpoint,
        region,
        allow_http,
        path_style,
        credentials,
    }
}

fn read_credentials(reader: &mut Reader<'_>) -> Credentials {
    let id = reader.string("access_key_id");
    let has_secret = reader.take("secret_access_key").is_some();
    let secret = reader.secret("secret_access_key");
    let token_entry = reader.take("session_token");
    let session_token = reader.secret("session_token");
    match (id, secret) {
        (Some((id, _)), Some(secret_access_key)) => Credentials::Keys {
            access_key_id: id.to_owned(),
            secret_access_key,
            session_token,
        },
        (Some(_), None) if !has_secret => {
            reader.missing(
                "secret_access_key",
                "access_key_id needs secret_access_key = \"${SECRET_ACCESS_KEY}\"",
            );
            Credentials::Ambient
        }
        (None, Some(_)) => {
            reader.missing(
                "access_key_id",
                "secret_access_key needs access_key_id = \"…\"",
            );
            Credentials::Ambient
        }
        (None, None) if !has_secret => {
            if let Some(entry) = token_entry {
                reader.bad_value(
                    &entry.key_span,
                    "`session_token` stands without a key",
                    "add access_key_id and secret_access_key, or remove it",
                );
            }
            Credentials::Ambient
        }
        _ => Credentials::Ambient,
    }
}

fn read_location(text: &str, span: &Span, s3: S3Keys, reader: &mut Reader<'_>) -> Option<Location> {
    let Some((scheme, rest)) = text.split_once("://") else {
        if text.is_empty() {
            reader.bad_value(span, "`path` is empty", "path = \"data/lake\"");
            return None;
        }
        return Some(Location::Local(PathBuf::from(text)));
    };
    match scheme {
        "file" => match Url::parse(text)
            .ok()
            .and_then(|url| url.to_file_path().ok())
        {
            Some(path) => Some(Location::Local(path)),
            None => {
                reader.bad_value(
                    span,
                    "this `file://` address names no path on this machine",
                    "path = \"file:///var/lake\", with three slashes",
                );
                None
            }
        },
        "s3" | "s3a" => {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            if !is_bucket_name(bucket) {
                reader.bad_value(
                    span,
                    format!("`{bucket}` is no name of a bucket"),
                    "path = \"s3://bucket/prefix\"",
                );
                return None;
            }
            Some(Location::S3(Box::new(S3Settings {
                bucket: bucket.to_owned(),
                prefix: prefix.trim_matches('/').to_owned(),
                endpoint: s3.endpoint.map(|(url, _)| url),
                region: s3.region,
                allow_http: s3.allow_http,
                addressing: s3.path_style.map(|in_path| match in_path {
                    true => Addressing::Path,
                    false => Addressing::VirtualHost,
                }),
                credentials: s3.credentials,
            })))
        }
        other => {
            reader.bad_value(
                span,
                format!("`{other}://` is a place that this version does not write to"),
                "a directory, `file://` or `s3://`",
            );
            None
        }
    }
}

/// Whether requests can be sent there.
pub(crate) fn is_endpoint(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

fn is_bucket_name(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}

#[cfg(test)]
mod tests {
    use wasm_sink_core::settings::{Entry, Node, Value};

    use super::*;

    fn table(entries: &[(&str, Value)]) -> Table {
        Table {
            entries: entries
                .iter()
                .map(|(key, value)| Entry {
                    key: (*key).to_owned(),
                    key_span: 0..1,
                    node: Node {
                        value: value.clone(),
                        span: 0..1,
                    },
                })
                .collect(),
            span: 0..1,
        }
    }

    fn text(text: &str) -> Value {
        Value::String {
            text: text.to_owned(),
            from_environment: false,
        }
    }

    fn secret(text: &str) -> Value {
        Value::String {
            text: text.to_owned(),
            from_environment: true,
        }
    }

    fn problems_of(entries: &[(&str, Value)]) -> Vec<String> {
        let mut problems = Vec::new();
        assert_eq!(read(&table(entries), &mut problems), None);
        problems
            .into_iter()
            .map(|problem| problem.message)
            .collect()
    }

    #[test]
    fn reads_directories_and_buckets() {
        let mut problems = Vec::new();
        let local = read(&table(&[("path", text("data/lake"))]), &mut problems);
        assert_eq!(local, Some(Location::Local("data/lake".into())));
        let local = read(&table(&[("path", text("file:///var/lake"))]), &mut problems);
        assert_eq!(local, Some(Location::Local("/var/lake".into())));
        let s3 = read(
            &table(&[
                ("path", text("s3://lake/a/b/")),
                ("endpoint", text("http://127.0.0.1:9000")),
                ("allow_http", Value::Boolean(true)),
                ("access_key_id", text("id")),
                ("secret_access_key", secret("hush")),
            ]),
            &mut problems,
        );
        let Some(Location::S3(s3)) = s3 else {
            panic!("{problems:?}");
        };
        assert_eq!((s3.bucket.as_str(), s3.prefix.as_str()), ("lake", "a/b"));
        assert_eq!(s3.addressing, None);
        assert!(!format!("{s3:?}").contains("hush"));
    }

    #[test]
    fn every_mistake_is_named() {
        assert_eq!(problems_of(&[]), ["`path` is missing"]);
        assert!(problems_of(&[("path", text("gs://b/p"))])[0].contains("gs://"));
        assert!(problems_of(&[("path", text("x")), ("region", text("r"))])[0].contains("`region`"));
        assert!(
            problems_of(&[("path", text("s3://lake")), ("endpoint", text("http://h"))])[0]
                .contains("not encrypted")
        );
        assert!(
            problems_of(&[("path", text("s3://lake")), ("access_key_id", text("id"))])[0]
                .contains("secret_access_key")
        );
        assert!(
            problems_of(&[
                ("path", text("s3://lake")),
                ("access_key_id", text("id")),
                ("secret_access_key", text("hunter2")),
            ])
            .iter()
            .all(|message| !message.contains("hunter2"))
        );
        assert!(problems_of(&[("path", text("x")), ("pth", text("y"))])[0].contains("`pth`"));
    }
}
