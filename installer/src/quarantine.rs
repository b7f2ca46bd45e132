//! Renames files that cannot be used, so that new ones can be written in their place. The old ones stay beside them.

use crate::durable::{self, At as _, Result};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// How many unusable files of one name are kept.
const LIMIT: u32 = 100;

/// Renames `path` to `NAME.unusable.1`, or to the next number that is free. Returns the new path.
pub(crate) fn rename(path: &Path) -> Result<PathBuf> {
    for number in 1..=LIMIT {
        let mut renamed = path.as_os_str().to_owned();
        renamed.push(format!(".unusable.{number}"));
        let renamed = PathBuf::from(renamed);
        match durable::rename_to_free_name(path, &renamed) {
            Err(error) if error.source.kind() == ErrorKind::AlreadyExists => {}
            other => return other.map(|()| renamed),
        }
    }
    Err(io::Error::from(ErrorKind::AlreadyExists)).at("rename", path)
}

/// Writes a file in place of whatever has its name. A folder cannot be replaced by a file, so it is renamed.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    if path.symlink_metadata().is_ok_and(|about| about.is_dir()) {
        rename(path)?;
    }
    durable::write(path, bytes, mode)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_renamed_for_a_file_and_nothing_in_it_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for number in 1..=2 {
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join("inside"), number.to_string()).unwrap();
            write(&path, b"new", 0o600).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"new");
            std::fs::remove_file(&path).unwrap();
        }
        assert_eq!(std::fs::read(folder.path().join("a.unusable.2/inside")).unwrap(), b"2");
    }
}
