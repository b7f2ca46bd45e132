use crate::blob_store::BlobFile;
use crate::regular;
use crate::sources::SourceError;
use crate::sources::archives::TarFile;
use crate::sources::content_kind::{ContentKind, first_block};
use crate::sources::file_range::file_range;
use crate::sources::image::{check_digest, parse_json};
use crate::sources::read_ahead::MOST_AT_A_TIME;
use crate::sources::tar_reader::{End, TarReader};
use landfall_console::Size;
use landfall_manifests::oci::{self, Descriptor, ImageIndex};
use landfall_manifests::{Digest, archive, limits};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Where images and their blobs are found by descriptors.
pub(in crate::sources) trait Layout {
    /// The images.
    fn index(&self) -> Result<ImageIndex, SourceError>;

    /// Opens a blob.
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + '_>, SourceError>;

    /// All of a small blob, or of as much of it as is too much.
    fn read(&self, blob: &Descriptor) -> Result<Vec<u8>, SourceError> {
        small(self.open(blob)?)
    }

    /// What a layer seems to be before it is read.
    fn kind(&self, layer: &Descriptor) -> Result<ContentKind, SourceError> {
        let start = first_block(&mut open_layer(self, layer)?).map_err(SourceError::reading)?;
        Ok(ContentKind::of(&start))
    }

    /// Where a blob lies on this machine, if all of it is there.
    fn blob_file(&self, blob: &Descriptor) -> Option<BlobFile> {
        let _ = blob;
        None
    }

    /// How many layers in gzip to read at a time.
    fn at_a_time(&self) -> usize {
        MOST_AT_A_TIME
    }

    /// Told that a blob was not what it should be, the `times`-th time. Returns whether it may be had from elsewhere now.
    fn distrust(&self, times: usize) -> bool {
        let _ = times;
        false
    }
}

/// Opens a layer.
pub(super) fn open_layer<'l>(
    layout: &'l (impl Layout + ?Sized),
    described: &Descriptor,
) -> Result<Box<dyn Read + 'l>, SourceError> {
    layout.open(described).map_err(|error| missing(described, error))
}

/// The error of a layer, which may not be there.
pub(super) fn missing(described: &Descriptor, error: SourceError) -> SourceError {
    let is_missing = match &error {
        SourceError::NoEntry(_) => true,
        SourceError::Registry(error) => error.is_not_found(),
        _ => false,
    };
    match is_missing {
        true if oci::is_foreign(&described.media_type) => SourceError::Foreign(described.digest.to_string()),
        true => SourceError::NoLayer { digest: described.digest, name: None },
        false => error,
    }
}

/// Reads a JSON document, and checks its size and its digest.
pub(super) fn document(layout: &impl Layout, what: &str, of: &Descriptor) -> Result<Vec<u8>, SourceError> {
    let too_large = || SourceError::TooLarge { what: what.to_owned(), limit: Size(limits::IMAGE_JSON_BYTES) };
    if of.size > limits::IMAGE_JSON_BYTES {
        return Err(too_large());
    }
    let bytes = layout.read(of)?;
    if bytes.len() as u64 > limits::IMAGE_JSON_BYTES {
        return Err(too_large());
    }
    // The size before the digest: it says more about a file that was cut off.
    check_size(what, of.size, bytes.len() as u64)?;
    check_digest(what, &of.digest, &Digest::of(&bytes))?;
    Ok(bytes)
}

/// Reads what should be small, and one byte more where it is not.
pub(super) fn small(file: impl Read) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    file.take(limits::IMAGE_JSON_BYTES + 1).read_to_end(&mut bytes).map_err(SourceError::reading)?;
    Ok(bytes)
}

/// `index.json`.
fn index(file: impl Read) -> Result<ImageIndex, SourceError> {
    let bytes = small(file)?;
    if bytes.len() as u64 > limits::IMAGE_JSON_BYTES {
        let limit = Size(limits::IMAGE_JSON_BYTES);
        return Err(SourceError::TooLarge { what: oci::INDEX_NAME.to_owned(), limit });
    }
    parse_json(oci::INDEX_NAME, &bytes)
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

    fn file(&self, name: &str) -> Result<File, SourceError> {
        file_in(&self.0, name)
    }
}

/// Opens a file of a folder that should be that of an image.
pub(super) fn file_in(folder: &Path, name: &str) -> Result<File, SourceError> {
    let path = folder.join(name);
    match regular::open(&path) {
        Ok((file, _)) => Ok(file),
        // A folder without the file may be of another transport; one that is not there is a wrong path.
        Err(error) if error.kind() == ErrorKind::NotFound && folder.is_dir() => {
            Err(SourceError::NoEntry(name.to_owned()))
        }
        Err(source) => Err(SourceError::Read { path, source }),
    }
}

impl Layout for FolderLayout {
    fn index(&self) -> Result<ImageIndex, SourceError> {
        index(self.file(oci::INDEX_NAME)?)
    }

    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + '_>, SourceError> {
        Ok(Box::new(self.file(&archive::blob_name(&blob.digest))?))
    }

    fn blob_file(&self, blob: &Descriptor) -> Option<BlobFile> {
        let path = self.0.join(archive::blob_name(&blob.digest));
        let (_, found) = regular::open(&path).ok()?;
        (found.len() == blob.size).then_some(BlobFile { path, offset: 0 })
    }
}

/// A layout in a tar archive, of which the headers have been read.
#[derive(Debug)]
pub(super) struct ArchiveLayout {
    archive: TarFile,
    /// Where each file's content begins, and its size.
    files: BTreeMap<String, (u64, u64)>,
    end: End,
}

impl ArchiveLayout {
    /// The layout in an archive, which is read from its beginning on.
    pub(super) fn of(archive: TarFile) -> Result<Self, SourceError> {
        let mut files = BTreeMap::new();
        let end = TarReader::new(&archive.file).seek(|entry| {
            if entry.header().entry_type().is_file() {
                // `tar -c .` writes names that begin with ./.
                let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
                files.insert(name, (entry.raw_file_position(), entry.size()));
            }
            Ok(())
        })?;
        Ok(Self { archive, files, end })
    }

    fn file(&self, name: &str) -> Result<impl Read + use<>, SourceError> {
        // What is not in an archive that was cut off may have been behind the cut.
        let (offset, size) = self.files.get(name).ok_or_else(|| match self.end {
            End::Marked => SourceError::NoEntry(name.to_owned()),
            End::Unmarked => SourceError::CutOff,
        })?;
        file_range(&self.archive.file, *offset, *size)
    }
}

impl Layout for ArchiveLayout {
    fn index(&self) -> Result<ImageIndex, SourceError> {
        index(self.file(oci::INDEX_NAME)?)
    }

    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + '_>, SourceError> {
        Ok(Box::new(self.file(&archive::blob_name(&blob.digest))?))
    }

    fn blob_file(&self, blob: &Descriptor) -> Option<BlobFile> {
        let (offset, size) = *self.files.get(&archive::blob_name(&blob.digest))?;
        let path = self.archive.path.clone().filter(|_| size == blob.size)?;
        Some(BlobFile { path, offset })
    }
}
