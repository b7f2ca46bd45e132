use crate::errors::bundle_error::{BundleError, is_head_damaged};
use crate::errors::media_error::MediaError;
use crate::parity::{Lost, ParityFile, ParityFileError, Recovery, RecoveryReport};
use crate::patch::Patch;
use crate::patch::overlay::Overlay;
use crate::read_once_cache::{HEADER, Recorder};
use crate::reader::{Contents, Reader};
use crate::source::Source;
use crate::source::prompt::MediumPrompt;
use landfall_console::message_with_causes;
use landfall_keys::TrustedKeys;
use landfall_manifests::{Bundle, Digest, Entry, Head, ReadError, archive, limits};
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Where a bundle is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BundleLocation {
    /// The bundle's file; where it is cut into parts, any of them, or the name of the bundle without `.partNNN`.
    pub file: PathBuf,
    /// The folders, besides that of `file`, in which its parts may be.
    pub folders: Vec<PathBuf>,
    /// The patch, from which is read what it holds, and not from the bundle.
    pub patch: Option<PathBuf>,
}

/// A bundle on its media, open for reading, in one file or in parts, and perhaps with a patch.
#[derive(Debug)]
pub struct Media {
    contents: Contents,
    /// Whether [`Media::bind_manifest`] was called: until then, offsets are those of the patch, if there is one.
    is_bound: bool,
    /// Why what has the name of the bundle's parity file cannot be used.
    unusable_parity: Option<ParityFileError>,
}

impl Media {
    /// Opens the bundle, which may be in parts, and the patch. A part that is nowhere is asked for by `prompt`.
    ///
    /// # Errors
    /// The bundle or the patch is not there or is no file, or no part can be read.
    pub fn open(location: &BundleLocation, prompt: Box<dyn MediumPrompt>) -> Result<Self, MediaError> {
        // The patch first: a person is asked for the discs of the bundle only once what is small was found.
        let patch = location.patch.as_deref().map(Patch::open).transpose()?;
        let source = Source::open(&location.file, &location.folders, prompt)?;
        let (recovery, unusable_parity) = match ParityFile::find(source.path(), &location.folders) {
            Ok(found) => (found.map(Recovery::new), None),
            // It is an aid, and not asked for: a bundle is not worse for one that cannot be read.
            Err(error) => (None, Some(error)),
        };
        Ok(Self { contents: Contents::new(source, recovery, patch), is_bound: false, unusable_parity })
    }

    /// Opens a bundle that an HTTP server has as one file, by its address, `http://HOST[:PORT]/PATH`.
    ///
    /// # Errors
    /// The server cannot be reached, or does not have it.
    pub fn open_address(address: &str) -> Result<Self, MediaError> {
        let contents = Contents::new(Source::open_address(address)?, None, None);
        Ok(Self { contents, is_bound: false, unusable_parity: None })
    }

    /// Opens the bundle that is in one file, even if the file has the name of a part.
    ///
    /// # Errors
    /// The file cannot be opened, or is no regular file.
    pub(crate) fn open_file(path: &Path) -> Result<Self, MediaError> {
        let contents = Contents::new(Source::open_file(path)?, None, None);
        Ok(Self { contents, is_bound: false, unusable_parity: None })
    }

    /// The bundle's path; of parts, the one that the whole bundle would have.
    pub fn path(&self) -> &Path {
        self.contents.source.path()
    }

    /// The patch's path, if there is one.
    pub fn patch_path(&self) -> Option<&Path> {
        self.contents.patch.as_ref().map(Patch::path)
    }

    /// The file that [`Media::head`] reads.
    pub(crate) fn head_path(&self) -> &Path {
        self.patch_path().filter(|_| !self.is_bound).unwrap_or(self.path())
    }

