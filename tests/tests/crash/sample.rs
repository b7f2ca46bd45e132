//! What is walked through where there is no time for all of it.

use anyhow::Result;
use landfall_tests::Dice;
use std::sync::{Mutex, PoisonError};

/// All of it, or `most` of it by chance, which the printed seed brings back. `LANDFALL_CRASH_POINTS=all`, which `make crash`
/// sets, walks through all.
pub(crate) fn of<T>(mut all: Vec<T>, most: usize) -> Result<Vec<T>> {
    if std::env::var("LANDFALL_CRASH_POINTS").is_ok_and(|points| points == "all") || all.len() <= most {
        return Ok(all);
    }
    let mut dice = dice()?;
    Ok((0..most).map(|_| all.swap_remove(dice.roll(all.len()))).collect())
}

/// The same for every sample, so that one seed brings each of them back by itself.
fn dice() -> Result<Dice> {
    static DICE: Mutex<Option<Dice>> = Mutex::new(None);
    let mut dice = DICE.lock().unwrap_or_else(PoisonError::into_inner);
    match &*dice {
        Some(dice) => Ok(dice.clone()),
        None => Ok(dice.insert(Dice::seeded("LANDFALL_CRASH_SEED")?).clone()),
    }
}
