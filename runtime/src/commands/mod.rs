//! The command line: a file per command, each with its arguments and what it does.

mod build_config;
mod firewall;
mod health;
mod images;
mod migrate;
mod reach;
mod selfcheck;
mod serve;
mod tenant;

pub use build_config::BuildConfig;

use crate::settings::{DEFAULTS, Settings};
use clap::{Parser, Subcommand};
use landfall_console::{Console, Exit, Extras, Failure, Flags};
use landfall_host::Layout;
use std::io::{self, Read as _};
use std::path::PathBuf;

/// Most that is read of the settings: the commented defaults are 2 KiB.
const SETTINGS_BYTES: u64 = 256 * 1024;

/// Provisions tenants: isolated containers from local images alone
#[derive(Debug, Parser)]
#[command(name = "landfall", version)]
pub struct Cli {
    #[command(flatten)]
    flags: Flags,
    /// The folder that holds the host's files
    #[arg(long, global = true, default_value = "/", value_name = "DIR")]
    root: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API and the tenants' ports until told to end
    Serve,
    /// Ask the running service whether it can do its work: exit code 0, or 6 when it cannot
    Health,
    /// Have the running service try all that it is for, with a tenant that it makes and removes: exit code 0, or 6 when it cannot
    Selfcheck,
    Migrate(migrate::Args),
    /// List the images that the tenants are made from, by their configurations' digests
    Images,
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    #[command(subcommand)]
    Firewall(firewall::Firewall),
    #[command(flatten)]
    Extras(Extras),
}

impl Cli {
    /// What was typed for all commands.
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Runs the command, with what `config` built into this program.
    pub fn run(self, console: &Console, config: &BuildConfig) -> anyhow::Result<()> {
        let layout = Layout::new(self.root);
        match self.command {
            Command::Serve => serve::run(&layout, config),
            Command::Health => health::run(&layout, *console),
            Command::Selfcheck => selfcheck::run(&layout, *console),
            Command::Migrate(args) => args.run(&layout, *console, &config.migrations),
            Command::Images => images::run(&layout, *console),
            Command::Tenant(command) => command.run(&layout, *console),
            Command::Firewall(command) => command.run(&layout, *console),
            Command::Extras(extras) => extras.run::<Self>(console).map_err(Into::into),
        }
    }
}

/// Reads and parses the operator's settings; without a file, the defaults.
fn settings(layout: &Layout) -> anyhow::Result<Settings> {
    let path = layout.settings();
    let invalid = |message: String| Failure::new(Exit::Usage, "invalid_settings", message);
    let text = match std::fs::File::open(&path) {
        Ok(file) => {
            let mut text = String::new();
            let read = file.take(SETTINGS_BYTES).read_to_string(&mut text);
            read.map_err(|error| invalid(format!("cannot read {}: {error}", path.display())))?;
            text
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => DEFAULTS.to_owned(),
        Err(error) => return Err(invalid(format!("cannot open {}: {error}", path.display())).into()),
    };
    Ok(Settings::parse(&text).map_err(|error| invalid(format!("{}: {error}", path.display())))?)
}
