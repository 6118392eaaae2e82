//! Which letters of an epoch.

use serde::{Deserialize, Serialize};

/// Numbers of letters in rising order, as ranges whose end is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Numbers(Vec<(u64, u64)>);

impl Numbers {
    /// Adds a number that is higher than all others.
    pub fn push(&mut self, number: u64) {
        match self.0.last_mut() {
            Some((_, end)) if *end == number => *end += 1,
            _ => self.0.push((number, number + 1)),
        }
    }

    /// How many.
    pub fn len(&self) -> u64 {
        self.0
            .iter()
            .map(|(start, end)| end.saturating_sub(*start))
            .sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All but so many of the lowest.
    #[must_use]
    pub fn without_first(mut self, mut count: u64) -> Self {
        self.0.retain_mut(|(start, end)| {
            let passed = count.min(end.saturating_sub(*start));
            *start += passed;
            count -= passed;
            start < end
        });
        self
    }

    /// Whether it is among them.
    pub fn contains(&self, number: u64) -> bool {
        let after = self.0.partition_point(|(start, _)| *start <= number);
        let range = after.checked_sub(1).and_then(|index| self.0.get(index));
        range.is_some_and(|(_, end)| number < *end)
    }
}

impl FromIterator<u64> for Numbers {
    fn from_iter<T: IntoIterator<Item = u64>>(numbers: T) -> Self {
        let mut all = Self::default();
        for number in numbers {
            all.push(number);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_was_put_in() {
        let numbers: Numbers = [0, 1, 2, 5, 7, 8].into_iter().collect();
        assert_eq!(
            serde_json::to_string(&numbers).unwrap(),
            "[[0,3],[5,6],[7,9]]"
        );
        let held: Vec<_> = (0..12).filter(|number| numbers.contains(*number)).collect();
        assert_eq!(held, [0, 1, 2, 5, 7, 8]);
        assert_eq!(numbers.len(), 6);
        let rest = |count| serde_json::to_string(&numbers.clone().without_first(count)).unwrap();
        assert_eq!(rest(0), "[[0,3],[5,6],[7,9]]");
        assert_eq!(rest(2), "[[2,3],[5,6],[7,9]]");
        assert_eq!(rest(4), "[[7,9]]");
        assert_eq!(rest(9), "[]");
        assert!(Numbers::default().is_empty());
        assert!(!Numbers::default().contains(0));
    }
}
