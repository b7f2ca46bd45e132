//! Small files that are there whole or not at all, also after a power cut.

use crate::partial_folder::PartialFolder;
use landfall_host::durable;
use landfall_media::folder_of;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use tempfile::NamedTempFile;

/// Writes a file under a name that must be free.
///
/// # Errors
/// `AlreadyExists`, or whatever keeps it from being written. Nothing of it is left.
pub(crate) fn create(path: &Path, text: &str) -> io::Result<()> {
    place(path, text, |file| file.persist_noclobber(path))
}

/// Writes a file, in place of one that has its name.
///
/// # Errors
/// Whatever keeps it from being written. Nothing of it is left, and what was there still is.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    place(path, text, |file| file.persist(path))
}

fn place(
    path: &Path,
    text: &str,
    name: impl FnOnce(NamedTempFile) -> Result<File, tempfile::PersistError>,
) -> io::Result<()> {
    let folder = folder_of(path);
    // In a locked folder, which the next run removes if this one is killed.
    let partial = PartialFolder::new(folder)?;
    let mut file = NamedTempFile::new_in(partial.path())?;
    file.write_all(text.as_bytes())?;
    // A temporary file is its owner's alone, and what is written here is handed on.
    durable::make_readable(file.as_file())?;
    file.as_file().sync_all()?;
    name(file).map_err(|error| error.error)?;
    // The name is durable only when the folder is (fsync(2)).
    File::open(folder)?.sync_all()
}
