//! What is tried where there is no time for all of it.

use anyhow::{Context as _, Result};
use landfall_tests::SeededRng;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// How many of a kind.
const SAMPLE: usize = 100;

/// All numbers below `count`, or some of them by chance, which the printed seed brings back. `LANDFALL_TAMPER=all`, which
/// `make tamper` sets, takes all; a number takes that many of each kind.
pub(crate) fn of(count: usize) -> Result<Vec<usize>> {
    let most = match std::env::var("LANDFALL_TAMPER") {
        Err(_) => SAMPLE,
        Ok(all) if all == "all" => count,
        Ok(number) => {
            number.parse().with_context(|| format!("LANDFALL_TAMPER is `all` or a number, not {number:?}"))?
        }
    };
    if most >= count {
        return Ok((0..count).collect());
    }
    let mut rng = rng()?;
    let mut chosen = BTreeSet::new();
    while chosen.len() < most {
        chosen.insert(rng.below(count));
    }
    Ok(chosen.into_iter().collect())
}

/// The same for every kind, so that one seed brings each of them back by itself.
fn rng() -> Result<SeededRng> {
    static RNG: Mutex<Option<SeededRng>> = Mutex::new(None);
    let mut rng = RNG.lock().unwrap_or_else(PoisonError::into_inner);
    match &*rng {
        Some(rng) => Ok(rng.clone()),
        None => Ok(rng.insert(SeededRng::seeded("LANDFALL_TAMPER_SEED")?).clone()),
    }
}
