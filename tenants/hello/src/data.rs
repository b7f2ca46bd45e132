//! Small files in the tenant's volume, through which tests prove that volumes survive.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::request::MAX_BODY_BYTES;

/// The longest name of a file, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// How many files the folder may hold, so that a client cannot fill the host's disk through this tenant: 4 MiB in all.
const MAX_FILES: usize = 64;

/// A file name that stays in its folder: letters, digits, dot, dash and underscore, not beginning with a dot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileName<'a>(&'a str);

impl<'a> FileName<'a> {
    /// `None` if it is not such a name.
    pub(crate) fn new(name: &'a str) -> Option<Self> {
        let fits = !name.is_empty()
            && name.len() <= MAX_NAME_BYTES
            && !name.starts_with('.')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        fits.then_some(Self(name))
    }

    fn in_folder(&self, folder: &Path) -> PathBuf {
        folder.join(self.0)
    }
}

/// Reads a file that [`write()`] wrote; `None` if there is none.
pub(crate) fn read(folder: &Path, name: &FileName<'_>) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(name.in_folder(folder)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut content = Vec::new();
    // Something else may have written a larger one into the volume.
    file.take(MAX_BODY_BYTES as u64 + 1).read_to_end(&mut content)?;
    if content.len() > MAX_BODY_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than 64 KiB"));
    }
    Ok(Some(content))
}

/// Writes a file so that a power cut leaves the old or the new content.
pub(crate) fn write(folder: &Path, name: &FileName<'_>, content: &[u8]) -> io::Result<()> {
    let path = name.in_folder(folder);
    // Several workers may pass this at once, and exceed the limit by as many files.
    if !path.exists() && fs::read_dir(folder)?.take(MAX_FILES).count() == MAX_FILES {
        return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "the folder holds 64 files, which is its limit"));
    }
    // No request can name it, because of the dot. A thread writes one file at a time, so that no two write into this
    // one.
    let temporary = folder.join(format!(".{}.{:?}", name.0, std::thread::current().id()));
    // 1. Write and sync the content, under another name.
    // 2. Give it its own name, in place of the old content.
    // 3. Sync the folder, which holds the name.
    let outcome = File::create(&temporary)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, &path))
        .and_then(|()| File::open(folder)?.sync_all());
    if outcome.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    outcome
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        for name in ["a", "note-1.txt", "A_b"] {
            assert!(FileName::new(name).is_some(), "{name}");
        }
        for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "a b", "%2e%2e", "a\0", "ä", &"x".repeat(65)] {
            assert_eq!(FileName::new(name), None, "{name:?}");
        }
    }

    #[test]
    fn what_was_written_last_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let name = FileName::new("note").unwrap();
        assert_eq!(read(folder.path(), &name).unwrap(), None);
        write(folder.path(), &name, b"one").unwrap();
        write(folder.path(), &name, b"two").unwrap();
        assert_eq!(read(folder.path(), &name).unwrap().as_deref(), Some(b"two".as_slice()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file was left");
    }

    #[test]
    fn a_full_folder_takes_new_content_and_no_new_file() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..MAX_FILES {
            write(folder.path(), &FileName::new(&number.to_string()).unwrap(), b"x").unwrap();
        }
        write(folder.path(), &FileName::new("0").unwrap(), b"y").unwrap();
        let error = write(folder.path(), &FileName::new("more").unwrap(), b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
    }
}
