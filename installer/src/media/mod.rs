//! The bundle on its media: one file or several parts, and perhaps a patch. Only read, and in place.
//!
//! Nothing is looked at twice. What has to be read before the pass over the bundle (manifest, signatures, the header after
//! them, the release's settings) is remembered and served to that pass from memory; what is installed comes from the one pass
//! that copies it into the store while it is hashed. A medium that shows something else the second time gains nothing.
//!
//! All offsets are those of the bundle: where a byte lies in a part, or that a patch stands in for it, is known in here alone.

mod args;
pub(crate) mod damage;
mod error;
mod file;
mod memory;
mod overlay;
mod parts;
mod patch;
mod prompt;
mod reader;
mod source;
#[cfg(test)]
mod tests;

pub(crate) use args::MediaArgs;
pub(crate) use error::MediaError;
pub(crate) use reader::Reader;

use landfall_console::Console;
use landfall_keys::TrustedKeys;
use landfall_manifests::{Bundle, Digest, Entry, Head, ReadError, archive, limits};
use memory::{Memory, Noting};
use overlay::{Origin, Overlay};
use patch::Patch;
use source::Source;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The bundle.
#[derive(Debug)]
pub(crate) struct Media {
    source: Source,
    memory: Memory,
    patch: Option<Patch>,
    overlay: Overlay,
    /// Whether [`Media::settle`] was called: until then, offsets are those of the patch, if there is one.
    settled: bool,
}

impl Media {
    /// Opens the bundle, which may be in parts, and the patch.
    pub(crate) fn open(args: &MediaArgs, console: Console) -> anyhow::Result<Self> {
        let patch = args.patch.as_deref().map(Patch::open).transpose()?;
        let source = Source::open(&args.file, &args.parts, console).map_err(|error| {
            // An error of the system's own is one of the host's.
            error.downcast::<MediaError>().map_or_else(anyhow::Error::from, anyhow::Error::from)
        })?;
        Ok(Self { source, memory: Memory::default(), patch, overlay: Overlay::default(), settled: false })
    }

    /// The bundle's path; of parts, the one that the whole would have.
    pub(crate) fn path(&self) -> &Path {
        self.source.path()
    }

    /// The file whose manifest is to be believed.
    fn head_path(&self) -> &Path {
        self.patch.as_ref().filter(|_| !self.settled).map_or(self.path(), Patch::path)
    }

    /// Reads manifest and signatures: those of the patch, if there is one.
    pub(crate) fn head(&self) -> Result<Head, ReadError> {
        if let Some(patch) = &self.patch {
            return patch.head();
        }
        let mut noting = Noting::new(self.at(0), 0, memory::HEADER);
        let head = Head::read(&mut noting)?;
        noting.remember(&self.memory);
        Ok(head)
    }

    /// Takes in the manifest that is believed. What counts from now on is the bundle that this returns: it has the entries where
    /// they are on the media.
    ///
    /// A patch must be of the bundle's own manifest. If that is damaged, the patch's counts.
    pub(crate) fn settle(&mut self, bundle: Bundle, trusted: &TrustedKeys) -> anyhow::Result<Bundle> {
        let bundle = match &self.patch {
            None => bundle,
            Some(patch) => {
                let held = patch.entries(&bundle)?;
                let own = self.own_bundle(bundle, patch, trusted)?;
                self.overlay = Overlay::new(&own, &held);
                own
            }
        };
        self.source.set_total(bundle.size())?;
        self.settled = true;
        Ok(bundle)
    }

    /// The bundle of a patch that is believed, as the bundle's own head has it. Where that was damaged on the way, the patch's
    /// stands in for it; one that nobody trusted signed is refused all the same. The header after it is not remembered: every
    /// patch has that entry.
    fn own_bundle(&self, patched: Bundle, patch: &Patch, trusted: &TrustedKeys) -> anyhow::Result<Bundle> {
        let refused = |error| Err(damage::in_file(self.path(), error));
        let head = match Head::read(&mut self.at(0)) {
            Err(error) if damage::is_in_head(&error) => return Ok(self.as_it_lies(patched)),
            Err(error) => return refused(error),
            Ok(head) => head,
        };
        let is_cut_short = head.is_cut_short();
        match head.vouched(trusted, &patched) {
            Err(error) if is_cut_short || damage::is_in_head(&error) => Ok(self.as_it_lies(patched)),
            Err(error) => refused(error),
            Ok(own) => Ok(patched.behind(own).map_err(|manifests| patch.is_for_another(&manifests, self.path()))?),
        }
    }

