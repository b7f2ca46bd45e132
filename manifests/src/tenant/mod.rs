//! What a tenant image is, and what a container made from it needs to run.

mod capability;
mod health;
#[cfg(test)]
mod tests;
mod writable;

pub use capability::Capability;
pub use health::{HealthCheck, HealthCommand, HealthError, HttpPath, StartPeriod};
pub use writable::{Writable, WritablePath, WritablePathError};

use crate::limits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where every tenant has a volume, whatever its image declares.
pub const OWN_VOLUMES: [&str; 2] = ["/app/data/users", "/app/data/db"];

/// How a tenant image is chosen and reached, and what a container made from it needs to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tenant {
    /// The language by which `landfall tenant spawn --language` picks the image.
    pub language: String,
    /// The framework by which `--framework` picks among the images of a language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framework: Option<String>,
    /// The TCP port on which the tenant listens inside its container.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// How it is found out whether a tenant is healthy.
    pub health: HealthCheck,
    /// Seconds that a tenant may take from its start until it is healthy.
    #[serde(default, skip_serializing_if = "StartPeriod::is_default")]
    #[schemars(with = "u16", range(min = 1, max = 600))]
    pub start_period: StartPeriod,
    /// Where a tenant can write, besides what every tenant has. The image's own `VOLUME`s are among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub writable: Vec<Writable>,
    /// The capabilities that programs of the image may have.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub capabilities: BTreeSet<Capability>,
    /// The memory, in bytes, that a tenant needs at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Whether the self-check tries the release with this image. At most one image has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub canary: bool,
}

/// What is wrong with a tenant image's declaration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TenantProblem {
    /// Port 0.
    #[error("port is 0: a tenant listens on 1 to 65535")]
    Port,
    /// Too many paths.
    #[error("writable has more than {} paths, the image's volumes included", limits::WRITABLE_PATHS)]
    WritablePaths,
    /// Two mounts at one path.
    #[error("writable has {0} twice")]
    WritableTwice(WritablePath),
    /// A path that every tenant has a volume at.
    #[error("writable has {0}, where every tenant has a volume already")]
    OwnVolume(WritablePath),
    /// A tmpfs that is too small or too large.
    #[error("the tmpfs at {path} has a size of {size} bytes: it must be from 4 KiB to 1 TiB")]
    TmpfsSize {
        /// Where it is mounted.
        path: WritablePath,
        /// Its size.
        size: u64,
    },
    /// Too little or too much memory.
    #[error("memory is {0} bytes: it must be from 8 MiB to 1 TiB")]
    Memory(u64),
}

impl Tenant {
    /// A tenant image with no further needs.
    pub fn new(language: &str, port: u16, health: HealthCheck) -> Self {
        Self {
            language: language.to_owned(),
            framework: None,
            port,
            health,
            start_period: StartPeriod::default(),
            writable: Vec::new(),
            capabilities: BTreeSet::new(),
            memory: None,
            canary: false,
        }
    }

    /// Checks what the types of the fields cannot express.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), TenantProblem> {
        if self.port == 0 {
            return Err(TenantProblem::Port);
        }
        if self.writable.len() > limits::WRITABLE_PATHS {
            return Err(TenantProblem::WritablePaths);
        }
        let mut paths = BTreeSet::new();
        for writable in &self.writable {
            let path = writable.path();
            if OWN_VOLUMES.contains(&path.as_str()) {
                return Err(TenantProblem::OwnVolume(path.clone()));
            }
            if !paths.insert(path) {
                return Err(TenantProblem::WritableTwice(path.clone()));
            }
            if let Writable::Tmpfs { path, size } = writable
                && !limits::TMPFS_BYTES.contains(size)
            {
                return Err(TenantProblem::TmpfsSize { path: path.clone(), size: *size });
            }
        }
        match self.memory {
            Some(memory) if !limits::TENANT_MEMORY_BYTES.contains(&memory) => Err(TenantProblem::Memory(memory)),
            _ => Ok(()),
        }
    }
}
