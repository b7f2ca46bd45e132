#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod leftovers;
mod needs_tools;
mod opened;
mod operation;
mod refusals;
mod round_trips;
mod test_database;
