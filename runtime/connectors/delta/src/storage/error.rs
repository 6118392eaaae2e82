//! What a storage's refusal means, and what to do about it.

use std::fmt::Display;
use std::io;

use wasm_sink_core::{Blame, Error, Kind};

/// An error of the storage as ours. `doing` is what was being done, with the place.
pub(crate) fn storage_error(doing: &str, error: object_store::Error) -> Error {
    let text = whole_text(&error);
    let (kind, blame, what) = classify(&error, &text);
    Error::new(kind, blame, format!("{doing}: {what}")).with_source(error)
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

fn classify(error: &object_store::Error, text: &str) -> (Kind, Blame, String) {
    let has = |word: &str| text.contains(word);
    let denied = |what: &str| (Kind::Denied, Blame::Configuration, what.to_owned());
    if let Some(io) = io_kind(error) {
        return classify_io(io);
    }
    if is_missing_bucket(text) {
        return denied("there is no such bucket; create it, or correct `path`");
    }
    if has("InvalidAccessKeyId") {
        return denied("the server does not know this `access_key_id`");
    }
    if has("SignatureDoesNotMatch") {
        return denied("`secret_access_key` does not belong to `access_key_id`");
    }
    if has("ExpiredToken") || has("InvalidToken") {
        return denied("`session_token` is expired or wrong; get a new one");
    }
    if has("RequestTimeTooSkewed") {
        return denied("this machine's clock is off by too much for the server; set it right");
    }
    if has("AuthorizationHeaderMalformed") || has("PermanentRedirect") {
        return denied("the bucket is in another region; set `region`");
    }
    if has("SlowDown") || has("429 Too Many Requests") {
        let kind = Kind::Throttled { retry_after: None };
        return (
            kind,
            Blame::Destination,
            "the server asks for a pause".to_owned(),
        );
    }
    match error {
        object_store::Error::PermissionDenied { .. } => {
            denied("access is denied; these credentials need to list, read, write and delete here")
        }
        object_store::Error::Unauthenticated { .. } => {
            denied("the server does not accept these credentials")
        }
        object_store::Error::NotFound { .. } => (
            Kind::Other,
            Blame::Destination,
            "it is not there".to_owned(),
        ),
        object_store::Error::NotImplemented { .. } => (
            Kind::Other,
            Blame::Destination,
            "the storage cannot do this".to_owned(),
        ),
        _ if has("501 Not Implemented") => (
            Kind::Other,
            Blame::Destination,
            "the server cannot do this; conditional writes (`If-None-Match`) are needed".to_owned(),
        ),
        _ if has("400 Bad Request") => denied("the server refuses the request"),
        _ if has("error sending request") || has("onnect") => (
            Kind::Unavailable,
            Blame::Destination,
            "the server cannot be reached; check `endpoint` and the network".to_owned(),
        ),
        _ => (
            Kind::Unavailable,
            Blame::Destination,
            "the storage failed".to_owned(),
        ),
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

fn whole_text(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut below = std::error::Error::source(error);
    while let Some(error) = below {
        text.push_str(": ");
        text.push_str(&error.to_string());
        below = error.source();
    }
    text
}
