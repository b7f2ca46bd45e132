//! Verifies a bundle and lands it on an isolated host.
//!
//! This is the program. It is a library so that fuzzers reach its [`readers`]; no other program may use it.

mod aside;
mod cli;
mod commands;
mod database;
mod decode;
mod engine;
mod failure;
mod health;
mod installed;
mod interrupt;
mod journal;
mod kept;
mod media;
mod plan;
mod policy;
mod preflight;
pub mod readers;
mod receipts;
mod recovery;
mod removal;
mod repair_request;
mod retention;
mod settings;
mod settings_file;
mod site;
mod state;
mod steps;
mod store;
mod tries;
mod trust;
mod unfold;
mod units;
mod verify;

use cli::Cli;
use landfall_host::{durable, layout, lock, record, subprocess as program};
use std::process::ExitCode;

/// Parses the command line and runs the command.
pub fn run() -> ExitCode {
    landfall_console::run(Cli::flags, |cli: Cli, console| cli.run(*console))
}
