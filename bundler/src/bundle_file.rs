//! Bundles that exist, whole or in parts: opened, and read by several threads at once.

use crate::parts::{Bytes, Found, MissingPart, OpenError, Reader, find};
use landfall_console::Progress;
use landfall_keys::TrustedKeys;
use landfall_manifests::parts::Misfit;
use landfall_manifests::{Blob, Bundle, Digest, Entry, Head, ReadError, Release, archive, patch};
use std::io::{self, BufReader, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A bundle cannot be opened, or is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    #[error(transparent)]
    Open(#[from] OpenError),
    /// `place` names the file, where in it, if it is a part, and what needs the blob that lies there.
    #[error("{place}")]
    Refused { place: String, source: ReadError },
    #[error("{place}: {} is damaged, from offset {offset} on", archive::blob_name(blob))]
    Damaged { place: String, blob: Digest, offset: u64 },
    #[error(transparent)]
    Missing(#[from] MissingPart),
    #[error("{}", path.display())]
    Misfit { path: PathBuf, source: Misfit },
}

/// How many users of a blob are named.
const USERS: usize = 3;

/// A bundle's file or files, of which the head has been read.
#[derive(Debug)]
pub(crate) struct BundleFile {
    /// Where the bundle lies, or would lie if it were whole.
    pub(crate) path: PathBuf,
    pub(crate) head: Head,
    /// The size of the file, or of all parts together, in bytes.
    pub(crate) size: u64,
    bytes: Bytes,
}

impl BundleFile {
    /// Opens a bundle, whole or by any of its parts, which all lie in one folder, and reads its manifest and its signatures,
    /// without believing them.
    pub(crate) fn open(path: &Path) -> Result<Self, BundleError> {
        Self::open_among(path, &[])
    }

    /// The same for parts some of which lie in `folders`.
    pub(crate) fn open_among(path: &Path, folders: &[PathBuf]) -> Result<Self, BundleError> {
        Self::of(find(path, folders)?)
    }

    /// The bundle in one file, also if that has the name of a part.
    pub(crate) fn open_whole(path: &Path) -> Result<Self, BundleError> {
        Self::of(Found::Whole(path.to_owned()))
    }

    fn of(found: Found) -> Result<Self, BundleError> {
        let bytes = Bytes::open(found)?;
        let head = Head::read(&mut BufReader::new(bytes.reader(0))).map_err(|source| refused(&bytes, None, source))?;
        Ok(Self { path: bytes.bundle().to_owned(), head, size: bytes.size(), bytes })
    }

    /// The files that it lies in, in order.
    pub(crate) fn files(&self) -> &[PathBuf] {
        self.bytes.paths()
    }

    /// The parts that it lies in, in order; none if it lies in one file.
    pub(crate) fn parts(&self) -> &[PathBuf] {
        if self.part_size().is_some() { self.files() } else { &[] }
    }

    /// The size of the first part in bytes, if it lies in parts.
    pub(crate) fn part_size(&self) -> Option<u64> {
        self.bytes.part_size()
    }

    /// The error of this bundle.
    pub(crate) fn refused(&self, source: ReadError) -> BundleError {
        refused(&self.bytes, Some(&self.head), source)
    }

    /// The error of a blob that lies from `offset` on and is not what the manifest says.
    pub(crate) fn damaged(&self, blob: &Blob, offset: u64) -> BundleError {
        let place = self.bytes.describe(&(offset..offset.saturating_add(blob.size.max(1))));
        BundleError::Damaged { place: place + &needed_by(&self.head, &blob.digest), blob: blob.digest, offset }
    }

    /// A reader of the bundle from `offset` on.
    pub(crate) fn reader(&self, offset: u64) -> Reader<'_> {
        self.bytes.reader(offset)
    }

    /// Checks that as many bytes are there as the manifest says, which is `release`.
    pub(crate) fn check_size(&self, release: &Release) -> Result<(), BundleError> {
        let expected = self.blobs_end(release).saturating_add(archive::END_BYTES);
        self.check_parts(expected)?;
        let entry = "the end".to_owned();
        match self.size {
            size if size < expected => Err(self.refused(ReadError::Truncated { entry, offset: size })),
            size if size > expected => Err(self.refused(ReadError::Trailing { offset: expected })),
            _ => Ok(()),
        }
    }

    /// Whether this is a patch, whole and lacking blobs. The keys that the file names suffice to say so: nothing is believed
    /// for it, and one that names none is taken for a bundle.
    pub(crate) fn is_patch(&self) -> bool {
        let Ok(named) = TrustedKeys::new(self.head.offered_keys(), 1) else { return false };
        let Ok(bundle) = self.head.clone().verify(&named) else { return false };
        let held = patch::entries(&bundle, |offset, buffer| self.bytes.read_at(offset, buffer));
        held.is_ok_and(|held| held.len() < bundle.entries().len())
    }

    /// Each blob of the bundle, and where its header begins. Nothing there has been looked at.
    pub(crate) fn blobs<'a>(&self, release: &'a Release) -> impl Iterator<Item = (&'a Blob, u64)> + use<'a> {
        let mut next = self.layout_end(release);
        release.blobs.iter().map(move |blob| {
            let offset = next;
            next = next.saturating_add(archive::entry_bytes(blob.size));
            (blob, offset)
        })
    }

    fn layout_end(&self, release: &Release) -> u64 {
        let layout = release.layout.iter().map(|file| archive::entry_bytes(file.size));
        layout.fold(self.head.end(), u64::saturating_add)
    }

    fn blobs_end(&self, release: &Release) -> u64 {
        let blobs = release.blobs.iter().map(|blob| archive::entry_bytes(blob.size));
        blobs.fold(self.layout_end(release), u64::saturating_add)
    }

    /// Holds every entry against its digest, several at once. Of several faults the first in the bundle is reported.
    pub(crate) fn check(&self, bundle: &Bundle, progress: &Progress) -> Result<(), BundleError> {
        self.check_parts(bundle.size())?;
        check_entries(bundle, &self.bytes, progress).map_err(|error| {
            let read_at = |offset: u64, buffer: &mut [u8]| self.bytes.read_at(offset, buffer);
            self.refused(patch::unless_patch(error, bundle, read_at))
        })
    }

    fn check_parts(&self, expected: u64) -> Result<(), BundleError> {
        match self.bytes.misfit(expected) {
            None => Ok(()),
            Some(Misfit::Missing { part }) => Err(self.bytes.missing(part).into()),
            Some(source @ (Misfit::Size { part, .. } | Misfit::Extra { part })) => {
                Err(BundleError::Misfit { path: self.bytes.path_of(part).to_owned(), source })
            }
        }
    }
}

fn refused(bytes: &Bytes, head: Option<&Head>, source: ReadError) -> BundleError {
    let range = match &source {
        ReadError::NotABundle => Some(0..1),
        source => source.range(),
    };
    let place = range.map_or_else(|| bytes.bundle().display().to_string(), |range| bytes.describe(&range));
    let users = source.blob().zip(head).map(|(blob, head)| needed_by(head, &blob)).unwrap_or_default();
    BundleError::Refused { place: place + &users, source }
}

/// What a blob is for, as an unverified manifest says.
fn needed_by(head: &Head, blob: &Digest) -> String {
    let signed = head.clone().into_signed_without_verifying();
    let users = signed.map(|signed| signed.release().users_of(blob)).unwrap_or_default();
    match &users[..] {
        [] => String::new(),
        few if few.len() <= USERS => format!(" (needed by {})", few.join(", ")),
        many => format!(" (needed by {} and {} more)", many[..USERS].join(", "), many.len() - USERS),
    }
}

fn check_entries(bundle: &Bundle, bytes: &Bytes, progress: &Progress) -> Result<(), ReadError> {
    let next = AtomicUsize::new(0);
    let first_fault: Mutex<Option<(u64, ReadError)>> = Mutex::new(None);
    let work = || {
        while let Some(entry) = bundle.entries().get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = check_entry(entry, bytes, progress) {
                let mut fault = first_fault.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if fault.as_ref().is_none_or(|(offset, _)| entry.offset < *offset) {
                    *fault = Some((entry.offset, error));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        for _ in 1..threads.min(bundle.entries().len()) {
            scope.spawn(work);
        }
        work();
    });
    match first_fault.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => bundle.check_end(&mut bytes.reader(bundle.size().saturating_sub(archive::END_BYTES))),
    }
}

fn check_entry(entry: &Entry, bytes: &Bytes, progress: &Progress) -> Result<(), ReadError> {
    entry.read(&mut bytes.reader(entry.offset), &mut Count(progress))
}

/// Counts what passes the check.
struct Count<'a>(&'a Progress);

impl Write for Count<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.add(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
