//! Which route takes the rows of a topic.

use super::config::Route;
use crate::{Batch, Plan, Result};

/// More partitions than this are looked at anew.
const MAX_KNOWN: usize = 10_000;

/// The name that the topic has while it is read.
const TOPIC: &str = "_topic";

/// Where rows go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As this route says.
    Route(usize),
    /// None takes them; their topic.
    Rest(Option<String>),
}

/// Finds the way of each batch by its topic.
#[derive(Debug)]
pub(super) struct Router {
    topic: Plan,
    /// By source and partition, in order: all rows of one have the same topic.
    known: Vec<((String, String), Way)>,
}

impl Router {
    pub(super) fn new() -> Result<Self> {
        let topic = Plan::new();
        topic.metadata(TOPIC, "topic")?;
        Ok(Self {
            topic,
            known: Vec::new(),
        })
    }

    /// Where these rows go, of which there is at least one.
    pub(super) fn way(&mut self, rows: &Batch, routes: &[Route]) -> Result<Way> {
        let Some(origin) = rows.origin().map(|span| (span.source, span.partition)) else {
            return self.look(rows, routes);
        };
        let place = self.known.binary_search_by(|(known, _)| known.cmp(&origin));
        let place = match place {
            Ok(place) => return Ok(self.known[place].1.clone()),
            Err(place) => place,
        };
        let way = self.look(rows, routes)?;
        match self.known.len() < MAX_KNOWN {
            true => self.known.insert(place, (origin, way.clone())),
            false => self.known = vec![(origin, way.clone())],
        }
        Ok(way)
    }

    fn look(&self, rows: &Batch, routes: &[Route]) -> Result<Way> {
        let first = self.topic.apply(&rows.slice(0, 1)?)?.split(TOPIC)?;
        let topic = first.into_iter().next().and_then(|(topic, _)| topic);
        Ok(choose(routes, topic))
    }
}

/// The first route that matches counts. Without a topic none does.
fn choose(routes: &[Route], topic: Option<String>) -> Way {
    let matching = |topic: &String| routes.iter().position(|route| route.takes(topic));
    match topic.as_ref().and_then(matching) {
        Some(index) => Way::Route(index),
        None => Way::Rest(topic),
    }
}

impl Route {
    /// Whether it takes this topic.
    fn takes(&self, topic: &str) -> bool {
        match (&self.topic, &self.pattern) {
            (Some(own), _) => own == topic,
            (None, Some(pattern)) => matches(pattern, topic, |_| true),
            (None, None) => false,
        }
    }

    /// Whether it takes all that another one does. Some pairs of patterns for which that is so are
    /// not seen.
    pub(super) fn takes_all_of(&self, other: &Self) -> bool {
        match (&other.topic, &other.pattern) {
            (Some(topic), _) => self.takes(topic),
            // Any number of characters is more than one.
            (None, Some(theirs)) => match (&self.topic, &self.pattern) {
                (Some(own), _) => own == theirs && !theirs.contains(['*', '?']),
                (None, Some(pattern)) => matches(pattern, theirs, |it| it != '*'),
                (None, None) => false,
            },
            (None, None) => false,
        }
    }
}

