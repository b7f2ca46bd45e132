//! From files that were found to blobs.

use super::{FileError, FoundFile, Opened, Origin, open, open_found};
use crate::blob_store::{BlobStore, CHUNK, StoredContent};
use crate::cache::FileRecord;
use crate::definition::SourcePath;
use crate::packages::{FileKind, FileReader, Package};
use crate::plan::PlannedFile;
use crate::sources::beneath::Identity;
use landfall_console::Progress;
use landfall_manifests::{Arch, Blob, BundlePath, Encoding, File as ReleaseFile, Hasher, Mode};
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Files of this size and above are looked for in the cache, in bytes: to compress the others takes no longer.
const CACHED_BYTES: u64 = 256 << 10;

/// Files whose content is in the store.
#[derive(Debug, Default)]
pub(crate) struct PackedFiles {
    pub(crate) files: Vec<ReleaseFile>,
    /// The packages that they tell of.
    pub(crate) packages: BTreeMap<BundlePath, Vec<Package>>,
}

/// Packs files that were found for `arch`.
pub(crate) fn pack(
    files: &[FoundFile<'_>],
    arch: Arch,
    store: &mut BlobStore,
    progress: &Progress,
) -> Result<PackedFiles, FileError> {
    let mut packer = FilePacker { store, progress, arch, packages: BTreeMap::new() };
    let files = files.iter().map(|file| packer.file(file)).collect::<Result<_, _>>()?;
    Ok(PackedFiles { files, packages: packer.packages })
}

impl PackedFiles {
    /// Adds others.
    pub(crate) fn extend(&mut self, others: Self) {
        self.files.extend(others.files);
        self.packages.extend(others.packages);
    }
}

struct FilePacker<'a> {
    store: &'a mut BlobStore,
    progress: &'a Progress,
    arch: Arch,
    packages: BTreeMap<BundlePath, Vec<Package>>,
}

