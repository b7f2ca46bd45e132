use crate::{Release, ReleaseError, archive, limits};
use landfall_keys::{SecretKey, Signature};

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
    #[error("landfall.json has {0} bytes, more than the 16 MiB that a reader accepts: put fewer files into the bundle")]
    TooLarge(u64),
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
        let signature = key.sign(&self.bytes, &self.release.trusted_comment());
        self.signatures.push(signature.map_err(|source| SignError::Key { key: id, source })?);
        // Readers refuse signatures that are out of order.
        self.signatures.sort_by_key(|signature| signature.key_id().to_string());
        Ok(())
    }

    /// The size of the bundle that it becomes, in bytes.
    pub fn bundle_bytes(&self) -> u64 {
        let signatures = self.signatures.iter().map(|signature| signature.to_file().len() as u64);
        let layout = self.release.layout.iter().map(|file| file.size);
        let blobs = self.release.blobs.iter().map(|blob| blob.size);
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
