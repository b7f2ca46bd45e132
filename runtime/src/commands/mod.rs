//! The command line: a file per command, each with its arguments and what it does.

mod api_client;
mod build_config;
mod error;
mod firewall;
mod health;
mod images;
mod migrate;
mod selfcheck;
mod serve;
mod tenant;

pub use build_config::BuildConfig;
pub use error::{ClientError, CommandError};

use crate::engine::EngineKind;
use crate::service::log;
use crate::settings::Settings;
use clap::{Parser, Subcommand};
use landfall_console::{Console, Extras, Flags};
use landfall_host::settings::{self, Layers, MAX_BYTES, SettingsError};
use landfall_host::{Layout, regular};
use std::io;
use std::path::{Path, PathBuf};

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
    /// Serve the API and the tenants' ports until stopped
    Serve,
    /// Check whether the running service can do its work: exit code 0, or 6 when it cannot
    Health,
    /// Have the running service create, check and remove a tenant of its own: exit code 0, or 6 when that fails
    Selfcheck,
    Migrate(migrate::Args),
    /// List what tenants can be spawned from, and which images of other releases tenants use
    Images,
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    #[command(subcommand)]
    Firewall(firewall::Firewall),
    #[command(flatten)]
    Extras(Extras),
}

impl Cli {
    /// The flags that all commands share.
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Runs the command, with what `config` built into this program.
    pub fn run(self, console: &Console, config: &BuildConfig) -> Result<(), CommandError> {
        log::start(console.is_journal());
        let layout = Layout::open(&self.root)?;
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

/// Reads the operator's settings over those of the current release. A file that does not exist sets nothing.
fn settings(layout: &Layout) -> Result<Layers, CommandError> {
    let (path, release) = (layout.settings(), layout.release_settings());
    Layers::parse(&text(&release)?, &text(&path)?).map_err(|source| {
        let path = if matches!(source, SettingsError::Release(_)) { release } else { path };
        CommandError::Settings { path, source }
    })
}

/// Which engine the host has, for messages: where the settings cannot be read, nobody is named.
fn engine_kind(layout: &Layout) -> EngineKind {
    settings(layout).map_or(EngineKind::Unknown, |layers| Settings::from(layers.settings()).engine.kind())
}

fn text(path: &Path) -> Result<String, CommandError> {
    match regular::read(path, MAX_BYTES) {
        Ok(bytes) => {
            settings::text(bytes).map_err(|source| CommandError::SettingsText { path: path.to_owned(), source })
        }
        // A link that leads nowhere is not an absent file: its disk may not be mounted.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(String::new()),
        Err(source) => Err(CommandError::ReadSettings { path: path.to_owned(), source }),
    }
}

/// Refuses to begin with a new database where the secret of tenants' keys says that there was one: the reconcile loop would remove all
/// tenants' containers by it.
fn refuse_lost_database(layout: &Layout) -> Result<(), CommandError> {
    let (database, keys) = (layout.database(), layout.tenant_keys());
    // To SQLite, an empty file is a database in which nothing was ever written.
    let has_content = std::fs::metadata(&database).is_ok_and(|found| found.len() > 0);
    if has_content || !keys.exists() { Ok(()) } else { Err(CommandError::DatabaseLost { database, keys }) }
}
