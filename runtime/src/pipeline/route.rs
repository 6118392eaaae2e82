//! Which topics a route takes. The component reads the same routes and chooses by itself, with the code
//! of its SDK; what both choose must be the same.

/// One of `[[routes]]`, as far as it says where rows go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// What it takes.
    pub topics: Topics,
    /// The table that it leads to, as the component opens it.
    pub table: String,
}

/// Topics by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topics {
    /// The one of this name.
    Named(String),
    /// Those that a pattern takes as a whole: `*` stands for any characters, `?` for one.
    Like(String),
}

impl Topics {
    /// Whether it takes this one.
    pub fn takes(&self, topic: &str) -> bool {
        match self {
            Self::Named(name) => name == topic,
            Self::Like(pattern) => is_like(pattern, topic),
        }
    }
}

fn is_like(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // What stands behind the last `*`, and where in the text it was last tried.
    let mut last_star = None;
    loop {
        let (wanted, found) = (pattern.clone().next(), text.clone().next());
        if wanted == Some('*') {
            pattern.next();
            last_star = Some((pattern.clone(), text.clone()));
        } else if wanted.is_none() && found.is_none() {
            return true;
        } else if found.is_some() && (wanted == found || wanted == Some('?')) {
            pattern.next();
            text.next();
        } else {
            let Some((behind, tried)) = &mut last_star else {
                return false;
            };
            if tried.next().is_none() {
                return false;
            }
            (pattern, text) = (behind.clone(), tried.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_whole_topics() {
        for (pattern, topic, takes) in [
            ("orders", "orders", true),
            ("orders", "orders.eu", false),
            ("orders.*", "orders.eu", true),
            ("orders.*", "orders.", true),
            ("orders.*", "orders", false),
            ("*.orders", "eu.orders", true),
            ("*.orders", "eu.orders.x", false),
            ("*a*b", "xaxaxb", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("?", "ü", true),
            ("*", "", true),
            ("", "", true),
            ("[a]", "a", false),
            ("a**c?", "abbcd", true),
        ] {
            let like = Topics::Like(pattern.to_owned());
            assert_eq!(like.takes(topic), takes, "{pattern} {topic}");
        }
    }
}
