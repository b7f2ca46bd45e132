//! Provisions tenants: isolated containers from local images alone.

use landfall::commands::{BuildConfig, Cli};

fn main() -> std::process::ExitCode {
    landfall_console::run(Cli::flags, |cli, console| cli.run(console, &BuildConfig::default()))
}