/// Whether a pattern takes the whole text; `?` takes the characters that are `single`.
fn matches(pattern: &str, text: &str, single: impl Fn(char) -> bool) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // What stands behind the last `*`, and where in the text it was last tried.
    let mut behind_star = None;
    loop {
        match (pattern.clone().next(), text.clone().next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                pattern.next();
                behind_star = Some((pattern.clone(), text.clone()));
            }
            (Some(wanted), Some(found)) if wanted == found || (wanted == '?' && single(found)) => {
                pattern.next();
                text.next();
            }
            _ => {
                let Some((behind, tried)) = &mut behind_star else {
                    return false;
                };
                if tried.next().is_none() {
                    return false;
                }
                (pattern, text) = (behind.clone(), tried.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(topic: Option<&str>, pattern: Option<&str>) -> Route {
        Route {
            topic: topic.map(str::to_owned),
            pattern: pattern.map(str::to_owned),
            table: "t".to_owned(),
            keys: super::super::Keys::default(),
        }
    }

    fn topic(topic: &str) -> Route {
        route(Some(topic), None)
    }

    fn pattern(pattern: &str) -> Route {
        route(None, Some(pattern))
    }

    #[test]
    fn patterns_take_whole_topics() {
        for (pattern, yes, no) in [
            (
                "orders",
                vec!["orders"],
                vec!["", "order", "orders2", "2orders"],
            ),
            ("eu.*", vec!["eu.", "eu.a", "eu.a.b"], vec!["eu", "xeu.a"]),
            (
                "*.log",
                vec![".log", "a.log", "a.log.log"],
                vec!["a.log2", "log"],
            ),
            (
                "a*b*c",
                vec!["abc", "aXbYc", "abbcc", "acbc"],
                vec!["ab", "acb", "bac"],
            ),
            ("*", vec!["", "anything", "a*b"], vec![]),
            ("**", vec!["", "x"], vec![]),
            ("?", vec!["a", "ü", "*", "?"], vec!["", "ab"]),
            ("?*", vec!["a", "ab"], vec![""]),
            ("a?c", vec!["abc", "aßc", "a?c"], vec!["ac", "abbc"]),
            ("*a?", vec!["aaab", "aa"], vec!["a", "ba"]),
            ("", vec![""], vec!["a"]),
        ] {
            for topic in yes {
                assert!(self::pattern(pattern).takes(topic), "{pattern} {topic}");
            }
            for topic in no {
                assert!(!self::pattern(pattern).takes(topic), "{pattern} {topic}");
            }
        }
        let topic = topic("eu.*");
        assert!(topic.takes("eu.*") && !topic.takes("eu.a"));
    }

    #[test]
    fn stars_do_not_explode() {
        let text = "a".repeat(20_000);
        assert!(!pattern("a*a*a*a*a*a*a*a*a*a*b").takes(&text));
        assert!(pattern("a*a*a*a*a*a*a*a*a*a*a").takes(&text));
    }

    #[test]
    fn the_first_route_that_matches_counts() {
        let routes = [topic("eu.orders"), pattern("eu.*"), pattern("*orders")];
        let way = |topic: &str| choose(&routes, Some(topic.to_owned()));
        assert_eq!(way("eu.orders"), Way::Route(0));
        assert_eq!(way("eu.orders2"), Way::Route(1));
        assert_eq!(way("us.orders"), Way::Route(2));
        assert_eq!(way("us"), Way::Rest(Some("us".to_owned())));
        assert_eq!(choose(&[pattern("*")], None), Way::Rest(None));
    }

    #[test]
    fn what_is_left_over_is_known() {
        for (earlier, later) in [
            (topic("a"), topic("a")),
            (topic("a"), pattern("a")),
            (pattern("*"), topic("a")),
            (pattern("*"), pattern("a?*")),
            (pattern("*"), pattern("*")),
            (pattern("a?"), topic("a*")),
            (pattern("a?"), pattern("a?")),
            (pattern("a*"), pattern("a?b*")),
            (pattern("*b*"), pattern("a*b?")),
        ] {
            assert!(earlier.takes_all_of(&later), "{earlier:?} {later:?}");
        }
        for (earlier, later) in [
            (topic("a"), topic("b")),
            (topic("a*"), pattern("a*")),
            (topic("a?"), pattern("a?")),
            (pattern("a?"), pattern("a*")),
            (pattern("?"), pattern("*")),
            (pattern("?*"), pattern("*")),
            (pattern("a*b"), pattern("a*")),
            (pattern("a*"), topic("b")),
        ] {
            assert!(!earlier.takes_all_of(&later), "{earlier:?} {later:?}");
        }
    }

    /// Whatever a route takes is taken by one that is said to take all of it.
    #[test]
    fn no_route_is_called_useless_that_is_not() {
        let words = |letters: [char; 4]| {
            let mut words = vec![String::new()];
            for length in 0..3 {
                let longer: Vec<_> = words
                    .iter()
                    .filter(|word| word.len() == length)
                    .flat_map(|word| letters.map(|letter| format!("{word}{letter}")))
                    .collect();
                words.extend(longer);
            }
            words
        };
        let routes: Vec<_> = words(['a', 'b', '*', '?'])
            .iter()
            .map(|it| pattern(it))
            .collect();
        let topics = words(['a', 'b', 'c', '*']);
        for earlier in &routes {
            for later in routes.iter().filter(|later| earlier.takes_all_of(later)) {
                for topic in topics.iter().filter(|topic| later.takes(topic)) {
                    assert!(earlier.takes(topic), "{earlier:?} {later:?} {topic}");
                }
            }
        }
    }
}