    /// The bundle of a patch, with its entries where they lie behind the bundle's own head, which is damaged: it may have had
    /// more signatures than the patch, or fewer.
    fn as_it_lies(&self, patched: Bundle) -> Bundle {
        let Some(header) = patched.entries().first().map(Entry::header) else { return patched };
        let begin = archive::entry_bytes(patched.manifest().len() as u64);
        let is_there = |offset: &u64| {
            let mut found = [0; memory::HEADER];
            self.at(*offset).read_exact(&mut found).is_ok() && found == header
        };
        // The text of a signature, as minisign writes it, fits one block.
        let mut places = (0..=limits::SIGNATURES as u64).map(|signatures| begin + signatures * archive::entry_bytes(1));
        match places.find(is_there) {
            Some(begin) => patched.beginning_at(begin),
            None => patched,
        }
    }

    /// Reads and checks a whole entry into memory, and remembers it. For small ones: callers hold its size against a limit.
    pub(crate) fn entry(&self, entry: &Entry) -> Result<Vec<u8>, ReadError> {
        let most = usize::try_from(entry.archive_bytes()).unwrap_or(usize::MAX);
        let mut noting = Noting::new(self.at(entry.offset), entry.offset, most);
        let mut content = Vec::new();
        entry.read(&mut noting, &mut content)?;
        noting.remember(&self.memory);
        Ok(content)
    }

    /// Checks what stands behind the bundle's last entry, and behind each part. A patch has an end of its own, which was checked
    /// when it was opened and stands in for the bundle's: that may be damaged or missing, but nothing may follow it.
    pub(crate) fn check_end(&self, bundle: &Bundle) -> Result<(), ReadError> {
        let end = bundle.entries().last().map_or(0, |entry| entry.offset.saturating_add(entry.archive_bytes()));
        if self.patch.is_none() {
            bundle.check_end(&mut self.at(end))?;
        } else if self.source.goes_on_behind(bundle.size()) {
            return Err(ReadError::Trailing { offset: bundle.size() });
        }
        self.source.check_lengths().map_err(|error| ReadError::of(error.into(), "the parts", end))
    }

    /// The file that the byte at `offset` is read from, and the offset in it.
    fn place(&self, offset: u64) -> (PathBuf, u64) {
        match (&self.patch, self.overlay.origin(offset)) {
            (Some(patch), _) if !self.settled => (patch.path().to_owned(), offset),
            (Some(patch), Origin::Patch { offset, .. }) => (patch.path().to_owned(), offset),
            _ => self.source.place(offset),
        }
    }

    /// A reader that stands at `offset`, in bytes. Several may read at the same time.
    pub(crate) fn at(&self, offset: u64) -> Reader<'_> {
        Reader::new(self, offset)
    }

    /// Whether all of it can be read without asking anybody for another medium.
    pub(crate) fn is_at_hand(&self) -> bool {
        self.source.is_at_hand()
    }

    /// Whether it is one file and no more, which may be a patch by mistake.
    fn is_alone(&self) -> bool {
        self.patch.is_none() && matches!(self.source, Source::Whole(_))
    }

    /// The patch's path, if there is one.
    pub(crate) fn patch_path(&self) -> Option<&Path> {
        self.patch.as_ref().map(Patch::path)
    }

    /// The blobs that the patch holds.
    pub(crate) fn patched<'a>(&'a self, bundle: &'a Bundle) -> impl Iterator<Item = Digest> + 'a {
        bundle.entries().iter().filter(|entry| entry.is_blob && self.overlay.holds(entry)).map(|entry| entry.digest)
    }
}
