//! `[connections.<label>]` with `type = "http"`: where the service is, what every request has, and how patient one is.

mod auth;
mod headers;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::HeaderName;
use url::Url;
use wasm_sink_core::settings::{Problem, Reader, Span, Table, Value};

pub(crate) use self::auth::{
    ApiKeySettings, AuthSettings, AwsSettings, GoogleSettings, KeyPlace, OAuth2Settings,
};
pub(crate) use self::headers::{FixedHeader, is_of_host};

use crate::address::Address;

/// What one try may take, body included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// What being connected may take, with TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Of an answer's body.
const MAX_RESPONSE_BYTES: u64 = 1 << 20;
const LARGEST_MAX_RESPONSE_BYTES: u64 = 64 << 20;
const IDEMPOTENCY_HEADER: &str = "Idempotency-Key";

/// A validated connection.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) address: Address,
    pub(crate) headers: Vec<FixedHeader>,
    pub(crate) request_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) compression: Compression,
    pub(crate) max_response_bytes: usize,
    /// None: requests have no identity.
    pub(crate) idempotency_header: Option<HeaderName>,
    /// Certificates that are trusted beside those of this machine, in PEM.
    pub(crate) ca_certificate: Option<PathBuf>,
    pub(crate) auth: AuthSettings,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("url", &self.address.url().as_str())
            .field("headers", &self.headers)
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}

/// Of the bodies of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
}

/// Reads the whole table; None where it reported problems.
pub(crate) fn read(settings: &Table, problems: &mut Vec<Problem>) -> Option<Settings> {
    let before = problems.len();
    let mut reader = settings.reader(problems);
    let url = reader.required_string("url", "url = \"https://api.example.com/v2\"");
    let address = url.and_then(|(text, span)| address(text, &span, &mut reader));
    // Read below, once this reader is done.
    reader.table("headers");
    reader.table("auth");
    let request_timeout = reader.milliseconds("request_timeout_ms", 1);
    let connect_timeout = reader.milliseconds("connect_timeout_ms", 1);
    let words = [("none", Compression::None), ("gzip", Compression::Gzip)];
    let compression = reader.choice("compression", &words);
    let max_response_bytes = reader.bytes("max_response_bytes", 1..=LARGEST_MAX_RESPONSE_BYTES);
    let idempotency_header = match reader.string("idempotency_header") {
        None => Some(HeaderName::from_static("idempotency-key")),
        Some(("", _)) => None,
        Some((text, span)) => headers::name(text).or_else(|| {
            let message = "`idempotency_header` is no name of a header that is free".to_owned();
            let help = format!("\"{IDEMPOTENCY_HEADER}\" unless said, \"\" for none");
            reader.bad_value(&span, message, help);
            None
        }),
    };
    let ca_certificate = reader.string("ca_certificate");
    let ca_certificate = ca_certificate.map(|(path, _)| PathBuf::from(path));
    reader.finish();
    let mut taken: Vec<HeaderName> = idempotency_header.iter().cloned().collect();
    let auth = match table(settings, "auth") {
        Some(auth) => auth::read(auth, problems),
        None => Some(AuthSettings::None),
    };
    taken.extend(auth.iter().flat_map(AuthSettings::header_names));
    let headers = match table(settings, "headers") {
        Some(table) => headers::read(table, &taken, problems),
        None => Vec::new(),
    };
    let settings = Settings {
        address: address?,
        headers,
        request_timeout: request_timeout.unwrap_or(REQUEST_TIMEOUT),
        connect_timeout: connect_timeout.unwrap_or(CONNECT_TIMEOUT),
        compression: compression.unwrap_or(Compression::None),
        max_response_bytes: max_response_bytes
            .map_or(MAX_RESPONSE_BYTES, |(bytes, _)| bytes)
            .try_into()
            .unwrap_or(usize::MAX),
        idempotency_header,
        ca_certificate,
        auth: auth?,
    };
    (problems.len() == before).then_some(settings)
}

fn table<'a>(settings: &'a Table, key: &str) -> Option<&'a Table> {
    match &settings.get(key)?.node.value {
        Value::Table(table) => Some(table),
        _ => None,
    }
}

/// The text is not shown: a password may stand in it.
fn address(text: &str, span: &Span, reader: &mut Reader<'_>) -> Option<Address> {
    let before = "an address without what stands elsewhere: \"https://api.example.com/v2\"";
    let url = Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(url) = url else {
        reader.bad_value(span, "`url` is no http or https address", before);
        return None;
    };
    let (mut message, mut help) = (None, before);
    if !url.username().is_empty() || url.password().is_some() {
        message = Some("`url` has a user or password in it");
        help = "auth = { type = \"basic\", username = \"…\", password = \"${API_PASSWORD}\" }";
    } else if url.query().is_some() {
        message = Some("`url` has a query");
        help = "a component gives each request its query; a key goes to auth = { type = \"api_key\", query = \"key\", \
                value = \"${API_KEY}\" }";
    } else if url.fragment().is_some() {
        message = Some("`url` has a fragment, which is never sent");
    }
    match message {
        Some(message) => {
            reader.bad_value(span, message, help);
            None
        }
        None => Some(Address::new(url)),
    }
}

#[cfg(test)]
mod tests;
