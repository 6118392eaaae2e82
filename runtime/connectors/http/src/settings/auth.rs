//! `auth`: how requests show whom they are from. The files of `crate::auth` have one kind each; what a user writes for it
//! stands here.

use std::path::PathBuf;

use reqwest::header::{AUTHORIZATION, HeaderName};
use url::Url;
use wasm_sink_core::secret::Secret;
use wasm_sink_core::settings::{Problem, Reader, Span, Table};

use super::headers;

/// A validated `auth`.
#[derive(Clone, Debug)]
pub(crate) enum AuthSettings {
    None,
    Basic { username: String, password: Secret },
    Bearer(Secret),
    ApiKey(ApiKeySettings),
    OAuth2(OAuth2Settings),
    Aws(AwsSettings),
    Google(GoogleSettings),
}

/// A key in each request.
#[derive(Clone, Debug)]
pub(crate) struct ApiKeySettings {
    pub(crate) place: KeyPlace,
    pub(crate) value: Secret,
}

/// Where a key stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyPlace {
    Header(HeaderName),
    Query(String),
}

/// Tokens for who knows a client's secret.
#[derive(Clone, Debug)]
pub(crate) struct OAuth2Settings {
    pub(crate) token_url: Url,
    pub(crate) client_id: String,
    pub(crate) client_secret: Secret,
    pub(crate) scope: Option<String>,
    pub(crate) audience: Option<String>,
}

/// Signatures of Amazon Web Services.
#[derive(Clone, Debug)]
pub(crate) struct AwsSettings {
    pub(crate) region: String,
    pub(crate) service: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: Secret,
    pub(crate) session_token: Option<Secret>,
}

/// Tokens for a service account of Google Cloud.
#[derive(Clone, Debug)]
pub(crate) struct GoogleSettings {
    /// The file that holds its key.
    pub(crate) credentials: PathBuf,
    pub(crate) scopes: Vec<String>,
}

#[derive(Clone, Copy)]
enum Way {
    Basic,
    Bearer,
    ApiKey,
    OAuth2,
    Aws,
    Google,
}

const WAYS: [(&str, Way); 6] = [
    ("basic", Way::Basic),
    ("bearer", Way::Bearer),
    ("api_key", Way::ApiKey),
    ("oauth2", Way::OAuth2),
    ("aws", Way::Aws),
    ("google", Way::Google),
];

impl AuthSettings {
    /// The headers that it sets.
    pub(crate) fn header_names(&self) -> Vec<HeaderName> {
        match self {
            Self::None => Vec::new(),
            Self::ApiKey(key) => match &key.place {
                KeyPlace::Header(name) => vec![name.clone()],
                KeyPlace::Query(_) => Vec::new(),
            },
            Self::Aws(_) => vec![
                AUTHORIZATION,
                HeaderName::from_static("x-amz-date"),
                HeaderName::from_static("x-amz-security-token"),
            ],
            Self::Basic { .. } | Self::Bearer(_) | Self::OAuth2(_) | Self::Google(_) => {
                vec![AUTHORIZATION]
            }
        }
    }

    /// The parameter of queries that it sets.
    pub(crate) fn query_name(&self) -> Option<&str> {
        match self {
            Self::ApiKey(ApiKeySettings {
                place: KeyPlace::Query(name),
                ..
            }) => Some(name),
            _ => None,
        }
    }
}

/// Reads the table `auth`; None where it reported problems.
pub(super) fn read(table: &Table, problems: &mut Vec<Problem>) -> Option<AuthSettings> {
    let before = problems.len();
    let mut reader = table.reader(problems);
    if table.get("type").is_none() {
        let words: Vec<_> = WAYS.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        reader.missing("type", format!("one of {}", words.join(", ")));
        return None;
    }
    let settings = match reader.choice("type", &WAYS)? {
        Way::Basic => basic(&mut reader),
        Way::Bearer => secret(&mut reader, "token", "token = \"${API_TOKEN}\"").and_then(|token| {
            let is_token = is_visible(token.expose());
            if !is_token {
                unsendable(table, "token", &mut reader);
            }
            is_token.then_some(AuthSettings::Bearer(token))
        }),
        Way::ApiKey => api_key(table, &mut reader),
        Way::OAuth2 => oauth2(&mut reader),
        Way::Aws => aws(table, &mut reader),
        Way::Google => google(&mut reader),
    };
    reader.finish();
    settings.filter(|_| problems.len() == before)
}

/// A secret that must be there.
fn secret(reader: &mut Reader<'_>, key: &'static str, help: &str) -> Option<Secret> {
    let before = reader.take(key);
    match before {
        None => {
            reader.missing(key, help);
            None
        }
        Some(_) => reader.secret(key),
    }
}

/// Whether a header takes it: signs of ASCII, and no space.
fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn unsendable(table: &Table, key: &str, reader: &mut Reader<'_>) {
    if let Some(entry) = table.get(key) {
        let message = format!("`{key}` is empty, or has characters that it cannot have");
        reader.bad_value(
            &entry.node.span,
            message,
            "signs of ASCII without spaces and line ends: look at the variable",
        );
    }
}

