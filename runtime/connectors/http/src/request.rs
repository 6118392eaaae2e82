//! What a component asks for, held against what it may.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use reqwest::Method;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use url::Url;
use wasm_sink_core::{Blame, Error, Kind, Result, Rows};

use crate::bindings::wasm_sink::http::http;
use crate::identity::Identified;
use crate::settings::{Compression, Settings, is_of_host};

/// Headers that a component may give a request.
const MAX_HEADERS: usize = 64;
/// And the bytes of their names and values.
const MAX_HEADER_BYTES: usize = 16 << 10;

/// A request as it is sent, but for what shows whom it is from.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Below the connection's address.
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// Compressed, where the connection says so.
    pub(crate) body: Bytes,
}

/// The method of a component's request.
pub(crate) fn method(method: http::Method) -> Method {
    match method {
        http::Method::Get => Method::GET,
        http::Method::Head => Method::HEAD,
        http::Method::Post => Method::POST,
        http::Method::Put => Method::PUT,
        http::Method::Patch => Method::PATCH,
        http::Method::Delete => Method::DELETE,
    }
}

/// Makes requests of a pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Requests {
    settings: Arc<Settings>,
    pipeline: Arc<str>,
}

impl Requests {
    pub(crate) fn new(settings: Arc<Settings>, pipeline: Arc<str>) -> Self {
        Self { settings, pipeline }
    }

    /// Of a component. `rows` are those that it carries.
    ///
    /// # Errors
    /// `invalid`: it may not ask for this.
    pub(crate) fn prepare(&self, asked: &http::Request, rows: Option<&Rows>) -> Result<Request> {
        let url = self.settings.address.below(&asked.path)?;
        self.check_query(&url)?;
        let method = method(asked.method);
        let mut headers = self.headers();
        self.take_headers(asked, &mut headers)?;
        if let (Some(rows), Some(name)) = (rows, &self.settings.idempotency_header) {
            let path = path_and_query(&url);
            let identified = Identified {
                pipeline: &self.pipeline,
                method: method.as_str(),
                path: &path,
                body: &asked.body,
            };
            let identity = identified.with(rows).and_then(|text| text.parse().ok());
            let identity = identity.ok_or_else(|| {
                Error::invalid("rows without origin have no identity to be sent with")
            })?;
            headers.insert(name.clone(), identity);
        }
        let body = match self.settings.compression {
            Compression::Gzip if !asked.body.is_empty() => {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                gzip(&asked.body)?
            }
            _ => asked.body.clone(),
        };
        Ok(Request {
            method,
            url,
            headers,
            body: body.into(),
        })
    }

    /// Asks nothing, to see whether one is let in.
    pub(crate) fn probe(&self) -> Request {
        Request {
            method: Method::HEAD,
            url: self.settings.address.url().clone(),
            headers: self.headers(),
            body: Bytes::new(),
        }
    }

    /// Those that each request has.
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("wasm-sink/", env!("CARGO_PKG_VERSION"))),
        );
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        for header in &self.settings.headers {
            headers.insert(header.name.clone(), header.value.clone());
        }
        headers
    }

    /// The connection's key is its own affair.
    fn check_query(&self, url: &Url) -> Result<()> {
        let Some(key) = self.settings.auth.query_name() else {
            return Ok(());
        };
        match url.query_pairs().any(|(name, _)| name == key) {
            true => Err(Error::invalid(format!(
                "`{key}` in the query is the connection's: leave it out"
            ))),
            false => Ok(()),
        }
    }

    fn take_headers(&self, asked: &http::Request, headers: &mut HeaderMap) -> Result<()> {
        let invalid = |name: &str, why: &str| {
            let name: String = name
                .chars()
                .take(100)
                .flat_map(char::escape_default)
                .collect();
            Err(Error::invalid(format!("the header `{name}` {why}")))
        };
        let bytes = asked.headers.iter();
        let bytes = bytes.map(|header| header.name.len() + header.value.len());
        if asked.headers.len() > MAX_HEADERS || bytes.sum::<usize>() > MAX_HEADER_BYTES {
            return Err(Error::invalid(format!(
                "a request has {MAX_HEADERS} headers at most, of 16 KiB together"
            )));
        }
        let settings = &self.settings;
        let of_auth = settings.auth.header_names();
        let mut given: Vec<HeaderName> = Vec::new();
        for header in &asked.headers {
            let Ok(name) = header.name.parse::<HeaderName>() else {
                return invalid(&header.name, "has no name of a header");
            };
            let is_taken = settings.idempotency_header.as_ref() == Some(&name)
                || of_auth.contains(&name)
                || settings.headers.iter().any(|fixed| fixed.name == name);
            if is_of_host(&name) {
                return invalid(&header.name, "is the host's to set");
            }
            if is_taken {
                return invalid(&header.name, "is the connection's to set");
            }
            let Ok(value) = HeaderValue::from_bytes(header.value.as_bytes()) else {
                return invalid(&header.name, "has a value with control characters");
            };
            match given.contains(&name) {
                true => {
                    headers.append(name, value);
                }
                false => {
                    given.push(name.clone());
                    headers.insert(name, value);
                }
            }
        }
        Ok(())
    }
}

