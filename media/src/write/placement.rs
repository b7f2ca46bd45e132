use super::part_files::NAME;
use landfall_manifests::parts::{parse_part_name, part_name};
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Where the old bundle is while the new one takes its place, in the folder in which the new one was written.
const OLD: &str = "old";

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
    // What is there has been found to be a bundle. What comes there in this moment has not.
    match bundle.symlink_metadata() {
        Ok(_) => fs::rename(written, bundle)?,
        Err(_) => rename_new(written, bundle)?,
    }
    sync(bundle)
}

/// Renames written and durable parts, which are in `folder`, to `bundle.part001` and so on, in place of the files `old`, and returns their
/// new paths. At every moment, what is there is the beginning of the old bundle or that of the new one, so that a reader finds parts missing
/// and never reads a mixture. After an error, the old bundle is there again; after a kill, [`settle`] leads to one of the two.
///
/// # Errors
/// The bundle's name is not UTF-8, a part cannot be renamed, or a folder cannot be synced.
pub(super) fn place_parts(
    written: &[PathBuf],
    folder: &Path,
    bundle: &Path,
    old: &[PathBuf],
) -> io::Result<Vec<PathBuf>> {
    let places = (1..).zip(written).map(|(number, _)| place_of(bundle, number));
    let places = places.collect::<io::Result<Vec<PathBuf>>>()?;
    let mut count = 0;
    let aside = folder.join(OLD);
    let mut place_all = || {
        // 1. Set the old files aside, the last one first: what is left of them is a beginning.
        set_aside(old, &aside)?;
        // 2. Sync both folders: after a power cut, no old part is back beside a new one, and none is lost.
        File::open(&aside)?.sync_all()?;
        sync(bundle)?;
        // 3. Place the new parts, the first one first.
        for (from, to) in written.iter().zip(&places) {
            rename_new(from, to)?;
            count += 1;
        }
        // 4. Sync the folder: the new names are durable.
        sync(bundle)
    };
    if let Err(error) = place_all() {
        // The last one first: a part that cannot be taken back keeps those before it, and the new bundle is completed.
        let mut moved = written.iter().zip(&places).take(count).rev();
        let _ = moved.try_for_each(|(from, to)| rename_new(to, from));
        // What cannot be put back stays in the folder, for the next run.
        let _ = settle(folder, bundle);
        return Err(error);
    }
    Ok(places)
}

/// Ends what was cut off in `place_parts`, whose parts were written in `folder`: the old bundle gets its names back, or the new one all
/// of its names if it has some. No file that is there is replaced.
///
/// # Errors
/// A file cannot be renamed, or the folder cannot be synced. What is in `folder` is still needed then.
pub fn settle(folder: &Path, bundle: &Path) -> io::Result<()> {
    let aside = folder.join(OLD);
    if aside.symlink_metadata().is_err() {
        return Ok(());
    }
    let whole = folder.join(NAME);
    let mut moves: Vec<(PathBuf, PathBuf)> = if place_of(&whole, 1)?.exists() {
        let entries = fs::read_dir(&aside)?.collect::<io::Result<Vec<fs::DirEntry>>>()?;
        entries.iter().map(|entry| (entry.path(), bundle.with_file_name(entry.file_name()))).collect()
    } else {
        let number_of = |part: &PathBuf| parse_part_name(part.file_name()?.to_str()?).map(|(_, number)| number);
        let numbered = parts_at(&whole).into_iter().filter_map(|part| Some((number_of(&part)?, part)));
        numbered.map(|(number, part)| Ok((part, place_of(bundle, number)?))).collect::<io::Result<_>>()?
    };
    // In the order of their names: whole before parts, and the first part first.
    moves.sort();
    for (from, to) in &moves {
        match rename_new(from, to) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
    }
    sync(bundle)?;
    fs::remove_dir_all(aside)
}

fn place_of(bundle: &Path, number: u32) -> io::Result<PathBuf> {
    let not_text = || io::Error::new(io::ErrorKind::InvalidInput, "its name is not UTF-8, as names of parts are");
    let name = bundle.file_name().and_then(|name| name.to_str()).ok_or_else(not_text)?;
    Ok(bundle.with_file_name(part_name(name, number)))
}

/// Renames a file to a name that no file has.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot (rename(2)), such as those that FUSE makes.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if to.symlink_metadata().is_err() => fs::rename(from, to),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Err(io::ErrorKind::AlreadyExists.into()),
        other => Ok(other?),
    }
}

