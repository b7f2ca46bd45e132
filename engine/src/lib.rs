//! The container engine's client, the only crate that names the client library of Docker's API.
//!
//! [`images`] is what the installer asks of an engine, [`containers`] what the runtime asks.

pub mod containers;
pub mod images;
