//! The installer as a process, on folders that stand for hosts, with bundles made by the production code.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broken_receipts;
mod config;
mod damage_reports;
mod database;
mod delta;
mod fixture;
mod install;
mod messages;
mod mirror;
mod other_root;
mod pages;
mod parts;
mod patch;
mod pinning;
mod publisher_roots;
mod receipts;
mod recovery;
mod refusals;
mod revert;
mod sbom;
mod split_bundle;
mod terminal;
mod tries;
mod trust_chain;
mod trust_import;
mod uninstall;
mod update;
mod verify;
