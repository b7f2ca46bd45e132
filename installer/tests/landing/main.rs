//! The installer as it is run, on folders that stand for hosts, with bundles made through the production path.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broken_receipts;
mod cut;
mod damage;
mod database;
mod fixture;
mod imported;
mod install;
mod interrupted;
mod pages;
mod parts;
mod patch;
mod pinned;
mod receipts;
mod refuse;
mod roots;
mod terminal;
mod tries;
mod trust;
mod uninstall;
mod update;
mod verify;
mod way_back;
