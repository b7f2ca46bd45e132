#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod child;
mod journeys;
mod killed;
mod leftovers;
mod opened;
mod refusals;
mod scene;
mod trace;
