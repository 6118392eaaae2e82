//! What a storage's refusal means, and what to do about it.
//!
//! A server's answer may hold secrets: S3 sends an expired token back, and with a wrong signature
//! the request that was signed, its `x-amz-security-token` included. Errors reach logs, the health
//! page and components, so of an answer only its code and its message go on, never the body, headers
//! or the address (that of a web identity's request holds the identity).

use std::error::Error as StdError;
use std::fmt::Display;
use std::io;

use wasm_sink_core::{Blame, Error, Kind};

/// A server's message is cut here.
const MAX_MESSAGE_CHARS: usize = 200;
/// A word of so many letters and digits may be a token or a signature; no sentence has one.
const MAX_WORD_CHARS: usize = 24;

/// An error of the storage as ours. `doing` is what was being done, with the place.
pub(crate) fn storage_error(doing: &str, error: object_store::Error) -> Error {
    if let Some(io) = io_kind(&error) {
        let (kind, blame, what) = classify_io(io);
        // A disk's errors name paths, and hold no secrets.
        return Error::new(kind, blame, format!("{doing}: {what}")).with_source(error);
    }
    let answer = Answer::of(&error);
    let (kind, blame, what) = classify(&error, &answer);
    Error::new(kind, blame, format!("{doing}: {what}{}", answer.suffix()))
}

