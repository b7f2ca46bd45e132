use landfall_manifests::parts::{parse_part_name, part_name};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// The parts in the folder of `bundle` that have its name, in order. Some numbers may be missing.
pub fn parts_at(bundle: &Path) -> Vec<PathBuf> {
    let Some(name) = bundle.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    // A folder that cannot be listed is reported when a part in it is opened.
    let entries = fs::read_dir(folder_of(bundle)).into_iter().flatten().flatten();
    let number_of = |entry: fs::DirEntry| match parse_part_name(entry.file_name().to_str()?) {
        Some((of, number)) if of == name => Some(number),
        _ => None,
    };
    let mut numbers: Vec<u32> = entries.filter_map(number_of).collect();
    // A folder is listed in no order that means anything (readdir(3)).
    numbers.sort_unstable();
    numbers.into_iter().map(|number| bundle.with_file_name(part_name(name, number))).collect()
}

/// Renames a written and durable file to `bundle`. Parts of that name stay.
///
/// # Errors
/// The file cannot be renamed, or its folder cannot be synced.
pub(super) fn place_whole(written: &Path, bundle: &Path) -> io::Result<()> {
    fs::rename(written, bundle)?;
    sync(bundle)
}

/// Renames written and durable parts to `bundle.part001` and so on, and returns their new paths. At every moment, what is there
/// is the beginning of the old bundle or that of the new one, so that a reader finds parts missing and never reads a mixture.
///
/// # Errors
/// The bundle's name is not UTF-8, a part cannot be renamed, or the folder cannot be synced.
pub(super) fn place_parts(written: &[PathBuf], bundle: &Path) -> io::Result<Vec<PathBuf>> {
    let not_text = || io::Error::new(io::ErrorKind::InvalidInput, "its name is not UTF-8, as names of parts are");
    let name = bundle.file_name().and_then(|name| name.to_str()).ok_or_else(not_text)?;
    // 1. Set the old parts aside, the last one first: what is left of them is a beginning.
    let aside = written.first().map_or(bundle, |first| first);
    set_aside(&parts_at(bundle), folder_of(aside))?;
    // 2. Sync the folder: after a power cut, no old part is back beside a new one.
    sync(bundle)?;
    // 3. Place the new parts, the first one first.
    let mut placed = Vec::new();
    for (number, path) in (1..).zip(written) {
        let place = bundle.with_file_name(part_name(name, number));
        fs::rename(path, &place)?;
        placed.push(place);
    }
    // 4. Sync the folder: the new names are durable.
    sync(bundle)?;
    Ok(placed)
}

/// Moves `files`, the last one first, into the temporary folder `aside`, with which they are removed: a rename takes less time
/// than removing a large file.
///
/// # Errors
/// A file cannot be renamed.
pub(super) fn set_aside(files: &[PathBuf], aside: &Path) -> io::Result<()> {
    for path in files.iter().rev() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        fs::rename(path, aside.join(format!("old-{name}")))?;
    }
    Ok(())
}

/// Moves the parts of `bundle`, which is now whole, into the temporary folder `aside`.
///
/// # Errors
/// A part cannot be renamed, or the folder cannot be synced.
pub(super) fn set_parts_aside(bundle: &Path, aside: &Path) -> io::Result<()> {
    set_aside(&parts_at(bundle), aside)?;
    sync(bundle)
}

fn sync(bundle: &Path) -> io::Result<()> {
    File::open(folder_of(bundle))?.sync_all()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn write(folder: &Path, names: &[&str], content: &str) -> Vec<PathBuf> {
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
    fn only_the_parts_of_that_bundle_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        write(folder.path(), &["b.tar.part003", "b.tar.part001", "b.tar", "c.tar.part002", "b.tar.part0"], "");
        assert_eq!(parts_at(&path("b.tar")), [path("b.tar.part001"), path("b.tar.part003")]);
        assert!(parts_at(&path("d.tar")).is_empty());
    }

    #[test]
    fn fewer_parts_leave_none_of_the_older_ones() {
        let folder = tempfile::tempdir().unwrap();
        let aside = tempfile::tempdir_in(folder.path()).unwrap();
        write(folder.path(), &["b.part001", "b.part002", "b.part003", "c.part001"], "old");
        let written = write(aside.path(), &["x.part001", "x.part002"], "new");
        place_parts(&written, &folder.path().join("b")).unwrap();
        aside.close().unwrap();
        assert_eq!(names(folder.path()), ["b.part001", "b.part002", "c.part001"]);
        assert_eq!(fs::read_to_string(folder.path().join("b.part002")).unwrap(), "new");
    }

    #[test]
    fn a_whole_bundle_takes_the_place_of_parts() {
        let folder = tempfile::tempdir().unwrap();
        let aside = tempfile::tempdir_in(folder.path()).unwrap();
        write(folder.path(), &["b", "b.part001", "b.part002"], "old");
        let bundle = folder.path().join("b");
        place_whole(&write(aside.path(), &["x"], "new")[0], &bundle).unwrap();
        assert_eq!(parts_at(&bundle).len(), 2, "nothing goes away unless it is asked for");
        set_parts_aside(&bundle, aside.path()).unwrap();
        aside.close().unwrap();
        assert_eq!(names(folder.path()), ["b"]);
        assert_eq!(fs::read_to_string(folder.path().join("b")).unwrap(), "new");
    }

    #[test]
    fn cut_off_at_any_step_old_and_new_are_never_there_together() {
        let folder = tempfile::tempdir().unwrap();
        let aside = tempfile::tempdir_in(folder.path()).unwrap();
        write(folder.path(), &["b.part001", "b.part002", "b.part003"], "old");
        let mut written = write(aside.path(), &["x.part001", "x.part002"], "new");
        written.push(aside.path().join("gone"));
        assert!(place_parts(&written, &folder.path().join("b")).is_err());
        assert_eq!(names(folder.path())[1..], ["b.part001", "b.part002"]);
        for number in ["1", "2"] {
            assert_eq!(fs::read_to_string(folder.path().join(format!("b.part00{number}"))).unwrap(), "new");
        }
    }
}
