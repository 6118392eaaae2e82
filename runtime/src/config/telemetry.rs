//! Where telemetry is sent, how often, and how much of it.

use std::time::Duration;

use reqwest::Url;
use wasm_sink_core::secret::Secret;

/// `[telemetry]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// A collector that takes OTLP by HTTP; paths of signals are below it.
    pub otlp: Url,
    /// What it wants to see with each request.
    pub headers: Vec<Header>,
    /// How often metrics are sent.
    pub interval: Duration,
    /// Of all epochs, those that are traced.
    pub sample: Share,
}

/// A header of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// In small letters.
    pub name: String,
    /// As it is sent.
    pub value: Secret,
}

/// A part of a whole, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(f64);

impl Share {
    /// The whole.
    pub const ALL: Self = Self(1.0);

    /// None where it is less than nothing or more than all.
    pub fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self(share))
    }

    /// Whether what has this random number is part of it. More is never less: what is part of a share is part of each
    /// greater one.
    pub fn takes(self, random: u64) -> bool {
        // The 53 bits that such a number has.
        ((random >> 11) as f64) < self.0 * (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::Share;

    #[test]
    fn a_share_takes_as_much_as_it_says() {
        let mut random = fastrand::Rng::with_seed(7);
        let numbers: Vec<u64> = (0..10_000).map(|_| random.u64(..)).collect();
        let taken = |share| {
            let share = Share::new(share).unwrap();
            numbers
                .iter()
                .filter(|number| share.takes(**number))
                .count()
        };
        assert_eq!(taken(0.0), 0);
        assert!((900..1_100).contains(&taken(0.1)), "{}", taken(0.1));
        assert_eq!(taken(1.0), 10_000);
        assert!(Share::ALL.takes(u64::MAX));
        assert!(
            [-0.1, 1.1, f64::NAN]
                .map(Share::new)
                .iter()
                .all(Option::is_none)
        );
    }
}
