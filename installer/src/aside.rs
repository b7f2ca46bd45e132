//! What is in the way of a record, and gives way: it stays beside what comes in its place.

use crate::durable::{self, At as _, Result};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// How many things of one name stay beside it.
const LIMIT: u32 = 100;

/// Frees a name: what has it is called `NAME.unusable.1` from now on, or has the next number that is free. Returns the new name.
pub(crate) fn set(path: &Path) -> Result<PathBuf> {
    for number in 1..=LIMIT {
        let mut aside = path.as_os_str().to_owned();
        aside.push(format!(".unusable.{number}"));
        let aside = PathBuf::from(aside);
        match durable::rename_to_free_name(path, &aside) {
            Err(error) if error.source.kind() == ErrorKind::AlreadyExists => {}
            other => return other.map(|()| aside),
        }
    }
    Err(io::Error::from(ErrorKind::AlreadyExists)).at("set aside", path)
}

/// Writes a file over whatever is there. A folder cannot be replaced by a file, and gives way.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    if path.symlink_metadata().is_ok_and(|about| about.is_dir()) {
        set(path)?;
    }
    durable::write(path, bytes, mode)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_way_to_a_file_and_nothing_in_it_is_lost() {
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
