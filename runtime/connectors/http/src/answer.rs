//! An answer, read no further than the connection allows, and without the connection's secrets.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use flate2::write::MultiGzDecoder;
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName, LOCATION};
use reqwest::{Response, StatusCode};

use crate::error::Trouble;
use crate::response::{self, Body};
use crate::retry::retry_after;
use crate::secrets::Secrets;

/// What a component does not get to see: it has no cookies and no credentials.
const HIDDEN: [&str; 4] = [
    "proxy-authenticate",
    "set-cookie",
    "set-cookie2",
    "www-authenticate",
];

/// What came back from one request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: Vec<(String, String)>,
    /// Without secrets.
    pub(crate) body: Vec<u8>,
    is_cut: bool,
    /// Where a redirection leads, as written.
    pub(crate) location: Option<String>,
    pub(crate) retry_after: Option<Duration>,
}

impl Answer {
    /// Reads so many bytes of the body at most; more is cut off, and the connection with it.
    ///
    /// # Errors
    /// It broke off, or is not compressed as it says.
    pub(crate) async fn read(
        response: Response,
        max_bytes: usize,
        secrets: &Secrets,
    ) -> Result<Self, Trouble> {
        let status = response.status();
        let headers = response.headers().clone();
        let is_compressed = is_gzip(&headers);
        // A secret that lies across the limit has to be seen whole, and of one at the very end only a part may be there.
        let longest = secrets.longest();
        let room = max_bytes.saturating_add(longest);
        let body = read_body(response, is_compressed, room, secrets).await?;
        let (is_cut, has_more) = (body.len() > max_bytes, body.len() > room);
        let mut body = secrets.hide(body);
        if has_more {
            body.truncate(body.len().saturating_sub(longest));
        }
        body.truncate(max_bytes);
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Ok(Self {
            status,
            location: text(LOCATION).map(str::to_owned),
            retry_after: retry_after(&headers, SystemTime::now()),
            headers: shown_headers(&headers, is_compressed, secrets),
            body,
            is_cut,
        })
    }
}

impl From<Answer> for response::Response {
    fn from(answer: Answer) -> Self {
        Self {
            status: answer.status.as_u16(),
            headers: answer.headers,
            body: Body(answer.body),
            is_cut: answer.is_cut,
        }
    }
}

/// Whether the body is gzip alone (RFC 9110, 8.4.1.3), which is what is asked for. What else a service sends unasked comes
/// out as it is, with its `content-encoding`.
fn is_gzip(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    let first = encodings.next().and_then(|value| value.to_str().ok());
    let is_alone = encodings.next().is_none();
    let is = |word: &str| first.is_some_and(|first| first.trim().eq_ignore_ascii_case(word));
    is_alone && (is("gzip") || is("x-gzip"))
}

async fn read_body(
    mut response: Response,
    is_compressed: bool,
    room: usize,
    secrets: &Secrets,
) -> Result<Vec<u8>, Trouble> {
    let mut plain = Limited::new(room);
    let mut decoder = is_compressed.then(|| MultiGzDecoder::new(Limited::new(room)));
    let mut is_empty = true;
    loop {
        let chunk = response.chunk().await;
        let chunk = chunk.map_err(|error| Trouble::unanswered(&error, secrets))?;
        let Some(chunk) = chunk else {
            break;
        };
        is_empty &= chunk.is_empty();
        let written = match &mut decoder {
            Some(decoder) => decoder
                .write_all(&chunk)
                .map_err(|error| (error, decoder.get_ref())),
            None => plain.write_all(&chunk).map_err(|error| (error, &plain)),
        };
        match written {
            Ok(()) => {}
            Err((_, full)) if full.is_over => return Ok(full.bytes.clone()),
            Err((error, _)) => return Err(malformed(&error)),
        }
    }
    match decoder {
        None => Ok(plain.bytes),
        // An answer to HEAD has the headers of a body, and none.
        Some(_) if is_empty => Ok(Vec::new()),
        Some(mut decoder) => match decoder.try_finish() {
            Ok(()) => Ok(std::mem::replace(decoder.get_mut(), Limited::new(0)).bytes),
            Err(_) if decoder.get_ref().is_over => Ok(decoder.get_ref().bytes.clone()),
            Err(error) => Err(malformed(&error)),
        },
    }
}

fn malformed(error: &io::Error) -> Trouble {
    Trouble::Away(format!("sent gzip that is none, or not all of it: {error}"))
}

/// Takes so many bytes, and then none.
#[derive(Debug)]
struct Limited {
    bytes: Vec<u8>,
    room: usize,
    is_over: bool,
}

impl Limited {
    fn new(room: usize) -> Self {
        Self {
            bytes: Vec::new(),
            room,
            is_over: false,
        }
    }
}

impl Write for Limited {
    /// One byte more than there is room for shows that there were more.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.room.saturating_add(1).saturating_sub(self.bytes.len());
        let taken = bytes.get(..left).unwrap_or(bytes);
        self.bytes.extend_from_slice(taken);
        if self.bytes.len() > self.room {
            self.is_over = true;
            return Err(io::Error::other("the body is longer"));
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn shown_headers(
    headers: &HeaderMap,
    is_decoded: bool,
    secrets: &Secrets,
) -> Vec<(String, String)> {
    let is_shown = |name: &HeaderName| {
        let is_of_body = *name == CONTENT_ENCODING || *name == CONTENT_LENGTH;
        !(HIDDEN.contains(&name.as_str()) || is_decoded && is_of_body)
    };
    headers
        .iter()
        .filter(|(name, value)| is_shown(name) && !secrets.is_in(value.as_bytes()))
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.as_str().to_owned(), value.into_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_cut_where_it_is_too_long() {
        let mut limited = Limited::new(3);
        assert_eq!(limited.write(b"ab").unwrap(), 2);
        assert_eq!(limited.write(b"c").unwrap(), 1);
        assert!(!limited.is_over);
        assert!(limited.write(b"def").is_err());
        assert!(limited.is_over);
        assert_eq!(limited.bytes, b"abcd");
    }

    #[test]
    fn gzip_alone_is_undone() {
        for (written, expected) in [
            (&["gzip"][..], true),
            (&["X-GZIP"], true),
            (&["br"], false),
            (&["gzip, br"], false),
            (&["gzip", "br"], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in written {
                headers.append(CONTENT_ENCODING, value.parse().unwrap());
            }
            assert_eq!(is_gzip(&headers), expected, "{written:?}");
        }
    }
}
