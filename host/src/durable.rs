//! Changes of the file system that outlive a power cut once they have returned.
//!
//! A file is written under a temporary name, synced and renamed, and its folder synced. Temporary names follow from the final
//! ones ([`partial`]), so that removing a file also removes what an interrupted write of it left.

use crate::regular;
use rustix::fs::{Mode, RenameFlags};
use std::ffi::OsStr;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// An operation on a path that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}", .path.display())]
pub struct PathError {
    what: &'static str,
    path: PathBuf,
    /// Why it failed.
    #[source]
    pub source: io::Error,
}

impl PathError {
    /// `what` ("read", "rename", …) could not be done to `path`.
    pub fn new(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self { what, path: path.to_owned(), source }
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// What an operation on a path comes to.
pub type Result<T> = std::result::Result<T, PathError>;

/// Names the operation and the path that an [`io::Error`] is about.
pub trait At<T> {
    /// Says that `what` ("read", "rename", …) was done to `path`.
    ///
    /// # Errors
    /// As before, now with the operation and the path.
    fn at(self, what: &'static str, path: &Path) -> Result<T>;
}

impl<T, E: Into<io::Error>> At<T> for std::result::Result<T, E> {
    fn at(self, what: &'static str, path: &Path) -> Result<T> {
        self.map_err(|error| PathError::new(what, path, error.into()))
    }
}

/// The temporary name under which `path` is written: `.NAME.partial` beside it.
pub fn partial(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or(OsStr::new("root"));
    let mut partial = OsStr::new(".").to_owned();
    partial.push(name);
    partial.push(".partial");
    path.with_file_name(partial)
}

/// Syncs a folder: names that were added to it or removed from it are on the disk.
pub fn sync_folder(path: &Path) -> Result<()> {
    // Syncing a file does not sync its name: that needs a sync of the folder (fsync(2)).
    File::open(path).and_then(|folder| folder.sync_all()).at("sync", path)
}

fn sync_parent(path: &Path) -> Result<()> {
    sync_folder(folder_of(path))
}

/// The folder that holds `path`; the current one for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Creates a file for writing, in place of one that an interrupted run left under this name.
pub fn create(path: &Path, mode: u32) -> Result<File> {
    remove_entry(path)?;
    // O_EXCL also keeps a symbolic link under this name from being followed (open(2)): the write cannot leave the folder.
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).at("create", path)?;
    // The process's umask must not decide.
    let set = if mode == PUBLIC { make_readable(&file) } else { file.set_permissions(Permissions::from_mode(mode)) };
    set.at("set the mode of", path)?;
    Ok(file)
}

/// The mode of files that everybody may read and only the owner may change.
const PUBLIC: u32 = 0o644;

/// Lets everybody read a file, and nobody but its owner change it (0644). FAT and its like have no permissions, and some of their
/// drivers refuse to set any (EPERM, ENOSYS): there, the mount decides.
///
/// # Errors
/// The mode cannot be set, on a file system that has modes.
pub fn make_readable(file: &File) -> io::Result<()> {
    match file.set_permissions(Permissions::from_mode(PUBLIC)) {
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

/// Puts a file in place, or replaces it in one step. Where that fails, nothing of it is left, if the disk allows.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let temporary = partial(path);
    write_under(&temporary, path, bytes, mode).inspect_err(|_| {
        // The failure is what counts, and the next write replaces what stays.
        let _ = std::fs::remove_file(&temporary);
    })
}

fn write_under(temporary: &Path, path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    // 1. Under another name: until the content is complete, readers find the old file, or none.
    let mut file = create(temporary, mode)?;
    file.write_all(bytes).at("write", temporary)?;
    // 2. On the disk before it has the final name: else a power cut could leave that name on an empty file.
    file.sync_all().at("sync", temporary)?;
    // 3. In place of the old file in one step; the folder is synced, so that a power cut does not bring that one back.
    rename(temporary, path)
}

/// Renames, replacing what is there, and syncs the folder.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).at("rename", from)?;
    sync_parent(to)
}

/// Renames to a name that must be free, and syncs the folder.
pub fn rename_to_free_name(from: &Path, to: &Path) -> Result<()> {
    // Without the flag, a file or an empty folder of that name would be replaced (rename(2)).
    rustix::fs::renameat_with(rustix::fs::CWD, from, rustix::fs::CWD, to, RenameFlags::NOREPLACE).at("rename", from)?;
    sync_parent(to)
}

/// Swaps two names of one folder in one step, and syncs the folder: at every moment both exist.
pub fn exchange(one: &Path, other: &Path) -> Result<()> {
    rustix::fs::renameat_with(rustix::fs::CWD, one, rustix::fs::CWD, other, RenameFlags::EXCHANGE).at("swap", one)?;
    sync_parent(other)
}

/// Creates a folder with exactly this mode. One that exists is not changed.
pub fn create_folder(path: &Path, mode: u32) -> Result<()> {
    if create_folder_unsynced(path, mode)? { sync_parent(path) } else { Ok(()) }
}

/// Like [`create_folder`], but not durable until [`sync_tree`] or [`sync_file_system`]. Returns whether the folder is new.
pub fn create_folder_unsynced(path: &Path, mode: u32) -> Result<bool> {
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        other => other.at("create the folder", path)?,
    }
    // mkdir(2) takes the umask's bits away from the mode.
    rustix::fs::chmod(path, Mode::from_raw_mode(mode)).at("set the mode of", path)?;
    Ok(true)
}

/// Syncs every file and folder below `path`, and `path` itself. What others have written to the file system is not waited for: after
/// images were loaded, that is as much as the images.
///
/// # Errors
/// Something below it cannot be read or synced.
pub fn sync_tree(path: &Path) -> Result<()> {
    for entry in std::fs::read_dir(path).at("list", path)? {
        let entry = entry.at("list", path)?;
        let (inner, kind) = (entry.path(), entry.file_type().at("look at", path)?);
        if kind.is_dir() {
            sync_tree(&inner)?;
        } else if kind.is_file() {
            File::open(&inner).and_then(|file| file.sync_all()).at("sync", &inner)?;
        }
    }
    // After what is in it: its names lead to files that are whole.
    sync_folder(path)
}

/// Syncs the file system that `path` is on: for many files, syncing each would take many times as long.
pub fn sync_file_system(path: &Path) -> Result<()> {
    let folder = File::open(path).at("open", path)?;
    rustix::fs::syncfs(&folder).at("sync the file system of", path)
}

/// Makes `path` a symbolic link to `target`, in one step.
pub fn point(path: &Path, target: &Path) -> Result<()> {
    let temporary = partial(path);
    remove_entry(&temporary)?;
    // A link cannot be changed: the new one is renamed over the old one, so that the name leads somewhere at every moment.
    symlink(target, &temporary).at("create the link", &temporary)?;
    rename(&temporary, path)
}

/// Makes a symbolic link under a name that must be free. The folder is not synced.
///
/// # Errors
/// Something has that name, or the file system refuses.
pub fn create_link(path: &Path, target: &Path) -> Result<()> {
    symlink(target, path).at("create the link", path)
}

/// Removes a file or a link, and what an interrupted write of it left. Neither has to exist.
pub fn remove(path: &Path) -> Result<()> {
    let left = remove_entry(&partial(path))?;
    // `|` and not `||`: the file goes even where something was left beside it.
    if remove_entry(path)? | left { sync_parent(path) } else { Ok(()) }
}

/// Removes a file or a link, and returns whether it existed. The folder is not synced.
pub fn remove_entry(path: &Path) -> Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        // A parent that is no folder (ENOTDIR) holds nothing either.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(error).at("remove", path),
    }
}

