//! Packs container images and files into one signed bundle.
//!
//! Data flows one way: definition → plan (pure) → sources → blob store → release → signed → file.
//!
//! This is the program. It is a library so that fuzzers reach its [`readers`], and the tree's tests its [`command_line`]; no other program may
//! use it.

mod assemble;
mod blob_store;
mod build;
mod build_host;
mod build_report;
mod build_stats;
mod bundle_documents;
mod byte_size;
mod cache;
mod cli;
mod commands;
mod cosign;
mod debian_version;
mod definition;
mod delta;
mod difference;
mod elf;
mod error;
mod evidence;
mod exit_table;
mod folder_index;
mod host_packages;
mod image_config;
mod job_summary;
mod key_files;
mod layer_scan;
mod lint;
mod lock_file;
mod output;
mod packages;
mod partial_folder;
mod plan;
mod program_pages;
pub mod readers;
mod registry;
mod release_diff;
mod repair;
mod scan;
mod sources;
mod starter;
mod stick;
mod trust;
mod whole_file;

use landfall_host::regular;

/// The command line that the program takes, for what holds documents and hints against it.
pub fn command_line() -> clap::Command {
    <cli::Cli as clap::CommandFactory>::command()
}

/// Parses the command line and runs the command.
pub fn run() -> std::process::ExitCode {
    landfall_console::run(|cli: &cli::Cli| cli.flags, |cli, console| cli.run(*console))
}
