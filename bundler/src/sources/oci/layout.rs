use crate::regular;
use crate::sources::SourceError;
use crate::sources::content_kind::{ContentKind, first_block};
use crate::sources::file_range::file_range;
use crate::sources::image::check_digest;
use crate::sources::tar_reader::{End, TarReader};
use landfall_console::Size;
use landfall_manifests::oci::Descriptor;
use landfall_manifests::{Digest, archive, limits};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek as _};
use std::path::{Path, PathBuf};

/// A readable image layout.
pub(super) trait Layout {
    /// Opens a file of the layout by its name.
    fn open(&self, name: &str) -> Result<Box<dyn Read>, SourceError>;
}

/// Reads a JSON document, and checks its size and its digest.
pub(super) fn document(layout: &impl Layout, what: &str, of: &Descriptor) -> Result<Vec<u8>, SourceError> {
    if of.size > limits::IMAGE_JSON_BYTES {
        return Err(SourceError::TooLarge { what: what.to_owned(), limit: Size(limits::IMAGE_JSON_BYTES) });
    }
    let name = archive::blob_name(&of.digest);
    let bytes = small(layout, &name)?;
    // The size before the digest: it says more about a file that was cut off.
    check_size(what, of.size, bytes.len() as u64)?;
    check_digest(what, &of.digest, &Digest::of(&bytes))?;
    Ok(bytes)
}

/// Reads a small file of the layout.
pub(super) fn small(layout: &impl Layout, name: &str) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    let limit = limits::IMAGE_JSON_BYTES;
    layout.open(name)?.take(limit + 1).read_to_end(&mut bytes).map_err(SourceError::reading)?;
    if bytes.len() as u64 > limit {
        return Err(SourceError::TooLarge { what: name.to_owned(), limit: Size(limit) });
    }
    Ok(bytes)
}

pub(super) fn check_size(what: &str, expected: u64, found: u64) -> Result<(), SourceError> {
    if expected == found { Ok(()) } else { Err(SourceError::Size { what: what.to_owned(), expected, found }) }
}

/// A layout in a folder.
#[derive(Debug)]
pub(super) struct FolderLayout(PathBuf);

impl FolderLayout {
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }
}

impl Layout for FolderLayout {
    fn open(&self, name: &str) -> Result<Box<dyn Read>, SourceError> {
        let path = self.0.join(name);
        match regular::open(&path) {
            Ok((file, _)) => Ok(Box::new(file)),
            // A folder without the file may be of another transport; one that is not there is a wrong path.
            Err(error) if error.kind() == ErrorKind::NotFound && self.0.is_dir() => {
                Err(SourceError::NoEntry(name.to_owned()))
            }
            Err(source) => Err(SourceError::Read { path, source }),
        }
    }
}

/// A layout in a tar archive, of which the headers have been read.
#[derive(Debug)]
pub(super) struct ArchiveLayout {
    file: File,
    /// Where each file's content begins, and its size.
    files: BTreeMap<String, (u64, u64)>,
    end: End,
}

impl ArchiveLayout {
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        let opened = || {
            let (mut file, _) = regular::open(path)?;
            let kind = ContentKind::of(&first_block(&mut file)?);
            file.rewind()?;
            Ok((file, kind))
        };
        let (file, kind) = opened().map_err(SourceError::read(path))?;
        kind.check_tar()?;
        let mut files = BTreeMap::new();
        let end = TarReader::new(&file).seek(|entry| {
            if entry.header().entry_type().is_file() {
                // `tar -c .` writes names that begin with ./.
                let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
                files.insert(name, (entry.raw_file_position(), entry.size()));
            }
            Ok(())
        })?;
        Ok(Self { file, files, end })
    }
}

impl Layout for ArchiveLayout {
    fn open(&self, name: &str) -> Result<Box<dyn Read>, SourceError> {
        // What is not in an archive that was cut off may have been behind the cut.
        let (offset, size) = self.files.get(name).ok_or_else(|| match self.end {
            End::Marked => SourceError::NoEntry(name.to_owned()),
            End::Unmarked => SourceError::CutOff,
        })?;
        Ok(Box::new(file_range(&self.file, *offset, *size)?))
    }
}
