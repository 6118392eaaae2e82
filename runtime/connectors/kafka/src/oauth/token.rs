//! A token, and what can be known of it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use wasm_sink_core::secret::Secret;

/// librdkafka looks once a second whether a token is due, and a new one takes its time.
const AHEAD: Duration = Duration::from_millis(1_500);

/// The longest name that is taken from a token.
const MAX_PRINCIPAL_CHARS: usize = 200;

/// What lets a client in for a while.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) value: Secret,
    /// Who we are to the brokers, for librdkafka's messages.
    pub(crate) principal: String,
    lifetime: Duration,
    /// Its lifetime counts from here.
    since: Instant,
}

impl Token {
    /// That of a token server's answer to what was asked then.
    ///
    /// # Errors
    /// What the answer lacks. The text holds nothing of it.
    pub(super) fn of(
        answer: &Value,
        client_id: &str,
        since: Instant,
        since_time: SystemTime,
    ) -> Result<Self, &'static str> {
        let value = answer.get("access_token").and_then(Value::as_str);
        let value = value.filter(|value| !value.is_empty());
        let value = value.ok_or("it has no access_token")?;
        // What else stood in it librdkafka would refuse in a message that holds the whole token.
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("its access_token has characters that no token has");
        }
        let claims = claims(value);
        let said = answer.get("expires_in").and_then(seconds);
        let expires = claims.as_ref().and_then(|claims| claims.get("exp"));
        let expires = expires.and_then(seconds).map(|expires| {
            let now = since_time.duration_since(UNIX_EPOCH).unwrap_or_default();
            expires.saturating_sub(now)
        });
        let lifetime = match (said, expires) {
            // By this machine's clock it is over already: the clock is wrong then.
            (Some(said), Some(Duration::ZERO)) => said,
            (Some(said), Some(expires)) => said.min(expires),
            (said, expires) => said
                .or(expires)
                .ok_or("it does not say how long its token lasts (expires_in)")?,
        };
        if lifetime.is_zero() {
            return Err("its token is over already: look at the clocks");
        }
        let subject = claims.as_ref().and_then(|claims| claims.get("sub"));
        let subject = subject.and_then(Value::as_str).filter(|subject| {
            !subject.is_empty()
                && subject.chars().count() <= MAX_PRINCIPAL_CHARS
                && !subject.contains(char::is_control)
        });
        Ok(Self {
            principal: subject.unwrap_or(client_id).to_owned(),
            value: Secret::new(value),
            lifetime,
            since,
        })
    }

    /// How long it still lasts.
    pub(crate) fn left(&self) -> Duration {
        self.lifetime.saturating_sub(self.since.elapsed())
    }

    /// Whether it is worth giving to one more client.
    pub(super) fn is_fresh(&self) -> bool {
        self.left() * 2 > self.lifetime
    }

    /// What librdkafka is told. It asks for another token when four fifths of this are over, and logs in anew when
    /// nine tenths of what the broker counts are: the first has to come before the second.
    pub(crate) fn told(&self) -> Duration {
        let left = self.left();
        left.saturating_sub(AHEAD).max(left / 2)
    }
}

/// What a token says, if it is a JWT. Whether that is true is for the brokers to check.
fn claims(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('='));
    serde_json::from_slice(&claims.ok()?).ok()
}

/// A number of seconds; some servers write it as text.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::String(text) => text.parse().ok()?,
        value => value.as_f64()?,
    };
    // A negative one is over as well.
    Duration::try_from_secs_f64(seconds.max(0.0)).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn jwt(claims: &Value) -> String {
        let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
        format!("e30.{claims}.c2ln")
    }

    /// Asked for a thousand seconds after 1970, just now.
    fn of(answer: &Value) -> Result<Token, &'static str> {
        let then = UNIX_EPOCH + Duration::from_secs(1_000);
        Token::of(answer, "the-client", Instant::now(), then)
    }

    fn lifetime(answer: &Value) -> u64 {
        of(answer).unwrap().lifetime.as_secs()
    }

    #[test]
    fn a_token_is_named_after_its_subject() {
        let token = jwt(&json!({ "sub": "service-sink", "exp": 1_300 }));
        let token = of(&json!({ "access_token": token })).unwrap();
        assert_eq!(token.principal, "service-sink");
        for opaque in [
            "opaque".to_owned(),
            "a.b.c".to_owned(),
            "a.b".to_owned(),
            jwt(&json!([1])),
            jwt(&json!({ "sub": 7 })),
            jwt(&json!({ "sub": "" })),
            jwt(&json!({ "sub": "two\nlines" })),
            jwt(&json!({ "sub": "x".repeat(201) })),
            format!("{}.more", jwt(&json!({ "sub": "other" }))),
        ] {
            let token = of(&json!({ "access_token": opaque, "expires_in": 60 })).unwrap();
            assert_eq!(token.principal, "the-client", "{opaque}");
            assert!(!format!("{token:?}").contains(&opaque), "{token:?}");
        }
    }

    #[test]
    fn it_lasts_as_long_as_the_sooner_end_says() {
        let until = |exp: Value| jwt(&json!({ "exp": exp }));
        for (token, expires_in, seconds) in [
            ("opaque".to_owned(), json!(60), 60),
            ("opaque".to_owned(), json!("60"), 60),
            (until(json!(1_300)), Value::Null, 300),
            (until(json!(1_300.5)), Value::Null, 300),
            (until(json!(1_300)), json!(60), 60),
            (until(json!(1_300)), json!(600), 300),
            // Our clock is ahead.
            (until(json!(900)), json!(60), 60),
        ] {
            let answer = json!({ "access_token": token, "expires_in": expires_in });
            assert_eq!(lifetime(&answer), seconds, "{answer}");
        }
    }

    #[test]
    fn an_answer_without_a_token_is_none() {
        let over = jwt(&json!({ "exp": 900 }));
        for (answer, why) in [
            (json!({}), "no access_token"),
            (
                json!({ "access_token": "", "expires_in": 60 }),
                "no access_token",
            ),
            (
                json!({ "access_token": 7, "expires_in": 60 }),
                "no access_token",
            ),
            (
                json!({ "access_token": "to\0ken", "expires_in": 60 }),
                "characters",
            ),
            (
                json!({ "access_token": "tökèn", "expires_in": 60 }),
                "characters",
            ),
            (json!({ "access_token": "opaque" }), "how long"),
            (json!({ "access_token": over }), "over already"),
            (
                json!({ "access_token": "opaque", "expires_in": -1 }),
                "over already",
            ),
        ] {
            let said = of(&answer).unwrap_err();
            assert!(said.contains(why), "{answer}: {said}");
        }
    }

    #[test]
    fn a_new_one_is_asked_for_before_it_is_needed() {
        for seconds in [3, 4, 30, 3_600] {
            let token = of(&json!({ "access_token": "t", "expires_in": seconds })).unwrap();
            let due = token.told().mul_f64(0.8) + Duration::from_secs(1);
            let needed = token.left().mul_f64(0.9);
            assert!(due <= needed, "{seconds}: {due:?} {needed:?}");
            assert!(token.is_fresh());
        }
        let mut old = of(&json!({ "access_token": "t", "expires_in": 60 })).unwrap();
        old.since = Instant::now().checked_sub(Duration::from_secs(31)).unwrap();
        assert!(!old.is_fresh() && !old.left().is_zero());
    }
}
