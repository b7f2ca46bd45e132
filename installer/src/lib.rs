//! Verifies a bundle and lands it on an isolated host.
//!
//! This is the program. It is a library so that fuzzers reach its [`readers`], and the tree's tests its [`command_line`]; no other program may
//! use it.

mod cli;
mod commands;
mod content;
mod database;
mod errors;
#[cfg(test)]
mod fixture;
mod host_context;
mod interrupt;
mod links;
mod media;
mod mirror;
mod packages;
mod plan;
mod quarantine;
pub mod readers;
mod receipts;
mod recovery_binary;
mod removal;
mod retained_release;
mod retention;
mod service;
mod settings;
mod settlement;
mod state;
mod steps;
mod store;
mod transition;
mod trust;

use cli::Cli;
use landfall_engine as engine;
use landfall_host::{durable, layout, lock, record};
use std::process::ExitCode;

/// The command line that the program takes, for what holds documents and hints against it.
pub fn command_line() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Parses the command line and runs the command.
pub fn run() -> ExitCode {
    landfall_console::run(Cli::flags, |cli: Cli, console| cli.run(*console))
}
