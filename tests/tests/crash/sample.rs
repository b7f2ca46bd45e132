//! What is walked through where there is no time for all of it.

use anyhow::Result;
use landfall_tests::SeededRng;
use std::sync::{Mutex, PoisonError};

/// All of it, or `most` of it by chance, which the printed seed brings back. `LANDFALL_CRASH_POINTS=all`, which `make crash`
/// sets, walks through all.
pub(crate) fn of<T>(mut all: Vec<T>, most: usize) -> Result<Vec<T>> {
    if std::env::var("LANDFALL_CRASH_POINTS").is_ok_and(|points| points == "all") || all.len() <= most {
        return Ok(all);
    }
    let mut rng = rng()?;
    Ok((0..most).map(|_| all.swap_remove(rng.below(all.len()))).collect())
}

/// The same for every sample, so that one seed brings each of them back by itself.
fn rng() -> Result<SeededRng> {
    static RNG: Mutex<Option<SeededRng>> = Mutex::new(None);
    let mut rng = RNG.lock().unwrap_or_else(PoisonError::into_inner);
    match &*rng {
        Some(rng) => Ok(rng.clone()),
        None => Ok(rng.insert(SeededRng::seeded("LANDFALL_CRASH_SEED")?).clone()),
    }
}
