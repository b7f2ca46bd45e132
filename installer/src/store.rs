//! The store: blobs as they are in bundles, each under its digest.
//!
//! A blob comes in under a temporary name, is hashed on the way by the bundle's reader, synced and renamed. What has its
//! final name was right when it got it; it is hashed again before anything relies on it.

use crate::durable::{self, At as _, PathError};
use crate::layout::Layout;
use landfall_manifests::{Blob, Digest, Hasher};
use std::collections::BTreeMap;
use std::fs::{DirEntry, File};
use std::io::{self, ErrorKind, Read as _, Write};
use std::path::PathBuf;

/// How much is hashed at once, in bytes.
const CHUNK: usize = 256 << 10;

/// The blobs of one host.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    layout: Layout,
}

/// A blob on its way in. Dropped before [`Incoming::keep`], it stays behind under its temporary name, where the next try
/// replaces it and undoing removes it.
#[derive(Debug)]
pub(crate) struct Incoming {
    file: File,
    from: PathBuf,
    to: PathBuf,
}

impl Store {
    pub(crate) fn new(layout: &Layout) -> Self {
        Self { layout: layout.clone() }
    }

    /// The sizes in bytes of what is there by name; nothing vouches for the content yet.
    pub(crate) fn sizes(&self) -> Result<BTreeMap<Digest, u64>, PathError> {
        let folder = self.layout.blobs();
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(BTreeMap::new());
            }
            other => other.at("read the folder", &folder)?,
        };
        let mut sizes = BTreeMap::new();
        for entry in entries {
            let entry = entry.at("read the folder", &folder)?;
            let size = entry.metadata().at("look at", &entry.path())?.len();
            sizes.extend(digest_of(&entry).map(|digest| (digest, size)));
        }
        Ok(sizes)
    }

    /// Whether the blob is there and right, which takes reading it.
    pub(crate) fn holds(&self, blob: &Blob) -> Result<bool, PathError> {
        let path = self.layout.blob(&blob.digest);
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            other => other.at("open", &path)?,
        };
        if file.metadata().at("look at", &path)?.len() != blob.size {
            return Ok(false);
        }
        let (mut hasher, mut buffer) = (Hasher::default(), vec![0; CHUNK]);
        loop {
            match file.read(&mut buffer).at("read", &path)? {
                0 => return Ok(hasher.finish() == blob.digest),
                read => hasher.update(&buffer[..read]),
            }
        }
    }

    /// Opens a blob.
    pub(crate) fn open(&self, digest: &Digest) -> Result<File, PathError> {
        let path = self.layout.blob(digest);
        File::open(&path).at("open", &path)
    }

    /// Begins to take a blob in.
    pub(crate) fn incoming(&self, digest: &Digest) -> Result<Incoming, PathError> {
        let from = self.layout.incoming().join(digest.hex());
        let file = durable::create(&from, 0o600)?;
        Ok(Incoming { file, from, to: self.layout.blob(digest) })
    }

    /// Removes all blobs, also those that are not whole yet, and nothing else.
    pub(crate) fn clear(&self) -> Result<(), PathError> {
        for folder in [self.layout.incoming(), self.layout.blobs()] {
            let entries = match std::fs::read_dir(&folder) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                other => other.at("read the folder", &folder)?,
            };
            for entry in entries {
                let entry = entry.at("read the folder", &folder)?;
                if digest_of(&entry).is_some() {
                    durable::remove_entry(&entry.path())?;
                }
            }
            durable::sync_folder(&folder)?;
        }
        Ok(())
    }

    /// The sizes in bytes of what was staged and did not become part of a release, whole or not.
    pub(crate) fn staged(&self) -> Result<Vec<u64>, PathError> {
        let folder = self.layout.incoming();
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            other => other.at("read the folder", &folder)?,
        };
        let size = |entry: io::Result<DirEntry>| entry.and_then(|entry| Ok(entry.metadata()?.len()));
        entries.map(size).collect::<io::Result<_>>().at("look into", &folder)
    }

    /// Removes what was staged and did not become part of a release.
    pub(crate) fn clear_incoming(&self) -> Result<(), PathError> {
        let folder = self.layout.incoming();
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => other.at("read the folder", &folder)?,
        };
        for entry in entries {
            durable::remove_entry(&entry.at("read the folder", &folder)?.path())?;
        }
        durable::sync_folder(&folder)
    }

    /// Removes these blobs. They do not have to be there.
    pub(crate) fn remove<'a>(&self, blobs: impl Iterator<Item = &'a Digest>) -> Result<(), PathError> {
        let mut removed = false;
        for digest in blobs {
            removed |= durable::remove_entry(&self.layout.blob(digest))?;
        }
        if removed { self.sync() } else { Ok(()) }
    }

    /// Makes the names of all blobs that were kept durable.
    pub(crate) fn sync(&self) -> Result<(), PathError> {
        durable::sync_folder(&self.layout.blobs())
    }
}

/// The digest that a file in the store is named after.
fn digest_of(entry: &DirEntry) -> Option<Digest> {
    entry.file_name().to_str().and_then(|name| format!("sha256:{name}").parse().ok())
}

impl Incoming {
    /// Gives the blob its final name. The caller has held it against its digest.
    pub(crate) fn keep(self) -> Result<(), PathError> {
        self.file.sync_all().at("sync", &self.from)?;
        std::fs::rename(&self.from, &self.to).at("rename", &self.from)
    }
}

impl Write for Incoming {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn trusts_a_blob_only_after_hashing_it() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        std::fs::create_dir_all(layout.blobs()).unwrap();
        std::fs::create_dir_all(layout.incoming()).unwrap();
        let store = Store::new(&layout);
        let blob = Blob { digest: Digest::of(b"blob"), size: 4 };
        assert!(!store.holds(&blob).unwrap());

        let mut incoming = store.incoming(&blob.digest).unwrap();
        incoming.write_all(b"blob").unwrap();
        assert!(!store.holds(&blob).unwrap(), "not before it is kept");
        incoming.keep().unwrap();
        assert!(store.holds(&blob).unwrap());
        assert_eq!(store.sizes().unwrap(), BTreeMap::from([(blob.digest, 4)]));

        for wrong in ["blub", "blob2", ""] {
            std::fs::write(layout.blob(&blob.digest), wrong).unwrap();
            assert!(!store.holds(&blob).unwrap(), "{wrong:?}");
        }
    }
}
