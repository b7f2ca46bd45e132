//! What a folder holds, counted within bounds: whoever fills it may be hostile.

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Statx, StatxFlags, openat, statx};
use rustix::io::Errno;
use std::ffi::CString;
use std::io;
use std::path::Path;
use std::time::Instant;

/// How deep folders may lie in one another: each level takes a file descriptor while it is counted.
pub const MAX_DEPTH: usize = 256;

/// After so many files the time is looked at.
const LOOK_EVERY: u64 = 256;

/// What a folder holds, itself not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holding {
    /// The bytes that its files take on the disk.
    pub bytes: u64,
    /// Files and folders.
    pub files: u64,
    /// Levels of folders in one another.
    pub depth: usize,
}

impl Holding {
    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            files: self.files.saturating_add(other.files),
            depth: self.depth.max(other.depth),
        }
    }

    /// Whether it is more than `most`, in any way.
    pub fn exceeds(self, most: Self) -> bool {
        self.bytes > most.bytes || self.files > most.files || self.depth > most.depth
    }
}

/// Counts what a folder holds, until it is more than `most`, and no longer than to `deadline`. Follows no links, and stays on the folder's file system. What is removed
/// meanwhile is passed over.
pub(super) fn measure(folder: &Path, most: Holding, deadline: Instant) -> io::Result<Holding> {
    let root = open(CWD, folder)?;
    let device = device_of(&statx(&root, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?);
    let mut open_folders = vec![Dir::new(root)?];
    let mut held = Holding::default();
    while let Some(current) = open_folders.last_mut() {
        let Some(entry) = current.read().transpose()? else {
            open_folders.pop();
            continue;
        };
        let name: CString = entry.file_name().to_owned();
        if [c".", c".."].contains(&name.as_c_str()) {
            continue;
        }
        let Some(about) = there(statx(current.fd()?, &name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS))?
        else {
            continue;
        };
        let is_folder = FileType::from_raw_mode(about.stx_mode.into()) == FileType::Directory;
        held = held.and(Holding { bytes: share(&about, is_folder), files: 1, depth: 0 });
        if is_folder && device_of(&about) == device {
            let Some(inner) = there(open(current.fd()?, &name))? else { continue };
            open_folders.push(Dir::new(inner)?);
            held.depth = held.depth.max(open_folders.len() - 1);
        }
        if held.exceeds(most) {
            break;
        }
        if held.files.is_multiple_of(LOOK_EVERY) && Instant::now() >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
    Ok(held)
}

/// The bytes of one entry. A file with several names is counted in equal shares.
fn share(about: &Statx, is_folder: bool) -> u64 {
    // In units of 512 bytes, whatever the file system's own (statx(2)).
    let bytes = about.stx_blocks.saturating_mul(512);
    if is_folder { bytes } else { bytes / u64::from(about.stx_nlink).max(1) }
}

/// The major and minor number of a file system.
pub(super) type Device = (u32, u32);

pub(super) fn device_of(about: &Statx) -> Device {
    (about.stx_dev_major, about.stx_dev_minor)
}

fn open(at: impl std::os::fd::AsFd, name: impl rustix::path::Arg) -> rustix::io::Result<std::os::fd::OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(at, name, flags, Mode::empty())
}

/// `None` for what was removed or replaced since it was listed.
fn there<T>(found: rustix::io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        found => Ok(found.map(Some)?),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, symlink};
    use std::time::Duration;

    const ANY: Holding = Holding { bytes: u64::MAX, files: u64::MAX, depth: MAX_DEPTH };

    fn later() -> Instant {
        Instant::now() + Duration::from_mins(5)
    }

    #[test]
    fn counts_what_lies_on_the_disk_and_follows_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("a/b")).unwrap();
        fs::write(at("a/b/file"), vec![1; 100_000]).unwrap();
        fs::hard_link(at("a/b/file"), at("again")).unwrap();
        fs::File::create(at("sparse")).unwrap().set_len(1 << 30).unwrap();
        symlink("/", at("root")).unwrap();
        symlink("a", at("inner")).unwrap();
        let blocks = |name: &str| fs::symlink_metadata(at(name)).unwrap().blocks() * 512;
        let expected: u64 = ["a", "a/b", "a/b/file", "sparse", "root", "inner"].into_iter().map(blocks).sum();
        let held = measure(folder.path(), ANY, later()).unwrap();
        assert_eq!(held, Holding { bytes: expected, files: 7, depth: 2 });
        assert!(held.bytes >= 100_000);
    }

    #[test]
    fn counting_ends_at_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..300 {
            fs::write(folder.path().join(number.to_string()), [1; 4096]).unwrap();
        }
        assert_eq!(measure(folder.path(), Holding { files: 10, ..ANY }, later()).unwrap().files, 11);
        let late = measure(folder.path(), ANY, Instant::now()).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        assert!(measure(folder.path(), Holding { bytes: 1, ..ANY }, later()).unwrap().files < 300);
        let mut deep = folder.path().to_owned();
        deep.extend(["d"; MAX_DEPTH + 10]);
        fs::create_dir_all(deep).unwrap();
        let held = measure(folder.path(), ANY, later()).unwrap();
        assert_eq!(held.depth, MAX_DEPTH + 1);
        assert!(held.exceeds(ANY));
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(measure(&folder.path().join("gone"), ANY, later()).is_err());
    }
}
