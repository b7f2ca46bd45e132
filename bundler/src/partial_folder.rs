//! Folders for what is being made: beside the bundle, so that the finished file only needs a new name.

use crate::regular;
use landfall_manifests::limits;
use landfall_media::folder_of;
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const PREFIX: &str = ".landfall-bundler.partial-";
/// How often another run may take a new folder for one that was left behind, in the moment before it is locked.
const ATTEMPTS: usize = 8;

/// The file in a folder that has the name of the bundle that is being made in it.
const FOR: &str = "for";

/// Another run makes a bundle of this name in the same folder.
#[derive(Debug, thiserror::Error)]
#[error("another run writes {0} there")]
pub(crate) struct Busy(String);

impl Busy {
    /// Whether this is why `error` happened.
    pub(crate) fn is_among(error: &(dyn Error + 'static)) -> bool {
        let mut causes = std::iter::successors(Some(error), |&cause| cause.source());
        let found = causes.find_map(|cause| cause.downcast_ref::<io::Error>()).and_then(io::Error::get_ref);
        found.is_some_and(<dyn Error + Send + Sync>::is::<Self>)
    }
}

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

    /// A new folder beside `out`, for the files that will be put there; [`Busy`] if another run has one.
    pub(crate) fn beside(out: &Path) -> io::Result<Self> {
        let partial = Self::new(folder_of(out))?;
        let name = out.file_name().unwrap_or_default();
        fs::write(partial.path().join(FOR), name.as_encoded_bytes())?;
        // When its own name can be read: of two runs that begin at one time, one at least sees the other.
        let mut others = left_in(folder_of(out)).filter(|other| other.file_name() != partial.path().file_name());
        if others.any(|other| is_held(&other) && output_of(&other).is_some_and(|of| of.file_name() == Some(name))) {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, Busy(name.to_string_lossy().into_owned())));
        }
        Ok(partial)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for PartialFolder {
    fn drop(&mut self) {
        let is_needed = output_of(self.path()).is_some_and(|out| landfall_media::settle(self.path(), &out).is_err());
        self.folder.disable_cleanup(is_needed);
    }
}

/// What the files in a folder are for, if it says so.
fn output_of(folder: &Path) -> Option<PathBuf> {
    let name = regular::read(&folder.join(FOR), limits::PATH_COMPONENT_BYTES as u64).ok()?;
    let name = OsString::from_vec(name);
    (Path::new(&name).file_name() == Some(&name)).then(|| folder.with_file_name(name))
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

/// Removes what killed runs left behind in `parent`, and puts a bundle back that one of them had set aside. A folder that cannot be
/// removed, such as another user's, does no harm.
pub(crate) fn sweep(parent: &Path) {
    for left in left_in(parent) {
        let Ok(folder) = opened(&left) else { continue };
        // Held until the folder is gone, so that two sweeps do not meet in it.
        if flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok() && settle(&left, &folder).is_ok() {
            let _ = fs::remove_dir_all(left);
        }
    }
}

fn settle(left: &Path, folder: &File) -> io::Result<()> {
    // In another user's folder, names may lead anywhere.
    let is_own = folder.metadata()?.uid() == geteuid().as_raw();
    output_of(left).filter(|_| is_own).map_or(Ok(()), |out| landfall_media::settle(left, &out))
}

fn is_held(folder: &Path) -> bool {
    let shared = FlockOperation::NonBlockingLockShared;
    opened(folder).is_ok_and(|folder| flock(&folder, shared) == Err(Errno::WOULDBLOCK))
}

fn left_in(parent: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let partial = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    partial.map(|entry| entry.path())
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

    #[test]
    fn an_output_is_made_by_one_run_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let (out, other) = (parent.path().join("b"), parent.path().join("c"));
        let first = PartialFolder::beside(&out).unwrap();
        let error = PartialFolder::beside(&out).unwrap_err();
        assert!(Busy::is_among(&error) && error.to_string() == "another run writes b there", "{error}");
        drop(PartialFolder::beside(&other).unwrap());
        drop(first);
        drop(PartialFolder::beside(&out).unwrap());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_run_had_set_aside_is_put_back() {
        let parent = tempfile::tempdir().unwrap();
        let left = parent.path().join(format!("{PREFIX}left"));
        fs::create_dir_all(left.join("old")).unwrap();
        for (file, content) in [("for", "b"), ("old/b", "old"), ("bundle.part001", "new")] {
            fs::write(left.join(file), content).unwrap();
        }
        sweep(parent.path());
        assert_eq!(fs::read(parent.path().join("b")).unwrap(), b"old");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
