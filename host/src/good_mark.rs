//! The mark of a good release, `db/proven`: one line, the release's id (`<version>-<serial>`).
//!
//! The runtime writes it once a release has been healthy for long enough without interruption. The installer keeps such a release,
//! and no longer counts its starts.

use crate::durable::{self, PathError};
use crate::mark;
use std::path::Path;

/// Whether `release` has the mark. A mark that cannot be read marks nothing.
pub fn is_marked(path: &Path, release: &str) -> bool {
    mark::is_on(path, release)
}

/// Marks `release`, durably and in place of any other.
///
/// # Errors
/// The file cannot be written.
pub fn mark(path: &Path, release: &str) -> Result<(), PathError> {
    mark::put(path, release)
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
