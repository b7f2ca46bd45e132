use super::part_files::{DurableFiles, PartFiles};
use super::placement::{parts_at, place_parts, place_whole, set_parts_aside};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a bundle or a patch is written, and in which form.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    /// The path of the file; of parts, without `.partNNN`.
    pub path: &'a Path,
    /// The size of the parts in bytes; `None` for one file.
    pub part_size: Option<u64>,
}

impl Destination<'_> {
    /// New files in the temporary folder `folder`, which must be on the destination's file system.
    pub fn files(&self, folder: &Path) -> Arc<PartFiles> {
        Arc::new(PartFiles::new(folder, self.part_size))
    }

    /// Gives what was written its name, in place of what has that name in the same form. Returns the parts, if there are any. After
    /// an error, what was there is there again.
    ///
    /// # Errors
    /// A file cannot be renamed, or what has a part's name is no file.
    pub fn place(&self, files: &DurableFiles) -> io::Result<Vec<PathBuf>> {
        match (&files.paths[..], self.part_size) {
            ([whole], None) => place_whole(whole, self.path).map(|()| Vec::new()),
            (all, _) => place_parts(all, &files.folder, self.path, &parts_at(self.path)),
        }
    }

    /// As [`Destination::place`], in place of a bundle in either form.
    ///
    /// # Errors
    /// As [`Destination::place`].
    pub fn replace(&self, files: &DurableFiles) -> io::Result<Vec<PathBuf>> {
        if self.part_size.is_none() {
            // The new file comes first: it is read and not the parts, so that there is a whole bundle at every moment.
            let placed = self.place(files)?;
            return set_parts_aside(self.path, &files.folder).map(|()| placed);
        }
        // The old file goes first: it would be read in place of the new parts.
        let whole = Some(self.path.to_owned()).filter(|path| path.symlink_metadata().is_ok());
        let old: Vec<PathBuf> = whole.into_iter().chain(parts_at(self.path)).collect();
        place_parts(&files.paths, &files.folder, self.path, &old)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_replaced_in_whichever_form_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b");
        for (part_size, content, expected) in [
            (None, "abc", &["b"][..]),
            (Some(1), "abc", &["b.part001", "b.part002", "b.part003"]),
            (Some(2), "abc", &["b.part001", "b.part002"]),
            (None, "abcd", &["b"]),
        ] {
            let aside = tempfile::tempdir_in(folder.path()).unwrap();
            let destination = Destination { path: &path, part_size };
            let files = destination.files(aside.path());
            files.write_all_at(content.as_bytes(), 0).unwrap();
            let parts = destination.replace(&files.finish().unwrap()).unwrap();
            aside.close().unwrap();
            let mut names: Vec<PathBuf> =
                std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
            names.sort();
            assert_eq!(names, expected.iter().map(|name| folder.path().join(name)).collect::<Vec<_>>());
            assert_eq!(parts, if part_size.is_some() { names.clone() } else { Vec::new() });
            let found: String = names.iter().map(|name| std::fs::read_to_string(name).unwrap()).collect();
            assert_eq!(found, content);
        }
    }
}
