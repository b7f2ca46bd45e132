//! Marks, which the runtime writes and the installer reads: files of one line, what is marked.
//!
//! `db/proven` is on the release, by its id, that was healthy for long enough without interruption: the installer keeps it, and no longer
//! counts its starts. `db/healthy` is on the start of the service that became healthy last, by its [`Invocation`](crate::Invocation): by
//! it the installer tells a start that failed from one that was cut off later, by a power cut, and is no fault of the release.

use crate::durable::{self, PathError};
use std::fmt::Display;
use std::path::Path;

/// More than any mark has, in bytes.
const MAX_BYTES: u64 = 256;

/// Whether the mark at `path` is on `what`. One that cannot be read is on nothing.
pub fn is_on(path: &Path, what: impl Display) -> bool {
    let mark = durable::read(path, MAX_BYTES).ok().flatten().unwrap_or_default();
    // The whole line: `1.1.0-2` is not `1.1.0-22`.
    mark == format!("{what}\n").as_bytes()
}

/// Puts the mark on `what`, durably and in place of any other.
///
/// # Errors
/// The file cannot be written.
pub fn put(path: &Path, what: impl Display) -> Result<(), PathError> {
    durable::write(path, format!("{what}\n").as_bytes(), 0o600)
}

/// Removes the mark, whatever it is on.
///
/// # Errors
/// The file cannot be removed.
pub fn remove(path: &Path) -> Result<(), PathError> {
    durable::remove(path)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_on_one_thing_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("proven");
        assert!(!is_on(&path, "1.0.0-1"));
        put(&path, "1.0.0-1").unwrap();
        put(&path, "1.1.0-2").unwrap();
        assert!(is_on(&path, "1.1.0-2") && !is_on(&path, "1.0.0-1") && !is_on(&path, "1.1.0-22"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1.1.0-2\n");
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(!is_on(&path, "1.1.0-2"));
    }
}
