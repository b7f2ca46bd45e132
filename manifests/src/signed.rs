use crate::{Release, ReleaseError, archive, limits};
use landfall_keys::{SecretKey, Signature};
use std::io::{self, Write};

/// A release manifest with at least one signature: the only thing that a [`crate::Writer`] takes.
#[derive(Debug, Clone)]
pub struct Signed {
    bytes: Vec<u8>,
    release: Release,
    signatures: Vec<Signature>,
}

/// A release cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The release is not whole.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// `landfall.json` would be larger than any reader accepts.
    #[error(
        "landfall.json needs room for {0} bytes, more than the 16 MiB that a reader accepts: the bundle has too many files or images"
    )]
    TooLarge(u64),
    /// `landfall.json` does not fit the room that was left for it.
    #[error("landfall.json has {bytes} bytes, and there is room for {room}: what is packed changed meanwhile")]
    NoRoom {
        /// Its size in bytes.
        bytes: u64,
        /// The room in bytes.
        room: u64,
    },
    /// No key, or too many.
    #[error("{0} signatures: a bundle has 1 to 16")]
    Count(usize),
    /// Two signatures under one key id, which is part of the entry's name.
    #[error("the bundle has a signature by key {0} already")]
    Twice(String),
    /// The signature could not be made.
    #[error("sign with key {key}")]
    Key {
        /// The key's id.
        key: String,
        /// Why.
        #[source]
        source: landfall_keys::SignatureError,
    },
}

impl Signed {
    /// Signs a release with each of `keys`.
    pub fn new(release: Release, keys: &[SecretKey]) -> Result<Self, SignError> {
        release.check()?;
        let bytes = release.to_json();
        Self::sign(bytes, release, keys)
    }

    /// As [`Signed::new`], with as much white space behind the JSON in `landfall.json` that everything before the blobs takes
    /// `room` bytes: for a writer of blobs that has left that much before them.
    pub fn new_in(room: u64, release: Release, keys: &[SecretKey]) -> Result<Self, SignError> {
        release.check()?;
        let room = room.saturating_sub(archive::BLOCK + bytes_after_manifest(&release, keys)?);
        let mut bytes = release.to_json();
        if bytes.len() as u64 > room {
            return Err(SignError::NoRoom { bytes: bytes.len() as u64, room });
        }
        // Before the last line's end: the file stays one that ends with a line.
        let end = bytes.len() - 1;
        let blanks = usize::try_from(room).unwrap_or(usize::MAX) - bytes.len();
        bytes.splice(end..end, std::iter::repeat_n(b' ', blanks));
        Self::sign(bytes, release, keys)
    }

    /// The bytes that everything before the blobs takes in a bundle of `release`, or at most takes, if no number, text or list in it is
    /// smaller than what it stands for.
    pub fn room_for(release: &Release, keys: &[SecretKey]) -> Result<u64, SignError> {
        let manifest = release.to_json().len() as u64;
        let room = archive::entry_bytes(manifest) + bytes_after_manifest(release, keys)?;
        // The manifest takes what the other entries leave, and none of them may be needed.
        if room > limits::MANIFEST_BYTES { Err(SignError::TooLarge(room)) } else { Ok(room) }
    }

    fn sign(bytes: Vec<u8>, release: Release, keys: &[SecretKey]) -> Result<Self, SignError> {
        // Hosts refuse a larger one, but only after the bundle has been carried there.
        if bytes.len() as u64 > limits::MANIFEST_BYTES {
            return Err(SignError::TooLarge(bytes.len() as u64));
        }
        let mut signed = Self { bytes, release, signatures: Vec::new() };
        for key in keys {
            signed.add(key)?;
        }
        if signed.signatures.is_empty() { Err(SignError::Count(0)) } else { Ok(signed) }
    }

    /// A manifest that others signed, as it was read: for adding a signature.
    pub(crate) fn from_parts(bytes: Vec<u8>, release: Release, signatures: Vec<Signature>) -> Self {
        Self { bytes, release, signatures }
    }

    /// Adds one more signature.
    pub fn add(&mut self, key: &SecretKey) -> Result<(), SignError> {
        let id = key.public_key().id().to_string();
        if self.signatures.iter().any(|signature| signature.key_id().to_string() == id) {
            return Err(SignError::Twice(id));
        }
        if self.signatures.len() == limits::SIGNATURES {
            return Err(SignError::Count(limits::SIGNATURES + 1));
        }
        self.signatures.push(signature(&self.bytes, &self.release, key)?);
        // Readers refuse signatures that are out of order.
        self.signatures.sort_by_key(|signature| signature.key_id().to_string());
        Ok(())
    }

    /// Writes everything before the blobs.
    pub fn write_head(&self, out: &mut impl Write) -> io::Result<()> {
        // 1. The manifest first: a reader can verify it before it reads anything else.
        put(out, archive::MANIFEST_NAME, &self.bytes)?;
        // 2. The signatures, which are sorted by key id, so that the same signers give the same bytes.
        for signature in &self.signatures {
            let name = archive::signature_name(&signature.key_id().to_string());
            put(out, &name, signature.to_file().as_bytes())?;
        }
        // 3. What makes the archive an image layout that other tools can read. The blobs follow.
        self.release.layout_content().try_for_each(|(name, content)| put(out, &name, &content))
    }

    /// The size of the bundle that it becomes, in bytes.
    pub fn bundle_bytes(&self) -> u64 {
        let signatures = self.signatures.iter().map(|signature| signature.to_file().len() as u64);
        let layout = self.release.layout.iter().map(|file| file.size);
        let blobs = self.release.archived().into_iter().map(|blob| blob.size);
        let sizes = std::iter::once(self.bytes.len() as u64).chain(signatures).chain(layout).chain(blobs);
        sizes.map(archive::entry_bytes).fold(archive::END_BYTES, u64::saturating_add)
    }

    /// The release.
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// The bytes that are signed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The signatures, sorted by key id.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }
}

fn signature(bytes: &[u8], release: &Release, key: &SecretKey) -> Result<Signature, SignError> {
    let signature = key.sign(bytes, &release.trusted_comment());
    signature.map_err(|source| SignError::Key { key: key.public_key().id().to_string(), source })
}

/// What signatures and image layout take.
fn bytes_after_manifest(release: &Release, keys: &[SecretKey]) -> Result<u64, SignError> {
    // A signature has the same size whatever it is of.
    let sizes = keys.iter().map(|key| Ok(signature(&[], release, key)?.to_file().len() as u64));
    let signatures = sizes.collect::<Result<Vec<u64>, SignError>>()?;
    let layout = release.layout.iter().map(|file| file.size);
    Ok(signatures.into_iter().chain(layout).map(archive::entry_bytes).sum())
}

fn put(out: &mut impl Write, name: &str, content: &[u8]) -> io::Result<()> {
    let size = content.len() as u64;
    out.write_all(&archive::header(name, size))?;
    out.write_all(content)?;
    archive::write_zeros(out, archive::padding(size))
}
