use crate::errors::bundle_error::BundleError;
use crate::media::{BundleLocation, Media};
use crate::parity::RecoveryReport;
use crate::reader::Reader;
use crate::source::prompt::Unattended;
use crate::verify::verify;
use landfall_console::Progress;
use landfall_keys::TrustedKeys;
use landfall_manifests::{Blob, Bundle, Digest, Head, ReadError, Release, archive, patch};
use std::path::{Path, PathBuf};

/// A bundle whose head was read and whose signatures were not checked. A bundler copies such a bundle, shows it, or verifies it
/// with [`UnverifiedBundle::verify_head`]; a host uses nothing of it.
#[derive(Debug)]
pub struct UnverifiedBundle {
    media: Media,
    head: Head,
}

impl UnverifiedBundle {
    /// Opens a bundle, whole or by any of its parts, which are looked for in `folders` too, and reads its head. Missing
    /// parts are not asked for.
    ///
    /// # Errors
    /// The bundle or one of its parts cannot be read, or its head is damaged.
    pub fn open(file: &Path, folders: &[PathBuf]) -> Result<Self, BundleError> {
        let location = BundleLocation { file: file.to_owned(), folders: folders.to_owned(), patch: None };
        let media = Media::open(&location, Box::new(Unattended))?;
        // Nobody is asked for a part here: one that is missing is named before anything is read, unless it may be recovered.
        if !media.has_parity() {
            media.check_gaps()?;
        }
        let opened = Self::read(media)?;
        if !opened.media.recovers() {
            opened.media.check_gaps()?;
        }
        Ok(opened)
    }

    /// Opens the bundle that is in one file, even if the file has the name of a part.
    ///
    /// # Errors
    /// The file cannot be read, or the bundle's head is damaged.
    pub fn open_file(path: &Path) -> Result<Self, BundleError> {
        Self::read(Media::open_file(path)?)
    }

    fn read(mut media: Media) -> Result<Self, BundleError> {
        let head = media.head().map_err(|error| media.located(None, error))?;
        // What the manifest says about sizes tells where the last part ends. Where it does not parse, nothing is read behind it.
        if let Some(release) = claimed_release(&head) {
            media.use_parity_for(&Digest::of(head.manifest()), Some(size_of(&head, &release)));
            media.assume_size(size_of(&head, &release));
        }
        Ok(Self { media, head })
    }

    /// The bundle's path; of parts, the one that the whole bundle would have.
    pub fn path(&self) -> &Path {
        self.media.path()
    }

    /// The manifest and its signatures.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The size of the bundle's file, or of all its parts together, in bytes.
    pub fn found_bytes(&self) -> u64 {
        self.media.found_bytes()
    }

    /// The bundle's files, in order: itself, or its parts.
    pub fn files(&self) -> Vec<PathBuf> {
        self.media.files()
    }

    /// The bundle's parts, in order; none if it is one file.
    pub fn parts(&self) -> Vec<PathBuf> {
        if self.part_size().is_some() { self.files() } else { Vec::new() }
    }

    /// The size of the first part in bytes, if the bundle is in parts.
    pub fn part_size(&self) -> Option<u64> {
        self.media.part_size()
    }

    /// What was recovered so far by a parity file beside the bundle.
    pub fn recovery_report(&self) -> Option<RecoveryReport> {
        self.media.recovery_report()
    }

    /// Why a file that has the name of the bundle's parity file is not used, if there is one.
    pub fn unused_parity(&self) -> Option<String> {
        self.media.unused_parity()
    }

    /// Verifies the manifest.
    ///
    /// # Errors
    /// Not enough of the keys signed it, or it is damaged.
    pub fn verify_head(&self, trusted: &TrustedKeys) -> Result<Bundle, BundleError> {
        self.head.clone().verify(trusted).map_err(|error| self.media.located(None, error))
    }

