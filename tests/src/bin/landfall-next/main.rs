//! The runtime of a next release, for tests: ours with one more migration, and with the faults that its release's folder orders.

mod fake_runtime;
mod misbehave;
mod schema;

use landfall::commands::{BuildConfig, Cli};
use landfall_tests::fault::{Fault, ORDER};
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let faults = ordered();
    misbehave::as_ordered(&faults);
    let config = BuildConfig { migrations: schema::with(&faults), ..BuildConfig::default() };
    landfall_console::run(Cli::flags, |cli, console| cli.run(console, &config))
}

/// The release's folder: the program is `bin/landfall` in it.
fn release_folder() -> Option<PathBuf> {
    Some(std::env::current_exe().ok()?.parent()?.parent()?.to_owned())
}

/// The faults that the release's folder orders; none in a good release.
fn ordered() -> Vec<Fault> {
    let order = release_folder().and_then(|folder| std::fs::read_to_string(folder.join(ORDER)).ok());
    Fault::ordered(&order.unwrap_or_default())
}