/// Moves `files`, the last one first, into the new folder `aside`, with which they are removed: a rename takes less time than removing
/// a large file.
///
/// # Errors
/// One of them is no file, or a file cannot be renamed.
fn set_aside(files: &[PathBuf], aside: &Path) -> io::Result<()> {
    fs::create_dir(aside)?;
    for path in files.iter().rev() {
        if !path.is_file() {
            let message = format!("{} is not a regular file", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        rename_new(path, &aside.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

/// Moves the parts of `bundle`, which is now whole, into the temporary folder `folder`.
///
/// # Errors
/// A part cannot be renamed, or the folder cannot be synced.
pub(super) fn set_parts_aside(bundle: &Path, folder: &Path) -> io::Result<()> {
    // Not among what is put back: the whole bundle is read in place of them.
    set_aside(&parts_at(bundle), &folder.join("replaced"))?;
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

    /// Parts that were written in `folder`.
    fn written(folder: &Path, count: u32) -> Vec<PathBuf> {
        let names: Vec<String> = (1..=count).map(|number| part_name(NAME, number)).collect();
        write(folder, &names.iter().map(String::as_str).collect::<Vec<_>>(), "new")
    }

    fn contents(folder: &Path) -> Vec<(String, String)> {
        let names = names(folder).into_iter().filter(|name| folder.join(name).is_file());
        names.map(|name| (name.clone(), fs::read_to_string(folder.join(name)).unwrap())).collect()
    }

    #[test]
    fn fewer_parts_leave_none_of_the_older_ones() {
        let folder = tempfile::tempdir().unwrap();
        let partial = tempfile::tempdir_in(folder.path()).unwrap();
        write(folder.path(), &["b.part001", "b.part002", "b.part003", "c.part001"], "old");
        let (written, bundle) = (written(partial.path(), 2), folder.path().join("b"));
        place_parts(&written, partial.path(), &bundle, &parts_at(&bundle)).unwrap();
        partial.close().unwrap();
        assert_eq!(names(folder.path()), ["b.part001", "b.part002", "c.part001"]);
        assert_eq!(fs::read_to_string(folder.path().join("b.part002")).unwrap(), "new");
    }

    #[test]
    fn a_whole_bundle_takes_the_place_of_parts() {
        let folder = tempfile::tempdir().unwrap();
        let partial = tempfile::tempdir_in(folder.path()).unwrap();
        write(folder.path(), &["b", "b.part001", "b.part002"], "old");
        let bundle = folder.path().join("b");
        place_whole(&write(partial.path(), &["x"], "new")[0], &bundle).unwrap();
        assert_eq!(parts_at(&bundle).len(), 2, "nothing goes away unless it is asked for");
        set_parts_aside(&bundle, partial.path()).unwrap();
        settle(partial.path(), &bundle).unwrap();
        partial.close().unwrap();
        assert_eq!(names(folder.path()), ["b"]);
        assert_eq!(fs::read_to_string(folder.path().join("b")).unwrap(), "new");
    }

    #[test]
    fn what_fails_leaves_the_old_bundle_and_what_is_cut_off_is_settled() {
        let old = ["b", "b.part001", "b.part002", "b.part003"];
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("b");
        let files = write(folder.path(), &old, "old");
        let before = contents(folder.path());
        // The third new part has vanished, so that it cannot be placed.
        let partial = tempfile::tempdir_in(folder.path()).unwrap();
        let mut new = written(partial.path(), 2);
        new.push(partial.path().join(part_name(NAME, 3)));
        assert!(place_parts(&new, partial.path(), &bundle, &files).is_err());
        assert_eq!(contents(folder.path()), before);
        assert_eq!(names(partial.path()).len(), 2, "{:?}", names(partial.path()));
        drop(partial);
        // Cut off before the first new name, and after it.
        for (placed, expected) in [(0, &old[..]), (1, &["b.part001", "b.part002"])] {
            let partial = tempfile::tempdir_in(folder.path()).unwrap();
            let new = written(partial.path(), 2);
            set_aside(&files, &partial.path().join(OLD)).unwrap();
            for (from, number) in new.iter().zip(1..).take(placed) {
                rename_new(from, &place_of(&bundle, number).unwrap()).unwrap();
            }
            settle(partial.path(), &bundle).unwrap();
            partial.close().unwrap();
            let content = if placed == 0 { "old" } else { "new" };
            let expected: Vec<_> = expected.iter().map(|name| ((*name).to_owned(), content.to_owned())).collect();
            assert_eq!(contents(folder.path()), expected);
        }
    }

    #[test]
    fn nothing_is_replaced_that_came_there_in_the_meantime_and_no_folder_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let partial = tempfile::tempdir_in(folder.path()).unwrap();
        let bundle = folder.path().join("b");
        write(folder.path(), &["b.part002"], "mine");
        let new = written(partial.path(), 2);
        let error = place_parts(&new, partial.path(), &bundle, &[]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(contents(folder.path()), [("b.part002".to_owned(), "mine".to_owned())]);
        fs::create_dir(folder.path().join("b.part009")).unwrap();
        assert!(place_parts(&new, partial.path(), &bundle, &parts_at(&bundle)).is_err());
        assert!(folder.path().join("b.part009").is_dir());
        assert_eq!(contents(folder.path()).len(), 1);
    }
}