    /// Reads the manifest and its signatures: those of the patch, if there is one. A head that is damaged is recovered by the
    /// parity file, if there is one.
    ///
    /// # Errors
    /// What is there is no bundle, is damaged, or cannot be read.
    pub fn head(&self) -> Result<Head, ReadError> {
        if let Some(patch) = &self.contents.patch {
            return patch.head();
        }
        let own = self.own_head();
        let own = match &self.contents.recovery {
            Some(recovery) if own.as_ref().is_ok_and(|(head, _)| is_of_another_build(head, recovery)) => own,
            Some(recovery) => {
                recovery.set_used(true);
                let recovered = self.own_head().ok().filter(|(head, _)| is_of(head, recovery));
                recovery.set_used(recovered.is_some());
                recovered.map_or(own, Ok)
            }
            None => own,
        };
        let (head, recorder) = own?;
        recorder.store_in(&self.contents.cache);
        Ok(head)
    }

    /// Reads the bundle's own manifest and signatures. The reader goes one header beyond them, that of the first entry: the pass
    /// begins with it.
    fn own_head(&self) -> Result<(Head, Recorder<Reader<'_>>), ReadError> {
        let mut recorder = Recorder::new(self.at(0), 0, HEADER);
        Ok((Head::read(&mut recorder)?, recorder))
    }

    /// Binds the media to the manifest that was verified, which [`Media::head`] has read. Returns the bundle with its entries
    /// where they are on the media; callers use that one from then on.
    ///
    /// A patch must have the bundle's own manifest. Where the bundle's is damaged, the patch's replaces it.
    ///
    /// # Errors
    /// The patch is damaged or is for another bundle, no trusted key signed the bundle's own head, or there are parts behind its
    /// end.
    pub fn bind_manifest(&mut self, bundle: Bundle, trusted: &TrustedKeys) -> Result<Bundle, BundleError> {
        // A patch's bundle has the offsets of the patch.
        let own_size = self.contents.patch.is_none().then(|| bundle.size());
        self.use_parity_for(&Digest::of(bundle.manifest()), own_size);
        let bundle = match &self.contents.patch {
            None => bundle,
            Some(patch) => {
                let held = patch.entries(&bundle)?;
                let stored = self.bundle_as_stored(bundle, patch, trusted)?;
                // Only now: until here the bundle's own head was read, without the patch.
                self.contents.overlay = Overlay::new(&stored, &held);
                stored
            }
        };
        self.use_parity_for(&Digest::of(bundle.manifest()), Some(bundle.size()));
        // Only a verified manifest says how large the bundle is; the parts' own sizes were an assumption until here.
        self.assume_size(bundle.size());
        self.contents.source.check_surplus()?;
        self.is_bound = true;
        Ok(bundle)
    }

    /// Uses the parity file if it was made for the bundle with this manifest and of this size, as far as that is known.
    pub(crate) fn use_parity_for(&self, manifest: &Digest, size: Option<u64>) {
        if let Some(recovery) = &self.contents.recovery {
            let is_same_size = size.is_none_or(|size| size == recovery.bundle_bytes());
            recovery.set_used(recovery.manifest() == *manifest && is_same_size);
        }
    }

    /// Whether there is a parity file, for whatever bundle.
    pub(crate) fn has_parity(&self) -> bool {
        self.contents.recovery.is_some()
    }

    /// Whether what is bad or missing is recovered by a parity file. Known once the manifest is read.
    pub(crate) fn recovers(&self) -> bool {
        self.contents.recovery.as_ref().is_some_and(Recovery::is_used)
    }

    /// What was recovered so far by the parity file.
    pub fn recovery_report(&self) -> Option<RecoveryReport> {
        self.contents.recovery.as_ref().and_then(|recovery| recovery.report(&self.contents.source))
    }

    /// Why a file that has the name of the bundle's parity file is not used, if there is one. Known once the manifest is read.
    pub fn unused_parity(&self) -> Option<String> {
        let other = self.contents.recovery.as_ref().filter(|recovery| !recovery.is_used());
        let other =
            other.map(|recovery| format!("{} is not used: it is for another bundle", recovery.path().display()));
        let unusable = |error: &ParityFileError| format!("the parity file is not used: {}", message_with_causes(error));
        other.or_else(|| self.unusable_parity.as_ref().map(unusable))
    }

