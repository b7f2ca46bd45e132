//! Folders for what is being made: beside the bundle, so that the finished file only needs a new name.

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use tempfile::TempDir;

const PREFIX: &str = ".landfall-bundler.partial-";
/// How often another run may take a new folder for one that was left behind, in the moment before it is locked.
const ATTEMPTS: usize = 8;

/// A temporary folder, which is removed when this value is dropped. A killed run leaves its folder behind, and the next run
/// removes it: a folder that no process has locked (`flock(2)`, which the kernel releases with the process) is abandoned.
#[derive(Debug)]
pub(crate) struct PartialFolder {
    folder: TempDir,
    /// Dropped after the folder is gone.
    _lock: File,
}

impl PartialFolder {
    /// A new folder in `parent`, in which those that killed runs left behind are removed.
    pub(crate) fn new(parent: &Path) -> io::Result<Self> {
        // First, since what killed runs left takes the room that this one needs.
        sweep(parent);
        for _ in 0..ATTEMPTS {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
            match keep(folder.path()) {
                Ok(Some(lock)) => return Ok(Self { folder, _lock: lock }),
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Err(io::Error::other("another run removes each new folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The lock of a folder that this run has made; `None` if another run took it for one left behind. A file system without
/// locks gives none, and so nothing is ever removed there by another run.
fn keep(folder: &Path) -> io::Result<Option<File>> {
    let file = opened(folder)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Ok(None),
        // A sweep has removed the folder between its making and its lock, and the name is another's now.
        _ if fs::symlink_metadata(folder)?.ino() != file.metadata()?.ino() => Ok(None),
        _ => Ok(Some(file)),
    }
}

fn opened(folder: &Path) -> io::Result<File> {
    // A link of that name is nobody's folder, and is left alone.
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(folder, flags, Mode::empty())?.into())
}

/// Removes what killed runs left behind. A folder that cannot be removed, such as another user's, does no harm.
fn sweep(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let Ok(folder) = opened(&entry.path()) else { continue };
        // Held until the folder is gone, so that two sweeps do not meet in it.
        if flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn removes_what_nobody_holds_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let left = parent.path().join(format!("{PREFIX}left"));
        fs::create_dir(&left).unwrap();
        fs::write(left.join("blob"), "x").unwrap();
        let other = parent.path().join(".other.partial-left");
        fs::create_dir(&other).unwrap();
        let held = PartialFolder::new(parent.path()).unwrap();
        let second = PartialFolder::new(parent.path()).unwrap();
        assert!(!left.exists() && other.exists() && held.path().exists() && second.path().exists());
        drop((held, second));
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
