//! The names of databases that were set aside: `landfall.db.aside-schema-N`, and where there is one already `.2`, `.3` after it.

use super::StoreError;
use super::files::{folder_of, suffixed};
use std::path::{Path, PathBuf};

const SUFFIX: &str = ".aside-schema-";

/// The name of the `nth` database with `schema` that is set aside; the first is 1.
pub(super) fn name(database: &Path, schema: u32, nth: u32) -> PathBuf {
    let more = if nth == 1 { String::new() } else { format!(".{nth}") };
    suffixed(database, &format!("{SUFFIX}{schema}{more}"))
}

/// The file beside `database` that a name or a path means, whether it is there or not.
pub(super) fn find(database: &Path, file: &Path) -> Result<PathBuf, StoreError> {
    let folder = folder_of(database);
    let named = file.file_name().map(|name| folder.join(name)).filter(|path| is_name(database, path));
    named
        .filter(|_| is_in(folder, file))
        .ok_or_else(|| StoreError::NoAsideName { file: file.to_owned(), folder: folder.to_owned() })
}

fn is_name(database: &Path, path: &Path) -> bool {
    let numbers = || {
        let (name, stem) = (path.file_name()?.to_str()?, database.file_name()?.to_str()?);
        let numbers = name.strip_prefix(stem)?.strip_prefix(SUFFIX)?;
        let (schema, nth) = numbers.split_once('.').unwrap_or((numbers, "1"));
        Some((schema.parse().ok()?, nth.parse().ok()?))
    };
    // Numbers that are written otherwise, such as 02, give another name.
    numbers().is_some_and(|(schema, nth)| nth > 0 && name(database, schema, nth).file_name() == path.file_name())
}

/// Whether a path is one of the folder, whichever way it leads there; a bare name is.
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
    fn names_are_read_as_they_are_written() {
        let database = Path::new("/db/landfall.db");
        for (schema, nth, expected) in [
            (2, 1, "landfall.db.aside-schema-2"),
            (2, 2, "landfall.db.aside-schema-2.2"),
            (10, 11, "landfall.db.aside-schema-10.11"),
        ] {
            let path = Path::new("/db").join(expected);
            assert_eq!(name(database, schema, nth), path);
            for file in [Path::new(expected), &path] {
                assert_eq!(find(database, file).unwrap(), path);
            }
        }
    }

    #[test]
    fn a_path_may_lead_to_the_folder_in_other_ways() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("way")).unwrap();
        let found = find(&folder.path().join("landfall.db"), &folder.path().join("way/landfall.db.aside-schema-2"));
        assert_eq!(found.unwrap(), folder.path().join("landfall.db.aside-schema-2"));
    }

    #[test]
    fn nothing_else_is_taken_for_what_was_set_aside() {
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
            let refused = find(Path::new("/db/landfall.db"), Path::new(file)).unwrap_err();
            assert!(matches!(refused, StoreError::NoAsideName { .. }), "{file}: {refused}");
        }
    }
}
