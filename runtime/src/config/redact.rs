//! Finds what may be a secret in the text of a configuration, so that no diagnostic shows it. Works
//! on any text, also where it is no TOML: a mistake is most likely where somebody is still typing.

use wasm_sink_core::settings::Span;

/// What the name of a secret has in it.
const SECRET_WORDS: &[&str] = &[
    "account_key",
    "api_key",
    "apikey",
    "authorization",
    "connection_string",
    "credential",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "secret",
    "token",
];

/// Whether a name sounds like that of a secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    SECRET_WORDS.iter().any(|word| name.contains(word))
        || (name.contains("access_key") && !name.ends_with("_id"))
}

/// Places of possible secrets: values of keys that sound like it, also in comments and inside of
/// strings ("host=x password=y"), and passwords in URLs. In order, without overlaps.
pub fn secrets(text: &str) -> Vec<Span> {
    let mut found: Vec<Span> = Vec::new();
    for (at, sign) in text.match_indices(['=', ':']) {
        if found.last().is_some_and(|last| at < last.end) {
            continue;
        }
        let secret = if sign == ":" && text[at..].starts_with("://") {
            url_password(text, at + "://".len())
        } else if is_secret_name(name_before(text, at)) {
            value_after(text, at + 1)
        } else {
            None
        };
        found.extend(secret);
    }
    found
}

/// The value of the key that ends at `key_end`, whatever the key is called.
pub fn value_of_key(text: &str, key_end: usize) -> Option<Span> {
    let line = text.get(key_end..)?.lines().next()?;
    value_after(text, key_end + line.find('=')? + 1)
}

/// The name that stands before `at`, without quotes and spaces.
fn name_before(text: &str, at: usize) -> &str {
    let before = text[..at].trim_end_matches([' ', '\t', '"', '\'', '\\']);
    let start = before
        .rfind(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.'))
        .map_or(0, |other| {
            other + before[other..].chars().next().map_or(0, char::len_utf8)
        });
    &before[start..]
}

/// The value that begins at `from`; None where it is nothing but a variable.
fn value_after(text: &str, from: usize) -> Option<Span> {
    let rest = text.get(from..)?;
    let start = from + (rest.len() - rest.trim_start_matches([' ', '\t', '\\']).len());
    let value = &text[start..];
    let span = if let Some(quote) = ["\"\"\"", "'''"].iter().find(|q| value.starts_with(**q)) {
        until(text, start + 3, |rest| rest.find(quote))
    } else if let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        until(text, start + 1, |rest| closing_quote(rest, quote))
    } else if let Some(close) = match value.chars().next() {
        Some('[') => Some(']'),
        Some('{') => Some('}'),
        _ => None,
    } {
        until(text, start + 1, |rest| rest.find(close))
    } else {
        until(text, start, |rest| {
            rest.find(|c: char| c.is_whitespace() || ",;&}]\"'#".contains(c))
        })
    };
    let secret = text.get(span.clone())?;
    let is_variable = secret.starts_with("${") && secret.find('}') == Some(secret.len() - 1);
    (!secret.trim().is_empty() && !is_variable).then_some(span)
}

fn until(text: &str, start: usize, end: impl Fn(&str) -> Option<usize>) -> Span {
    let rest = text.get(start..).unwrap_or_default();
    start..start + end(rest).unwrap_or(rest.len())
}

/// Where a string ends: at its quote, or with the line if that is missing.
fn closing_quote(rest: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            '\n' => return Some(at),
            '\\' if quote == '"' && !is_escaped => is_escaped = true,
            c if c == quote && !is_escaped => return Some(at),
            _ => is_escaped = false,
        }
    }
    None
}

/// The password in `user:password@host`, which begins at `from`.
fn url_password(text: &str, from: usize) -> Option<Span> {
    let rest = text.get(from..)?;
    let authority = &rest[..rest
        .find(|c: char| c.is_whitespace() || "/?#\"'".contains(c))
        .unwrap_or(rest.len())];
    let user_info = &authority[..authority.rfind('@')?];
    let colon = user_info.find(':')?;
    let span = from + colon + 1..from + user_info.len();
    let is_variable = text[span.clone()].starts_with("${");
    (!span.is_empty() && !is_variable).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_wherever_they_stand() {
        for text in [
            "secret_access_key = \"HUNTER2\"",
            "secret_access_key = 'HUNTER2'",
            "secret_access_key = \"HUNTER2",
            "secret_access_key = HUNTER2",
            "secret_access_key=HUNTER2 # comment",
            "\"aws.secret\" = \"HUNTER2\"",
            "a = { password = \"HUNTER2\", b = 1 }",
            "tokens = [\n  \"HUNTER2\",\n]",
            "# password = \"HUNTER2\"",
            "connection = \"host=x password=HUNTER2 user=y\"",
            "json = '{\"api_key\": \"HUNTER2\"}'",
            "json = \"{\\\"api_key\\\": \\\"HUNTER2\\\"}\"",
            "url = \"postgres://ada:HUNTER2@db/x\"",
            "url = \"postgres://ada:p@HUNTER2@db/x\"",
            "password = \"\"\"\nHUNTER2\n\"\"\"",
            "password = \"a\\\"HUNTER2\"",
            "API-KEY = \"HUNTER2\"",
            "storage_access_key = \"HUNTER2\"",
        ] {
            let mut shown = text.to_owned();
            for secret in secrets(text).into_iter().rev() {
                shown.replace_range(secret, "***");
            }
            assert!(
                !shown.contains("HUNTER2") && shown.contains("***"),
                "{shown}"
            );
        }
    }

    #[test]
    fn the_rest_stays() {
        for text in [
            "secret_access_key = \"${LAKE_SECRET}\"",
            "access_key_id = \"AKIA\"",
            "password = \"\"",
            "path = \"s3://lake/payments\"",
            "url = \"http://[::1]:9000/a@b\"",
            "password =",
            "=",
            "\u{e9}= \u{e9}",
            "password = \"",
        ] {
            assert!(secrets(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn no_text_makes_it_stumble() {
        let alphabet = [
            "password", "=", "\"", "'", "\\", "\n", "://", "@", ":", "\u{20ac}", "[", " ",
        ];
        let mut state = 7u64;
        for _ in 0..20_000 {
            let text: String = (0..12)
                .map(|_| {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
                    alphabet[(state >> 33) as usize % alphabet.len()]
                })
                .collect();
            let mut end = 0;
            for secret in secrets(&text) {
                assert!(
                    secret.start >= end && text.get(secret.clone()).is_some(),
                    "{text}"
                );
                end = secret.end;
            }
        }
    }
}
