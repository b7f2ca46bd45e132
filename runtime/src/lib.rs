//! The Landfall runtime: tenants as isolated containers, made from the installed release's images alone.
//!
//! Data flows one way: a request is parsed into a typed value, the [`controller`] decides and acts on the [`store`]
//! and the [`engine`], and the response goes back. The [`api`] never touches the engine or the database, and no module
//! calls back up:
//!
//! ```text
//! api ──► controller ──► store            SQLite: the desired state
//!              ├───────► engine           containers, networks, volumes: the actual state
//!              └───────► tenant_ports     the tenants' ports, proxied to their containers
//! ```
//!
//! Below them: [`identity`] (names, numbers, keys), [`network`] (subnets, firewall, connection limits), [`disk`] (how much room there is), [`release`] (what the installed
//! release offers), [`settings`] (what the operator chose) and [`service`] (what the process and systemd tell each other).
//!
//! Decisions are pure and tested as tables: `controller::reconcile::{decide, disagreement}`, `controller::provision::{spec, run_as}`, `controller::disk::{excess, pace}`, `controller::output::budget`,
//! `controller::observed::{health, outcome, backoff}`, `network::{subnet, bridges, firewall::render}`, `api::access`, `settings`. What
//! acts is at the edges: `store`, `engine`, `tenant_ports`, `service`.

pub mod api;
pub mod commands;
pub mod controller;
pub mod disk;
pub mod identity;
pub mod network;
pub mod release;
pub mod service;
pub mod settings;
pub mod store;
pub mod tenant_ports;

pub use landfall_engine as engine;
