//! The bundle format, held to its promises on bundles that the production path made.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bundle;
mod closed_world;
mod fixture;
mod image_layout;
mod patch;
