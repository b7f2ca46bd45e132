//! The Update Framework's scenarios, each a bundle that a hostile medium could hold, against the real installer.
//!
//! Tests are named after those of TUF's conformance suite (`tuf_conformance/test_*.py`) where there is one. What it calls
//! metadata of a role with a version is our signed manifest with its serial; expiry has no counterpart here, for no decision
//! depends on a clock.

mod download;
mod endless;
mod keys;
mod policy;
mod publisher;
mod rollback;
mod rotation;
