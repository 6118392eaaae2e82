//! Requests to a web service: the capability behind the feature `http`.
//!
//! ```no_run
//! # use wasm_sink_sdk::{Batch, Result};
//! use wasm_sink_sdk::http::{Request, Service};
//!
//! # fn lines(rows: &Batch) -> Result<String> { Ok(String::new()) }
//! # fn write(rows: &Batch) -> Result<()> {
//! let service = Service::open("default")?;
//! service.send_rows(rows, |rows| {
//!     Ok(Request::post("events", "application/x-ndjson", lines(rows)?))
//! })
//! # }
//! ```
//!
//! Address, credentials and patience are the connection's; the host sends again where the service was away, throttles or
//! failed. With 2xx rows are delivered. With any other status they are not, and an epoch that leaves it at that fails.

mod bindings {
    #![allow(
        missing_docs,
        unused_qualifications,
        clippy::undocumented_unsafe_blocks,
        reason = "generated"
    )]

    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package wasm-sink:sdk-http;
            world capability { import wasm-sink:http/http@0.1.0; }
        ",
        generate_all,
        with: { "wasm-sink:sink/types@0.1.0": crate::bindings::wasm_sink::sink::types },
    });
}

pub use bindings::wasm_sink::http::http::{Header, Method, Request, Response, Service};

use crate::{Batch, Error, Result, reject};

/// Characters of an answer that a reason shows.
const SAID_CHARS: usize = 200;

impl Request {
    /// A request without headers and body. `path` as in "events?source=orders", below the connection's address.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A request with a body.
    pub fn post(path: impl Into<String>, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(Method::Post, path).body(content_type, body)
    }

    /// The same with another header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(Header {
            name: name.into(),
            value: value.into(),
        });
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            ..self.header("Content-Type", content_type)
        }
    }
}

impl Response {
    /// Whether the rows that were sent are delivered: 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let header = headers.find(|header| header.name.eq_ignore_ascii_case(name));
        header.map(|header| header.value.as_str())
    }

    /// The body as text.
    ///
    /// # Errors
    /// It is none.
    pub fn text(&self) -> Result<&str> {
        Ok(std::str::from_utf8(&self.body)?)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is none, or has another form.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// The answer, if it is 2xx.
    ///
    /// # Errors
    /// `rejected` for any other: the host takes it that rows are to blame, and looks for them.
    pub fn success(self) -> Result<Self> {
        match self.is_success() {
            true => Ok(self),
            false => Err(Error::rejected(self.summary())),
        }
    }

    /// Status and the beginning of the body, in a line: "the service answered 422: no such customer".
    pub fn summary(&self) -> String {
        // So many characters have at most four times as many bytes.
        let body = self.body.get(..SAID_CHARS * 4).unwrap_or(&self.body);
        let body = String::from_utf8_lossy(body);
        let words: Vec<_> = body
            .split(|c: char| c.is_control() || c.is_whitespace())
            .filter(|word| !word.is_empty())
            .collect();
        let said: String = words.join(" ").chars().take(SAID_CHARS).collect();
        match said.as_str() {
            "" => format!("the service answered {}", self.status),
            said => format!("the service answered {}: {said}", self.status),
        }
    }
}

impl Service {
    /// Sends a request that carries these rows, once. Whether they are delivered says the answer.
    ///
    /// # Errors
    /// There is no answer, or nobody may ask for this.
    pub fn post(
        &self,
        rows: &Batch,
        path: impl Into<String>,
        content_type: &str,
        body: impl Into<Vec<u8>>,
    ) -> Result<Response> {
        self.send(rows, &Request::post(path, content_type, body))
    }

    /// Asks for something, without rows.
    ///
    /// # Errors
    /// There is no answer, or nobody may ask for this.
    pub fn get(&self, path: impl Into<String>) -> Result<Response> {
        self.ask(&Request::new(Method::Get, path))
    }

    /// Sends rows in requests as `request` makes them, until each row is delivered or a dead letter. Where the service
    /// answers 413, and where it answers 400 or 422 to more than one row, each half is sent by itself; a row that is refused
    /// alone is rejected, with status and the beginning of the body as reason. Without rows nothing is sent.
    ///
    /// Every row that is refused takes a request for each halving: where the requests themselves are wrong, that is two per
    /// row, until the epoch has more dead letters than it takes.
    ///
    /// # Errors
    /// Those of `request`. `rejected` for any other status than 2xx. There is no answer.
    pub fn send_rows(
        &self,
        rows: &Batch,
        mut request: impl FnMut(&Batch) -> Result<Request>,
    ) -> Result<()> {
        self.send_part(rows, &mut request)
    }

    fn send_part(
        &self,
        rows: &Batch,
        request: &mut dyn FnMut(&Batch) -> Result<Request>,
    ) -> Result<()> {
        let count = rows.row_count();
        if count == 0 {
            return Ok(());
        }
        let response = self.send(rows, &request(rows)?)?;
        match (response.status, count) {
            (200..=299, _) => Ok(()),
            (400 | 413 | 422, 1) => reject(rows, &response.summary()),
            (400 | 413 | 422, _) => {
                let half = count / 2;
                self.send_part(&rows.slice(0, half)?, request)?;
                self.send_part(&rows.slice(half, count - half)?, request)
            }
            _ => response.success().map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response {
            status,
            headers: vec![Header {
                name: "etag".to_owned(),
                value: "5".to_owned(),
            }],
            body: body.as_bytes().to_vec(),
            is_cut: false,
        }
    }

    #[test]
    fn requests_are_put_together() {
        let request = Request::post("events", "text/csv", "a,b").header("X-A", "1");
        let headers: Vec<_> = request
            .headers
            .iter()
            .map(|h| (&*h.name, &*h.value))
            .collect();
        assert_eq!(headers, [("Content-Type", "text/csv"), ("X-A", "1")]);
        assert_eq!(
            (request.path.as_str(), &*request.body),
            ("events", &b"a,b"[..])
        );
    }

    #[test]
    fn answers_are_read() {
        let found = response(200, "[1, 2]");
        assert!(found.is_success());
        assert_eq!(found.header("ETag"), Some("5"));
        assert_eq!(found.text().unwrap(), "[1, 2]");
        assert_eq!(found.json::<Vec<u8>>().unwrap(), [1, 2]);
        assert!(found.json::<String>().is_err());
        let refused = response(422, " no such\r\n customer ");
        assert_eq!(
            refused.summary(),
            "the service answered 422: no such customer"
        );
        assert_eq!(response(404, "").summary(), "the service answered 404");
        let long = response(400, &"ü".repeat(900)).summary();
        assert_eq!(
            long.chars().count(),
            "the service answered 400: ".len() + 200
        );
        let error = refused.success().unwrap_err();
        assert_eq!(error.kind, crate::ErrorKind::Rejected);
        assert!(error.message.contains("422: no such customer"));
    }
}
