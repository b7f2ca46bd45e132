use super::find::lying_at;
use crate::assemble::folder_of;
use landfall_manifests::parts::part_name;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Gives a written and durable file its name. Parts of that name stay.
pub(crate) fn put_whole(written: &Path, bundle: &Path) -> io::Result<()> {
    fs::rename(written, bundle)?;
    sync(bundle)
}

/// Takes away the parts that lie at `bundle`, whose place a whole bundle has taken, into the temporary folder `aside`.
pub(crate) fn retire_parts(bundle: &Path, aside: &Path) -> io::Result<()> {
    retire(&lying_at(bundle), aside)?;
    sync(bundle)
}

/// Gives written and durable parts their names, in order. Those that lay at `bundle` go away before the first one comes, so
/// that old and new are never there together: whenever this is cut off, what is there is the beginning of one of the two,
/// and a reader misses the rest.
pub(crate) fn put_parts(written: &[PathBuf], bundle: &Path) -> io::Result<Vec<PathBuf>> {
    let not_text = || io::Error::new(io::ErrorKind::InvalidInput, "its name is not UTF-8, as names of parts are");
    let name = bundle.file_name().and_then(|name| name.to_str()).ok_or_else(not_text)?;
    let aside = written.first().map_or(bundle, |first| first);
    retire(&lying_at(bundle), folder_of(aside))?;
    sync(bundle)?;
    let mut placed = Vec::new();
    for (number, path) in (1..).zip(written) {
        let place = bundle.with_file_name(part_name(name, number));
        fs::rename(path, &place)?;
        placed.push(place);
    }
    sync(bundle)?;
    Ok(placed)
}

/// Moves `files`, the last one first, into the temporary folder `aside`, with which they go away: quicker than removing them.
pub(crate) fn retire(files: &[PathBuf], aside: &Path) -> io::Result<()> {
    for path in files.iter().rev() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        fs::rename(path, aside.join(format!("old-{name}")))?;
    }
    Ok(())
}

fn sync(bundle: &Path) -> io::Result<()> {
    File::open(folder_of(bundle))?.sync_all()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn lay(folder: &Path, names: &[&str], content: &str) -> Vec<PathBuf> {
        let paths: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
        for path in &paths {
            fs::write(path, content).unwrap();
        }
        paths
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    }

    #[test]
    fn fewer_parts_leave_none_of_the_older_ones() {
        let folder = tempfile::tempdir().unwrap();
        let aside = tempfile::tempdir_in(folder.path()).unwrap();
        lay(folder.path(), &["b.part001", "b.part002", "b.part003", "c.part001"], "old");
        let written = lay(aside.path(), &["x.part001", "x.part002"], "new");
        put_parts(&written, &folder.path().join("b")).unwrap();
        aside.close().unwrap();
        assert_eq!(names(folder.path()), ["b.part001", "b.part002", "c.part001"]);
        assert_eq!(fs::read_to_string(folder.path().join("b.part002")).unwrap(), "new");
    }

    #[test]
    fn a_whole_bundle_takes_the_place_of_parts() {
        let folder = tempfile::tempdir().unwrap();
        let aside = tempfile::tempdir_in(folder.path()).unwrap();
        lay(folder.path(), &["b", "b.part001", "b.part002"], "old");
        let bundle = folder.path().join("b");
        put_whole(&lay(aside.path(), &["x"], "new")[0], &bundle).unwrap();
        assert_eq!(lying_at(&bundle).len(), 2, "nothing goes away unless it is asked for");
        retire_parts(&bundle, aside.path()).unwrap();
        aside.close().unwrap();
        assert_eq!(names(folder.path()), ["b"]);
        assert_eq!(fs::read_to_string(folder.path().join("b")).unwrap(), "new");
    }

    #[test]
    fn cut_off_at_any_step_old_and_new_are_never_there_together() {
        let folder = tempfile::tempdir().unwrap();
        let aside = tempfile::tempdir_in(folder.path()).unwrap();
        lay(folder.path(), &["b.part001", "b.part002", "b.part003"], "old");
        let mut written = lay(aside.path(), &["x.part001", "x.part002"], "new");
        written.push(aside.path().join("gone"));
        assert!(put_parts(&written, &folder.path().join("b")).is_err());
        assert_eq!(names(folder.path())[1..], ["b.part001", "b.part002"]);
        for number in ["1", "2"] {
            assert_eq!(fs::read_to_string(folder.path().join(format!("b.part00{number}"))).unwrap(), "new");
        }
    }
}