fn basic(reader: &mut Reader<'_>) -> Option<AuthSettings> {
    let username = reader.required_string("username", "username = \"sink\"");
    let password = secret(reader, "password", "password = \"${API_PASSWORD}\"");
    let (username, span) = username?;
    // RFC 7617, 2: the first colon ends the name.
    if username.contains(':') || username.contains(char::is_control) {
        reader.bad_value(
            &span,
            "`username` has a colon or a control character",
            "a name without",
        );
        return None;
    }
    Some(AuthSettings::Basic {
        username: username.to_owned(),
        password: password?,
    })
}

fn api_key(table: &Table, reader: &mut Reader<'_>) -> Option<AuthSettings> {
    let header = reader.string("header");
    let query = reader.string("query");
    let value = secret(reader, "value", "value = \"${API_KEY}\"");
    let place = match (header, query) {
        (Some((text, span)), None) => match headers::name(text) {
            Some(name) => Some(KeyPlace::Header(name)),
            None => {
                reader.bad_value(
                    &span,
                    "`header` is no name of a header that is free",
                    "header = \"X-Api-Key\"",
                );
                None
            }
        },
        (None, Some(("", span))) => {
            reader.bad_value(&span, "`query` is empty", "query = \"key\"");
            None
        }
        (None, Some((text, _))) => Some(KeyPlace::Query(text.to_owned())),
        (Some(_), Some((_, span))) => {
            reader.bad_value(&span, "`header` and `query` exclude each other", "keep one");
            None
        }
        (None, None) => {
            if table.get("header").is_none() && table.get("query").is_none() {
                reader.missing("header", "header = \"X-Api-Key\", or query = \"key\"");
            }
            None
        }
    };
    let value = value?;
    if value.expose().is_empty()
        || matches!(place, Some(KeyPlace::Header(_))) && !is_visible(value.expose())
    {
        unsendable(table, "value", reader);
        return None;
    }
    let place = place?;
    Some(AuthSettings::ApiKey(ApiKeySettings { place, value }))
}

fn oauth2(reader: &mut Reader<'_>) -> Option<AuthSettings> {
    let example = "token_url = \"https://login.example.com/oauth2/token\"";
    let url = reader.required_string("token_url", example);
    let url = url.and_then(|(text, span)| token_url(text, &span, reader));
    let client_id = reader.required_string("client_id", "client_id = \"wasm-sink\"");
    let client_secret = secret(
        reader,
        "client_secret",
        "client_secret = \"${CLIENT_SECRET}\"",
    );
    let scope = reader.string("scope");
    let audience = reader.string("audience");
    let owned = |(text, _): (&str, Span)| text.to_owned();
    Some(AuthSettings::OAuth2(OAuth2Settings {
        token_url: url?,
        client_id: client_id.map(owned)?,
        client_secret: client_secret?,
        scope: scope.map(owned),
        audience: audience.map(owned),
    }))
}

/// The text is not shown: a password may stand in it.
fn token_url(text: &str, span: &Span, reader: &mut Reader<'_>) -> Option<Url> {
    let url = Url::parse(text).ok();
    let url = url.filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
    });
    if url.is_none() {
        reader.bad_value(
            span,
            "`token_url` is no http or https address, or has a user, password or fragment in it",
            "token_url = \"https://login.example.com/oauth2/token\"",
        );
    }
    url
}

fn aws(table: &Table, reader: &mut Reader<'_>) -> Option<AuthSettings> {
    let region = reader.required_string("region", "region = \"eu-central-1\"");
    let service = reader.required_string("service", "service = \"execute-api\"");
    let id = reader.required_string("access_key_id", "access_key_id = \"${AWS_ACCESS_KEY_ID}\"");
    let key = secret(
        reader,
        "secret_access_key",
        "secret_access_key = \"${AWS_SECRET_ACCESS_KEY}\"",
    );
    let token = reader.secret("session_token");
    let mut word = |key: &'static str, found: Option<(&str, Span)>| {
        let (text, span) = found?;
        let is_word = is_visible(text) && !text.contains(['/', ',', '=']);
        if !is_word {
            let message = format!("`{key}` has characters that it cannot have");
            reader.bad_value(&span, message, "as the service's documentation has it");
        }
        is_word.then(|| text.to_owned())
    };
    let region = word("region", region);
    let service = word("service", service);
    let access_key_id = word("access_key_id", id);
    let has_token = token
        .as_ref()
        .is_none_or(|token| is_visible(token.expose()));
    if !has_token {
        unsendable(table, "session_token", reader);
    }
    Some(AuthSettings::Aws(AwsSettings {
        region: region?,
        service: service?,
        access_key_id: access_key_id?,
        secret_access_key: key?,
        session_token: token,
    }))
}

fn google(reader: &mut Reader<'_>) -> Option<AuthSettings> {
    let file = reader.required_string("credentials", "credentials = \"service-account.json\"");
    let example = "scopes = [\"https://www.googleapis.com/auth/pubsub\"]";
    let is_there = reader.take("scopes").is_some();
    let scopes = reader.strings("scopes");
    if !is_there {
        reader.missing("scopes", example);
    }
    let scopes = scopes?;
    for (scope, span) in &scopes {
        if !is_visible(scope) {
            reader.bad_value(span, "a scope is a word without spaces", example);
        }
    }
    Some(AuthSettings::Google(GoogleSettings {
        credentials: file.map(|(path, _)| PathBuf::from(path))?,
        scopes: scopes
            .into_iter()
            .map(|(scope, _)| scope.to_owned())
            .collect(),
    }))
}
