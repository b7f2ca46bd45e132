//! Chance that can be repeated.

use anyhow::{Context as _, Result};
use std::time::{SystemTime, UNIX_EPOCH};

/// A row of random numbers that follows from a seed.
#[derive(Debug, Clone)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// Dice with the seed in the environment variable `name`, or a new one. The seed is printed.
    pub fn seeded(name: &str) -> Result<Self> {
        let seed = match std::env::var(name) {
            Ok(seed) => seed.parse().with_context(|| format!("{name} is a number"))?,
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
        };
        println!("{name}={seed} brings this run back");
        Ok(Self { state: seed })
    }

    /// Dice with this seed.
    pub fn with_seed(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A number below `sides`. Any spread will do: a linear congruential step (Knuth's MMIX constants) makes the next.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.state >> 33).unwrap_or_default() % sides.max(1)
    }

    /// One of `all`, if there is any.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.roll(all.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_brings_the_same_row_back() {
        let rolls = |seed| {
            let mut dice = Dice { state: seed };
            (0..50).map(|_| dice.roll(6)).collect::<Vec<_>>()
        };
        assert_eq!(rolls(1), rolls(1));
        assert_ne!(rolls(1), rolls(2));
        assert!(rolls(1).iter().all(|roll| *roll < 6));
    }
}
