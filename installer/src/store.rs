//! The store: blobs as they are in bundles, each under its digest; and contents that a delta made from others, each uncompressed under its
//! own. Whoever needs a content takes the one or the other ([`Store::decoder`]).
//!
//! A blob is written to the staging folder (`incoming`) under a temporary name, hashed on the way by the bundle's reader, synced and
//! renamed. Once the whole bundle has verified, it is moved into the store itself. A file that is named after a digest had that
//! content when it got the name; it is hashed again before anything relies on it.

use crate::content::{ContentError, Decoder, Expected};
use crate::durable::{self, At as _, PathError};
use crate::interrupt::Interruptible;
use crate::layout::Layout;
use landfall_host::regular;
use landfall_manifests::{Blob, Content, Digest};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirEntry, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

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

    /// The sizes in bytes of the files that are named after digests. Their content is not verified.
    pub(crate) fn sizes(&self) -> Result<BTreeMap<Digest, u64>, PathError> {
        sizes(&self.layout.blobs())
    }

    /// The same of the staging folder.
    pub(crate) fn staged_sizes(&self) -> Result<BTreeMap<Digest, u64>, PathError> {
        sizes(&self.layout.incoming())
    }

    /// Whether the store has the blob and its content is right, which takes reading all of it. A blob that cannot be read is not.
    pub(crate) fn holds(&self, blob: &Blob) -> bool {
        is_right(&self.layout.blob(&blob.digest), blob).unwrap_or(false)
    }

    /// The same of the staging folder.
    pub(crate) fn has_staged(&self, blob: &Blob) -> bool {
        is_right(&self.staged(&blob.digest), blob).unwrap_or(false)
    }

    /// Whether the store has the content, as its blob or uncompressed, and that is right.
    pub(crate) fn holds_content(&self, content: &Content) -> bool {
        [content.blob, content.digest]
            .iter()
            .any(|digest| hash(&self.layout.blob(digest)).is_ok_and(|hash| hash == *digest))
    }

    /// Reads a content, whichever way it is there, and holds it against its digest on the way.
    pub(crate) fn decoder(&self, content: &Content) -> Result<Decoder, PathError> {
        let (blob, raw) = (self.layout.blob(&content.blob), self.layout.blob(&content.digest));
        let (path, encoding) = match regular::open(&blob) {
            Err(error) if error.kind() == ErrorKind::NotFound && raw.exists() => (raw, None),
            _ => (blob, Some(content.encoding)),
        };
        let stored = regular::open(&path).at("open", &path)?.0;
        Decoder::new(stored, Expected { encoding, digest: content.digest, size: content.size }).at("read", &path)
    }

    /// A content in a file that can be read at any offset, for which it may have to be decompressed: into a file without a name.
    pub(crate) fn unpacked(&self, content: &Content) -> Result<File, ContentError> {
        let failed = |error: PathError| ContentError::from(error.source);
        let raw = self.layout.blob(&content.digest);
        if let Ok((file, _)) = regular::open(&raw) {
            return Ok(file);
        }
        let mut decoder = self.decoder(content).map_err(failed)?;
        let mut incoming = self.incoming(&content.digest).map_err(failed)?;
        let file = File::open(&incoming.from)?;
        durable::remove_entry(&incoming.from).map_err(failed)?;
        io::copy(&mut Interruptible(&mut decoder), &mut incoming)?;
        Ok(file)
    }

    /// Opens what is staged.
    pub(crate) fn open_staged(&self, digest: &Digest) -> Result<File, PathError> {
        let path = self.staged(digest);
        Ok(regular::open(&path).at("open", &path)?.0)
    }

    /// Removes what is staged and not needed any more.
    pub(crate) fn remove_staged(&self, digest: &Digest) -> Result<(), PathError> {
        durable::remove_entry(&self.staged(digest)).map(drop)
    }

    /// The path of a blob, whether it exists or not.
    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        self.layout.blob(digest)
    }

    /// Opens a blob.
    pub(crate) fn open(&self, digest: &Digest) -> Result<File, PathError> {
        let path = self.layout.blob(digest);
        Ok(regular::open(&path).at("open", &path)?.0)
    }

    /// Begins to write a blob to the staging folder.
    pub(crate) fn incoming(&self, digest: &Digest) -> Result<Incoming, PathError> {
        let to = self.staged(digest);
        let from = durable::partial(&to);
        let file = durable::create(&from, 0o600)?;
        Ok(Incoming { file, from, to })
    }

    fn staged(&self, digest: &Digest) -> PathBuf {
        self.layout.incoming().join(digest.hex())
    }

    /// Moves blobs from the staging folder into the store. Those that are not staged are in the store already.
    pub(crate) fn promote(&self, blobs: &[Blob]) -> Result<(), PathError> {
        for blob in blobs {
            // A rename within the store moves no bytes: what has verified is not copied again.
            rename_if_there(&self.staged(&blob.digest), &self.layout.blob(&blob.digest))?;
        }
        self.sync_folders()
    }

    /// Moves blobs that exist from the store back to the staging folder.
    pub(crate) fn demote(&self, blobs: &[Digest]) -> Result<(), PathError> {
        for digest in blobs {
            rename_if_there(&self.layout.blob(digest), &self.staged(digest))?;
        }
        self.sync_folders()
    }

    fn sync_folders(&self) -> Result<(), PathError> {
        // The store first: after a power cut between the two, a blob may be in both folders rather than in none.
        durable::sync_folder(&self.layout.blobs())?;
        durable::sync_folder(&self.layout.incoming())
    }

    /// Empties the staging folder of what `blobs` does not list: of an update that was given up.
    pub(crate) fn keep_incoming(&self, blobs: &[Blob]) -> Result<(), PathError> {
        let wanted: BTreeSet<Digest> = blobs.iter().map(|blob| blob.digest).collect();
        clear(&self.layout.incoming(), |digest| !wanted.contains(digest))
    }

    /// Empties the staging folder of blobs, whole or not.
    pub(crate) fn clear_incoming(&self) -> Result<(), PathError> {
        clear(&self.layout.incoming(), |_| true)
    }

    /// Removes these blobs. They do not have to be there.
    pub(crate) fn remove<'a>(&self, blobs: impl Iterator<Item = &'a Digest>) -> Result<(), PathError> {
        let mut removed = false;
        for digest in blobs {
            removed |= durable::remove_entry(&self.layout.blob(digest))?;
        }
        if removed { durable::sync_folder(&self.layout.blobs()) } else { Ok(()) }
    }

    /// Removes all blobs, also those that are not whole yet, and nothing else.
    pub(crate) fn clear(&self) -> Result<(), PathError> {
        clear(&self.layout.incoming(), |_| true)?;
        clear(&self.layout.blobs(), |_| true)
    }
}

