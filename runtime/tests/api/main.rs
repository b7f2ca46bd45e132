//! The whole service against an engine in memory: real HTTP over TCP and the unix socket, the real database, the real tenant ports.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod disk;
mod errors;
mod host;
mod installations;
mod limits;
mod needs;
mod organizations;
mod output;
mod reconcile;
mod release;
mod selfcheck;
mod spawn;
mod subnets;
mod tenants;
