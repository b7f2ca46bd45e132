use crate::exact_read::{read_exact, read_up_to};
use crate::{Digest, Hasher, Problem, ReadError, Release, ReleaseError, VerifiedHead, archive};
use landfall_keys::{Signature, Verified};
use std::convert::Infallible;
use std::io::{Read, Write};

/// How much is read at once, in bytes: enough that a system call costs nothing beside hashing it.
pub(crate) const CHUNK: usize = 256 << 10;

/// A bundle whose manifest is verified: the content and the offset that each entry must have.
#[derive(Debug, Clone)]
pub struct Bundle {
    release: Verified<Release>,
    manifest: Vec<u8>,
    signatures: Vec<Signature>,
    entries: Vec<Entry>,
    end: u64,
}

/// A head belongs to another manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the manifest is {found}, but should be {expected}")]
pub struct OtherManifest {
    /// The digest of the bundle's manifest.
    pub expected: Digest,
    /// The digest of the head's.
    pub found: Digest,
}

/// An entry after the signatures: its name, place and content follow from the manifest alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The entry's name in the archive.
    pub name: String,
    /// The digest of its content.
    pub digest: Digest,
    /// The size of its content in bytes.
    pub size: u64,
    /// Where its header begins, in bytes from the start of the bundle.
    pub offset: u64,
    /// Whether it is a blob, and not part of the image layout.
    pub is_blob: bool,
}

impl Bundle {
    pub(crate) fn new(
        release: Verified<Release>,
        manifest: Vec<u8>,
        signatures: Vec<Signature>,
        signature_sizes: &[u64],
        next: &[u8; 512],
    ) -> Result<Self, ReadError> {
        let head = std::iter::once(manifest.len() as u64).chain(signature_sizes.iter().copied());
        let placed = archive::offsets(0, head).and_then(|(_, start)| entries(release.get(), start));
        let (entries, end) = placed.ok_or_else(|| ReleaseError::Problems(vec![Problem::sum_of_sizes()]))?;
        let bundle = Self { release, manifest, signatures, entries, end };
        // This header was read before the manifest was verified: only now is it known what it must be.
        if let Some(first) = bundle.entries.first() {
            first.check_header(next)?;
        }
        Ok(bundle)
    }

    /// The same bundle with another head that has the same manifest: with that head's signatures, and with the entries after
    /// them.
    pub fn with_head(self, own: VerifiedHead) -> Result<Self, OtherManifest> {
        let VerifiedHead { head, signers } = own;
        // Byte for byte: the same JSON in another form is another manifest.
        if head.manifest() != self.manifest {
            return Err(OtherManifest { expected: Digest::of(&self.manifest), found: Digest::of(head.manifest()) });
        }
        let moved = self.with_first_entry_at(head.end());
        let Ok(release) = signers.try_map(|()| Ok::<_, Infallible>(moved.release.into_inner()));
        Ok(Self { release, signatures: head.signatures(), ..moved })
    }

    /// The same bundle with its first entry at `begin`, and all others moved by the same distance: for a bundle whose own head
    /// is damaged, and had another number of signatures.
    #[must_use]
    pub fn with_first_entry_at(mut self, begin: u64) -> Self {
        let before = self.entries.first().map_or(self.end, |entry| entry.offset);
        // No entry lies before the first one, so the difference is never negative.
        let moved = |offset: u64| (offset - before).saturating_add(begin);
        self.entries.iter_mut().for_each(|entry| entry.offset = moved(entry.offset));
        self.end = moved(self.end);
        self
    }

    /// The release.
    pub fn release(&self) -> &Release {
        self.release.get()
    }

    /// The release, with who signed it.
    pub fn verified(&self) -> &Verified<Release> {
        &self.release
    }

    /// The bytes of `landfall.json`.
    pub fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// The signatures, trusted or not.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Every entry after the signatures, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The size of the whole bundle in bytes.
    pub fn size(&self) -> u64 {
        self.end + archive::END_BYTES
    }

    /// Checks that the bundle ends with two blocks of zeros and nothing after them. `source` is at the end of the last entry.
    pub fn check_end(&self, source: &mut impl Read) -> Result<(), ReadError> {
        check_end(self.end, source)
    }
}

