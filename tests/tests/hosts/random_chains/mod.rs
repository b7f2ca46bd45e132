//! Nothing lost: over random chains of updates, failed updates and rollbacks, with tenants that come, go and write in between, the
//! database and the volumes hold after each step what they must.

mod chain;
mod model;

use anyhow::{Context as _, Result};
use chain::Chain;
use landfall_tests::{Engine, SeededRng};

/// The environment variables that bring a run back, and that make it longer.
const SEED: &str = "LANDFALL_DATA_SEED";
const STEPS: &str = "LANDFALL_DATA_STEPS";

/// How many times the release changes, or fails to, in continuous integration.
const A_HANDFUL: usize = 6;

#[test]
fn random_chains_of_releases_lose_nothing() -> Result<()> {
    let rng = SeededRng::seeded(SEED)?;
    let steps = match std::env::var(STEPS) {
        Ok(steps) => steps.parse().with_context(|| format!("{STEPS} is a number"))?,
        Err(_) => A_HANDFUL,
    };
    let engine = Engine::shared()?;
    let mut chain = Chain::begin(&engine, rng)?;
    for step in 1..=steps {
        let what = chain.step().with_context(|| format!("step {step} of {steps}"))?;
        println!("{step:3}: {what}");
    }
    Ok(())
}