    /// Compares every byte with the manifest of `bundle`, which [`UnverifiedBundle::verify_head`] returned.
    ///
    /// # Errors
    /// A part is missing or has a wrong size; otherwise, the first damaged place in the bundle.
    pub fn check(&self, bundle: &Bundle, progress: &Progress) -> Result<(), BundleError> {
        if !self.media.recovers() {
            self.media.check_sizes(bundle.size())?;
        }
        match verify(&self.media, bundle, progress).into_iter().next() {
            None => Ok(()),
            Some(error) => Err(self.media.located(Some(bundle), error)),
        }
    }

    /// Checks that there are as many bytes as the manifest says, which is that of `release`.
    ///
    /// # Errors
    /// A part is missing or has a wrong size, or the file is too short or too long.
    pub(crate) fn check_size(&self, release: &Release) -> Result<(), BundleError> {
        let expected = size_of(&self.head, release);
        // What is missing may be recovered. What is too much may not.
        let recovers = self.media.recovers();
        if recovers {
            self.media.check_excess()?;
        } else {
            self.media.check_sizes(expected)?;
        }
        match self.found_bytes() {
            size if size < expected && !recovers => {
                Err(self.located(ReadError::Truncated { entry: None, offset: size }))
            }
            size if size > expected => Err(self.located(ReadError::Trailing { offset: expected })),
            _ => Ok(()),
        }
    }

    /// Whether this is a patch that lacks blobs. The keys that it names suffice to say so, because nothing else depends on
    /// the answer; a patch that names no keys is treated as a bundle.
    pub fn is_patch(&self) -> bool {
        let Ok(named) = TrustedKeys::new(self.head.offered_keys(), 1) else { return false };
        let Ok(bundle) = self.head.clone().verify(&named) else { return false };
        let held = patch::entries(&bundle, |offset, buffer| self.media.read_source_at(offset, buffer));
        held.is_ok_and(|held| held.len() < bundle.entries().len())
    }

    /// A reader that is at `offset`, in bytes.
    pub fn at(&self, offset: u64) -> Reader<'_> {
        self.media.at(offset)
    }

    /// Each blob in the archive, and the offset of its header. Nothing there was read.
    pub fn blobs(&self, release: &Release) -> impl Iterator<Item = (Blob, u64)> + use<> {
        // An archive has no index: each offset follows from the sizes before it.
        let mut next = blobs_begin(&self.head, release);
        release.archived().into_iter().map(move |blob| {
            let offset = next;
            next = next.saturating_add(archive::entry_bytes(blob.size));
            (blob, offset)
        })
    }

    /// Says where something is wrong with the bytes of the bundle.
    pub(crate) fn located(&self, error: ReadError) -> BundleError {
        let place = self.media.place(claimed_release(&self.head).as_ref(), &error);
        BundleError::Read { place, source: error }
    }

    /// The error of a blob whose content is at `offset` and is not what the manifest says.
    pub(crate) fn damaged(&self, blob: &Blob, offset: u64) -> BundleError {
        // An empty blob has a place as well.
        let range = offset..offset.saturating_add(blob.size.max(1));
        let place = self.media.place_of(claimed_release(&self.head).as_ref(), &range, Some(&blob.digest));
        BundleError::Blob { place }
    }
}

/// The release, as the manifest says, if it can be parsed.
fn claimed_release(head: &Head) -> Option<Release> {
    head.clone().into_signed_without_verifying().ok().map(|signed| signed.release().clone())
}

/// The offset of the first blob.
fn blobs_begin(head: &Head, release: &Release) -> u64 {
    let layout = release.layout.iter().map(|file| archive::entry_bytes(file.size));
    layout.fold(head.end(), u64::saturating_add)
}

/// The size of the whole bundle, in bytes.
fn size_of(head: &Head, release: &Release) -> u64 {
    let blobs = release.archived().into_iter().map(|blob| archive::entry_bytes(blob.size));
    blobs.fold(blobs_begin(head, release), u64::saturating_add).saturating_add(archive::END_BYTES)
}