/// Checks that an archive ends at `end`, where `source` is.
pub(crate) fn check_end(end: u64, source: &mut impl Read) -> Result<(), ReadError> {
    // One byte more than may be there shows whether anything follows.
    let rest = read_up_to(source, archive::END_BYTES + 1, "its last blocks", end)?;
    if (rest.len() as u64) < archive::END_BYTES {
        return Err(ReadError::Truncated { entry: None, offset: end + rest.len() as u64 });
    }
    match rest.iter().position(|byte| *byte != 0) {
        None if rest.len() as u64 == archive::END_BYTES => Ok(()),
        found => Err(ReadError::Trailing { offset: end + found.map_or(archive::END_BYTES, |at| at as u64) }),
    }
}

/// Every entry from `start` on, and where the last one ends: `None` if 64 bits cannot count that.
fn entries(release: &Release, start: u64) -> Option<(Vec<Entry>, u64)> {
    let layout = release.layout.iter().map(|file| (file.path.clone(), file.digest, file.size, false));
    let archived = release.archived();
    let blobs = archived.iter().map(|blob| (archive::blob_name(&blob.digest), blob.digest, blob.size, true));
    let sizes = release.layout.iter().map(|file| file.size).chain(archived.iter().map(|blob| blob.size));
    let (offsets, end) = archive::offsets(start, sizes)?;
    let placed = layout.chain(blobs).zip(offsets);
    let entries = placed.map(|((name, digest, size, is_blob), offset)| Entry { name, digest, size, offset, is_blob });
    Some((entries.collect(), end))
}

impl Entry {
    /// Where the content begins, in bytes from the start of the bundle.
    pub fn content_offset(&self) -> u64 {
        self.offset + archive::BLOCK
    }

    /// What the entry takes in the archive, header and padding included.
    pub fn archive_bytes(&self) -> u64 {
        archive::entry_bytes(self.size)
    }

    /// The 512 bytes before the content.
    pub fn header(&self) -> [u8; 512] {
        archive::header(&self.name, self.size)
    }

    /// Reads the entry from a `source` that is at its header, checks every byte, and writes the content to `sink`. What was
    /// written is verified only once this returns `Ok`.
    pub fn read(&self, source: &mut impl Read, sink: &mut impl Write) -> Result<(), ReadError> {
        let mut header = [0; 512];
        read_exact(source, &mut header, &self.name, self.offset)?;
        self.check_header(&header)?;
        self.read_content(source, sink)
    }

    /// Reads the first entry, whose header [`crate::Head::read`] took already.
    pub fn read_content(&self, source: &mut impl Read, sink: &mut impl Write) -> Result<(), ReadError> {
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; CHUNK.min(usize::try_from(self.size).unwrap_or(CHUNK))];
        let mut left = self.size;
        while left > 0 {
            let want = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let offset = self.content_offset() + (self.size - left);
            let chunk = &mut buffer[..want];
            read_exact(source, chunk, &self.name, offset)?;
            hasher.update(chunk);
            sink.write_all(chunk).map_err(|source| ReadError::Sink { entry: self.name.clone(), source })?;
            left -= want as u64;
        }
        let found = hasher.finish();
        if found != self.digest {
            return Err(ReadError::Digest {
                entry: self.name.clone(),
                offset: self.content_offset(),
                size: self.size,
                found,
            });
        }
        self.check_padding(source)
    }

    /// Compares the 512 bytes at the entry's offset with the header that follows from its name and size.
    pub fn check_header(&self, found: &[u8; 512]) -> Result<(), ReadError> {
        let expected = self.header();
        match expected.iter().zip(found).position(|(expected, found)| expected != found) {
            None => Ok(()),
            Some(at) => Err(ReadError::Header { entry: self.name.clone(), offset: self.offset + at as u64 }),
        }
    }

    /// Checks that zeros fill the entry's last block. `source` is at the end of the content.
    pub fn check_padding(&self, source: &mut impl Read) -> Result<(), ReadError> {
        let offset = self.content_offset() + self.size;
        let mut zeros = [0; 512];
        let zeros = &mut zeros[..usize::try_from(archive::padding(self.size)).unwrap_or_default()];
        read_exact(source, zeros, &self.name, offset)?;
        match zeros.iter().position(|byte| *byte != 0) {
            None => Ok(()),
            Some(at) => Err(ReadError::Padding { entry: self.name.clone(), offset: offset + at as u64 }),
        }
    }
}
