//! The Landfall runtime: tenants as isolated containers, made from the installed release's images alone.
//!
//! Data flows one way: a request is parsed into a typed value, the [`controller`] decides and acts on the [`store`]
//! and the [`engine`], and the answer goes back. The [`api`] never touches the engine or the database, and no module
//! calls back up:
//!
//! ```text
//! api ──► controller ──► store            SQLite: what should be
//!              ├───────► engine           containers, networks, volumes: what is
//!              └───────► doors            the tenants' ports, proxied to their containers
//! ```
//!
//! Decisions are pure and tested as tables: `controller::{spec, subnet, port, decide, backoff, health, run_as}`,
//! `api::access`, `firewall::render`, `settings`. What acts sits at the edges: `store`, `engine::docker`, `doors`,
//! `supervisor`.

pub mod admin_token;
pub mod api;
pub mod commands;
pub mod controller;
pub mod doors;
pub mod firewall;
mod log;
pub mod names;
mod program;
mod proven;
mod ration;
pub mod release;
pub mod request_id;
mod seats;
pub mod settings;
pub mod store;
pub mod subnet;
mod supervisor;
mod tcp;
mod tenant_key;
pub mod tenants_side;

pub use landfall_engine::containers as engine;
pub use tenant_key::{ApiKey, HostSecret, KeyHash, KeyNonce, SecretError};
