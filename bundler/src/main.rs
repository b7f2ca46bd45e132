//! Packs container images and files into one signed bundle.
//!
//! Data flows one way: definition → plan (pure) → sources → blob store → release → signed → file.

mod assemble;
mod bundle_file;
mod cli;
mod commands;
mod database;
mod definition;
mod difference;
mod elf;
mod failure;
mod key_files;
mod output;
mod partial;
mod plan;
mod regular;
mod rewrite;
mod sources;
mod store;

fn main() -> std::process::ExitCode {
    landfall_console::run(|cli: &cli::Cli| cli.flags, |cli, console| cli.run(*console))
}
