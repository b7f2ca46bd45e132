//! Secret keys: generating and signing.

mod file;

use std::fmt;

use ed25519_dalek::{Signer, SigningKey};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::key_id::KeyId;
use crate::public_key::PublicKey;
use crate::signature::{Signature, SignatureError};
use crate::text::TextError;

pub use file::{MAX_PASSWORD_BYTES, Protection, SecretKeyFile};

/// Bytes of the seed from which a key pair is computed (RFC 8032, section 5.1.5).
const SEED_BYTES: usize = 32;

/// An Ed25519 secret key with its id. The secret is wiped from memory on drop and never printed.
pub struct SecretKey {
    id: KeyId,
    signing: SigningKey,
}

/// Why a secret key cannot be read, opened, made or written. Never holds a part of it.
#[derive(Debug, Error)]
pub enum KeyError {
    /// Not framed as a secret key.
    #[error("not a minisign secret key")]
    Text(#[from] TextError),
    /// Framed as one, but of a kind that minisign does not write.
    #[error("not a minisign secret key: its {what} is {:?}", String::from_utf8_lossy(.found))]
    Algorithm {
        /// Which of the three: signature algorithm, key derivation or checksum.
        what: &'static str,
        /// The two bytes that are there.
        found: [u8; 2],
    },
    /// The file asks for more work than minisign ever does, or for less.
    #[error(
        "the key file asks for {operations} operations and {memory_bytes} bytes of memory to be opened, \
         which minisign never writes: the file is damaged or was made to deceive"
    )]
    Limits {
        /// scrypt operations, as libsodium counts them.
        operations: u64,
        /// Bytes of memory.
        memory_bytes: u64,
    },
    /// The key is protected and no password was given.
    #[error("the secret key is protected: a password is needed")]
    PasswordNeeded,
    /// The password does not open the key. A damaged file looks the same.
    #[error("the password does not open the secret key")]
    WrongPassword,
    /// A password that minisign could not be given.
    #[error("the password cannot protect a key: it must be 1 to {MAX_PASSWORD_BYTES} bytes, without line ends or NUL")]
    UnusablePassword,
    /// The checksum of an unprotected key does not match.
    #[error("the secret key file is damaged: its checksum does not match")]
    Damaged,
    /// The public half in the file is not the seed's. Signing with it would give the seed away.
    #[error("the secret key {id} is damaged: its public half belongs to another key")]
    PublicHalf {
        /// The id in the file.
        id: KeyId,
    },
    /// The machine lacks the memory that the password protection needs.
    #[error("{bytes} bytes of memory are needed to turn the password into a key, and are not to be had")]
    Memory {
        /// How many bytes.
        bytes: usize,
    },
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers")]
    Random(#[source] getrandom::Error),
}

impl SecretKey {
    /// A new key from the operating system's random numbers.
    pub fn generate() -> Result<Self, KeyError> {
        let mut id = [0; 8];
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        // The id is drawn apart from the key, as minisign does it: it says nothing about the key.
        getrandom::fill(&mut id).map_err(KeyError::Random)?;
        getrandom::fill(seed.as_mut()).map_err(KeyError::Random)?;
        Ok(Self::from_seed(KeyId::from_bytes(id), &seed))
    }

    pub(crate) fn from_seed(id: KeyId, seed: &[u8; SEED_BYTES]) -> Self {
        Self { id, signing: SigningKey::from_bytes(seed) }
    }

    /// The id that signatures will name.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The public half, computed from the secret one.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::new(self.id, self.signing.verifying_key().into())
    }

    /// Signs `message` (prehashed) and `trusted_comment`. The same inputs give the same signature.
    ///
    /// # Errors
    /// The comment is too long, or has a control character other than a tab.
    pub fn sign(&self, message: &[u8], trusted_comment: &str) -> Result<Signature, SignatureError> {
        Signature::make(self.id, message, trusted_comment, |bytes| self.signing.sign(bytes).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