    /// The parity file, and what is lost around a range of the bundle, if it cannot be recovered.
    pub(crate) fn lost_in(&self, range: &Range<u64>) -> Option<(&Path, Lost)> {
        let recovery = self.contents.recovery.as_ref()?;
        recovery.lost_in(range).map(|lost| (recovery.path(), lost))
    }

    /// Sets the size of the whole bundle, in bytes: it decides which part has which bytes.
    pub(crate) fn assume_size(&mut self, total: u64) {
        self.contents.source.set_total(total);
    }

    /// Checks that no part is missing between those that were found, or empty.
    pub(crate) fn check_gaps(&self) -> Result<(), MediaError> {
        self.contents.source.check_gaps()
    }

    /// Checks that there is no part behind the bundle's end, and none that is too long.
    pub(crate) fn check_excess(&self) -> Result<(), MediaError> {
        self.contents.source.check_surplus().and_then(|()| self.contents.source.check_lengths())
    }

    /// Checks that the parts that were found are those of a bundle of `total` bytes. The size of a single file is not checked.
    pub(crate) fn check_sizes(&self, total: u64) -> Result<(), MediaError> {
        self.contents.source.check_sizes(total)
    }

    /// The size of the bundle's file, or of the parts that were found, in bytes.
    pub(crate) fn found_bytes(&self) -> u64 {
        self.contents.source.found_bytes()
    }

