use crate::partial_folder::PartialFolder;
use crate::regular;
use landfall_manifests::Digest;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use rustix::process::geteuid;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::NamedTempFile;

/// A cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    #[error("the cache in {} cannot be used", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("the cache in {} is another user's, or others may write to it", path.display())]
    Others { path: PathBuf },
    #[error("{} is no cache: other files are in it", path.display())]
    NotACache { path: PathBuf },
}

/// The file that marks a folder as a cache, which backups leave out (bford.info, "Cache Directory Tagging Specification").
const TAG: &str = "CACHEDIR.TAG";
const TAG_TEXT: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# The cache of landfall-bundler.\n";

/// What files there are, each kind in a folder of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A blob, by its digest.
    Blob,
    /// What is known of a layer, by the digest of its blob.
    Layer,
    /// What a layer becomes, by its content and how it is compressed.
    Compressed,
    /// What a file was, by its path and size and how it is compressed.
    File,
}

const KINDS: [Kind; 4] = [Kind::Blob, Kind::Layer, Kind::Compressed, Kind::File];

impl Kind {
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Blob => "blobs",
            Self::Layer => "layers",
            Self::Compressed => "compressed",
            Self::File => "files",
        }
    }
}

/// The folder of a cache.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Where files are made.
    partial: PartialFolder,
    /// How much it may hold, in bytes.
    most: u64,
}

impl Folder {
    /// Opens the cache at `path`, which is made if it is not there.
    pub(super) fn open(path: PathBuf, most: u64) -> Result<Self, CacheError> {
        let failed = |source| CacheError::Folder { path: path.clone(), source };
        let make = |folder: &Path| DirBuilder::new().recursive(true).mode(0o700).create(folder);
        make(&path).map_err(failed)?;
        // Whoever can write records could say of a blob that it is another layer.
        if !is_own(&fs::metadata(&path).map_err(failed)?) {
            return Err(CacheError::Others { path });
        }
        mark(&path).map_err(failed)?.then_some(()).ok_or_else(|| CacheError::NotACache { path: path.clone() })?;
        for folder in KINDS.map(|kind| path.join(kind.folder())) {
            make(&folder).map_err(failed)?;
            // Of a link, it is the link that counts: what is removed lies below.
            let found = fs::symlink_metadata(&folder).map_err(failed)?;
            if !found.is_dir() || !is_own(&found) {
                return Err(CacheError::Others { path: folder });
            }
        }
        let partial = PartialFolder::new(&path).map_err(failed)?;
        Ok(Self { path, partial, most })
    }

    pub(super) fn path(&self, kind: Kind, key: &Digest) -> PathBuf {
        self.path.join(kind.folder()).join(key.hex())
    }

    /// All of a file that has at most `most` bytes.
    pub(super) fn read(&self, kind: Kind, key: &Digest, most: u64) -> Option<Vec<u8>> {
        let path = self.path(kind, key);
        let bytes = regular::read(&path, most).ok()?;
        touch(&path);
        Some(bytes)
    }

    /// Makes a file, unless the disk has no room for it: builds do without.
    pub(super) fn write(&self, kind: Kind, key: &Digest, bytes: &[u8]) {
        if let Some(mut file) = self.file().filter(|_| !bytes.is_empty())
            && file.write_all(bytes).is_ok()
        {
            self.place(file, kind, key);
        }
    }

    /// A new file, which has no name in the cache yet.
    pub(super) fn file(&self) -> Option<NamedTempFile> {
        NamedTempFile::new_in(self.partial.path()).ok()
    }

    /// Gives a file its name.
    pub(super) fn place(&self, file: NamedTempFile, kind: Kind, key: &Digest) {
        // What has no place is made again.
        let _ = file.persist(self.path(kind, key));
    }

    /// Removes the files that were not used for the longest time, until the rest is within the bound.
    pub(super) fn prune(&self) {
        let mut files = self.files();
        files.sort_by_key(|file| file.used);
        let mut size: u64 = files.iter().map(|file| file.size).sum();
        for file in files {
            if size <= self.most {
                return;
            }
            // A build that has it open goes on reading; one that comes later makes it again.
            if fs::remove_file(&file.path).is_ok() {
                size -= file.size;
            }
        }
    }

    fn files(&self) -> Vec<CachedFile> {
        let folders = KINDS.iter().filter_map(|kind| fs::read_dir(self.path.join(kind.folder())).ok());
        let file = |entry: fs::DirEntry| {
            // Only what a cache has written there.
            entry.file_name().to_str().filter(|name| is_key(name))?;
            let metadata = entry.metadata().ok()?;
            let used = metadata.modified().ok()?;
            Some(CachedFile { path: entry.path(), size: metadata.len(), used })
        };
        folders.flatten().flatten().filter_map(file).collect()
    }
}

/// Whether only this user can write to a folder.
fn is_own(found: &fs::Metadata) -> bool {
    found.uid() == geteuid().as_raw() && found.mode() & 0o022 == 0
}

/// Marks a new folder as a cache. Returns whether it is one.
fn mark(path: &Path) -> io::Result<bool> {
    let tag = path.join(TAG);
    let found = match regular::read(&tag, TAG_TEXT.len() as u64) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) if regular::TooLarge::caused(&error) => return Ok(false),
        other => other?,
    };
    let has_others = fs::read_dir(path)?.flatten().any(|entry| entry.file_name() != TAG);
    // Whoever was killed here has left the beginning of it at most.
    if !has_others && TAG_TEXT.as_bytes().starts_with(&found) {
        fs::write(&tag, TAG_TEXT)?;
        return Ok(true);
    }
    Ok(found == TAG_TEXT.as_bytes())
}

/// Whether a name is that of a file of a cache: the hexadecimal digits of a digest.
fn is_key(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Notes that a file was used.
pub(super) fn touch(path: &Path) {
    let at = |nanoseconds| Timespec { tv_sec: 0, tv_nsec: nanoseconds };
    let now = Timestamps { last_access: at(UTIME_OMIT), last_modification: at(UTIME_NOW) };
    // It is removed sooner than others where this fails.
    let _ = File::open(path).map(|file| rustix::fs::futimens(file, &now));
}

struct CachedFile {
    path: PathBuf,
    size: u64,
    used: SystemTime,
}
