#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod interrupted;
mod leftovers;
mod opened;
mod operation;
mod refusals;
mod round_trips;
mod system_calls;
mod test_database;