/// What may be shown of any error below which there may be a storage's.
pub(crate) fn presentable(error: &(dyn StdError + 'static)) -> String {
    short(&before_body(&whole_text(error)))
}

/// What a server said, as far as it is repeated.
#[derive(Debug, Default)]
struct Answer {
    /// S3's word for what is wrong.
    code: Option<String>,
    message: Option<String>,
    /// What the client says itself, before the answer's body.
    client: String,
    /// Why no answer came.
    cause: Option<String>,
}

impl Answer {
    fn of(error: &object_store::Error) -> Self {
        let text = whole_text(error);
        let code = element(&text, "Code").or_else(|| {
            // The answers to single deletes are told apart by the client already.
            let (_, code) = text.split_once("(code: ")?;
            Some(code.split_once(')')?.0)
        });
        let is_word = |code: &&str| {
            (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        Self {
            code: code.filter(is_word).map(str::to_owned),
            message: element(&text, "Message").map(|message| short(&unescape(message))),
            client: before_body(&text),
            cause: unanswered(error).map(|cause| match server(&text) {
                Some(server) => format!("{server}: {}", short(&cause)),
                None => short(&cause),
            }),
        }
    }

    fn suffix(&self) -> String {
        match (&self.code, &self.message, &self.cause) {
            (Some(code), Some(message), _) => format!(" ({code}: {message})"),
            (Some(only), None, _) | (None, Some(only), _) | (None, None, Some(only)) => {
                format!(" ({only})")
            }
            (None, None, None) => String::new(),
        }
    }

    fn is(&self, codes: &[&str]) -> bool {
        match &self.code {
            Some(code) => codes.contains(&code.as_str()),
            None => codes.iter().any(|code| self.client.contains(code)),
        }
    }

    fn client_says(&self, words: &str) -> bool {
        self.client.contains(words)
    }
}

/// What stands between the first `<name>` and its end.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, from) = text.split_once(&format!("<{name}>"))?;
    Some(from.split_once(&format!("</{name}>"))?.0)
}

/// The text up to the first tag, which begins a body in XML or HTML.
fn before_body(text: &str) -> String {
    let end = text.find(['<', '{']).unwrap_or(text.len());
    text.get(..end).unwrap_or_default().trim_end().to_owned()
}

fn unescape(text: &str) -> String {
    text.replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// One line of bounded length, without words that may be secrets.
fn short(text: &str) -> String {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "+/=_-.~%".contains(c);
    let mut shown = String::new();
    let mut word = String::new();
    let put = |word: &mut String, shown: &mut String| {
        if word.chars().count() < MAX_WORD_CHARS {
            shown.push_str(word);
        } else {
            shown.push('…');
        }
        word.clear();
    };
    for c in text.trim().chars() {
        if is_token(c) {
            word.push(c);
            continue;
        }
        put(&mut word, &mut shown);
        shown.push(if c.is_control() { ' ' } else { c });
    }
    put(&mut word, &mut shown);
    if shown.chars().count() > MAX_MESSAGE_CHARS {
        shown = shown.chars().take(MAX_MESSAGE_CHARS).collect();
        shown.push('…');
    }
    shown
}

/// What is at the bottom of a request that was not answered.
fn unanswered(error: &object_store::Error) -> Option<String> {
    let mut below: &(dyn StdError + 'static) = error;
    let mut is_http = false;
    while let Some(next) = below.source() {
        below = next;
        is_http |= below.is::<object_store::client::HttpError>();
    }
    // Above the bottom there are addresses.
    is_http.then(|| below.to_string())
}

/// Where a request went, without the path and what else may hold secrets.
fn server(text: &str) -> Option<&str> {
    let at = text.find("http://").or_else(|| text.find("https://"))?;
    let address = text.get(at..)?;
    let host = address.find("://")? + 3;
    let is_end = |c: char| c.is_whitespace() || "/?#,)".contains(c);
    let length = address.get(host..)?.find(is_end);
    let server = address.get(..length.map_or(address.len(), |length| host + length))?;
    // A name and a password may stand before the host.
    (!server.contains('@')).then_some(server)
}

pub(super) fn bad_path(path: &(impl std::fmt::Debug + ?Sized), why: impl Display) -> Error {
    Error::new(
        Kind::Invalid,
        Blame::Configuration,
        format!("{path:?} cannot hold a table: {why}"),
    )
}

pub(super) fn bad_table_name(name: &str) -> Error {
    Error::new(
        Kind::Invalid,
        Blame::Configuration,
        format!(
            "`{name}` is no name of a table: letters, digits, `-`, `_`, `.` and `=` are, in parts \
             joined by `/` that begin with a letter or digit"
        ),
    )
}

pub(super) fn is_missing_bucket(text: &str) -> bool {
    text.contains("NoSuchBucket")
}

fn classify(error: &object_store::Error, answer: &Answer) -> (Kind, Blame, String) {
    let is = |codes: &[&str]| answer.is(codes);
    let denied = |what: &str| (Kind::Denied, Blame::Configuration, what.to_owned());
    let unavailable = |what: &str| (Kind::Unavailable, Blame::Destination, what.to_owned());
    let other = |what: &str| (Kind::Other, Blame::Destination, what.to_owned());
    if is(&["NoSuchBucket"]) {
        return denied("there is no such bucket; create it, or correct `path`");
    }
    if is(&["InvalidAccessKeyId"]) {
        return denied("the server does not know this `access_key_id`");
    }
    if is(&["SignatureDoesNotMatch"]) {
        return denied("`secret_access_key` does not belong to `access_key_id`");
    }
    if is(&["ExpiredToken", "InvalidToken"]) {
        return denied("`session_token` is expired or wrong; get a new one");
    }
    if is(&["AuthorizationHeaderMalformed", "PermanentRedirect"]) {
        return denied("the bucket is in another region; set `region`");
    }
    if is(&["RequestTimeTooSkewed"]) {
        // Also after a sleep: what was signed before it is sent after. The next is signed anew.
        return unavailable("this machine's clock is off by too much for the server; set it right");
    }
    // S3 sends it with status 400, though nothing is wrong with the request.
    if is(&["RequestTimeout"]) {
        return unavailable("the connection was too slow for the server");
    }
    if is(&["InternalError"]) {
        return unavailable("the server failed");
    }
    let pause = [
        "SlowDown",
        "ServiceUnavailable",
        "TooManyRequests",
        "RequestLimitExceeded",
    ];
    if is(&pause) || answer.client_says("429 Too Many Requests") {
        let kind = Kind::Throttled { retry_after: None };
        let what = "the server asks for a pause";
        return (kind, Blame::Destination, what.to_owned());
    }
    match error {
        _ if matches!(error, object_store::Error::PermissionDenied { .. })
            || is(&["AccessDenied"]) =>
        {
            denied("access is denied; these credentials need to list, read, write and delete here")
        }
        object_store::Error::Unauthenticated { .. } => {
            denied("the server does not accept these credentials")
        }
        object_store::Error::NotFound { .. } => other("it is not there"),
        object_store::Error::NotImplemented { .. } => other("the storage cannot do this"),
        _ if answer.client_says("501 Not Implemented") => {
            other("the server cannot do this; conditional writes (`If-None-Match`) are needed")
        }
        _ if answer.client_says("400 Bad Request") => denied("the server refuses the request"),
        _ if answer.cause.is_some() => {
            unavailable("the server cannot be reached; check `endpoint` and the network")
        }
        _ => unavailable("the storage failed"),
    }
}

fn classify_io(kind: io::ErrorKind) -> (Kind, Blame, String) {
    let (kind, what) = match kind {
        io::ErrorKind::PermissionDenied => (
            Kind::Denied,
            "this process may not write here; give it the right to",
        ),
        io::ErrorKind::ReadOnlyFilesystem => (Kind::Denied, "the file system is read-only"),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            (Kind::Denied, "a file stands where a directory is needed")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (Kind::Unavailable, "the disk is full; free some space")
        }
        io::ErrorKind::NotFound => (Kind::Other, "it is not there"),
        io::ErrorKind::InvalidFilename => (Kind::Other, "the file system refuses this name"),
        io::ErrorKind::Unsupported => (
            Kind::Other,
            "the file system cannot create a file only if it is absent (hard links)",
        ),
        _ => (Kind::Unavailable, "the disk failed"),
    };
    (kind, Blame::Destination, what.to_owned())
}

fn io_kind(error: &object_store::Error) -> Option<io::ErrorKind> {
    let mut below: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = below {
        if error.to_string().contains("status code")
            || error.is::<object_store::client::HttpError>()
        {
            return None;
        }
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        below = error.source();
    }
    None
}

fn whole_text(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        text.push_str(": ");
        text.push_str(&error.to_string());
        below = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the client makes it of an answer.
    fn answered(status: &str, body: &str) -> object_store::Error {
        let text = format!(
            "Error performing PUT https://lake.s3.us-east-1.amazonaws.com/x in 1.5s - Server \
             returned non-2xx status code: {status}: {body}"
        );
        let (path, source) = ("x".to_owned(), text.into());
        match status {
            "403 Forbidden" => object_store::Error::PermissionDenied { path, source },
            "404 Not Found" => object_store::Error::NotFound { path, source },
            _ => object_store::Error::Generic {
                store: "S3",
                source,
            },
        }
    }

    fn xml(inside: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>{inside}\
             <RequestId>4442587FB7D0A2F9</RequestId><HostId>abc=</HostId></Error>"
        )
    }

    const SECRET: &str = "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQ";

    #[test]
    fn secrets_in_an_answer_stay_there() {
        let bodies = [
            (
                "400 Bad Request",
                format!(
                    "<Code>InvalidToken</Code><Message>The provided token is malformed or \
                     otherwise invalid.</Message><Token-0>{SECRET}</Token-0>"
                ),
                "`session_token` is expired or wrong; get a new one (InvalidToken: The provided \
                 token is malformed or otherwise invalid.)",
            ),
            (
                "400 Bad Request",
                format!(
                    "<Code>ExpiredToken</Code><Message>The provided token has expired.</Message>\
                     <Token-0>{SECRET}</Token-0>"
                ),
                "get a new one (ExpiredToken: The provided token has expired.)",
            ),
            (
                "403 Forbidden",
                format!(
                    "<Code>SignatureDoesNotMatch</Code><Message>The request signature we \
                     calculated does not match the signature you provided.</Message>\
                     <AWSAccessKeyId>AKIAIOSFODNN7EXAMPLE</AWSAccessKeyId>\
                     <StringToSign>AWS4-HMAC-SHA256\n{SECRET}</StringToSign>\
                     <SignatureProvided>{SECRET}</SignatureProvided>\
                     <CanonicalRequest>PUT\n/x\n\nx-amz-security-token:{SECRET}\n\
                     </CanonicalRequest>"
                ),
                "(SignatureDoesNotMatch: The request signature we calculated does not match the \
                 signature you provided.)",
            ),
            (
                "403 Forbidden",
                format!(
                    "<Code>AccessDenied</Code><Message>User: &quot;bob&quot; with {SECRET} \
                     is not authorized</Message>"
                ),
                "(AccessDenied: User: \"bob\" with … is not authorized)",
            ),
            (
                "400 Bad Request",
                format!("</Code>{SECRET}<Code>{SECRET}</Code>"),
                "the server refuses the request",
            ),
        ];
        for (status, body, said) in bodies {
            let error = storage_error("writing x", answered(status, &xml(&body)));
            let text = format!("{error}");
            assert!(text.contains(said), "{text}");
            assert_eq!(error.kind(), Kind::Denied, "{text}");
            for text in [text, format!("{error:?}")] {
                let hidden = [SECRET, "IQoJb3JpZ2lu", "AKIA", "Canonical", "amazonaws"];
                assert!(!hidden.iter().any(|part| text.contains(part)), "{text}");
            }
            let below = answered(status, &xml(&body));
            let shown = presentable(&below);
            assert!(shown.contains(status) && !shown.contains("IQoJ"), "{shown}");
        }
    }

    /// The client's own type of this cannot be made here.
    #[derive(Debug)]
    struct Performing(object_store::client::HttpError);

    impl Display for Performing {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            let query = format!("Action=AssumeRole&WebIdentityToken={SECRET}");
            write!(
                f,
                "Error performing POST http://127.0.0.1:9000/x?{query} in 2ms"
            )
        }
    }

    impl StdError for Performing {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn who_does_not_answer_is_named_without_the_request() {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "Connection refused");
        let kind = object_store::client::HttpErrorKind::Connect;
        let http = object_store::client::HttpError::new(kind, refused);
        let error = object_store::Error::Generic {
            store: "S3",
            source: Performing(http).into(),
        };
        let error = storage_error("reading x", error);
        assert_eq!(error.kind(), Kind::Unavailable);
        let said = "reading x: the server cannot be reached; check `endpoint` and the network \
                    (http://127.0.0.1:9000: Connection refused)";
        assert_eq!(error.to_string(), said);
        assert!(!format!("{error:?}").contains("IQoJ"));
    }

    #[test]
    fn the_server_is_named_without_what_follows() {
        let asked = |address: &str| format!("Error performing GET {address} in 1 ms, after 3");
        let plain = asked("http://127.0.0.1:9000/lake/x?token=secret");
        assert_eq!(server(&plain), Some("http://127.0.0.1:9000"));
        assert_eq!(server(&asked("https://[::1]")), Some("https://[::1]"));
        assert_eq!(server(&asked("http://me:pa+ss@host/x")), None);
        assert_eq!(server("no address"), None);
    }

    #[test]
    fn what_passes_is_tried_again() {
        let kind = |status, code: &str| {
            let body = xml(&format!("<Code>{code}</Code><Message>m</Message>"));
            storage_error("writing x", answered(status, &body)).kind()
        };
        let throttled = Kind::Throttled { retry_after: None };
        for (status, code, expected) in [
            ("400 Bad Request", "RequestTimeout", Kind::Unavailable),
            ("403 Forbidden", "RequestTimeTooSkewed", Kind::Unavailable),
            (
                "500 Internal Server Error",
                "InternalError",
                Kind::Unavailable,
            ),
            ("200 OK", "InternalError", Kind::Unavailable),
            ("503 Service Unavailable", "SlowDown", throttled),
            ("503 Service Unavailable", "ServiceUnavailable", throttled),
            ("400 Bad Request", "InvalidArgument", Kind::Denied),
            ("404 Not Found", "NoSuchBucket", Kind::Denied),
        ] {
            assert_eq!(kind(status, code), expected, "{code}");
        }
        // A word that only stands in a key, or in what a proxy says, decides nothing.
        let body = xml("<Code>InvalidArgument</Code><Message>SlowDown</Message><Key>connect</Key>");
        let error = storage_error("writing x", answered("400 Bad Request", &body));
        assert_eq!(error.kind(), Kind::Denied, "{error}");
    }
}