    /// The bundle's file, or the parts that were found, in order.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.contents.source.files()
    }

    /// The size of the first part in bytes, if the bundle is in parts.
    pub(crate) fn part_size(&self) -> Option<u64> {
        self.contents.source.part_size()
    }

    /// The verified bundle of a patch, with the signatures and the offsets of the bundle's own head. Where that is damaged, the
    /// patch's head replaces it; where no trusted key signed it, it is refused. The header after it is not cached: every patch
    /// has that entry.
    fn bundle_as_stored(&self, patched: Bundle, patch: &Patch, trusted: &TrustedKeys) -> Result<Bundle, BundleError> {
        let refused = |error| Err(BundleError::in_file(self.path(), error));
        // The overlay is still empty, so that this reads the bundle's own head and not the patch's.
        let head = match Head::read(&mut self.at(0)) {
            // A patch stands in for damage …
            Err(error) if is_head_damaged(&error) => return Ok(self.moved_behind_damaged_head(patched)),
            Err(error) => return refused(error),
            Ok(head) => head,
        };
        let may_lack_signatures = head.may_lack_signatures();
        match head.verify_signatures(trusted, &patched) {
            // … and never for trust: a head that is whole must be signed by trusted keys itself.
            Err(error) if may_lack_signatures || is_head_damaged(&error) => Ok(self.moved_behind_damaged_head(patched)),
            Err(error) => refused(error),
            Ok(own) => Ok(patched.with_head(own).map_err(|manifests| patch.other_manifest(&manifests, self.path()))?),
        }
    }

    /// The verified bundle of a patch, with its entries where they are behind the bundle's own damaged head, which may have had
    /// more signatures than the patch, or fewer.
    fn moved_behind_damaged_head(&self, patched: Bundle) -> Bundle {
        let Some(header) = patched.entries().first().map(Entry::header) else { return patched };
        // The bundle's manifest is the patch's, so that its entry has the same size even where its bytes are damaged.
        let begin = archive::entry_bytes(patched.manifest().len() as u64);
        let is_there = |offset: &u64| {
            let mut found = [0; HEADER];
            // Only a guess at where the entries begin: each of them is
            // compared with its computed header afterwards all the same.
            self.at(*offset).read_exact(&mut found).is_ok() && found == header
        };
        // The text of a signature, as minisign writes it, fits one block.
        let mut offsets =
            (0..=limits::SIGNATURES as u64).map(|signatures| begin + signatures * archive::entry_bytes(1));
        match offsets.find(is_there) {
            Some(begin) => patched.with_first_entry_at(begin),
            None => patched,
        }
    }

    /// Reads and checks a whole entry into memory, and caches it. For small ones: callers check its size against a limit.
    ///
    /// # Errors
    /// The entry is damaged or cannot be read.
    pub fn entry(&self, entry: &Entry) -> Result<Vec<u8>, ReadError> {
        let most = usize::try_from(entry.archive_bytes()).unwrap_or(usize::MAX);
        let mut recorder = Recorder::new(self.at(entry.offset), entry.offset, most);
        let mut content = Vec::new();
        entry.read(&mut recorder, &mut content)?;
        recorder.store_in(&self.contents.cache);
        Ok(content)
    }

    /// Checks an entry's header and its padding, and does not read its content.
    ///
    /// # Errors
    /// The header or the padding is damaged or cannot be read.
    pub fn check_frame(&self, entry: &Entry) -> Result<(), ReadError> {
        let mut header = [0; HEADER];
        let read = self.at(entry.offset).read_exact(&mut header);
        read.map_err(|error| ReadError::of(error, &entry.name, entry.offset))?;
        entry.check_header(&header)?;
        // The padding is covered by no digest: where the content is
        // not read, it would be a place for bytes that nobody checks.
        entry.check_padding(&mut self.at(entry.content_offset().saturating_add(entry.size)))
    }

    /// Checks what is behind the bundle's last entry, and behind each part. A patch has an end of its own, which was checked
    /// when it was opened and replaces the bundle's: that may be damaged or missing, but nothing may follow it.
    ///
    /// # Errors
    /// The end is damaged, or something follows it.
    pub fn check_end(&self, bundle: &Bundle) -> Result<(), ReadError> {
        let Contents { source, patch, .. } = &self.contents;
        // Saturating: a sum that wrapped around would compare as a small offset.
        let end = bundle.entries().last().map_or(0, |entry| entry.offset.saturating_add(entry.archive_bytes()));
        if patch.is_none() {
            bundle.check_end(&mut self.at(end))?;
        } else if source.extends_past(bundle.size()) {
            return Err(ReadError::Trailing { offset: bundle.size() });
        }
        source.check_lengths().map_err(|error| ReadError::of(error.into(), "the parts", end))
    }

    /// The file that the byte at `offset` is read from, and the offset in it.
    pub(crate) fn file_at(&self, offset: u64) -> (PathBuf, u64) {
        // Until the manifest is bound nothing but the head is read, and with a patch that is the patch's.
        match self.patch_path().filter(|_| !self.is_bound) {
            Some(patch) => (patch.to_owned(), offset),
            None => self.contents.file_at(offset),
        }
    }

    /// A reader that is at `offset`, in bytes. Several may read at the same time.
    pub fn at(&self, offset: u64) -> Reader<'_> {
        self.contents.at(offset)
    }

    /// Reads the bundle's own files, as `pread(2)` does, without the cache and without the patch.
    pub(crate) fn read_source_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.contents.source.read_at(&mut None, buffer, offset)
    }

    /// Whether all of it can be read without asking anybody for another medium.
    pub fn is_complete(&self) -> bool {
        self.contents.source.is_complete()
    }

    /// Whether it is one file without a patch: that file may itself be a patch, named by mistake.
    pub(crate) fn is_single_file(&self) -> bool {
        self.contents.patch.is_none() && matches!(self.contents.source, Source::Whole(_))
    }

    /// The blobs that the patch holds.
    pub fn patched_blobs<'a>(&'a self, bundle: &'a Bundle) -> impl Iterator<Item = Digest> + 'a {
        let is_patched = |entry: &&Entry| entry.is_blob && self.contents.overlay.holds(entry);
        bundle.entries().iter().filter(is_patched).map(|entry| entry.digest)
    }
}

/// Whether a head is that of the bundle that the parity file was made for.
fn is_of(head: &Head, recovery: &Recovery) -> bool {
    Digest::of(head.manifest()) == recovery.manifest()
}

/// Whether a head is whole, and another one than that of the bundle that the parity file was made for. It must not be "recovered"
/// then: one build of a release would be read in place of another, where they differ by little.
fn is_of_another_build(head: &Head, recovery: &Recovery) -> bool {
    // No byte of a manifest can change without its signatures noticing, whoever's they are.
    !is_of(head, recovery) && !head.offered_keys().is_empty()
}
