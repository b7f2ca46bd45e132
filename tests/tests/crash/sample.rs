//! What is walked through where there is no time for all of it.

use anyhow::{Context as _, Result};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// All of it, or `most` of it, spread by chance; the printed seed brings the same ones back. `LANDFALL_CRASH_POINTS=all`, which
/// `make crash` sets, walks through all.
pub(crate) fn of<T>(mut all: Vec<T>, most: usize) -> Result<Vec<T>> {
    if std::env::var("LANDFALL_CRASH_POINTS").is_ok_and(|points| points == "all") || all.len() <= most {
        return Ok(all);
    }
    // Any spread will do: a linear congruential step (Knuth's MMIX constants) picks the next one.
    let mut state = seed()?;
    let mut sample = Vec::new();
    while sample.len() < most {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let index = usize::try_from(state >> 33)? % all.len();
        sample.push(all.swap_remove(index));
    }
    Ok(sample)
}

fn seed() -> Result<u64> {
    static SEED: OnceLock<u64> = OnceLock::new();
    if let Some(seed) = SEED.get() {
        return Ok(*seed);
    }
    let seed = match std::env::var("LANDFALL_CRASH_SEED") {
        Ok(seed) => seed.parse().context("LANDFALL_CRASH_SEED is a number")?,
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    };
    Ok(*SEED.get_or_init(|| {
        println!("samples: LANDFALL_CRASH_SEED={seed} brings them back, `make crash` walks through all");
        seed
    }))
}
