//! Verifies a bundle and lands it on an isolated host.

mod cli;
mod commands;
mod decode;
mod durable;
mod engine;
mod failure;
mod health;
mod installed;
mod journal;
#[cfg_attr(not(test), expect(dead_code, reason = "rollback relies on kept releases"))]
mod kept;
mod layout;
mod lock;
mod media;
mod plan;
mod policy;
mod preflight;
mod program;
mod removal;
#[cfg_attr(not(test), expect(dead_code, reason = "the commit of an update collects"))]
mod retention;
mod settings;
mod site;
mod state;
mod steps;
mod store;
mod trust;
mod verify;

use cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    landfall_console::run(Cli::flags, |cli: Cli, console| cli.run(*console))
}
