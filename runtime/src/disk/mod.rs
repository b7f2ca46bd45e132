//! The disks of this host: how much room they have, and what a folder on them holds.

mod folder_size;
mod unnamed;

pub use folder_size::{Holding, MAX_DEPTH};
pub use unnamed::Unnamed;

use folder_size::{device_of, measure};
use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::time::Instant;

/// What a file takes of a disk at least, in bytes: about as much as ext4 has an inode for. Empty files use up a disk, too.
pub const BYTES_PER_FILE: u64 = 16 << 10;

/// Where the host's disks are looked at.
pub trait Disks: Send + Sync {
    /// The bytes that programs without privileges can still write to the disk of a folder, in files of [`BYTES_PER_FILE`] at least.
    ///
    /// # Errors
    /// The folder cannot be reached.
    fn free(&self, folder: &Path) -> io::Result<u64>;
    /// What a folder holds. Counting ends as soon as it holds more than `most`. It takes a call for each file.
    ///
    /// # Errors
    /// It, or a folder in it, cannot be read, or is not counted by `deadline`.
    fn holding(&self, folder: &Path, most: Holding, deadline: Instant) -> io::Result<Holding>;
    /// The files without a name on the disk of a folder which processes of containers use, by the container's id. After `deadline`, nothing
    /// more is looked at.
    ///
    /// # Errors
    /// The folder cannot be reached, or processes not be listed.
    fn unnamed(
        &self,
        folder: &Path,
        containers: &BTreeSet<String>,
        deadline: Instant,
    ) -> io::Result<BTreeMap<String, Unnamed>>;
}

/// The disks of the kernel that this process runs on.
#[derive(Debug, Clone, Copy)]
pub struct KernelDisks;

impl Disks for KernelDisks {
    fn free(&self, folder: &Path) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(folder)?;
        // Not the blocks that are reserved for root: the service is root without the capability to use them.
        let bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
        // Some file systems have no fixed number of files, and report none.
        let files = if disk.f_files == 0 { u64::MAX } else { disk.f_favail };
        Ok(bytes.min(files.saturating_mul(BYTES_PER_FILE)))
    }

    fn holding(&self, folder: &Path, most: Holding, deadline: Instant) -> io::Result<Holding> {
        measure(folder, most, deadline)
    }

    fn unnamed(
        &self,
        folder: &Path,
        containers: &BTreeSet<String>,
        deadline: Instant,
    ) -> io::Result<BTreeMap<String, Unnamed>> {
        let about = statx(CWD, folder, AtFlags::empty(), StatxFlags::BASIC_STATS)?;
        unnamed::find(Path::new("/proc"), device_of(&about), containers, deadline)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    /// What needs root, for a mount; `make check` leaves it out.
    mod needs_root {
        use crate::disk::{BYTES_PER_FILE, Disks as _, KernelDisks};
        use std::process::Command;

        #[test]
        fn a_disk_that_has_room_for_few_more_files_has_little_room() {
            let folder = tempfile::tempdir().unwrap();
            let mount = |words: &[&str]| Command::new(words[0]).args(&words[1..]).arg(folder.path()).status().unwrap();
            let mounted = mount(&["mount", "-t", "tmpfs", "-o", "size=64m,nr_inodes=100", "tmpfs"]);
            assert!(mounted.success(), "this test mounts a file system: run it as root");
            let empty = KernelDisks.free(folder.path());
            std::fs::write(folder.path().join("one"), "").unwrap();
            let with_a_file = KernelDisks.free(folder.path());
            mount(&["umount"]);
            // The folder itself is a file.
            assert_eq!((empty.unwrap(), with_a_file.unwrap()), (99 * BYTES_PER_FILE, 98 * BYTES_PER_FILE));
        }
    }
}
