//! Randomness that is the same in every run: seeded by the pipeline's name and the instance's
//! number. Nothing in a sandbox has a secret to protect with it.

use sha2::{Digest, Sha256};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

/// The most that one call gives, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// One instance's randomness.
#[derive(Debug)]
pub(super) struct SeededRandom {
    generator: fastrand::Rng,
    seed: (u64, u64),
}

impl SeededRandom {
    pub(super) fn new(pipeline: &str, instance: u64) -> Self {
        let digest = Sha256::new()
            .chain_update(pipeline)
            .chain_update([0])
            .chain_update(instance.to_le_bytes())
            .finalize();
        let word = |at: usize| {
            digest
                .iter()
                .skip(at)
                .take(8)
                .fold(0, |word: u64, byte| word << 8 | u64::from(*byte))
        };
        Self {
            generator: fastrand::Rng::with_seed(word(0)),
            seed: (word(8), word(16)),
        }
    }

    fn bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        if length > MAX_BYTES {
            return Err(wasmtime::Error::msg(format!(
                "{length} random bytes were asked for at once; the limit is {MAX_BYTES}"
            )));
        }
        let mut bytes = vec![0; length as usize];
        self.generator.fill(&mut bytes);
        Ok(bytes)
    }
}

impl random::Host for SeededRandom {
    fn get_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.bytes(length)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.generator.u64(..))
    }
}

impl insecure::Host for SeededRandom {
    fn get_insecure_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.bytes(length)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.generator.u64(..))
    }
}

impl insecure_seed::Host for SeededRandom {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok(self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_bytes_and_others_do_not() {
        let draw = |pipeline, instance| SeededRandom::new(pipeline, instance).bytes(32).unwrap();
        assert_eq!(draw("payments", 1), draw("payments", 1));
        assert_ne!(draw("payments", 1), draw("payments", 2));
        assert_ne!(draw("payments", 1), draw("orders", 1));
        assert!(
            SeededRandom::new("payments", 1)
                .bytes(MAX_BYTES + 1)
                .is_err()
        );
    }
}
