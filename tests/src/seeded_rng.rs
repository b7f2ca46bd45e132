//! Random numbers that a seed brings back.

use anyhow::{Context as _, Result};
use std::time::{SystemTime, UNIX_EPOCH};

/// A generator of random numbers that follow from a seed.
#[derive(Debug, Clone)]
pub struct SeededRng {
    state: u64,
}

impl SeededRng {
    /// A generator with the seed in the environment variable `name`, or a new one. The seed is printed.
    pub fn seeded(name: &str) -> Result<Self> {
        let seed = match std::env::var(name) {
            Ok(seed) => seed.parse().with_context(|| format!("{name} is a number"))?,
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
        };
        println!("{name}={seed} brings this run back");
        Ok(Self { state: seed })
    }

    /// A generator with this seed.
    pub fn with_seed(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A number below `bound`. Any spread will do: a linear congruential step (Knuth's MMIX constants) makes the next.
    pub fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The high bits: the low ones of such a generator repeat after a few steps.
        usize::try_from(self.state >> 33).unwrap_or_default() % bound.max(1)
    }

    /// One of `all`, if there is any.
    pub fn choose<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_brings_the_same_row_back() {
        let rolls = |seed| {
            let mut rng = SeededRng { state: seed };
            (0..50).map(|_| rng.below(6)).collect::<Vec<_>>()
        };
        assert_eq!(rolls(1), rolls(1));
        assert_ne!(rolls(1), rolls(2));
        assert!(rolls(1).iter().all(|roll| *roll < 6));
    }
}
