use rustix::fs::{major, minor};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The kernel's own FAT (`MSDOS_SUPER_MAGIC`, statfs(2)).
const FAT_MAGIC: i64 = 0x4d44;

/// FAT in a process of its own, as `/proc/self/mountinfo` names it where the kernel knows none.
const FAT_NAMES: [&str; 3] = ["vfat", "msdos", "fuse.fusefat"];

/// The largest file on FAT, in bytes: its directory entries have 32 bits for a size (Microsoft, "FAT32 File System
/// Specification").
const FAT_FILE: u64 = u32::MAX as u64;

/// What a folder's file system can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileSystem {
    /// The largest file in bytes, where one is known.
    pub(crate) largest_file: Option<u64>,
    /// Bytes that are free for this user.
    pub(crate) free: u64,
    /// The unit in which files take up room, in bytes.
    pub(crate) block: u64,
}

impl FileSystem {
    /// The file system that `folder` is on.
    pub(crate) fn of(folder: &Path) -> io::Result<Self> {
        let room = rustix::fs::statvfs(folder)?;
        let device = folder.metadata()?.dev();
        // Without /proc, the file system's number alone decides.
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let name = name(&mounts, (major(device), minor(device)));
        let is_fat =
            rustix::fs::statfs(folder)?.f_type == FAT_MAGIC || name.is_some_and(|name| FAT_NAMES.contains(&name));
        Ok(Self {
            largest_file: is_fat.then_some(FAT_FILE),
            free: room.f_bavail.saturating_mul(room.f_frsize),
            block: room.f_frsize.max(1),
        })
    }
}

/// The type of the file system on `device`: the first field after the lone dash (proc_pid_mountinfo(5)).
fn name(mounts: &str, device: (u32, u32)) -> Option<&str> {
    let device = format!("{}:{}", device.0, device.1);
    let line = mounts.lines().find(|line| line.split(' ').nth(2) == Some(&device))?;
    line.split(" - ").nth(1)?.split(' ').next()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn finds_the_type_of_a_mount() {
        let mounts = "23 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
                      44 23 7:0 / /media/a rw - vfat /dev/loop0 rw,fmask=0022\n\
                      43 23 0:39 / /media/b rw,nosuid - fuse.fusefat fusefat rw\n";
        for (device, expected) in
            [((254, 0), Some("ext4")), ((7, 0), Some("vfat")), ((0, 39), Some("fuse.fusefat")), ((0, 3), None)]
        {
            assert_eq!(name(mounts, device), expected, "{device:?}");
        }
        assert_eq!(name("", (1, 1)), None);
    }

    #[test]
    fn a_file_system_of_this_machine_says_what_it_takes() {
        let found = FileSystem::of(&std::env::temp_dir()).unwrap();
        assert!(found.block.is_power_of_two(), "{found:?}");
        assert!(FileSystem::of(Path::new("/does/not/exist")).is_err());
    }
}
