//! Sends OTLP by HTTP, as protobuf.

use std::fmt;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{StatusCode, Url, redirect};
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::attributes::cut;
use super::resource;
use crate::config;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_secs(5);
/// Of what a collector answers, so much is read.
const ANSWER_BYTES: usize = 64 << 10;

/// A collector.
pub(super) struct Client {
    http: reqwest::Client,
    traces: Url,
    metrics: Url,
    resource: Resource,
}

/// Why something was not taken.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It may be taken later.
    Away(String),
    /// It never will be.
    Refused(String),
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.traces)
    }
}

impl Client {
    pub(super) fn new(settings: &config::Telemetry, pipeline: &str) -> Result<Self> {
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-protobuf"),
        );
        for header in &settings.headers {
            let name = HeaderName::from_bytes(header.name.as_bytes());
            let value = HeaderValue::from_str(header.value.expose());
            let (Ok(name), Ok(mut value)) = (name, value) else {
                let message = format!("[telemetry] the header `{}` cannot be sent", header.name);
                return Err(Error::new(Kind::Invalid, Blame::Configuration, message));
            };
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // Where else a secret would go is not for a collector to say.
            .redirect(redirect::Policy::none())
            .default_headers(headers)
            .user_agent(concat!("wasm-sink/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                let message = "a client for [telemetry] could not be made";
                Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error)
            })?;
        Ok(Self {
            http,
            traces: below(&settings.otlp, "v1/traces"),
            metrics: below(&settings.otlp, "v1/metrics"),
            resource: resource::of(pipeline),
        })
    }

    /// How many spans it did not want.
    pub(super) async fn spans(&self, spans: Vec<Span>) -> Result<u64, Refusal> {
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(self.resource.clone()),
                scope_spans: vec![ScopeSpans {
                    scope: Some(resource::scope()),
                    spans,
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            }],
        };
        let answer = self.post(&self.traces, request.encode_to_vec()).await?;
        // An answer that is no protobuf came with a status that says enough.
        let answer = ExportTraceServiceResponse::decode(&answer[..]).unwrap_or_default();
        let rejected = answer.partial_success.map(|part| part.rejected_spans);
        Ok(u64::try_from(rejected.unwrap_or(0)).unwrap_or(0))
    }

    pub(super) async fn metrics(&self, metrics: Vec<Metric>) -> Result<(), Refusal> {
        let request = ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(self.resource.clone()),
                scope_metrics: vec![ScopeMetrics {
                    scope: Some(resource::scope()),
                    metrics,
                    ..ScopeMetrics::default()
                }],
                ..ResourceMetrics::default()
            }],
        };
        let request = request.encode_to_vec();
        self.post(&self.metrics, request).await.map(|_| ())
    }

    /// The body of an answer that says yes.
    async fn post(&self, url: &Url, body: Vec<u8>) -> Result<Vec<u8>, Refusal> {
        let away = |error: reqwest::Error| Refusal::Away(reason(&error));
        let request = self.http.post(url.clone()).body(body);
        let mut answer = request.send().await.map_err(away)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(away)? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_BYTES {
                break;
            }
        }
        let status = answer.status();
        if status.is_success() {
            return Ok(body);
        }
        let said = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "look at `headers`",
            StatusCode::NOT_FOUND => "no collector takes OTLP by HTTP there",
            _ => "",
        };
        let message = format!("{url} answers {status} {said}");
        let message = cut(message.trim_end());
        Err(match status {
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Refusal::Away(message),
            _ => Refusal::Refused(message),
        })
    }
}

/// The path of a signal below that of the collector.
fn below(collector: &Url, signal: &str) -> Url {
    let mut url = collector.clone();
    let path = format!("{}/{signal}", collector.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

/// An error with what is below it: what says why stands at the bottom.
fn reason(error: &reqwest::Error) -> String {
    let mut message = error.to_string();
    let mut below = std::error::Error::source(error);
    while let Some(error) = below {
        message = format!("{message}: {error}");
        below = error.source();
    }
    cut(&message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_paths_below_that_of_the_collector() {
        for (collector, traces) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("https://host/otlp/", "https://host/otlp/v1/traces"),
            ("https://host/otlp", "https://host/otlp/v1/traces"),
        ] {
            let collector = Url::parse(collector).unwrap();
            assert_eq!(below(&collector, "v1/traces").as_str(), traces);
        }
    }
}
