//! The facts about the host that preflight judges.

use super::pool::{Pool, UsedNetwork};
use crate::engine::About;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the decision depends on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// The running system is to be changed, and not by root.
    pub(crate) needs_root: bool,
    /// By the folder of a need.
    pub(crate) file_systems: BTreeMap<PathBuf, FileSystem>,
    /// Ports that cannot be bound, and why.
    pub(crate) taken_ports: Vec<(u16, String)>,
    /// The addresses of the tenants, and those that are used for something else.
    pub(crate) addresses: Option<Addresses>,
    /// systemd is wanted and does not run.
    pub(crate) lacks_systemd: bool,
    /// The engine that is wanted, or why it is not reached.
    pub(crate) engine: Option<Result<About, String>>,
    /// The kernel's cgroup controllers, if it lists them.
    pub(crate) controllers: Option<Vec<String>>,
    /// Files, and links that lead nowhere or out of the root, where a folder has to be.
    pub(crate) not_folders: Vec<PathBuf>,
    /// Files and folders under names that the release needs.
    pub(crate) occupied: Vec<PathBuf>,
    /// Why an interrupted update could not be recovered from.
    pub(crate) no_recovery: Option<String>,
    /// Programs on the PATH that are not ours.
    pub(crate) foreign_links: Vec<PathBuf>,
    pub(crate) seconds_since_1970: u64,
}

/// The tenants' pool beside what the host and its engine use for something else.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    pub(crate) pool: Pool,
    pub(crate) used: Vec<UsedNetwork>,
}

/// A file system, seen through one folder on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileSystem {
    /// Tells file systems apart.
    pub(crate) device: u64,
    /// The folder that was looked at.
    pub(crate) mount: PathBuf,
    pub(crate) free_bytes: u64,
    /// `None` where inodes are made as needed.
    pub(crate) free_inodes: Option<u64>,
    pub(crate) read_only: bool,
}
