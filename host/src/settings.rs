//! What installer and runtime both know of `config.toml`: its size, and the section `[update]`, which the installer follows and the
//! runtime checks.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The largest `config.toml` that is read, in bytes: the commented defaults have 2 KiB.
pub const MAX_BYTES: u64 = 256 << 10;

/// `update.keep`: how many releases may stay on the host, the running one included.
pub const KEEP: RangeInclusive<u32> = 2..=10;
/// `update.healthy_for`, in seconds.
pub const HEALTHY_FOR: RangeInclusive<u32> = 0..=600;
/// `update.patience`, in seconds.
pub const PATIENCE: RangeInclusive<u32> = 1..=3600;

/// How an update goes, and what stays on the host after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdateSettings {
    /// How many releases stay on the host, the running one included: [`KEEP`].
    pub keep: usize,
    /// How long a new release has to be healthy without interruption: [`HEALTHY_FOR`].
    pub healthy_for: Duration,
    /// How long a new release has to become healthy: [`PATIENCE`].
    pub patience: Duration,
}

/// What holds where neither the operator nor a release sets anything.
impl Default for UpdateSettings {
    fn default() -> Self {
        Self { keep: 2, healthy_for: Duration::from_secs(5), patience: Duration::from_mins(1) }
    }
}
