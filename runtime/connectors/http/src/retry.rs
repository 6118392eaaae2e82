//! When a request is sent again.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// Between two tries where the service does not say how long: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// More than this a service does not mean.
const LONGEST_ASKED: Duration = Duration::from_secs(24 * 3_600);

/// Whether the same request may be answered otherwise later (RFC 9110, 15.5.9, 15.6; RFC 8470, 5.2; RFC 6585, 4). What is
/// not implemented stays so: 501, and 505 for the version of HTTP.
pub(crate) fn is_transient(status: StatusCode) -> bool {
    match status.as_u16() {
        408 | 425 | 429 => true,
        501 | 505 => false,
        status => (500..600).contains(&status),
    }
}

/// How long the service asks to wait: seconds, or a date (RFC 9110, 10.2.3). One that is over is now.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let asked = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?;
            date.duration_since(now).unwrap_or_default()
        }
    };
    Some(asked.min(LONGEST_ASKED))
}

/// Pauses that double.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    pub(crate) fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    /// The next pause: half of it at least, so that those who failed together do not come back together. `asked`: what the
    /// service asks for, which counts, as long as it does not ask to be asked at once, for ever.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST_PAUSE);
        match asked {
            Some(asked) => asked.max(FIRST_PAUSE),
            None => pause.mul_f64(0.5 + fastrand::f64() / 2.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_time_heals_is_tried_again() {
        for (status, expected) in [
            (200, false),
            (302, false),
            (400, false),
            (401, false),
            (408, true),
            (409, false),
            (413, false),
            (425, true),
            (429, true),
            (500, true),
            (501, false),
            (502, true),
            (503, true),
            (504, true),
            (505, false),
            (507, true),
            (599, true),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(is_transient(status), expected, "{status}");
        }
    }

    #[test]
    fn services_say_when() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let after = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers, now).map(|wait| wait.as_secs())
        };
        assert_eq!(after("120"), Some(120));
        assert_eq!(after(" 0 "), Some(0));
        assert_eq!(after("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(after("Sunday, 06-Nov-94 08:50:37 GMT"), Some(60));
        assert_eq!(after("Sun, 06 Nov 1994 08:48:37 GMT"), Some(0));
        assert_eq!(after("Fri, 31 Dec 9999 23:59:59 GMT"), Some(86_400));
        assert_eq!(after("18446744073709551615"), Some(86_400));
        assert_eq!(after("soon"), None);
        assert_eq!(after("-1"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn pauses_grow_up_to_a_length() {
        let mut backoff = Backoff::new();
        for most in [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000] {
            let most = Duration::from_millis(most);
            let pause = backoff.next(None);
            assert!(pause >= most / 2 && pause <= most, "{pause:?} {most:?}");
        }
        let asked = |seconds| Backoff::new().next(Some(Duration::from_secs(seconds)));
        assert_eq!(asked(7), Duration::from_secs(7));
        assert_eq!(asked(0), FIRST_PAUSE);
    }
}
