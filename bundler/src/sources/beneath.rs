//! What was found below a folder that is packed, opened through no link: another may have put one there since, and what is outside does
//! not go into a bundle.

use crate::regular::{self, NotRegular};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, open, openat2};
use rustix::io::Errno;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The same file as the one that was found (its device and inode).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }
}

/// Opens a regular file that was found at `below` in `root`, or at `root` itself if that is empty; `None` if it is another one now.
pub(super) fn open_file(root: &Path, below: &Path, found: Identity) -> io::Result<Option<(File, Metadata)>> {
    let opened = if below.as_os_str().is_empty() {
        regular::open(root)
    } else {
        // Without O_NONBLOCK, opening a named pipe waits for a writer.
        open_with(root, below, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY).and_then(regular_only)
    };
    same(opened, found)
}

/// Opens a folder that was found at `below` in `root`.
pub(super) fn open_folder(root: &Path, below: &Path, found: Identity) -> io::Result<Option<(File, Metadata)>> {
    same(open_with(root, below, OFlags::RDONLY | OFlags::DIRECTORY), found)
}

/// Opens a symbolic link that was found at `below` in `root`, for readlinkat(2).
pub(super) fn open_link(root: &Path, below: &Path, found: Identity) -> io::Result<Option<(File, Metadata)>> {
    same(open_with(root, below, OFlags::PATH), found)
}

fn open_with(root: &Path, below: &Path, flags: OFlags) -> io::Result<(File, Metadata)> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    // With O_PATH and O_NOFOLLOW, a link at the end is opened itself (openat2(2)).
    let through_none = ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH;
    let file = match openat2(&folder, below, flags, Mode::empty(), through_none) {
        // Linux before 5.6, or a filter of system calls that does not know it.
        Err(Errno::NOSYS | Errno::PERM) => rustix::fs::openat(CWD, root.join(below), flags, Mode::empty())?,
        other => other?,
    };
    let file = File::from(file);
    let metadata = file.metadata()?;
    Ok((file, metadata))
}

fn regular_only((file, metadata): (File, Metadata)) -> io::Result<(File, Metadata)> {
    if metadata.is_file() { Ok((file, metadata)) } else { Err(NotRegular.into()) }
}

fn same(opened: io::Result<(File, Metadata)>, found: Identity) -> io::Result<Option<(File, Metadata)>> {
    // A link, a way out of the folder, no folder any more, and a socket.
    let changed = [Errno::LOOP, Errno::XDEV, Errno::NOTDIR, Errno::NXIO, Errno::NOENT].map(Errno::raw_os_error);
    match opened {
        Ok(opened) => Ok(Some(opened).filter(|(_, metadata)| Identity::of(metadata) == found)),
        Err(error) if NotRegular::caused(&error) => Ok(None),
        Err(error) if error.raw_os_error().is_some_and(|number| changed.contains(&number)) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_was_found_is_opened_and_nothing_that_a_link_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
        for folder in [&root.join("sub"), &outside] {
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join("file"), "x").unwrap();
        }
        symlink("sub", root.join("link")).unwrap();
        let identity = |path: &Path| Identity::of(&root.join(path).symlink_metadata().unwrap());
        let (sub, file, link) = (Path::new("sub"), Path::new("sub/file"), Path::new("link"));
        let found = (identity(sub), identity(file), identity(link));
        assert!(open_folder(&root, sub, found.0).unwrap().is_some());
        assert!(open_file(&root, file, found.1).unwrap().is_some());
        assert!(open_file(&root.join(file), Path::new(""), found.1).unwrap().is_some());
        assert!(open_link(&root, link, found.2).unwrap().is_some());
        fs::rename(root.join("sub"), root.join("was")).unwrap();
        symlink("../outside", root.join("sub")).unwrap();
        // Also one that is looked at through the link.
        for found in [found.1, identity(file)] {
            assert!(open_file(&root, file, found).unwrap().is_none());
        }
        assert!(open_folder(&root, sub, identity(sub)).unwrap().is_none());
        fs::remove_file(root.join("sub")).unwrap();
        fs::create_dir(root.join("sub")).unwrap();
        fs::write(root.join(file), "x").unwrap();
        assert!(open_file(&root, file, found.1).unwrap().is_none(), "another file of that name");
    }
}
