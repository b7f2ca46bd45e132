//! Provisions tenants: isolated containers from local images alone.

use landfall::commands::Cli;

fn main() -> std::process::ExitCode {
    landfall_console::run(Cli::flags, Cli::run)
}
