//! The names of the files in the database's folder.
//!
//! | file | what |
//! | --- | --- |
//! | `landfall.db` | the database |
//! | `landfall.db.schema-N` | a snapshot: the last database with schema N, from before it was migrated |
//! | `landfall.db.aside-schema-N`, `….N.2`, `….N.3` | a database with schema N that was set aside; none is ever replaced |
//! | `.landfall.db.partial`, `.rehearsal`, `.link` | work in progress, removed by the next program where its own was killed |

use crate::store::StoreError;
use landfall_host::durable::folder_of;
use landfall_host::layout::{SET_ASIDE_SUFFIX, SNAPSHOT_SUFFIX};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A path with `suffix` appended to its last name.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The snapshot of the database with `schema`.
pub(super) fn snapshot(database: &Path, schema: u32) -> PathBuf {
    with_suffix(database, &format!("{SNAPSHOT_SUFFIX}{schema}"))
}

/// A hidden file for work in progress.
pub(super) fn hidden(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(database.file_name().unwrap_or_default());
    with_suffix(&database.with_file_name(name), suffix)
}

/// The `nth` database with `schema` that is set aside; the first is 1.
pub(super) fn set_aside(database: &Path, schema: u32, nth: u32) -> PathBuf {
    let number = if nth == 1 { String::new() } else { format!(".{nth}") };
    with_suffix(database, &format!("{SET_ASIDE_SUFFIX}{schema}{number}"))
}

/// The database set aside that `file` names, by its bare name or by a path into the folder. It need not exist.
pub(in crate::store) fn find_set_aside(database: &Path, file: &Path) -> Result<PathBuf, StoreError> {
    let folder = folder_of(database);
    let named = file.file_name().map(|name| folder.join(name)).filter(|path| is_set_aside(database, path));
    named
        .filter(|_| is_in(folder, file))
        .ok_or_else(|| StoreError::NotSetAside { file: file.to_owned(), folder: folder.to_owned() })
}

fn is_set_aside(database: &Path, path: &Path) -> bool {
    let numbers = || {
        let (name, stem) = (path.file_name()?.to_str()?, database.file_name()?.to_str()?);
        let numbers = name.strip_prefix(stem)?.strip_prefix(SET_ASIDE_SUFFIX)?;
        let (schema, nth) = numbers.split_once('.').unwrap_or((numbers, "1"));
        Some((schema.parse().ok()?, nth.parse().ok()?))
    };
    // Other spellings of the same numbers, such as 02, are other files.
    numbers().is_some_and(|(schema, nth)| nth > 0 && set_aside(database, schema, nth).file_name() == path.file_name())
}

/// Whether a path leads into the folder, directly or through links; a bare name does.
fn is_in(folder: &Path, file: &Path) -> bool {
    let parent = match file.parent() {
        None => return false,
        Some(parent) if parent.as_os_str().is_empty() => return true,
        Some(parent) => parent,
    };
    let same = || Some(parent.canonicalize().ok()? == folder.canonicalize().ok()?);
    parent == folder || same().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_name_is_found_as_it_was_given() {
        let database = Path::new("/db/landfall.db");
        for (schema, nth, expected) in [
            (2, 1, "landfall.db.aside-schema-2"),
            (2, 2, "landfall.db.aside-schema-2.2"),
            (10, 11, "landfall.db.aside-schema-10.11"),
        ] {
            let path = Path::new("/db").join(expected);
            assert_eq!(set_aside(database, schema, nth), path);
            for file in [Path::new(expected), &path] {
                assert_eq!(find_set_aside(database, file).unwrap(), path);
            }
        }
    }

    #[test]
    fn a_path_may_lead_to_the_folder_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("link")).unwrap();
        let found =
            find_set_aside(&folder.path().join("landfall.db"), &folder.path().join("link/landfall.db.aside-schema-2"));
        assert_eq!(found.unwrap(), folder.path().join("landfall.db.aside-schema-2"));
    }

    #[test]
    fn no_other_file_is_taken_for_one_that_was_set_aside() {
        for file in [
            "",
            "/",
            "..",
            "landfall.db",
            "/db/landfall.db",
            "landfall.db.schema-2",
            "landfall.db.aside-schema-",
            "landfall.db.aside-schema-two",
            "landfall.db.aside-schema-02",
            "landfall.db.aside-schema-+2",
            "landfall.db.aside-schema-2.",
            "landfall.db.aside-schema-2.0",
            "landfall.db.aside-schema-2.1",
            "landfall.db.aside-schema-2.2.2",
            "landfall.db.aside-schema-2-wal",
            "landfall.db.aside-schema-2/..",
            "other.db.aside-schema-2",
            "/elsewhere/landfall.db.aside-schema-2",
            "./landfall.db.aside-schema-2",
        ] {
            let refused = find_set_aside(Path::new("/db/landfall.db"), Path::new(file)).unwrap_err();
            assert!(matches!(refused, StoreError::NotSetAside { .. }), "{file}: {refused}");
        }
    }
}
