//! Random numbers: unguessable ones in a real run, seeded ones in the simulation.

use std::fmt;

/// A source of random 64-bit numbers.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// The next number.
    fn next(&self) -> u64;

    /// A number below `bound`, or 0 where `bound` is 0.
    fn below(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }
}

/// The operating system's random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn next(&self) -> u64 {
        // Six bits of a version 4 UUID are fixed, at different places of its two halves.
        let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
        high ^ low.rotate_left(32)
    }
}
