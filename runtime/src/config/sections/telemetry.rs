//! `[telemetry]`.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use wasm_sink_core::secret::Secret;
use wasm_sink_core::settings::{Entry, Problem, Reader, Span, Table, Value, code};

use crate::config::codes::Code;
use crate::config::{Header, Share, Telemetry};

const EXAMPLE: &str = "otlp = \"http://localhost:4318\"";
/// Where collectors listen for OTLP by gRPC.
const GRPC_PORT: u16 = 4317;
const INTERVAL: Duration = Duration::from_secs(15);
/// More often than this, nobody looks.
const LEAST_INTERVAL_MS: u64 = 100;

/// None where mistakes were reported.
pub(super) fn read(table: &Table, problems: &mut Vec<Problem>) -> Option<Telemetry> {
    let mut reader = table.reader(problems);
    let help = format!("where a collector takes OTLP by HTTP: {EXAMPLE}");
    let otlp = reader
        .required_string("otlp", &help)
        .and_then(|(text, span)| url(text, &span, &mut reader));
    let interval = reader.milliseconds("interval_ms", LEAST_INTERVAL_MS);
    let sample = share(&mut reader);
    let entries = reader.table("headers").map(|table| &table.entries[..]);
    let headers = entries.unwrap_or_default().iter();
    let headers: Vec<_> = headers.map(|entry| header(entry, &mut reader)).collect();
    reader.finish();
    Some(Telemetry {
        otlp: otlp?,
        headers: headers.into_iter().collect::<Option<_>>()?,
        interval: interval.unwrap_or(INTERVAL),
        sample: sample?,
    })
}

/// A mistake does not show the text: it may hold a password.
fn url(text: &str, span: &Span, reader: &mut Reader<'_>) -> Option<Url> {
    let url = Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(url) = url else {
        reader.bad_value(span, "`otlp` is no URL of a collector", EXAMPLE);
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        let help = "headers = { authorization = \"${OTLP_AUTHORIZATION}\" } says who it is";
        reader.bad_value(span, "`otlp` names a user", help);
        return None;
    }
    if url.query().is_some() || url.fragment().is_some() {
        let help = "paths of signals are put behind it: write no more than host, port and path";
        reader.bad_value(span, "`otlp` does not end with a path", help);
        return None;
    }
    if url.port() == Some(GRPC_PORT) {
        reader.problem(Problem {
            code: Code::GrpcPort.as_str(),
            message: format!("collectors take gRPC at port {GRPC_PORT}"),
            span: span.clone(),
            help: Some("telemetry is sent by HTTP, which they take at port 4318".to_owned()),
        });
    }
    Some(url)
}

/// All, unless it says otherwise.
fn share(reader: &mut Reader<'_>) -> Option<Share> {
    let Some(entry) = reader.take("sample") else {
        return Some(Share::ALL);
    };
    let number = match &entry.node.value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::String {
            text,
            from_environment: true,
        } => text.trim().parse().ok(),
        _ => None,
    };
    let share = number.and_then(Share::new);
    if share.is_none() {
        let help = "1.0 traces each epoch, 0.01 one of a hundred, 0 none";
        reader.bad_value(
            &entry.node.span,
            "`sample` takes a number from 0 to 1",
            help,
        );
    }
    share
}

fn header(entry: &Entry, reader: &mut Reader<'_>) -> Option<Header> {
    let span = &entry.node.span;
    let name = HeaderName::from_bytes(entry.key.as_bytes()).ok();
    if name.is_none() {
        let message = format!("a header cannot be called \"{}\"", entry.key);
        reader.bad_value(&entry.key_span, message, "letters, digits and `-`");
    }
    let value = match &entry.node.value {
        Value::String {
            text,
            from_environment: true,
        } => Some(text),
        _ => {
            let variable = entry.key.to_uppercase().replace('-', "_");
            reader.problem(Problem {
                code: code::SECRET_IN_FILE,
                message: format!("the value of `{}` must not stand in the file", entry.key),
                span: span.clone(),
                help: Some(format!(
                    "put it into the environment and write {} = \"${{{variable}}}\"",
                    entry.key
                )),
            });
            None
        }
    }?;
    if HeaderValue::from_str(value).is_err() {
        let message = format!(
            "the environment gives no value of a header for `{}`",
            entry.key
        );
        reader.bad_value(span, message, "one line of ASCII text");
        return None;
    }
    Some(Header {
        name: name?.as_str().to_owned(),
        value: Secret::new(value),
    })
}