/// As it stands in a request.
pub(crate) fn path_and_query(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

fn gzip(body: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::default());
    let compressed = encoder.write_all(body).and_then(|()| encoder.finish());
    compressed.map_err(|error| {
        let message = "a body could not be compressed";
        Error::new(Kind::Other, Blame::Host, message).with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use wasm_sink_core::settings::{Entry, Node, Table, Value};

    use super::*;

    fn requests(key: &str) -> Requests {
        let text = |text: &str, from_environment| Node {
            value: Value::String {
                text: text.to_owned(),
                from_environment,
            },
            span: 0..0,
        };
        let table = |entries: Vec<(&str, Node)>| Table {
            entries: entries
                .into_iter()
                .map(|(key, node)| Entry {
                    key: key.to_owned(),
                    key_span: 0..0,
                    node,
                })
                .collect(),
            span: 0..0,
        };
        let inline = |entries| Node {
            value: Value::Table(table(entries)),
            span: 0..0,
        };
        let settings = table(vec![
            ("url", text("https://h/v2", false)),
            ("headers", inline(vec![("X-Tenant", text("shop", false))])),
            (
                "auth",
                inline(vec![
                    ("type", text("api_key", false)),
                    (
                        if key == "X-Key" { "header" } else { "query" },
                        text(key, false),
                    ),
                    ("value", text("hunter2", true)),
                ]),
            ),
        ]);
        let mut problems = Vec::new();
        let settings = crate::settings::read(&settings, &mut problems);
        let settings = settings.unwrap_or_else(|| panic!("{problems:?}"));
        Requests::new(Arc::new(settings), "p".into())
    }

    fn asked(path: &str, headers: &[(&str, &str)]) -> http::Request {
        http::Request {
            method: http::Method::Post,
            path: path.to_owned(),
            headers: headers
                .iter()
                .map(|(name, value)| http::Header {
                    name: (*name).to_owned(),
                    value: (*value).to_owned(),
                })
                .collect(),
            body: b"{}".to_vec(),
        }
    }

    #[test]
    fn components_set_headers_of_their_own() {
        let headers = [
            ("Content-Type", "a/b"),
            ("X-A", "1"),
            ("x-a", "ü"),
            ("User-Agent", "me"),
        ];
        let request = requests("X-Key")
            .prepare(&asked("e?a=1", &headers), None)
            .unwrap();
        assert_eq!(request.url.as_str(), "https://h/v2/e?a=1");
        assert_eq!(request.headers["content-type"], "a/b");
        assert_eq!(request.headers["x-tenant"], "shop");
        assert_eq!(request.headers["user-agent"], "me");
        assert_eq!(request.headers["accept-encoding"], "gzip");
        assert_eq!(request.headers.get_all("x-a").iter().count(), 2);
        assert_eq!(&request.body[..], b"{}");
        let probe = requests("X-Key").probe();
        assert!(
            probe.headers["user-agent"]
                .to_str()
                .unwrap()
                .starts_with("wasm-sink/")
        );
    }

    #[test]
    fn what_is_the_hosts_stays_so() {
        for (name, value, why) in [
            ("Authorization", "x", "the host's"),
            ("proxy-authorization", "x", "the host's"),
            ("Proxy-Anything", "x", "the host's"),
            ("HOST", "x", "the host's"),
            ("content-length", "1", "the host's"),
            ("transfer-encoding", "chunked", "the host's"),
            ("connection", "close", "the host's"),
            ("te", "trailers", "the host's"),
            ("upgrade", "h2c", "the host's"),
            ("cookie", "a=b", "the host's"),
            ("accept-encoding", "br", "the host's"),
            ("content-encoding", "br", "the host's"),
            ("Idempotency-Key", "1", "the connection's"),
            ("x-key", "1", "the connection's"),
            ("X-Tenant", "1", "the connection's"),
            ("a b", "1", "no name"),
            ("", "1", "no name"),
            ("X-A\r\nB", "1", "no name"),
            ("X-A", "1\r\nHost: evil", "control characters"),
        ] {
            let prepared = requests("X-Key").prepare(&asked("e", &[(name, value)]), None);
            let error = prepared.unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid, "{name}");
            assert!(error.to_string().contains(why), "{error}");
        }
        let many = vec![("x-a", "1"); 65];
        assert!(requests("X-Key").prepare(&asked("e", &many), None).is_err());
        let long = "x".repeat(17 << 10);
        assert!(
            requests("X-Key")
                .prepare(&asked("e", &[("x-a", &long)]), None)
                .is_err()
        );
    }

    #[test]
    fn a_key_in_the_query_is_the_connections() {
        let requests = requests("key");
        requests.prepare(&asked("e?keys=1", &[]), None).unwrap();
        for path in ["e?a=1&key=2", "e?%6bey=2", "?key"] {
            let error = requests.prepare(&asked(path, &[]), None).unwrap_err();
            assert!(error.to_string().contains("`key`"), "{error}");
        }
    }
}
