//! Ed25519 (RFC 8032) and the BLAKE2b prehash: the one place where a signature is checked.

use blake2::{Blake2b512, Digest};
use ed25519_dalek::{Signature, VerifyingKey};

/// Bytes of an Ed25519 public key.
pub(crate) const POINT_BYTES: usize = 32;

/// Bytes of an Ed25519 signature.
pub(crate) const SIGNATURE_BYTES: usize = 64;

/// A public key that is safe to verify with: on the curve, canonically encoded, not of small order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Point(VerifyingKey);

impl Point {
    /// `None` if the bytes are not such a key. A second encoding of one point would let one key
    /// count twice, and a point of small order verifies messages that nobody signed.
    pub(crate) fn from_bytes(bytes: &[u8; POINT_BYTES]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(bytes).ok()?;
        let canonical = key.to_edwards().compress().to_bytes() == *bytes;
        (canonical && !key.is_weak()).then_some(Self(key))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; POINT_BYTES] {
        self.0.as_bytes()
    }

    /// Whether `signature` is this key's over `message`, by strict verification: the commitment is
    /// not of small order, the scalar is reduced, and the equation holds without the cofactor.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl From<VerifyingKey> for Point {
    /// For keys that were computed from a seed, which are sound by construction.
    fn from(key: VerifyingKey) -> Self {
        Self(key)
    }
}

/// What a prehashed (`ED`) signature signs in place of the message: its BLAKE2b-512 digest.
pub(crate) struct Prehash([u8; 64]);

impl Prehash {
    pub(crate) fn of(message: &[u8]) -> Self {
        Self(Blake2b512::digest(message).into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}
