//! Engines in memory, for the programs' tests. They are part of the library because tests of other crates use them.

mod containers;
mod images;

pub use containers::{FakeContainer, FakeContainerEngine, FakeEngineState, Gate};
pub use images::FakeImageEngine;
