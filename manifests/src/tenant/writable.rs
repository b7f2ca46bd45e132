//! Where a tenant can write.

use crate::limits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The kernel's own file systems, in which nothing else can be mounted.
const KERNEL_FOLDERS: [&str; 3] = ["/proc", "/sys", "/dev"];

/// A path at which a tenant can write, and what is mounted there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Writable {
    /// In memory: empty at each start. No program in it can be run. Counts towards the tenant's memory.
    Tmpfs {
        /// Where it is mounted.
        path: WritablePath,
        /// The most that it holds, in bytes.
        #[serde(default = "default_tmpfs")]
        size: u64,
    },
    /// On disk: kept for as long as the tenant exists.
    Volume {
        /// Where it is mounted.
        path: WritablePath,
    },
}

/// An absolute path in a container at which something can be mounted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WritablePath(String);

/// The text is not a path in a container at which something can be mounted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a path that can be made writable: {rule}")]
pub struct WritablePathError {
    text: String,
    rule: &'static str,
}

impl Writable {
    /// The size of a tmpfs for which none is given, in bytes.
    pub const DEFAULT_TMPFS: u64 = 64 << 20;

    /// Where it is mounted.
    pub fn path(&self) -> &WritablePath {
        match self {
            Self::Tmpfs { path, .. } | Self::Volume { path } => path,
        }
    }
}

fn default_tmpfs() -> u64 {
    Writable::DEFAULT_TMPFS
}

impl WritablePath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the path is in the folder `other`, and not the folder itself.
    pub fn is_inside(&self, other: &str) -> bool {
        self.0.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl FromStr for WritablePath {
    type Err = WritablePathError;

    fn from_str(text: &str) -> Result<Self, WritablePathError> {
        match broken_rule(text) {
            None => Ok(Self(text.to_owned())),
            Some(rule) => Err(WritablePathError { text: text.chars().take(120).collect(), rule }),
        }
    }
}

fn broken_rule(text: &str) -> Option<&'static str> {
    let Some(relative) = text.strip_prefix('/') else { return Some("it is not absolute") };
    if text.len() > limits::PATH_BYTES {
        return Some("it is longer than 1,024 bytes");
    }
    // Engines separate the options of a mount by these.
    if text.chars().any(|c| c.is_control() || matches!(c, '\\' | ',' | ':' | '=')) {
        return Some("it has a control character, or one of \\ , : =");
    }
    if relative.split('/').any(|component| matches!(component, "" | "." | "..")) {
        return Some("it is the root, or has a component that is empty, . or ..");
    }
    let is_kernels = KERNEL_FOLDERS
        .iter()
        .filter_map(|folder| text.strip_prefix(folder))
        .any(|rest| rest.is_empty() || rest.starts_with('/'));
    is_kernels.then_some("/proc, /sys and /dev are the kernel's")
}

impl fmt::Display for WritablePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
