//! Engines in memory, for the programs' tests. They are part of the library because tests of other crates use them.

mod containers;
mod images;
mod objects;

pub use containers::{FakeContainerEngine, Gate};
pub use images::FakeImageEngine;
pub use objects::{FakeContainer, FakeEngineState};
