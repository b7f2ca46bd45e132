//! The disks of this host: how much room they have, and what a folder on them holds.

mod folder_size;

pub use folder_size::{Holding, MAX_DEPTH};

use folder_size::measure;
use std::io;
use std::path::Path;
use std::time::Instant;

/// Where the host's disks are looked at.
pub trait Disks: Send + Sync {
    /// The bytes that programs without privileges can still write to the disk of a folder.
    ///
    /// # Errors
    /// The folder cannot be reached.
    fn free(&self, folder: &Path) -> io::Result<u64>;
    /// What a folder holds. Counting ends as soon as it holds more than `most`. It takes a call for each file.
    ///
    /// # Errors
    /// It, or a folder in it, cannot be read, or is not counted by `deadline`.
    fn holding(&self, folder: &Path, most: Holding, deadline: Instant) -> io::Result<Holding>;
}

/// The disks of the kernel that this process runs on.
#[derive(Debug, Clone, Copy)]
pub struct KernelDisks;

impl Disks for KernelDisks {
    fn free(&self, folder: &Path) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(folder)?;
        // Not the blocks that are reserved for root: the service is root without the capability to use them.
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn holding(&self, folder: &Path, most: Holding, deadline: Instant) -> io::Result<Holding> {
        measure(folder, most, deadline)
    }
}
