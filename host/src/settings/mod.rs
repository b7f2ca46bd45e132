//! The settings of a host: what runtime and installer both read out of `config.toml`.
//!
//! Settings come in layers. Each release brings a `config.toml` with a value and a comment for each key; the operator's
//! `/etc/landfall/config.toml` holds only what differs on this host, and no update writes it. [`Layers`] puts the texts over each other,
//! [`Settings`] are the typed values.

mod error;
mod layers;
mod text;
mod typed;
mod values;

pub use error::SettingsError;
pub use layers::{Effective, Layers, Origin};
pub use text::{NotText, text};
pub use values::{CanaryChoice, EngineSocket, InvalidPool, PoolRange};

use std::net::SocketAddrV4;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The default settings, with a comment on each key: the `config.toml` that a release has unless its definition names another one.
pub const DEFAULTS: &str = include_str!("../../config.toml");

/// The name of the file in a release's folder.
pub const RELEASE_FILE: &str = "config.toml";

/// The largest `config.toml` that is read, in bytes: the commented defaults have 2 KiB.
pub const MAX_BYTES: u64 = 256 << 10;

/// `update.keep`: how many releases may stay on the host, the running one included.
pub const KEEP: RangeInclusive<u32> = 2..=10;
/// `update.healthy_for`, in seconds.
pub const HEALTHY_FOR: RangeInclusive<u32> = 0..=600;
/// `update.patience`, in seconds.
pub const PATIENCE: RangeInclusive<u32> = 1..=3600;

/// The settings that count on a host.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where the API listens; the tenants' ports share its address.
    pub api: SocketAddrV4,
    /// First and last of the tenants' ports.
    pub tenant_ports: (u16, u16),
    /// The limits of each tenant.
    pub limits: Limits,
    /// The disk space of tenants.
    pub disk: DiskLimits,
    /// The range of the tenants' subnets.
    pub pool: PoolRange,
    /// Where the engine listens.
    pub engine: EngineSocket,
    /// How an update goes.
    pub update: UpdateSettings,
}

/// The limits of one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Memory in bytes; there is no swap on top.
    pub memory: i64,
    /// Billionths of a core.
    pub nano_cpus: i64,
    /// Processes and threads.
    pub pids: i64,
}

/// The disk space that tenants may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskLimits {
    /// Bytes in the volumes of one tenant.
    pub tenant: u64,
    /// Bytes that tenants leave free to the host.
    pub reserve: u64,
}

/// How an update goes, and what stays on the host after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateSettings {
    /// How many releases stay on the host, the running one included: [`KEEP`].
    pub keep: usize,
    /// How long a new release has to be healthy without interruption: [`HEALTHY_FOR`].
    pub healthy_for: Duration,
    /// How long a new release has to become healthy: [`PATIENCE`].
    pub patience: Duration,
    /// What it is tried with, which an installation does too.
    pub canary: CanaryChoice,
}

/// What holds where neither the operator nor a release sets anything.
impl Default for UpdateSettings {
    fn default() -> Self {
        Self {
            keep: 2,
            healthy_for: Duration::from_secs(5),
            patience: Duration::from_mins(1),
            canary: CanaryChoice::Release,
        }
    }
}

#[cfg(test)]
mod tests;