impl FilePacker<'_> {
    fn file(&mut self, file: &FoundFile<'_>) -> Result<ReleaseFile, FileError> {
        let (mode, content) = match &file.from {
            Origin::Planned(planned) => (planned.mode, self.planned(planned)?),
            Origin::Made(made) => (Mode::of(0o644), self.made(&made.path, &made.content)?),
            Origin::Tree { path, tree, identity } => {
                let (mode, content) = self.found(&file.path, path, &tree.source, *identity)?;
                if tree.digest.is_some_and(|digest| digest != content.digest) {
                    let line = tree.source.line.clone();
                    return Err(FileError::Digest { line, path: path.clone(), found: content.digest });
                }
                (mode, content)
            }
            Origin::Download { download, content } => {
                let path = Path::new(download.url.as_str());
                let changed = || FileError::Changed { path: path.to_owned() };
                let content = content.as_ref().ok_or_else(changed)?;
                let size = content.metadata().map_err(|error| self.store.failed(error))?.len();
                (Mode::of(0o644), self.content(&file.path, OpenedContent { path, size }, content)?)
            }
        };
        let StoredContent { digest, size, blob } = content;
        Ok(ReleaseFile { path: file.path.clone(), mode, digest, size, blob, encoding: Encoding::Zstd })
    }

    fn planned(&mut self, file: &PlannedFile) -> Result<StoredContent, FileError> {
        match open(file, self.arch)? {
            Opened::Text(text) => self.made(&file.path, text.as_bytes()),
            Opened::File { path, content, size } => self.content(&file.path, OpenedContent { path, size }, content),
        }
    }

    fn made(&mut self, path: &BundlePath, bytes: &[u8]) -> Result<StoredContent, FileError> {
        let content = OpenedContent { path: Path::new(path.as_str()), size: bytes.len() as u64 };
        self.content(path, content, Cursor::new(bytes))
    }

    fn found(
        &mut self,
        in_release: &BundlePath,
        path: &Path,
        source: &SourcePath,
        identity: Identity,
    ) -> Result<(Mode, StoredContent), FileError> {
        let (opened, metadata) = open_found(path, source, identity)?;
        // Only the executable bit: the others depend on the umask under which the folder was checked out.
        let program = metadata.permissions().mode() & 0o111 != 0;
        let mode = Mode::of(if program { 0o755 } else { 0o644 });
        let content = OpenedContent { path, size: metadata.len() };
        Ok((mode, self.content(in_release, content, opened)?))
    }

    /// Takes the content of a file, which an earlier build may have compressed.
    fn content(
        &mut self,
        in_release: &BundlePath,
        opened: OpenedContent<'_>,
        mut content: impl Read + Seek,
    ) -> Result<StoredContent, FileError> {
        let OpenedContent { path, size } = opened;
        let is_cached = size >= CACHED_BYTES;
        let form = self.store.form(Encoding::Zstd);
        let known = is_cached.then(|| self.store.cache().file(&form, in_release, size)).flatten();
        if let Some(known) = known {
            let mut hasher = Hasher::default();
            let mut reader = reader(in_release, size);
            opened.read(&mut content, |bytes| {
                hasher.update(bytes);
                if let Some(reader) = &mut reader {
                    reader.update(bytes);
                }
                Ok(())
            })?;
            if hasher.finish() == known.content && self.store.take_known_file(&known) {
                self.progress.add(size);
                self.note(in_release, reader);
                return Ok(StoredContent { digest: known.content, size, blob: known.blob.digest });
            }
            let rewound = content.rewind();
            rewound.map_err(|source| FileError::Read { line: None, path: path.to_owned(), source })?;
        }
        let mut reader = reader(in_release, size);
        let stored = self.compress(opened, content, &mut reader)?;
        self.note(in_release, reader);
        if is_cached {
            let blob = Blob { digest: stored.blob, size: self.store.size(&stored.blob).unwrap_or_default() };
            self.store.cache().note_file(&form, in_release, size, &FileRecord { content: stored.digest, blob });
        }
        Ok(stored)
    }

    /// Keeps what a file tells of packages.
    fn note(&mut self, in_release: &BundlePath, reader: Option<FileReader>) {
        let packages = reader.map(|reader| reader.finish().packages).unwrap_or_default();
        if !packages.is_empty() {
            self.packages.insert(in_release.clone(), packages);
        }
    }

    fn compress(
        &mut self,
        opened: OpenedContent<'_>,
        mut content: impl Read,
        reader: &mut Option<FileReader>,
    ) -> Result<StoredContent, FileError> {
        let mut packer = self.store.compressor(Some(opened.size))?;
        opened.read(&mut content, |bytes| {
            packer.write_all(bytes).map_err(|error| packer.failed(error))?;
            if let Some(reader) = reader {
                reader.update(bytes);
            }
            self.progress.add(bytes.len() as u64);
            Ok(())
        })?;
        Ok(packer.keep()?)
    }
}

/// What looks for packages in a file, if there may be any.
fn reader(in_release: &BundlePath, size: u64) -> Option<FileReader> {
    FileKind::of(in_release.as_str(), size, true)?.reader()
}

/// A file's content, which has to be of the size that the file had when it was opened.
#[derive(Clone, Copy)]
struct OpenedContent<'a> {
    path: &'a Path,
    size: u64,
}

impl OpenedContent<'_> {
    /// Gives all of it to `take`.
    fn read(
        self,
        content: &mut impl Read,
        mut take: impl FnMut(&[u8]) -> Result<(), FileError>,
    ) -> Result<(), FileError> {
        let Self { path, size } = self;
        let changed = || FileError::Changed { path: path.to_owned() };
        // One byte more than is announced shows that the file has grown.
        let mut content = content.take(size + 1);
        let mut buffer = vec![0; CHUNK.min(usize::try_from(size).unwrap_or(CHUNK).saturating_add(1))];
        let mut left = size;
        loop {
            let read = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(FileError::Read { line: None, path: path.to_owned(), source }),
            };
            left = left.checked_sub(read as u64).ok_or_else(changed)?;
            take(&buffer[..read])?;
        }
        if left > 0 { Err(changed()) } else { Ok(()) }
    }
}