/// Removes a folder with everything in it; no link is followed. It does not have to exist.
pub fn remove_tree(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        // An operator may have mounted a disk of its own here, which rmdir(2) refuses to remove (EBUSY).
        Err(error) if is_mount(&error) => remove_around_mounts(path),
        Err(error) => Err(error).at("remove the folder", path),
    }
}

/// Removes all that is in a folder except mount points, which are emptied, and the folders that lead to them.
fn remove_around_mounts(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder).at("read the folder", folder)? {
        let entry = entry.at("read the folder", folder)?;
        let path = entry.path();
        if entry.file_type().at("look at", &path)?.is_dir() {
            remove_tree(&path)?;
        } else {
            remove_entry(&path)?;
        }
    }
    sync_folder(folder)?;
    remove_if_empty(folder)
}

/// Removes a folder if it is empty.
pub fn remove_if_empty(path: &Path) -> Result<()> {
    match std::fs::remove_dir(path) {
        Ok(()) => sync_parent(path),
        Err(error) if is_in_use(&error) || error.kind() == ErrorKind::NotFound => Ok(()),
        // A read-only file system refuses before it looks (rmdir(2), EROFS).
        Err(_) if matches!(exists(path), Ok(false)) => Ok(()),
        Err(error) => Err(error).at("remove the folder", path),
    }
}

/// The folder is not empty, or it is a mount point.
fn is_in_use(error: &io::Error) -> bool {
    error.kind() == ErrorKind::DirectoryNotEmpty || is_mount(error)
}

/// A mount point can be neither removed nor renamed.
pub fn is_mount(error: &io::Error) -> bool {
    // EBUSY of rmdir(2), EXDEV of rename(2).
    matches!(error.kind(), ErrorKind::ResourceBusy | ErrorKind::CrossesDevices)
}

/// Whether anything exists at `path`, a dangling link included.
pub fn exists(path: &Path) -> Result<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(error).at("look at", path),
    }
}

/// Opens a regular file for reading ([`regular`]), if it is there.
///
/// # Errors
/// It cannot be opened, or is not a regular file.
pub fn open(path: &Path) -> Result<Option<File>> {
    Ok(if_there(regular::open(path)).at("read", path)?.map(|(file, _)| file))
}

/// Reads a small file of our own, if it is there. `limit` is in bytes.
///
/// # Errors
/// It cannot be read, is not a regular file, or is larger.
pub fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    if_there(regular::read(path, limit)).at("read", path)
}

/// None for what is not there.
fn if_there<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        other => other.map(Some),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_file_gets_exactly_the_mode_and_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(partial(&path), "left by a killed run").unwrap();
        for content in ["one", "two"] {
            write(&path, content.as_bytes(), 0o666).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o666);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn removing_takes_along_what_an_interrupted_write_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(partial(&path), "").unwrap();
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_link_is_repointed_in_one_step_and_a_folder_in_use_stays() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("current");
        point(&link, Path::new("releases/1")).unwrap();
        point(&link, Path::new("releases/2")).unwrap();
        assert_eq!(std::fs::read_link(&link).unwrap(), Path::new("releases/2"));
        remove_if_empty(folder.path()).unwrap();
        assert!(exists(&link).unwrap());
    }

    #[test]
    fn a_missing_file_is_none_and_anything_but_a_regular_file_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(&folder.path().join("a"), 3).unwrap(), None);
        assert_eq!(read(Path::new("/dev/null/a"), 3).unwrap(), None);
        assert_eq!(read(folder.path(), 3).unwrap_err().source.to_string(), "it is not a regular file");
    }
}
