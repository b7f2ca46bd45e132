//! Tenants' API keys.
//!
//! A key is `sk_tenant_` and 43 base64url characters: HMAC-SHA256 (RFC 2104) of the environment's nonce under a secret of the host.
//! The database holds the nonce and the SHA-256 of the key. Neither reveals the key without the host's secret. With it, a
//! container that the engine lost can be created again with the key that its tenant knows.

use crate::identity::EnvId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use landfall_host::durable::{self, At as _, PathError};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

const PREFIX: &str = "sk_tenant_";
const SECRET_SIZE: usize = 32;
/// Bytes of a nonce: enough that no two are equal.
const NONCE_SIZE: usize = 16;

/// Why the host's secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The file does not have the size of a secret.
    #[error(
        "{path} is damaged: it must hold {SECRET_SIZE} bytes; restore it from the backup of the database beside it"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// There are tenants, but not the file from which their keys are derived.
    #[error(
        "{path}, from which the tenants' keys are derived, is missing: restore it from the backup of the database beside it"
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A tenant's key was derived from another secret.
    #[error(
        "the key of tenant {tenant} was derived from another secret than this host's: restore tenant-keys.secret, or destroy the tenant"
    )]
    Another {
        /// The tenant.
        tenant: EnvId,
    },
    /// The kernel provides no random bytes.
    #[error("cannot get random bytes for a key")]
    Randomness(#[source] getrandom::Error),
}

/// The secret of this host that tenants' keys are derived from.
pub struct HostSecret(Zeroizing<[u8; SECRET_SIZE]>);

impl HostSecret {
    /// Reads the secret.
    pub fn load(path: &Path) -> Result<Self, SecretError> {
        match durable::open(path)? {
            Some(file) => Self::read(file, path),
            None => Err(SecretError::Missing { path: path.into() }),
        }
    }

    /// Reads the secret, or makes it where there is none. Not where there are tenants: a new one gives none of them its key.
    ///
    /// It is written durably and in one step, so that a power cut leaves all of it or none.
    pub fn load_or_create(path: &Path) -> Result<Self, SecretError> {
        match Self::load(path) {
            Err(SecretError::Missing { .. }) => Self::create(path),
            loaded => loaded,
        }
    }

    fn read(file: File, path: &Path) -> Result<Self, SecretError> {
        // The capacity holds all that is read: a buffer that grows would leave unwiped copies of the secret. One byte
        // more than a secret has shows that a file is too long.
        let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_SIZE + 1));
        let limit = u64::try_from(SECRET_SIZE + 1).unwrap_or(u64::MAX);
        file.take(limit).read_to_end(&mut bytes).at("read", path)?;
        let secret = <[u8; SECRET_SIZE]>::try_from(bytes.as_slice());
        secret.map(|secret| Self(Zeroizing::new(secret))).map_err(|_| SecretError::Damaged { path: path.into() })
    }

    fn create(path: &Path) -> Result<Self, SecretError> {
        let secret = Self(Zeroizing::new(random()?));
        durable::write(path, secret.0.as_slice(), 0o600)?;
        Ok(secret)
    }

    /// The key of the environment that `nonce` belongs to.
    pub fn key(&self, nonce: &KeyNonce) -> ApiKey {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of every length (RFC 2104 section 2)")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("HMAC takes keys of every length");
        // Separates these keys from whatever else is derived from the secret, and from those of a later scheme.
        mac.update(b"landfall tenant key v1\0");
        mac.update(&nonce.0);
        ApiKey(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
    }
}

/// The input from which one environment's key is derived. Not a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyNonce(pub [u8; NONCE_SIZE]);

impl KeyNonce {
    /// A random nonce.
    pub fn random() -> Result<Self, SecretError> {
        Ok(Self(random()?))
    }
}

/// A tenant's API key. It has no `Display`, and `Debug` does not show it.
pub struct ApiKey(String);

impl ApiKey {
    /// The key itself, for the two places that need it: the tenant's environment variables and the response to its spawn.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The hash that the database holds.
    pub fn hash(&self) -> KeyHash {
        KeyHash::of(&self.0)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

impl Drop for ApiKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// The SHA-256 of a token. Comparing two takes the same time wherever they differ.
#[derive(Debug, Clone, Copy)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of a token that a client sent.
    pub fn of(token: &str) -> Self {
        // Neither salted nor slow: tokens of this service have 256 random bits, which nobody can guess.
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Reads 64 hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok().map(|()| Self(bytes))
    }

    /// 64 hex digits.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}

impl PartialEq for KeyHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyHash {}

fn random<const N: usize>() -> Result<[u8; N], SecretError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(SecretError::Randomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_same_secret_and_nonce_give_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let nonce = KeyNonce::random().unwrap();
        let first = HostSecret::load_or_create(&path).unwrap().key(&nonce);
        let second = HostSecret::load_or_create(&path).unwrap().key(&nonce);
        assert_eq!(first.reveal(), second.reveal());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let other = HostSecret::load_or_create(&folder.path().join("other")).unwrap().key(&nonce);
        assert_ne!(first.reveal(), other.reveal());
    }

    #[test]
    fn keys_have_the_documented_shape_and_differ_by_nonce() {
        let secret = HostSecret(Zeroizing::new([7; 32]));
        let key = secret.key(&KeyNonce([1; 16]));
        let tail = key.reveal().strip_prefix("sk_tenant_").unwrap();
        assert_eq!(tail.len(), 43);
        assert!(tail.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert_ne!(key.reveal(), secret.key(&KeyNonce([2; 16])).reveal());
        assert_eq!(format!("{key:?}"), "ApiKey(…)");
    }

    #[test]
    fn refuses_a_damaged_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for damaged in [&b""[..], &[1; 31], &[1; 33]] {
            std::fs::write(&path, damaged).unwrap();
            assert!(matches!(HostSecret::load_or_create(&path), Err(SecretError::Damaged { .. })));
        }
    }

    #[test]
    fn a_hash_reads_as_it_was_written() {
        let hash = KeyHash::of("sk_tenant_x");
        assert_eq!(KeyHash::from_hex(&hash.to_hex()), Some(hash));
        assert_ne!(hash, KeyHash::of("sk_tenant_y"));
        assert_eq!(KeyHash::from_hex("00"), None);
    }
}
