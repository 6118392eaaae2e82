//! The parameters of a connection string, in both of its forms, so that those which the client
//! library does not know can be taken out
//! (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>).

use percent_encoding::percent_decode_str;

/// A connection string, taken apart.
pub(super) enum Parameters {
    /// `postgresql://…?key=value&…`: what stands before the question mark, and the pairs as written.
    Url {
        place: String,
        pairs: Vec<(String, String)>,
    },
    /// `key=value key='va lue'`.
    Words(Vec<(String, String)>),
}

impl Parameters {
    /// None where it cannot be read.
    pub(super) fn split(text: &str) -> Option<Self> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Some(Self::Words(words(text)?));
        }
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Some(Self::Url {
            place: place.to_owned(),
            pairs: pairs
                .map(|pair| {
                    let (key, value) = pair.split_once('=')?;
                    Some((key.to_owned(), value.to_owned()))
                })
                .collect::<Option<_>>()?,
        })
    }

    /// The value of a key, which is gone then. The last one counts.
    pub(super) fn take(&mut self, key: &str) -> Option<String> {
        let pairs = match self {
            Self::Url { pairs, .. } | Self::Words(pairs) => pairs,
        };
        let mut found = None;
        pairs.retain(|(name, value)| {
            if name == key {
                found = Some(value.clone());
            }
            name != key
        });
        match self {
            Self::Url { .. } => {
                found.map(|value| percent_decode_str(&value).decode_utf8_lossy().into_owned())
            }
            Self::Words(_) => found,
        }
    }

    /// The string without what was taken.
    pub(super) fn rest(&self) -> String {
        match self {
            Self::Url { place, pairs } => {
                let pairs: Vec<_> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
                match pairs.is_empty() {
                    true => place.clone(),
                    false => format!("{place}?{}", pairs.join("&")),
                }
            }
            Self::Words(pairs) => {
                let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
                let pairs: Vec<_> = pairs
                    .iter()
                    .map(|(key, value)| format!("{key}='{}'", quoted(value)))
                    .collect();
                pairs.join(" ")
            }
        }
    }
}

fn words(text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let mut chars = after.trim_start().chars();
        let mut value = String::new();
        let is_quoted = chars.as_str().starts_with('\'');
        if is_quoted {
            chars.next();
        }
        loop {
            match chars.next() {
                Some('\\') => value.push(chars.next()?),
                Some('\'') if is_quoted => break,
                Some(c) if !is_quoted && c.is_whitespace() => break,
                Some(c) => value.push(c),
                None if is_quoted => return None,
                None => break,
            }
        }
        pairs.push((key.trim().to_owned(), value));
        rest = chars.as_str().trim_start();
    }
    Some(pairs)
}
