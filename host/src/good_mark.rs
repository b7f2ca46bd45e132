//! The mark of a good release, `db/proven`: one line, the release's id (`<version>-<serial>`).
//!
//! The runtime writes it once a release has been healthy for long enough without interruption. The installer keeps such a release,
//! and no longer counts its starts.

use crate::durable::{self, PathError};
use std::path::Path;

/// More than any release's id has, in bytes.
const MAX_BYTES: u64 = 256;

/// Whether `release` has the mark. A mark that cannot be read marks nothing.
pub fn is_marked(path: &Path, release: &str) -> bool {
    let mark = durable::read(path, MAX_BYTES).ok().flatten().unwrap_or_default();
    // The whole line: `1.1.0-2` is not `1.1.0-22`.
    mark.strip_suffix(b"\n") == Some(release.as_bytes())
}

/// Marks `release`, durably and in place of any other.
///
/// # Errors
/// The file cannot be written.
pub fn mark(path: &Path, release: &str) -> Result<(), PathError> {
    durable::write(path, format!("{release}\n").as_bytes(), 0o600)
}

/// Removes the mark, whichever release has it.
///
/// # Errors
/// The file cannot be removed.
pub fn unmark(path: &Path) -> Result<(), PathError> {
    durable::remove(path)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn one_release_is_marked_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("proven");
        assert!(!is_marked(&path, "1.0.0-1"));
        mark(&path, "1.0.0-1").unwrap();
        mark(&path, "1.1.0-2").unwrap();
        assert!(is_marked(&path, "1.1.0-2") && !is_marked(&path, "1.0.0-1") && !is_marked(&path, "1.1.0-22"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1.1.0-2\n");
        unmark(&path).unwrap();
        unmark(&path).unwrap();
        assert!(!is_marked(&path, "1.1.0-2"));
    }
}
