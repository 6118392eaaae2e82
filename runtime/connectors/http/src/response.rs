//! A service's answer, as the component and recordings get it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use wasm_sink_core::guest::service::Reply;

use crate::bindings::wasm_sink::http::http;

/// An answer. By default that of a service to which nothing was sent: 200, and empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case, and values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Body::is_empty")]
    pub(crate) body: Body,
    /// Whether the body was longer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_cut: bool,
}

impl Default for Response {
    fn default() -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: Body::default(),
            is_cut: false,
        }
    }
}

impl Reply for Response {
    fn refusal(&self) -> Option<u16> {
        (!(200..300).contains(&self.status)).then_some(self.status)
    }
}

impl From<Response> for http::Response {
    fn from(response: Response) -> Self {
        let headers = response.headers.into_iter();
        Self {
            status: response.status,
            headers: headers
                .map(|(name, value)| http::Header { name, value })
                .collect(),
            body: response.body.0,
            is_cut: response.is_cut,
        }
    }
}

/// Bytes that are often text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub(crate) struct Body(pub(crate) Vec<u8>);

impl Body {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

/// A body in a recording.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Written {
    Text(String),
    Base64(String),
}

impl From<Body> for Written {
    fn from(body: Body) -> Self {
        match String::from_utf8(body.0) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Base64(STANDARD.encode(error.as_bytes())),
        }
    }
}

impl From<Written> for Body {
    fn from(written: Written) -> Self {
        Self(match written {
            Written::Text(text) => text.into_bytes(),
            // A recording that was changed by hand.
            Written::Base64(text) => STANDARD.decode(text).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn recordings_keep_an_answer_as_it_is() {
        let response = |body: &[u8]| Response {
            status: 404,
            headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
            body: body.into(),
            is_cut: true,
        };
        for response in [
            response(b"nothing"),
            response(b"\xff\x00"),
            Response::default(),
        ] {
            let written = serde_json::to_value(&response).unwrap();
            let read: Response = serde_json::from_value(written).unwrap();
            assert_eq!(read, response);
        }
        let text = serde_json::to_value(response(b"nothing")).unwrap();
        assert_eq!(text["body"], json!({ "text": "nothing" }));
        let short = serde_json::to_value(Response::default()).unwrap();
        assert_eq!(short, json!({ "status": 200 }));
    }

    #[test]
    fn success_delivers() {
        for (status, refusal) in [(200, None), (299, None), (302, Some(302)), (400, Some(400))] {
            let response = Response {
                status,
                ..Response::default()
            };
            assert_eq!(response.refusal(), refusal);
        }
    }
}
