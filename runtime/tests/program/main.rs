//! The real program on a host of its own, without an engine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod confirm;
mod fake_systemd;
mod messages;
mod restart;
mod selfcheck;