fn sizes(folder: &Path) -> Result<BTreeMap<Digest, u64>, PathError> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(BTreeMap::new());
        }
        other => other.at("read the folder", folder)?,
    };
    let mut sizes = BTreeMap::new();
    for entry in entries {
        let entry = entry.at("read the folder", folder)?;
        let size = entry.metadata().at("look at", &entry.path())?.len();
        sizes.extend(digest_of(&entry).map(|digest| (digest, size)));
    }
    Ok(sizes)
}

/// Removes the blobs for which `goes` is true, and all that are not complete.
fn clear(folder: &Path, goes: impl Fn(&Digest) -> bool) -> Result<(), PathError> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.at("read the folder", folder)?,
    };
    for entry in entries {
        let entry = entry.at("read the folder", folder)?;
        // By name alone: a file that somebody else put here has neither form, and stays.
        if digest_of(&entry).is_some_and(|digest| goes(&digest)) || is_partial(&entry) {
            durable::remove_entry(&entry.path())?;
        }
    }
    durable::sync_folder(folder)
}

fn rename_if_there(from: &Path, to: &Path) -> Result<(), PathError> {
    match std::fs::rename(from, to) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(()),
        other => other.at("rename", from),
    }
}

fn is_right(path: &Path, blob: &Blob) -> io::Result<bool> {
    // Spares reading a file that was cut off.
    Ok(path.metadata()?.len() == blob.size && hash(path)? == blob.digest)
}

fn hash(path: &Path) -> io::Result<Digest> {
    Ok(Digest::of_reader(regular::open(path)?.0)?.0)
}

/// The digest that a file in the store is named after.
fn digest_of(entry: &DirEntry) -> Option<Digest> {
    entry.file_name().to_str().and_then(|name| format!("sha256:{name}").parse().ok())
}

/// Whether a file is a blob that is not whole yet.
fn is_partial(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let digest = name.to_str().and_then(|name| name.strip_prefix('.')?.strip_suffix(".partial"));
    digest.is_some_and(|hex| format!("sha256:{hex}").parse::<Digest>().is_ok())
}

impl Incoming {
    /// Gives the blob its name. The caller has held it against its digest.
    pub(crate) fn keep(self) -> Result<(), PathError> {
        // 1. The content is on the disk before a name says which content it is.
        self.file.sync_all().at("sync", &self.from)?;
        // 2. The name. Its folder is synced once for all blobs, when they are promoted.
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
        assert!(!store.holds(&blob));

        let mut incoming = store.incoming(&blob.digest).unwrap();
        incoming.write_all(b"blob").unwrap();
        assert!(!store.holds(&blob), "not before it is kept");
        incoming.keep().unwrap();
        assert!(store.has_staged(&blob) && !store.holds(&blob), "not before all have verified");
        store.promote(std::slice::from_ref(&blob)).unwrap();
        assert!(store.holds(&blob) && !store.has_staged(&blob));
        assert_eq!(store.sizes().unwrap(), BTreeMap::from([(blob.digest, 4)]));

        for wrong in ["blub", "blob2", ""] {
            std::fs::write(layout.blob(&blob.digest), wrong).unwrap();
            assert!(!store.holds(&blob), "{wrong:?}");
        }
    }

    #[test]
    fn a_demoted_blob_can_be_promoted_again_or_removed() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        std::fs::create_dir_all(layout.blobs()).unwrap();
        std::fs::create_dir_all(layout.incoming()).unwrap();
        let (store, blob) = (Store::new(&layout), Blob { digest: Digest::of(b"blob"), size: 4 });
        std::fs::write(layout.blob(&blob.digest), "blob").unwrap();
        for _ in 0..2 {
            store.demote(&[blob.digest]).unwrap();
            assert!(store.has_staged(&blob) && !store.holds(&blob));
        }
        std::fs::write(layout.incoming().join(format!(".{}.partial", blob.digest.hex())), "bl").unwrap();
        store.clear_incoming().unwrap();
        assert_eq!(std::fs::read_dir(layout.incoming()).unwrap().count(), 0);
    }
}
